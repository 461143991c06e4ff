//! Where programs are: plugins of the `docker` command, and everything else in `PATH`.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::backend::docker::{config_folder, read_in};

/// Folders of plugins for all users, as the `docker` command looks for them.
const FOLDERS: [&str; 4] = [
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
];

/// What of the `docker` command's configuration is about plugins.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(rename = "cliPluginsExtraDirs")]
    folders: Vec<PathBuf>,
}

/// The plugin `docker-NAME`. Reads the file system.
pub(super) fn plugin(name: &str, environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    if name.contains('/') {
        return None;
    }
    let own = config_folder(environment);
    // What is wrong with that file has been said: the engine's address is sought in it.
    let config: Config = own.as_deref().and_then(|folder| read_in(folder).ok().flatten()).unwrap_or_default();
    let own = own.map(|folder| folder.join("cli-plugins"));
    let folders = config.folders.into_iter().chain(own).chain(FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(format!("docker-{name}"))).find(|path| is_program(path))
}

/// A program by its path, or by its name in `PATH`; never one of the current folder by its name alone. Reads the file
/// system.
pub(super) fn program(name: &str, environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(PathBuf::from(name)).filter(|path| is_program(path));
    }
    let folders = environment.get("PATH").map(String::as_str).unwrap_or_default();
    std::env::split_paths(folders)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
