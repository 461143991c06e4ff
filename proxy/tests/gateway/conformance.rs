//! What the specifications ask of a server, case by case, and what an attacker does with them.

#![expect(clippy::expect_used, reason = "tests")]

mod abuse;
mod frames;
mod grpc;
mod http1;
mod http2;
mod websocket;
