//! Codes about the shape of a compose file and the values of its attributes.

crate::codes::codes! {}
