//! The reconciler: from what is there to what shall be.
//!
//! [`Desired`] is the project in the engine's terms, [`Observed`] one look at the engine, [`up::plan`] and the plans
//! of [`lifecycle`] pure functions to a [`Plan`]: a graph of actions, each one change with its cause.
//! [`execute`] carries a plan out and makes no choices. A plan's text ([`Plan`]'s `Display`) is what `--dry-run` prints
//! and what the tests hold `up` to.

pub mod action;
pub mod desired;
pub mod execute;
pub mod lifecycle;
pub mod observed;
pub mod plan;
mod platform;
mod render;
pub mod settle;
pub mod up;
pub mod version;

#[cfg(test)]
mod tests;

pub use desired::{Desired, Selection};
pub use observed::Observed;
pub use plan::Plan;
