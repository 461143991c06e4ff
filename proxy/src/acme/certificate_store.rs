//! One storage with the memory of its attempts, and its certificates ready to be shown.

use std::io;
use std::path::{Path, PathBuf};

use super::attempts::Attempts;
use super::certificate::Certificate;
use super::storage::{Domain, Storage, Stored};
use crate::file;

/// One storage and what belongs to it.
#[derive(Clone, Debug)]
pub(super) struct CertificateStore {
    /// The file.
    pub(super) storage: Storage,
    /// What was tried.
    pub(super) attempts: Attempts,
    /// The certificates in the file that can be used.
    pub(super) kept: Vec<StoredCertificate>,
    /// The file is behind what is known.
    pub(super) unsaved: bool,
}

/// A certificate that is kept.
#[derive(Clone, Debug)]
pub(super) struct StoredCertificate {
    /// The file that it is kept in.
    pub(super) storage: PathBuf,
    /// Name of the resolver in that file.
    pub(super) resolver: String,
    /// The names that were asked for.
    pub(super) domain: Domain,
    /// The authority that it came from, where that is known.
    pub(super) authority: Option<String>,
    /// The certificate.
    pub(super) certificate: Certificate,
}

impl CertificateStore {
    /// Reads a storage. Reads files.
    pub(super) fn open(path: &Path, now: i64) -> Self {
        let mut store = Self {
            storage: Storage::open(path),
            attempts: Attempts::open(path, now),
            kept: Vec::new(),
            unsaved: false,
        };
        store.refresh(path);
        store
    }

    /// Takes over what another file has and this one has not; whether there was anything. Reads files.
    pub(super) fn import(&mut self, path: &Path, from: &Path) -> bool {
        let changed = self.storage.import(from);
        if changed {
            self.unsaved = true;
            self.refresh(path);
        }
        changed
    }

    /// Adds a certificate in the place of the one for the same names and of `replaced`.
    pub(super) fn add(&mut self, path: &Path, resolver: &str, stored: Stored, replaced: Option<&Domain>) {
        self.storage.add(resolver, stored, replaced);
        self.unsaved = true;
        self.refresh(path);
    }

    fn refresh(&mut self, path: &Path) {
        let read = |(resolver, stored): (&str, &Stored)| match stored.read() {
            Ok(certificate) => Some(StoredCertificate {
                storage: path.to_owned(),
                resolver: resolver.to_owned(),
                domain: stored.domain.clone(),
                authority: stored.authority.clone(),
                certificate,
            }),
            Err(reason) => {
                tracing::warn!(
                    reason, resolver, name = stored.domain.main, file = %path.display(),
                    "a stored certificate cannot be used; another one is asked for where it is needed"
                );
                None
            }
        };
        self.kept = self.storage.certificates().filter_map(read).collect();
    }

    /// Writes what is not written yet.
    ///
    /// # Errors
    /// Whatever the file system answers.
    pub(super) async fn save(&mut self) -> io::Result<()> {
        if self.unsaved {
            let (path, text) = self.storage.serialized()?;
            write(path, text).await?;
            self.unsaved = false;
        }
        Ok(())
    }

    /// Writes the memory of attempts.
    ///
    /// # Errors
    /// Whatever the file system answers; a storage that must not be written.
    pub(super) async fn remember(&self) -> io::Result<()> {
        self.storage.serialized()?;
        let (path, text) = self.attempts.serialized()?;
        write(path, text).await
    }
}

async fn write(path: PathBuf, text: Vec<u8>) -> io::Result<()> {
    tokio::task::spawn_blocking(move || file::replace(&path, &text)).await.map_err(io::Error::other)?
}
