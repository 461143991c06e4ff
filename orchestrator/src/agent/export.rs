//! Copies certificates that the gateway obtained to where an adopted Traefik would have kept them, so that people can look
//! at them there, save them, and move back.

use std::io;
use std::path::Path;

use serde_json::Value;

use super::beneath::Found;

/// What is there and cannot be read as certificates.
const NONSENSE: &str = "what is in it is invalid, and stays as it is";
/// A larger file holds no certificates.
const LARGEST: u64 = 64 << 20;

/// A file in what is mounted of somebody else.
#[derive(Debug, Clone, Copy)]
pub struct Mounted<'a> {
    /// The mount: a folder, or the file itself.
    pub mount: &'a Path,
    /// The file.
    pub file: &'a Path,
}

impl Mounted<'_> {
    /// The file's content; none where there is none.
    fn read(&self) -> io::Result<Option<Vec<u8>>> {
        let root = match self.mount.canonicalize() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            root => root?,
        };
        match Found::at(self.file, &root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            found => found?.read(LARGEST).map(Some),
        }
    }

    /// Replaces the file, which stays its owner's; one that is a mount of its own is written in place.
    fn write(&self, content: &[u8]) -> io::Result<()> {
        let name = self.file.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let folder = self.file.parent().and_then(|folder| folder.strip_prefix(self.mount).ok());
        let Some(folder) = folder else { return proxy::file::overwrite(self.file, content) };
        let root = self.mount.canonicalize()?;
        let mut here = Found::at(&root, &root)?;
        for part in folder.components() {
            here = here.folder(part.as_ref(), &root)?;
        }
        proxy::file::replace_for_owner(&here.path().join(name), content)
    }
}

/// Copies one storage. What it does not know yet of the other file stays there: the gateway takes it over first.
///
/// # Errors
/// Why it cannot be copied.
pub fn export(from: Mounted<'_>, to: Mounted<'_>) -> Result<(), String> {
    let Some(new) = from.read().map_err(|error| error.to_string())? else { return Ok(()) };
    let old = to.read().map_err(|error| error.to_string())?;
    if let Some(old) = old.as_deref().filter(|old| !old.iter().all(u8::is_ascii_whitespace)) {
        if old == new {
            return Ok(());
        }
        let old: Value = serde_json::from_slice(old).map_err(|_| NONSENSE.to_owned())?;
        let new: Value = serde_json::from_slice(&new).map_err(|error| error.to_string())?;
        if !holds_all(&new, &old) {
            return Ok(());
        }
    }
    to.write(&new).map_err(|error| error.to_string())
}

/// Whether every certificate of one storage has one for the same names in another.
fn holds_all(new: &Value, old: &Value) -> bool {
    let certificates = |storage: &Value, resolver: &str| {
        storage.get(resolver).and_then(|entry| entry.get("Certificates")?.as_array().cloned()).unwrap_or_default()
    };
    old.as_object().into_iter().flatten().all(|(resolver, _)| {
        let known = certificates(new, resolver);
        certificates(old, resolver).iter().all(|one| known.iter().any(|other| other.get("domain") == one.get("domain")))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use rustix::fs::{CWD, Mode, mkfifoat};
    use serde_json::json;

    use super::*;

    fn storage(resolver: &str, mains: &[&str]) -> String {
        let certificates: Vec<Value> = mains.iter().map(|main| json!({ "domain": { "main": main } })).collect();
        json!({ resolver: { "Account": null, "Certificates": certificates } }).to_string()
    }

    #[test]
    fn nothing_is_lost_in_the_other_file() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let (from, to) = (folder.path().join("from.json"), folder.path().join("host/acme.json"));
        let export = |from: &Path, to: &Path| {
            export(Mounted { mount: folder.path(), file: from }, Mounted { mount: folder.path(), file: to })
        };
        assert_eq!(export(&from, &to), Ok(()));
        assert!(!to.exists(), "nothing was obtained");
        fs::write(&from, storage("le", &["a", "b"]))?;
        assert_eq!(export(&from, &to), Ok(()));
        assert_eq!(fs::read_to_string(&to)?, storage("le", &["a", "b"]));
        assert_eq!(fs::metadata(&to)?.mode() & 0o777, 0o600);
        for others in [storage("le", &["c"]), storage("other", &["a"])] {
            fs::write(&to, &others)?;
            assert_eq!(export(&from, &to), Ok(()));
            assert_eq!(fs::read_to_string(&to)?, others, "not taken over yet");
        }
        for known in [storage("le", &["a"]), "{}".to_owned(), " \n".to_owned(), json!({ "le": null }).to_string()] {
            fs::write(&to, &known)?;
            assert_eq!(export(&from, &to), Ok(()));
            assert_eq!(fs::read_to_string(&to)?, storage("le", &["a", "b"]));
        }
        fs::write(&to, "{\"le\":")?;
        assert_eq!(export(&from, &to), Err(NONSENSE.to_owned()));
        assert_eq!(fs::read_to_string(&to)?, "{\"le\":");
        Ok(())
    }
    #[test]
    fn nothing_is_written_but_where_it_belongs() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        let own = at("own.json");
        fs::write(&own, storage("le", &["a"]))?;
        let export = |mount: &str, file: &str| {
            let from = Mounted { mount: folder.path(), file: &own };
            export(from, Mounted { mount: &at(mount), file: &at(file) })
        };
        for made in ["host", "others"] {
            fs::create_dir(at(made))?;
        }
        fs::write(at("others/acme.json"), "{}")?;
        symlink(at("others"), at("host/folder"))?;
        symlink(at("others/acme.json"), at("host/acme.json"))?;
        symlink(at("others/acme.json"), at("host/.free.json.new"))?;
        assert!(export("host", "host/folder/acme.json").is_err() && export("host", "host/acme.json").is_err());
        assert_eq!(export("host", "host/free.json"), Ok(()));
        assert_eq!(fs::read_to_string(at("others/acme.json"))?, "{}");

        mkfifoat(CWD, at("host/pipe.json"), Mode::from_raw_mode(0o600))?;
        assert!(export("host", "host/pipe.json").is_err(), "nobody waits for it");

        // A mount of its own, which all could read.
        fs::write(at("alone.json"), "")?;
        fs::set_permissions(at("alone.json"), fs::Permissions::from_mode(0o666))?;
        assert_eq!(export("alone.json", "alone.json"), Ok(()));
        assert_eq!(fs::metadata(at("alone.json"))?.mode() & 0o777, 0o600);
        assert_eq!(fs::read_to_string(at("alone.json"))?, storage("le", &["a"]));
        Ok(())
    }
}
