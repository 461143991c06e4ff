#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

//! What `up` and its relatives do, as the text of their plans.

mod dependencies;
mod down;
mod images;
mod one_off;
mod provide;
mod recovery;
mod replace;
mod rollout;
mod scale;
pub(in crate::reconcile) mod scene;
mod start;
