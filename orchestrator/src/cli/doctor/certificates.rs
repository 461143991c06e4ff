//! What the gateway keeps of certificates: files of Traefik's format, with the memory of failures beside them.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Component, Path};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;

use super::facts::{Attempt, Certificate};

/// Largest file that is read.
const LARGEST: u64 = 64 * 1024 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Resolver {
    #[serde(default)]
    certificates: Option<Vec<Stored>>,
}

#[derive(Deserialize)]
struct Stored {
    #[serde(default)]
    domain: Domain,
    #[serde(default)]
    certificate: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Domain {
    main: String,
    sans: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Attempts {
    #[serde(default)]
    names: BTreeMap<String, Record>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Record {
    failures: u32,
    unreached: u32,
    next: i64,
    reason: String,
}

/// Reads the gateway's volume, as the engine packs it: `certificates/PROJECT/PATH`. What makes no sense is left out; the
/// gateway's log has told.
pub(super) fn read(tar: &[u8]) -> (Vec<Certificate>, Vec<Attempt>) {
    let (mut certificates, mut attempts) = (Vec::new(), Vec::new());
    let mut archive = tar::Archive::new(tar);
    let Ok(entries) = archive.entries() else { return (certificates, attempts) };
    for mut entry in entries.filter_map(Result::ok) {
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let Ok(path) = entry.path().map(std::borrow::Cow::into_owned) else { continue };
        let Some(project) = project(&path) else { continue };
        let mut text = Vec::new();
        if entry.by_ref().take(LARGEST).read_to_end(&mut text).is_err() {
            continue;
        }
        if path.extension().is_some_and(|end| end == "attempts") {
            attempts.extend(failed(&project, &text));
        } else if path.extension().is_some_and(|end| end == "json") {
            certificates.extend(kept(&project, &text));
        }
    }
    (certificates, attempts)
}

/// The folder below the volume's own; the gateway's authority is no project.
fn project(path: &Path) -> Option<String> {
    let mut parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    let project = parts.nth(1)?;
    (!project.starts_with('.') && parts.next().is_some()).then_some(project)
}

fn kept(project: &str, text: &[u8]) -> Vec<Certificate> {
    let Ok(resolvers) = serde_json::from_slice::<BTreeMap<String, Resolver>>(text) else { return Vec::new() };
    let stored = resolvers.into_values().flat_map(|resolver| resolver.certificates.unwrap_or_default());
    stored
        .filter_map(|stored| {
            let (begins, ends) = validity(&STANDARD.decode(&stored.certificate).ok()?)?;
            let names = std::iter::once(stored.domain.main).chain(stored.domain.sans.unwrap_or_default()).collect();
            Some(Certificate { project: project.to_owned(), names, begins, ends })
        })
        .collect()
}

/// Begin and end of a chain's first certificate.
fn validity(pem: &[u8]) -> Option<(i64, i64)> {
    let der = CertificateDer::from_pem_slice(pem).ok()?;
    let (_, parsed) = x509_parser::parse_x509_certificate(&der).ok()?;
    Some((parsed.validity().not_before.timestamp(), parsed.validity().not_after.timestamp()))
}

fn failed(project: &str, text: &[u8]) -> Vec<Attempt> {
    let Ok(attempts) = serde_json::from_slice::<Attempts>(text) else { return Vec::new() };
    let records = attempts.names.into_iter().filter(|(_, record)| record.failures + record.unreached > 0);
    records
        .map(|(key, record)| Attempt {
            project: project.to_owned(),
            // `AUTHORITY NAME`
            name: key.rsplit(' ').next().unwrap_or_default().to_owned(),
            failures: record.failures + record.unreached,
            reason: record.reason,
            next: record.next,
        })
        .collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn storages_and_memories_are_read() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["a.test".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2030, 1, 1);
        params.not_after = rcgen::date_time_ymd(2030, 3, 1);
        let pem = params.self_signed(&key).unwrap().pem();
        let storage = serde_json::json!({
            "le": { "Certificates": [
                { "domain": { "main": "a.test", "sans": ["b.test"] }, "certificate": STANDARD.encode(pem), "key": "x" },
                { "domain": { "main": "c.test" }, "certificate": "nonsense" },
            ]},
            "none": { "Certificates": null },
        });
        let memory = serde_json::json!({ "names": {
            "https://ca.test/dir a.test": { "failures": 2, "next": 5, "reason": "no record", "times": [1] },
            "https://ca.test/dir d.test": { "failures": 0, "unreached": 0 },
        }});
        let mut tar = tar::Builder::new(Vec::new());
        let files = [
            ("certificates/web/letsencrypt/acme.json", storage.to_string()),
            ("certificates/web/letsencrypt/acme.json.attempts", memory.to_string()),
            ("certificates/other/acme.json", "half a fi".to_owned()),
            ("certificates/.authority/root.json", storage.to_string()),
        ];
        for (name, text) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            tar.append_data(&mut header, name, text.as_bytes()).unwrap();
        }
        let (certificates, attempts) = read(&tar.into_inner().unwrap());
        let names = ["a.test", "b.test"].map(str::to_owned).to_vec();
        let (begins, ends) = (1_893_456_000, 1_898_553_600);
        assert_eq!(certificates, [Certificate { project: "web".to_owned(), names, begins, ends }]);
        let reason = "no record".to_owned();
        let attempt = Attempt { project: "web".to_owned(), name: "a.test".to_owned(), failures: 2, reason, next: 5 };
        assert_eq!(attempts, [attempt]);
    }
}
