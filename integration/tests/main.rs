//! Scenarios on a real engine: every line of "what a person sees", with real clients.
//!
//! They run `target/release/stack` (or `STACK_BIN`), each with a project of its own, beside each other; those that
//! restart gateway or agent take the engine for themselves.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod attacks;
mod attributes;
mod build;
mod care;
mod certificates;
mod commands;
mod converge;
mod dashboard;
mod engine;
mod examples;
mod exchange;
mod explain;
mod failures;
mod faults;
mod files;
mod gateway;
mod house;
mod interoperation;
mod interrupt;
mod isolation;
mod lifecycle;
mod limits;
mod logs;
mod peers;
mod providers;
mod rollout;
mod routed;
mod scale;
mod tls;
mod turns;
mod watch;
mod webapp;
mod websocket;
