//! What the gateway tells about itself.

pub mod access_log;
pub mod api;
pub(crate) mod metrics;
