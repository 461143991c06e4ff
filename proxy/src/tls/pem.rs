//! Certificates and keys from PEM files: pairs named in a configuration, and folders.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::provider;
use crate::upstream::transport::pem_or_path;

/// Files larger than this are not certificates.
const LARGEST: u64 = 1 << 20;

/// What is wrong with a certificate, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CertificateProblem {
    /// The file, or `inline certificate`.
    pub(crate) place: String,
    /// What is wrong.
    pub(crate) reason: String,
}

impl CertificateProblem {
    fn new(place: impl fmt::Display, reason: impl fmt::Display) -> Self {
        Self { place: place.to_string(), reason: reason.to_string() }
    }
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

impl std::error::Error for CertificateProblem {}

/// A certificate option as messages show it: a path as it is, a PEM text by what it is.
pub(crate) fn shown(value: &str) -> String {
    if value.trim_start().starts_with("-----BEGIN") { "inline certificate".to_owned() } else { format!("`{value}`") }
}

/// A pair from a configuration: each a path, or the PEM text itself.
///
/// # Errors
/// Unreadable files, no certificate or key in them, or a key that is not the certificate's.
pub(crate) fn pair(certificate: &str, key: &str) -> Result<Arc<CertifiedKey>, CertificateProblem> {
    let read = |value: &str| pem_or_path(value).map_err(|error| CertificateProblem::new(shown(value), error));
    let chain = chain(&read(certificate)?, &shown(certificate))?;
    let key =
        private_key(&read(key)?).ok_or_else(|| CertificateProblem::new(shown(key), "there is no private key in it"))?;
    certified(chain, key).map_err(|reason| CertificateProblem::new(shown(certificate), reason))
}

/// All pairs of a folder: whatever the files are called, a certificate goes with the key that signs for it.
/// A key or certificate that is alone is reported; files without PEM are passed over.
pub(crate) fn folder(path: &Path) -> (Vec<Arc<CertifiedKey>>, Vec<CertificateProblem>) {
    let mut problems = Vec::new();
    let files = match list(path) {
        Ok(files) => files,
        Err(error) => return (Vec::new(), vec![CertificateProblem::new(format_args!("`{}`", path.display()), error)]),
    };
    let mut chains: Vec<(PathBuf, Vec<CertificateDer<'static>>)> = Vec::new();
    let mut keys: HashMap<Vec<u8>, (PathBuf, PrivateKeyDer<'static>)> = HashMap::new();
    for file in files {
        let text = match std::fs::read(&file) {
            Ok(text) => text,
            Err(error) => {
                problems.push(CertificateProblem::new(format_args!("`{}`", file.display()), error));
                continue;
            }
        };
        if let Some(key) = private_key(&text) {
            match public_key_of(&key) {
                Some(public) => {
                    keys.insert(public, (file.clone(), key));
                }
                None => problems.push(CertificateProblem::new(
                    format_args!("`{}`", file.display()),
                    "the private key is of a kind that is not supported",
                )),
            }
        }
        if let Ok(chain) = chain(&text, "") {
            chains.push((file, chain));
        }
    }
    let mut pairs = Vec::new();
    let mut used = HashSet::new();
    for (file, chain) in chains {
        let place = format!("`{}`", file.display());
        let Some(public) = chain.first().and_then(public_key) else {
            problems.push(CertificateProblem::new(place, "the certificate cannot be read"));
            continue;
        };
        // Authorities often lie beside the leaf certificates, without their keys.
        let Some((_, key)) = keys.get(&public) else {
            if !chain.first().is_some_and(is_authority) {
                problems
                    .push(CertificateProblem::new(place, "no private key of the folder belongs to this certificate"));
            }
            continue;
        };
        match certified(chain, key.clone_key()) {
            Ok(pair) => pairs.push(pair),
            Err(reason) => problems.push(CertificateProblem::new(place, reason)),
        }
        used.insert(public);
    }
    let alone = keys.iter().filter(|(public, _)| !used.contains(*public)).map(|(_, (file, _))| {
        CertificateProblem::new(
            format_args!("`{}`", file.display()),
            "no certificate of the folder belongs to this private key",
        )
    });
    problems.extend(alone);
    (pairs, problems)
}

/// Whether a file of a folder is taken for a certificate or a key, by its ending.
#[must_use]
pub fn is_pem(path: &Path) -> bool {
    let end = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    end.is_some_and(|end| ["pem", "crt", "cer", "cert", "key"].iter().any(|known| end == *known))
}

fn list(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if is_pem(&path) && std::fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= LARGEST) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Certificates of a PEM text, the first one first.
pub(crate) fn chain(text: &[u8], place: &str) -> Result<Vec<CertificateDer<'static>>, CertificateProblem> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|error| CertificateProblem::new(place, format_args!("not valid PEM: {error}")))?;
    if chain.is_empty() { Err(CertificateProblem::new(place, "there is no certificate in it")) } else { Ok(chain) }
}

/// The first private key of a PEM text.
pub(crate) fn private_key(text: &[u8]) -> Option<PrivateKeyDer<'static>> {
    PrivateKeyDer::from_pem_slice(text).ok()
}

fn public_key_of(key: &PrivateKeyDer<'static>) -> Option<Vec<u8>> {
    let signer = provider().key_provider.load_private_key(key.clone_key()).ok()?;
    Some(signer.public_key()?.as_ref().to_vec())
}

fn public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(parsed.public_key().raw.to_vec())
}

