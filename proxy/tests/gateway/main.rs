//! The gateway as its clients and servers see it: real sockets on ports that the system chooses.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod attacks;
mod beside;
mod checks;
mod conformance;
mod encrypted;
mod http2_servers;
mod http3;
mod middlewares;
mod plain;
mod running;
mod services;
mod support;
mod tcp;
mod traces;
mod udp;
mod upgrades;
mod waiting;
