//! What reaches the engine: the bodies that `stack create` sends beside those of Docker Compose, attribute by attribute,
//! for engines of several ages. The engine is a recorder: nothing is made, so that hardware and drivers need not be there.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use integration::command::run;
use integration::engine;
use integration::recorder::{Asked, Recorder};
use integration::scenario::{repository, stack};
use serde_json::Value;

/// A service of each kind of attribute: name (with the API version it needs, if not all have it), and what it says beside
/// its image.
const SERVICES: &[(&str, &str)] = include!("attributes/services.in");
/// A service that others refer to, and the top-level sections that they use.
const SECTIONS: &str = include_str!("attributes/sections.yaml");

#[test]
fn everything_reaches_the_engine_as_with_docker_compose() {
    let peer = run(Command::new(repository().join("integration/peers.sh")).arg("compose"));
    if peer.code() != 0 {
        let why = "the real Docker Compose cannot be had on this machine";
        engine::skip_without_peer("attributes", engine::Peer::Compose, why);
        return;
    }
    let peer = PathBuf::from(peer.stdout.trim());
    let folder = tempfile::tempdir().unwrap();
    for name in ["secret.txt", "config.txt", "labels.txt", "profile.json"] {
        std::fs::write(folder.path().join(name), if name == "profile.json" { "{\"a\": 1}" } else { "k=v" }).unwrap();
    }
    let mut differences = Vec::new();
    for api in ["1.41", "1.44", "1.47", "1.51"] {
        let recorder = Recorder::start(folder.path(), api);
        let mut file = "name: rec\nservices:\n".to_owned();
        for (name, text) in SERVICES {
            let (name, least) = name.split_once('@').unwrap_or((name, "1.41"));
            if version(api) >= version(least) {
                file.push_str(&format!("  {name}:\n    image: busybox:stable\n{text}\n"));
            }
        }
        file.push_str(SECTIONS);
        std::fs::write(folder.path().join("compose.yaml"), file).unwrap();
        let sent = |program: &PathBuf| {
            let ran = run(Command::new(program)
                .args(["create"])
                .current_dir(folder.path())
                .env("DOCKER_HOST", recorder.address())
                .env("FROM_ENVIRONMENT", "from the environment")
                .env_remove("DOCKER_CONTEXT"));
            let _ = ran.ok();
            recorder.take()
        };
        let (theirs, ours) = (sent(&peer), sent(&stack()));
        assert!(theirs.len() > SERVICES.len() / 2, "{theirs:?}");
        compare(&format!("API {api}"), &theirs, &ours, &mut differences);
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

fn version(text: &str) -> u32 {
    text.split_once('.').and_then(|(_, minor)| minor.parse().ok()).unwrap_or(0)
}

fn compare(what: &str, theirs: &Asked, ours: &Asked, differences: &mut Vec<String>) {
    let keys: Vec<&String> = theirs.keys().chain(ours.keys().filter(|key| !theirs.contains_key(*key))).collect();
    for key in keys {
        let flat = |asked: &Asked| {
            let mut leaves = BTreeMap::new();
            match asked.get(key) {
                Some(body) => flatten("", body, &mut leaves),
                None => {
                    leaves.insert("(the request)".to_owned(), "missing".to_owned());
                }
            }
            leaves
        };
        let (their_leaves, our_leaves) = (flat(theirs), flat(ours));
        let all: Vec<&String> =
            their_leaves.keys().chain(our_leaves.keys().filter(|path| !their_leaves.contains_key(*path))).collect();
        for path in all {
            let none = "-".to_owned();
            let (their, our) = (their_leaves.get(path).unwrap_or(&none), our_leaves.get(path).unwrap_or(&none));
            if their != our && !expected(path) {
                differences.push(format!("{what}: {key}: {path}: Docker Compose {their}, stack {our}"));
            }
        }
    }
}

/// Where we differ on purpose.
fn expected(path: &str) -> bool {
    // Our own labels.
    path.starts_with(".Labels.stack.")
        // It forgets `:ro` and `:rw`, and has no options of address management.
        || path.contains(".VolumesFrom[")
        || path.starts_with(".IPAM.Options.")
        // It fills in what only engines' answers have.
        || path.ends_with(".IPAddress")
        || path.ends_with(".IPv6Gateway")
}

/// Values by path. What says nothing (empty, zero, `false`) is left out; lists without an order are sorted.
fn flatten(path: &str, value: &Value, leaves: &mut BTreeMap<String, String>) {
    match value {
        Value::Null | Value::Bool(false) => {}
        Value::String(text) if text.is_empty() => {}
        Value::Number(number) if number.as_i64() == Some(0) => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                flatten(&format!("{path}.{name}"), value, leaves);
            }
        }
        // White space in a profile says nothing.
        Value::String(text) if text.starts_with("seccomp={") => {
            let profile: Value = serde_json::from_str(text.trim_start_matches("seccomp=")).unwrap_or_default();
            leaves.insert(path.to_owned(), format!("seccomp={profile}"));
        }
        Value::Array(items) => {
            let mut items: Vec<String> = items.iter().map(Value::to_string).collect();
            if [".Env", "Aliases", "ExtraHosts", "Binds", "Mounts", "Ulimits"].iter().any(|name| path.ends_with(name)) {
                items.sort();
            }
            for (at, item) in items.iter().enumerate() {
                let item: Value = serde_json::from_str(item).unwrap_or_default();
                flatten(&format!("{path}[{at}]"), &item, leaves);
            }
        }
        other => {
            leaves.insert(path.to_owned(), other.to_string());
        }
    }
}
