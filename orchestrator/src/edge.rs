//! The edge: what a project asks of the gateway, and the gateway as two containers of the engine.

pub mod adopt;
pub mod deploy;
pub mod image;
pub mod ports;
pub mod state;
pub mod wait;
