//! Copies certificates that the gateway obtained to where an adopted Traefik would have kept them, so that people can look
//! at them there, save them, and move back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::Path;

use serde_json::Value;

/// What is there and cannot be read as certificates.
const NONSENSE: &str = "what is in it makes no sense, and stays as it is";

/// Copies one storage. What it does not know yet of the other file stays there: the gateway takes it over first.
///
/// # Errors
/// Why it cannot be copied.
pub fn export(from: &Path, to: &Path) -> Result<(), String> {
    let new = match fs::read(from) {
        Ok(new) => new,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.to_string()),
    };
    let old = match fs::read(to) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.to_string()),
    };
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
    write(to, &new).map_err(|error| error.to_string())
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

/// Replaces the file, which stays its owner's; one that is a mount of its own is written in place.
fn write(to: &Path, content: &[u8]) -> io::Result<()> {
    let fill = |path: &Path| {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(content)?;
        file.sync_all()
    };
    let folder = to.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder)?;
    let beside = folder.join(format!(".{}.new", to.file_name().unwrap_or_default().to_string_lossy()));
    let placed = fill(&beside).and_then(|()| {
        if let Ok(found) = fs::metadata(to) {
            chown(&beside, Some(found.uid()), Some(found.gid()))?;
        }
        fs::rename(&beside, to)
    });
    match placed {
        Ok(()) => File::open(folder)?.sync_all(),
        // Its folder is not mounted, or is not ours to write.
        Err(_) if to.exists() => {
            // What could not be put in place is of no use.
            let _ = fs::remove_file(&beside);
            fill(to)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
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
}
