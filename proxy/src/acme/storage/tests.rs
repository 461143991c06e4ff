#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;

use serde_json::json;

use super::*;
use crate::acme::certificate::tests::made;

fn stored(names: &[&str], from: i64) -> Stored {
    let (chain, key) = made(names, from, 90 * 86_400);
    Stored::new(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(), &chain, &key, "https://ca")
}

#[test]
fn a_file_of_traefik_is_read_and_written_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acme.json");
    let one = stored(&["a.example", "b.example"], 1_700_000_000);
    let text = json!({
        "le": {
            "Account": {
                "Email": "me@example.com",
                "Registration": { "body": { "status": "valid", "contact": ["mailto:me@example.com"] }, "uri": "https://ca/acct/1" },
                "PrivateKey": "MIIJ", "KeyType": "4096", "More": 1
            },
            "Certificates": [one],
            "Unknown": [1]
        },
        "unused": { "Account": null, "Certificates": null },
        "never": null
    });
    fs::write(&path, text.to_string()).unwrap();
    let storage = Storage::open(&path);
    assert_eq!(storage.entry("le").unwrap().account.as_ref().unwrap().key_type, "4096");
    let (_, found) = storage.certificates().next().unwrap();
    assert_eq!(found.read().unwrap().names, ["a.example", "b.example"]);
    let (_, written) = storage.serialized().unwrap();
    let written: Value = serde_json::from_slice(&written).unwrap();
    assert_eq!(written.get("le"), text.get("le"));
}

#[test]
fn an_empty_file_is_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acme.json");
    for text in ["", " \n", "{}", "null"] {
        fs::write(&path, text).unwrap();
        let storage = Storage::open(&path);
        assert_eq!(storage.certificates().count(), 0);
        assert!(storage.serialized().is_ok(), "{text:?}");
        assert!(path.exists(), "{text:?} is not put aside");
    }
}

#[test]
fn what_makes_no_sense_is_kept_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("acme.json");
    for text in ["{\"le\": {\"Account", "\0", "[]", "{\"le\": 1}"] {
        fs::write(&path, text).unwrap();
        let storage = Storage::open(&path);
        assert!(storage.serialized().is_ok());
        assert!(!path.exists());
    }
    let kept = |number: usize| fs::read_to_string(folder.path().join(format!("acme.json.broken-{number}"))).unwrap();
    assert_eq!(kept(1), "{\"le\": {\"Account");
    assert_eq!(kept(4), "{\"le\": 1}");
}

#[test]
fn what_cannot_be_read_is_never_written() {
    let folder = tempfile::tempdir().unwrap();
    assert!(Storage::open(folder.path()).serialized().is_err(), "a folder in the file's place");
}

#[test]
fn a_new_certificate_takes_the_place_of_the_old_one() {
    let mut storage = Storage::open(Path::new("/nowhere/acme.json"));
    let (old, new) = (stored(&["a.example"], 1_700_000_000), stored(&["a.example"], 1_750_000_000));
    storage.add("le", old, None);
    storage.add("le", new.clone(), None);
    storage.add("le", stored(&["b.example", "c.example"], 1_700_000_000), None);
    let fewer = stored(&["b.example"], 1_700_000_000);
    let replaced = storage.entry("le").unwrap().certificates.last().unwrap().domain.clone();
    storage.add("le", fewer.clone(), Some(&replaced));
    assert_eq!(storage.entry("le").unwrap().certificates, [new, fewer]);
}

#[test]
fn only_what_is_newer_is_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    let (mut storage, import) = (Storage::open(Path::new("/nowhere/acme.json")), folder.path().join("acme.json"));
    let (old, new) = (stored(&["a.example"], 1_700_000_000), stored(&["a.example"], 1_750_000_000));
    fs::write(&import, json!({ "le": { "Account": { "Email": "x" }, "Certificates": [old] } }).to_string()).unwrap();
    assert!(storage.import(&import));
    assert!(!storage.import(&import));
    assert_eq!(storage.certificates().count(), 1);
    storage.add("le", new.clone(), None);
    assert!(!storage.import(&import));
    assert_eq!(storage.entry("le").unwrap().certificates, [new]);
    assert_eq!(storage.entry("le").unwrap().account.as_ref().unwrap().email, "x");
}
