//! What holds for every project: `config` is a fixed point and reads back by any YAML reader, an empty override changes
//! nothing, places lie inside the files.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;

use compose_schema::yaml::Node;
use compose_schema::{LoadOptions, Loaded, Span, emit, load};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Text that YAML readers and writers find hard.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~\n]{0,12}",
        "[ \n:#\"'|>-]{1,6}",
        "\\PC{1,8}",
        Just("yes".to_owned()),
        Just("0o7".to_owned()),
        Just("1e3".to_owned()),
        Just("2024-01-02".to_owned()),
        Just("line\n\n".to_owned()),
        Just("\n".to_owned()),
        Just("$A ${B:-c} $$".to_owned()),
    ]
}

/// A service in the words of JSON, which is YAML; dollar signs stand for themselves.
fn service() -> impl Strategy<Value = Value> {
    let plain = text().prop_map(|text| text.replace('$', "$$")).boxed();
    let lists = (vec(plain.clone(), 0..3), vec(1u16..400, 0..3), vec("[a-z]{2,5}", 0..3));
    (btree_map("[A-Z_]{1,5}", plain.clone(), 0..4), btree_map("[a-z.]{1,5}", plain.clone(), 0..3), lists, plain, 0..4u8)
        .prop_map(|(environment, labels, (command, ports, volumes), extension, form)| {
            let environment = if form % 2 == 0 {
                json!(environment)
            } else {
                json!(environment.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>())
            };
            let ports: Vec<Value> = ports
                .into_iter()
                .map(|port| match form {
                    0 => json!(port),
                    1 => json!(format!("{}:{port}/udp", port + 1000)),
                    2 => json!(format!("127.0.0.1:{port}-{}:{port}-{}", port + 2, port + 2)),
                    _ => json!({"target": port, "published": format!("{port}")}),
                })
                .collect();
            let volumes: Vec<String> = volumes.iter().map(|name| format!("./{name}:/data/{name}:ro")).collect();
            json!({
                "image": "x", "environment": environment, "labels": labels, "command": command, "ports": unique(ports),
                "volumes": unique(volumes), "x-note": extension, "mem_limit": format!("{}m", form + 6),
                "healthcheck": {"test": command, "interval": "1m30s", "retries": form},
            })
        })
}

fn unique<T: PartialEq>(items: Vec<T>) -> Vec<T> {
    items.into_iter().fold(Vec::new(), |mut unique, item| {
        if !unique.contains(&item) {
            unique.push(item);
        }
        unique
    })
}

/// Services that depend on those before them.
fn project() -> impl Strategy<Value = String> {
    vec(service(), 1..4).prop_map(|services| {
        let mut all = BTreeMap::new();
        for (n, mut service) in services.into_iter().enumerate() {
            let before: Vec<String> = (0..n).map(|n| format!("s{n}")).collect();
            service.as_object_mut().unwrap().insert("depends_on".to_owned(), json!(before));
            all.insert(format!("s{n}"), service);
        }
        json!({"services": all, "x-top": {"a": [1, 2.5, null, true]}}).to_string()
    })
}

/// Loads files of a folder, the first as the base; nothing where they are refused.
fn read(folder: &tempfile::TempDir, files: &[&str]) -> Option<Loaded> {
    let mut files_in_order = LoadOptions::new(folder.path().to_path_buf(), BTreeMap::new());
    files_in_order.files = files.iter().map(Into::into).collect();
    files_in_order.project_name = Some("p".to_owned());
    load(&files_in_order).ok()
}

fn config(loaded: &Loaded) -> String {
    emit::yaml(&loaded.project).replace('$', "$$")
}

fn spans(node: &Node, found: &mut Vec<Span>) {
    found.push(node.span);
    node.as_sequence().unwrap_or_default().iter().for_each(|item| spans(item, found));
    for (_, entry) in node.as_mapping().into_iter().flatten() {
        found.push(entry.key);
        spans(&entry.node, found);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn config_of_config_is_config(text in project()) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("compose.yaml"), &text).unwrap();
        // Some of what is thrown together cannot be: a port of the host taken twice.
        let Some(loaded) = read(&folder, &["compose.yaml"]) else { return Err(TestCaseError::reject("refused")) };
        let once = config(&loaded);
        fs::write(folder.path().join("again.yaml"), &once).unwrap();
        let again = read(&folder, &["again.yaml"]);
        prop_assert!(again.is_some(), "cannot be read again:\n{once}");
        prop_assert_eq!(&once, &config(&again.unwrap()));
        // Another reader of YAML finds what the JSON says.
        let yaml: Value = serde_yaml::from_str(&emit::yaml(&loaded.project)).unwrap();
        let json: Value = serde_json::from_str(&emit::json(&loaded.project).unwrap()).unwrap();
        for name in loaded.project.services.keys() {
            for attribute in ["environment", "labels", "image", "depends_on", "ports"] {
                let path = format!("/services/{name}/{attribute}");
                prop_assert_eq!(yaml.pointer(&path), json.pointer(&path), "{}", path);
            }
        }
    }

    #[test]
    fn an_empty_override_changes_nothing(text in project()) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("compose.yaml"), &text).unwrap();
        fs::write(folder.path().join("empty.yaml"), "services: {}\n").unwrap();
        fs::write(folder.path().join("null.yaml"), "services: {s0: {}}\n").unwrap();
        let Some(alone) = read(&folder, &["compose.yaml"]) else { return Err(TestCaseError::reject("refused")) };
        for other in ["empty.yaml", "null.yaml", "compose.yaml"] {
            let both = read(&folder, &["compose.yaml", other]);
            prop_assert!(both.is_some(), "refused with {other}");
            if other != "compose.yaml" {
                prop_assert_eq!(config(&alone), config(&both.unwrap()));
            }
        }
    }

    #[test]
    fn places_lie_inside_the_files(text in project(), cut in 0usize..2000, insert in text()) {
        let folder = tempfile::tempdir().unwrap();
        let at = (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        let (before, after) = text.split_at(at);
        for content in [text.clone(), format!("{before}{insert}{after}"), before.to_owned()] {
            fs::write(folder.path().join("compose.yaml"), content).unwrap();
            let mut options = LoadOptions::new(folder.path().to_path_buf(), BTreeMap::new());
            options.project_name = Some("p".to_owned());
            let (mut found, sources, diagnostics) = match load(&options) {
                Ok(loaded) => {
                    let mut found = Vec::new();
                    spans(&loaded.tree, &mut found);
                    (found, loaded.sources, loaded.warnings)
                }
                Err(failure) => (Vec::new(), failure.sources, failure.diagnostics),
            };
            found.extend(diagnostics.iter().flat_map(|d| d.primary.iter().chain(&d.context)).map(|label| label.span));
            for span in found {
                prop_assert!(sources.text(span).is_some(), "{:?}", span);
            }
        }
    }
}
