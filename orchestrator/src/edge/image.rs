//! The image of gateway and agent, made of the running executable: no registry is needed, and what runs at the edge
//! is the very `stack` that the user runs.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::backend::EngineInfo;
use crate::error::{CommandError, Result};

/// Repository name of the image.
const REPOSITORY: &str = "stack-gateway";

/// The running executable, as the image needs it.
#[derive(Debug, Clone)]
pub struct Executable {
    path: PathBuf,
    /// Cheap identity: where it is the same, the executable is the same, and nothing needs to be read.
    pub stamp: String,
}

impl Executable {
    /// Looks at the running executable.
    ///
    /// # Errors
    /// An executable that cannot be looked at (removed while it runs).
    pub fn current() -> Result<Self> {
        let path = std::env::current_exe()
            .map_err(|error| CommandError::new(format!("cannot find the running executable: {error}")))?;
        let metadata = fs::metadata(&path).map_err(|error| {
            CommandError::new(format!("cannot look at the running executable `{}`: {error}", path.display()))
        })?;
        Ok(Self { path, stamp: stamp(&metadata) })
    }

    /// SHA-256 of its content: what it really is, wherever it lies and whenever it was put there.
    ///
    /// # Errors
    /// An executable that cannot be read.
    pub fn digest(&self) -> Result<String> {
        let mut content = fs::File::open(&self.path).map_err(|error| self.unreadable(&error))?;
        let mut sha = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match content.read(&mut buffer) {
                Ok(0) => return Ok(hex(sha.finalize().as_slice())),
                Ok(read) => sha.update(buffer.get(..read).unwrap_or_default()),
                Err(error) => return Err(self.unreadable(&error)),
            }
        }
    }

    /// Name of the image that holds an executable with this digest.
    #[must_use]
    pub fn image_name(digest: &str) -> String {
        format!("{REPOSITORY}:{}", digest.get(..12).unwrap_or(digest))
    }

    fn unreadable(&self, error: &io::Error) -> CommandError {
        CommandError::new(format!("cannot read the running executable `{}`: {error}", self.path.display()))
    }

    /// The image as a `docker save` archive (Docker Image Specification v1.2), ready to be loaded; `digest` names it.
    ///
    /// # Errors
    /// An engine of another architecture; an executable or library that cannot be read.
    pub fn archive(&self, digest: &str, engine: &EngineInfo) -> Result<Vec<u8>> {
        let platform = format!("linux/{}", architecture());
        if engine.platform != platform {
            return Err(CommandError::new(format!(
                "this `stack` is built for {platform}, the engine at {} runs {}: the gateway cannot be made of it",
                engine.address, engine.platform
            ))
            .hint(format!("use a `stack` built for {}", engine.platform)));
        }
        self.pack(digest).map_err(|error| {
            CommandError::new(format!("cannot make the gateway's image of `{}`: {error}", self.path.display()))
        })
    }

    fn pack(&self, digest: &str) -> io::Result<Vec<u8>> {
        let program = fs::read(&self.path)?;
        let mut layer = Archive::new();
        for folder in ["before/", "certificates/", "run/", "state/", "tmp/"] {
            layer.folder(folder)?;
        }
        // A released `stack` is static. One from `cargo build` needs the libraries it runs with right now.
        for library in libraries()? {
            layer.file(&library, &fs::read(Path::new("/").join(&library))?, 0o755)?;
        }
        layer.file("stack", &program, 0o755)?;
        let layer = layer.finish()?;
        let layer_digest = hex(Sha256::digest(&layer).as_slice());

        let config = serde_json::json!({
            "architecture": architecture(),
            "os": "linux",
            "config": {
                "Entrypoint": ["/stack"],
                "Labels": { "stack.image": "gateway", "stack.version": env!("CARGO_PKG_VERSION") },
            },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer_digest}")] },
            "history": [{ "created_by": "stack up" }],
        })
        .to_string();
        let config_name = format!("{}.json", hex(Sha256::digest(config.as_bytes()).as_slice()));
        let manifest = serde_json::json!([{
            "Config": config_name,
            "RepoTags": [Self::image_name(digest)],
            "Layers": [format!("{layer_digest}/layer.tar")],
        }])
        .to_string();

        let mut image = Archive::new();
        image.file("manifest.json", manifest.as_bytes(), 0o644)?;
        image.file(&config_name, config.as_bytes(), 0o644)?;
        image.file(&format!("{layer_digest}/layer.tar"), &layer, 0o644)?;
        image.finish()
    }
}

/// The file and its last change of any kind: packages and reproducible builds give many files one time of modification, while
/// nobody sets the time of change.
fn stamp(found: &fs::Metadata) -> String {
    let version = env!("CARGO_PKG_VERSION");
    format!("{version}-{}-{}-{}.{:09}", found.len(), found.ino(), found.ctime(), found.ctime_nsec())
}

/// Architecture in image terms.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// Shared libraries and interpreter that this process has mapped, relative to `/`; none for a static executable.
fn libraries() -> io::Result<BTreeSet<String>> {
    let maps = fs::read_to_string("/proc/self/maps")?;
    Ok(maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5))
        .filter(|path| path.rsplit('/').next().is_some_and(|name| name.contains(".so")))
        .filter_map(|path| path.strip_prefix('/'))
        .flat_map(|path| {
            // The loader is asked for by its traditional name, whatever it links to.
            let loader = path.ends_with("ld-linux-x86-64.so.2").then(|| "lib64/ld-linux-x86-64.so.2".to_owned());
            [Some(path.to_owned()), loader]
        })
        .flatten()
        .collect())
}

/// Small deterministic tar files: no times, no owners.
pub(crate) struct Archive {
    builder: tar::Builder<Vec<u8>>,
}

impl Archive {
    pub(crate) fn new() -> Self {
        Self { builder: tar::Builder::new(Vec::new()) }
    }

    pub(crate) fn folder(&mut self, name: &str) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(0o755);
        header.set_size(0);
        self.builder.append_data(&mut header, name, io::empty())
    }

    pub(crate) fn file(&mut self, name: &str, content: &[u8], mode: u32) -> io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(content.len() as u64);
        self.builder.append_data(&mut header, name, content)
    }

    pub(crate) fn finish(self) -> io::Result<Vec<u8>> {
        let mut bytes = self.builder.into_inner()?;
        bytes.flush()?;
        Ok(bytes)
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn another_executable_of_the_same_length_and_time_is_another() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let made = |name: &str, content: &str| -> io::Result<String> {
            let path = folder.path().join(name);
            fs::write(&path, content)?;
            fs::File::open(&path)?.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1))?;
            Ok(stamp(&fs::metadata(&path)?))
        };
        let (before, beside) = (made("a", "one")?, made("b", "two")?);
        assert_ne!(before, beside);
        fs::rename(folder.path().join("b"), folder.path().join("a"))?;
        assert_ne!(before, stamp(&fs::metadata(folder.path().join("a"))?));
        assert_eq!(stamp(&fs::metadata(folder.path().join("a"))?), stamp(&fs::metadata(folder.path().join("a"))?));
        Ok(())
    }
}
