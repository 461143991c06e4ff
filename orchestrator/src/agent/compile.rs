//! stub
use crate::backend::Container;
use crate::edge::state::ProjectFile;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
pub struct Compiled {
    pub listeners: u8,
    pub dynamic: u8,
    pub problems: Vec<String>,
}
pub fn compile(_: &BTreeMap<String, ProjectFile>, _: &[Container], _: &Path) -> Compiled {
    Compiled { listeners: 0, dynamic: 0, problems: vec![] }
}
pub fn mirrored(files: &Path, project: &str, container: &Path) -> PathBuf {
    files.join(project).join(container.strip_prefix("/").unwrap_or(container))
}
