//! What the gateway tells about itself.

pub mod access_log;
pub mod api;
mod dashboard;
pub(crate) mod metrics;
pub(crate) mod quota;
pub mod trace;
pub mod traffic;
