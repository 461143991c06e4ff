//! The file with accounts and certificates, in Traefik's format (`acme.json`), so that people move over and back with
//! what they have. What is in it and means nothing here is kept.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::certificate::Certificate;
use crate::file;

/// One storage.
#[derive(Clone, Debug)]
pub(super) struct Storage {
    path: PathBuf,
    /// By name of the resolver.
    entries: BTreeMap<String, Entry>,
    /// It could not be read and not be put aside: nothing may be written there.
    locked: Option<String>,
}

/// What one resolver has.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Entry {
    /// Its account at the authority.
    pub(super) account: Option<Account>,
    /// Its certificates.
    #[serde(deserialize_with = "or_default")]
    pub(super) certificates: Vec<Stored>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// An account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(super) struct Account {
    /// Address that the authority may write to.
    pub(super) email: String,
    /// What the authority says of it.
    pub(super) registration: Option<Registration>,
    /// Its key: DER in base64, SEC 1 or PKCS#1.
    pub(super) private_key: String,
    /// What kind of key: `P256`, `P384`, or the bits of an RSA one.
    pub(super) key_type: String,
    #[serde(flatten)]
    pub(super) rest: Map<String, Value>,
}

/// What an authority says of an account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Registration {
    /// The account object.
    pub(super) body: Value,
    /// Its URL.
    pub(super) uri: String,
}

/// A certificate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Stored {
    /// The names that were asked for.
    pub(super) domain: Domain,
    /// PEM chain in base64.
    pub(super) certificate: String,
    /// PEM key in base64.
    pub(super) key: String,
    /// Name of the store that it is for.
    #[serde(rename = "Store")]
    pub(super) store: String,
    /// Directory of the authority that it came from, where we got it: Traefik does not write it down.
    #[serde(rename = "CaServer", skip_serializing_if = "Option::is_none")]
    pub(super) authority: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// The names of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Domain {
    /// The main one.
    pub(super) main: String,
    /// The others.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "or_default")]
    pub(super) sans: Vec<String>,
}

/// Go writes empty lists as `null`.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl Stored {
    /// A certificate for `names`, the main one first, from an authority.
    pub(super) fn new(names: &[String], chain: &str, key: &str, authority: &str) -> Self {
        Self {
            domain: Domain {
                main: names.first().cloned().unwrap_or_default(),
                sans: names.iter().skip(1).cloned().collect(),
            },
            certificate: STANDARD.encode(chain),
            key: STANDARD.encode(key),
            store: "default".to_owned(),
            authority: Some(authority.to_owned()),
            rest: Map::new(),
        }
    }

    /// Ready to be shown.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(super) fn read(&self) -> Result<Certificate, String> {
        let decoded = |text: &str| STANDARD.decode(text.trim()).map_err(|error| error.to_string());
        Certificate::parse(&decoded(&self.certificate)?, &decoded(&self.key)?)
    }
}

impl Storage {
    /// Reads a storage; one that is not there yet is empty. One that makes no sense is kept aside under another name.
    pub(super) fn open(path: &Path) -> Self {
        let mut storage = Self { path: path.to_owned(), entries: BTreeMap::new(), locked: None };
        match parse(path) {
            Ok(entries) => storage.entries = entries,
            Err(Unreadable::Io(error)) => {
                tracing::error!(%error, file = %path.display(), "the storage of certificates cannot be read; none is asked for, since it could not be kept");
                storage.locked = Some(error.to_string());
            }
            Err(Unreadable::Nonsense(error)) => match file::keep_aside(path) {
                Ok(aside) => tracing::error!(
                    error, file = %path.display(), kept = %aside.display(),
                    "the storage of certificates is damaged and kept under another name; repair it and put it back, or let the certificates be obtained anew"
                ),
                Err(reason) => {
                    tracing::error!(error, %reason, file = %path.display(), "the storage of certificates is damaged and cannot be kept aside; none is asked for, since it could not be kept");
                    storage.locked = Some(reason.to_string());
                }
            },
        }
        storage
    }

    /// Whether it could not be read and must not be written.
    pub(super) const fn is_locked(&self) -> bool {
        self.locked.is_some()
    }

    /// What a resolver has.
    pub(super) fn entry(&self, resolver: &str) -> Option<&Entry> {
        self.entries.get(resolver)
    }

    /// Every certificate with the resolver that has it.
    pub(super) fn certificates(&self) -> impl Iterator<Item = (&str, &Stored)> {
        self.entries.iter().flat_map(|(name, entry)| entry.certificates.iter().map(move |one| (name.as_str(), one)))
    }

    /// Sets a resolver's account.
    pub(super) fn set_account(&mut self, resolver: &str, account: Account) {
        self.entries.entry(resolver.to_owned()).or_default().account = Some(account);
    }

    /// Adds a certificate, in the place of the one for the same names and of `replaced`.
    pub(super) fn add(&mut self, resolver: &str, stored: Stored, replaced: Option<&Domain>) {
        let entry = self.entries.entry(resolver.to_owned()).or_default();
        entry.certificates.retain(|one| one.domain != stored.domain && Some(&one.domain) != replaced);
        entry.certificates.push(stored);
    }

    /// Takes over what another storage has and this one has not; whether there was anything.
    pub(super) fn import(&mut self, path: &Path) -> bool {
        let found = match parse(path) {
            Ok(found) => found,
            Err(Unreadable::Io(error)) => {
                tracing::warn!(%error, file = %path.display(), "certificates cannot be taken over from this file");
                return false;
            }
            Err(Unreadable::Nonsense(error)) => {
                tracing::warn!(error, file = %path.display(), "certificates cannot be taken over from this file: it is damaged");
                return false;
            }
        };
        let mut changed = false;
        for (resolver, entry) in found {
            let own = self.entries.entry(resolver).or_default();
            if own.account.is_none() && entry.account.is_some() {
                own.account = entry.account;
                changed = true;
            }
            for one in entry.certificates {
                // The one that was issued later: what was replaced may have lasted longer.
                let issued = |stored: &Stored| stored.read().map(|certificate| certificate.not_before).ok();
                let known = own.certificates.iter().position(|known| known.domain == one.domain);
                match known.and_then(|index| own.certificates.get_mut(index)) {
                    None => own.certificates.push(one),
                    Some(known) if *known != one && issued(&one) > issued(known) => *known = one,
                    Some(_) => continue,
                }
                changed = true;
            }
        }
        changed
    }

    /// Where and what to write.
    ///
    /// # Errors
    /// A storage that must not be written.
    pub(super) fn serialized(&self) -> io::Result<(PathBuf, Vec<u8>)> {
        if let Some(reason) = &self.locked {
            return Err(io::Error::other(reason.clone()));
        }
        Ok((self.path.clone(), serde_json::to_vec_pretty(&self.entries)?))
    }
}

enum Unreadable {
    Io(io::Error),
    Nonsense(String),
}

fn parse(path: &Path) -> Result<BTreeMap<String, Entry>, Unreadable> {
    let text = file::read(path).map_err(Unreadable::Io)?.unwrap_or_default();
    // People make an empty file first, for its mode.
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(BTreeMap::new());
    }
    // A resolver that was never used is `null`.
    let found: Option<BTreeMap<String, Option<Entry>>> =
        serde_json::from_slice(&text).map_err(|error| Unreadable::Nonsense(error.to_string()))?;
    Ok(found.unwrap_or_default().into_iter().map(|(name, entry)| (name, entry.unwrap_or_default())).collect())
}

#[cfg(test)]
mod tests;
