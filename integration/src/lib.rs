//! What the scenarios are written with: a project of one's own on a real engine, real clients, waits for conditions.
//!
//! Helpers fail by panicking with everything that was printed: they are called by tests only.
#![expect(clippy::panic, clippy::expect_used, reason = "a helper of tests fails by panicking")]

pub mod api;
pub mod client;
pub mod command;
pub mod engine;
pub mod fault;
pub mod load;
pub mod name_server;
pub mod pebble;
pub mod private;
pub mod recorder;
pub mod registry;
pub mod scenario;
pub mod suggestions;
pub mod wait;

pub use api::Api;
pub use client::{Answer, Curl, free_port};
pub use command::{Background, Run, run};
pub use fault::{Calls, Fault, FaultyEngine, Point};
pub use name_server::NameServer;
pub use pebble::Pebble;
pub use private::{PrivateEngine, Way};
pub use recorder::Recorder;
pub use registry::Registry;
pub use scenario::{Scenario, stack};
pub use suggestions::Suggestions;
pub use wait::{eventually, holds_within};
