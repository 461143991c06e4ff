//! What the user sees: streams, colour, progress, tables.

pub mod human;
pub mod output;
pub mod progress;
pub mod prompt;
pub mod style;
pub mod table;
pub mod terminal;
pub mod trace;
