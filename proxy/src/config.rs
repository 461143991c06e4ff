//! Traefik's configuration schema: what it means and every form in which people write it.

pub mod duration;
pub mod dynamic;
pub mod file;
pub mod labels;
pub mod near;
mod node;
pub mod statics;
pub(crate) mod template;