fn is_authority(certificate: &CertificateDer<'_>) -> bool {
    x509_parser::parse_x509_certificate(certificate).is_ok_and(|(_, parsed)| parsed.is_ca())
}

/// A chain and its key, ready to be shown.
///
/// # Errors
/// A key that cannot be used, or is not the certificate's.
pub(crate) fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<CertifiedKey>, String> {
    let signer = provider()
        .key_provider
        .load_private_key(key)
        .map_err(|error| format!("the private key cannot be used: {error}"))?;
    let pair = CertifiedKey::new(chain, signer);
    match pair.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(Arc::new(pair)),
        Err(_) => Err("the private key does not belong to the certificate".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn make(name: &str) -> (String, String) {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn a_folder_is_paired_by_key_not_by_name() {
        let folder_path = tempfile::tempdir().unwrap();
        let (one, one_key) = make("one.test");
        let (two, two_key) = make("two.test");
        for (name, text) in [
            ("fullchain.pem", &one),
            ("zzz.pem", &one_key),
            ("two.crt", &format!("{two}{two_key}")),
            ("notes.txt", &one),
        ] {
            std::fs::write(folder_path.path().join(name), text).unwrap();
        }
        let (pairs, problems) = folder(folder_path.path());
        assert_eq!((pairs.len(), problems), (2, Vec::new()));
    }

    #[test]
    fn what_is_alone_is_reported() {
        let folder_path = tempfile::tempdir().unwrap();
        std::fs::write(folder_path.path().join("cert.pem"), make("one.test").0).unwrap();
        let (pairs, problems) = folder(folder_path.path());
        assert!(pairs.is_empty());
        assert!(
            problems[0].to_string().ends_with("cert.pem`: no private key of the folder belongs to this certificate")
        );
        let (_, problems) = folder(Path::new("/nowhere"));
        assert!(problems[0].to_string().starts_with("`/nowhere`: "));
    }

    #[test]
    fn pairs_inline_and_mismatched() {
        let (one, one_key) = make("one.test");
        let (_, two_key) = make("two.test");
        assert!(pair(&one, &one_key).is_ok());
        assert_eq!(
            pair(&one, &two_key).unwrap_err().to_string(),
            "inline certificate: the private key does not belong to the certificate"
        );
        assert!(pair("/nowhere.crt", "/nowhere.key").unwrap_err().to_string().starts_with("`/nowhere.crt`: "));
    }
}
