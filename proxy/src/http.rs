//! A request's life, in reading order: `serve` (a connection), `http1`, `http2` and `http3` (its language), `handle` (a
//! request: admitted, routed, answered, told of), `target`, `host` and `headers` (its canonical form), `forward` (to a server), `upgrade` (out of HTTP),
//! `error_response` (when there is no answer).

pub(crate) mod body;
pub(crate) mod buffer;
mod cork;
mod date;
pub(crate) mod error_response;
pub(crate) mod exchange;
pub(crate) mod expectation;
pub(crate) mod forward;
pub(crate) mod frame_guard;
pub(crate) mod handle;
pub(crate) mod headers;
pub(crate) mod host;
pub(crate) mod http1;
mod http2;
pub(crate) mod http3;
pub(crate) mod meter;
pub(crate) mod outbox;
pub(crate) mod raw_path;
pub(crate) mod serve;
pub(crate) mod spool;
pub(crate) mod target;
mod trailers;
pub(crate) mod tries;
pub(crate) mod tunnel;
mod unzip;
pub(crate) mod upgrade;
mod wait;
mod websocket;
