//! The `stack` binary's inside: the command line, the reconciler, the engine backends, the edge.

pub mod agent;
pub mod backend;
pub mod cli;
pub mod develop;
pub mod edge;
pub mod error;
pub mod ignore;
pub mod labels;
#[cfg(test)]
mod layers;
pub mod lock;
pub mod logs;
mod pipe;
pub mod provide;
pub mod reconcile;
pub mod text;
pub mod ui;
pub mod volume;
pub mod watch;
