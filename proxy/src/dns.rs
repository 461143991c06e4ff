//! As much of DNS as DNS challenges need: messages (RFC 1035), dynamic updates (RFC 2136), their signatures (RFC 8945),
//! and asking one server.

pub(crate) mod client;
pub(crate) mod message;
pub(crate) mod name;
pub(crate) mod tsig;
