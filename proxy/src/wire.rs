//! HTTP/1.1 on the wire, as clients and servers have it in common (RFC 9112).

pub(crate) mod decode;
pub(crate) mod fields;
pub(crate) mod input;
pub(crate) mod output;
