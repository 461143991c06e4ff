//! The `stack` binary: plans and runs compose projects on a container engine.

mod backend;

fn main() {}
