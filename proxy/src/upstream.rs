//! The way to the servers: which one, over which connection, and whether it is well.

pub(crate) mod ask;
pub(crate) mod balance;
pub(crate) mod call;
pub(crate) mod dial;
pub(crate) mod failure;
pub(crate) mod head_timeout;
pub(crate) mod health;
pub(crate) mod http1;
pub(crate) mod http2;
pub(crate) mod pool;
pub(crate) mod reach;
pub(crate) mod server;
pub(crate) mod sticky;
pub(crate) mod transport;
