//! HTTP on the wire, as clients and servers have it in common: HTTP/1.1 (RFC 9112), and the streams of HTTP/2 (RFC 9113).

pub(crate) mod decode;
pub(crate) mod fields;
pub(crate) mod input;
pub(crate) mod output;
pub(crate) mod stream;
