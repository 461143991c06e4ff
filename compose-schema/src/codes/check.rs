//! Codes about what a project means as a whole.

crate::codes::codes! {}
