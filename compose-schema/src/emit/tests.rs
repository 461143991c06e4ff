//! What is written, read back.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use crate::load::{LoadOptions, Loaded, load};
use crate::source::Span;
use crate::yaml::{Node, Value};
use crate::{emit, origin};

fn options(folder: &tempfile::TempDir, files: &[&str]) -> LoadOptions {
    LoadOptions {
        files: files.iter().map(|file| folder.path().join(file)).collect(),
        project_name: Some("test".to_owned()),
        ..LoadOptions::new(folder.path().to_path_buf(), std::collections::BTreeMap::new())
    }
}

fn loaded(files: &[(&str, &str)]) -> (Loaded, LoadOptions) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let options = options(&folder, &files.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    let loaded = load(&options).unwrap_or_else(|failure| {
        let all: Vec<_> = failure.diagnostics.iter().map(|found| found.render(&failure.sources, false)).collect();
        unreachable!("{}", all.join("\n"))
    });
    (loaded, options)
}

/// What `config` prints.
fn printed(loaded: &Loaded) -> String {
    emit::yaml(&loaded.project).replace('$', "$$")
}

#[test]
fn limits_of_zero_are_written_in_yaml_only() {
    let file = "services: {a: {image: x, ulimits: {nofile: {soft: 0, hard: 2}, rss: 0, nproc: 5}}}\n";
    let (loaded, _) = loaded(&[("compose.yaml", file)]);
    let yaml = printed(&loaded);
    assert!(yaml.contains("      nofile:\n        soft: 0\n        hard: 2\n      nproc: 5\n      rss:\n        soft: 0\n        hard: 0\n"), "{yaml}");
    let json: serde_json::Value = serde_json::from_str(&emit::json(&loaded.project).unwrap()).unwrap();
    assert_eq!(json["services"]["a"]["ulimits"], serde_json::json!({ "nofile": { "hard": 2 }, "nproc": 5, "rss": {} }));
}

#[test]
fn the_last_empty_lines_of_a_file_are_kept() {
    for text in ["a\n\n", "a\n\n\n", "\n", "\n\n", " a\n\n", "a\n", "a"] {
        let file = format!("services: {{a: {{image: x}}}}\nx-z: {}\n", serde_json::to_string(text).unwrap());
        let printed = printed(&loaded(&[("compose.yaml", &file)]).0);
        let read: serde_yaml::Value = serde_yaml::from_str(&printed).unwrap();
        assert_eq!(read["x-z"].as_str(), Some(text), "{printed:?}");
    }
}

/// Texts that YAML's readers like to take for something else, and any other.
fn text() -> impl Strategy<Value = String> {
    let odd = [
        "yes",
        "no",
        "on",
        "~",
        "null",
        "010",
        "0x1f",
        "1e3",
        "1_000",
        "2001-01-01",
        "22:22",
        "=",
        "",
        " a",
        "a ",
        "- a",
        "a: b",
        "#",
        "&a",
        "*a",
        "!a",
        "|",
        "%",
        "@",
        "`",
        "a\nb\n",
        "a\n\n",
        "\n",
        "$HOME",
        "${A",
        "\u{85}",
        "\u{2028}",
        "é",
    ];
    prop_oneof![prop::sample::select(odd.to_vec()).prop_map(str::to_owned), "[ -~]{0,12}", "\\PC{0,8}"]
}

/// A service with values of several kinds, written as JSON, which is YAML too.
fn service() -> impl Strategy<Value = serde_json::Value> {
    let map = || prop::collection::btree_map("[a-zA-Z_.-]{1,8}", text(), 0..4);
    (map(), map(), prop::collection::vec(text(), 0..3), prop::option::of(0u16..5000), any::<bool>()).prop_map(
        |(environment, labels, command, port, flag)| {
            let escaped = |text: String| text.replace('$', "$$");
            let map = |map: std::collections::BTreeMap<String, String>| {
                map.into_iter().map(|(key, value)| (key, escaped(value))).collect::<std::collections::BTreeMap<_, _>>()
            };
            let ports: Vec<String> = port.map(|port| format!("{}:{}", port + 1, port + 1)).into_iter().collect();
            serde_json::json!({
                "image": "x",
                "environment": map(environment),
                "labels": map(labels),
                "command": command.into_iter().map(escaped).collect::<Vec<_>>(),
                "ports": ports,
                "init": flag,
                "ulimits": { "nofile": { "soft": port.unwrap_or_default(), "hard": 9 } },
            })
        },
    )
}

fn all_spans(node: &Node, check: &mut impl FnMut(Span)) {
    check(node.span);
    match &node.value {
        Value::Sequence(items) => items.iter().for_each(|item| all_spans(item, check)),
        Value::Mapping(entries) => entries.values().for_each(|entry| {
            check(entry.key);
            all_spans(&entry.node, check);
        }),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_printed_is_the_same_project(services in prop::collection::btree_map("[a-z][a-z0-9]{0,5}", service(), 1..4)) {
        let file = serde_json::json!({ "services": services }).to_string();
        let (first, options) = loaded(&[("compose.yaml", &file)]);
        let text = printed(&first);

        // Again through our own reader.
        let (second, _) = loaded(&[("compose.yaml", &text)]);
        prop_assert_eq!(&first.project.services, &second.project.services);
        prop_assert_eq!(&text, &printed(&second));

        // And through somebody else's.
        let read: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
        for (name, service) in &first.project.services {
            for (key, value) in &service.labels {
                let found = read["services"][name.as_str()]["labels"][key.as_str()].as_str();
                prop_assert_eq!(found.map(str::to_owned), Some(value.replace('$', "$$")));
            }
        }

        // An empty override changes nothing.
        let names: String = services.keys().map(|name| format!("  {name}: {{}}\n")).collect();
        let (merged, _) = loaded(&[("compose.yaml", &file), ("empty.yaml", &format!("services:\n{names}"))]);
        prop_assert_eq!(&text, &printed(&merged));

        // Every place is inside its text.
        let mut outside = 0;
        all_spans(&first.tree, &mut |span| outside += usize::from(first.sources.text(span).is_none()));
        prop_assert_eq!(outside, 0);
        prop_assert!(!origin::origins(&first, &first.project, &options).is_empty());
    }
}
