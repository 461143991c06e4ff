//! What is written, read back.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use crate::emit;
use crate::load::{LoadOptions, Loaded, load, load_model};

fn options(folder: &tempfile::TempDir, files: &[&str]) -> LoadOptions {
    LoadOptions {
        files: files.iter().map(|file| folder.path().join(file)).collect(),
        project_name: Some("test".to_owned()),
        ..LoadOptions::new(folder.path().to_path_buf(), std::collections::BTreeMap::new())
    }
}

fn loaded(files: &[(&str, &str)]) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let options = options(&folder, &files.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    load(&options).unwrap_or_else(|failure| {
        let all: Vec<_> = failure.diagnostics.iter().map(|found| found.render(&failure.sources, false)).collect();
        unreachable!("{}", all.join("\n"))
    })
}

/// What `config` prints.
fn printed(loaded: &Loaded) -> String {
    emit::yaml(&loaded.project).replace('$', "$$")
}

#[test]
fn limits_of_zero_are_written_in_yaml_only() {
    let file = "services: {a: {image: x, ulimits: {nofile: {soft: 0, hard: 2}, rss: 0, nproc: 5}}}\n";
    let loaded = loaded(&[("compose.yaml", file)]);
    let yaml = printed(&loaded);
    assert!(yaml.contains("      nofile:\n        soft: 0\n        hard: 2\n      nproc: 5\n      rss:\n        soft: 0\n        hard: 0\n"), "{yaml}");
    let json: serde_json::Value = serde_json::from_str(&emit::json(&loaded.project).unwrap()).unwrap();
    assert_eq!(json["services"]["a"]["ulimits"], serde_json::json!({ "nofile": { "hard": 2 }, "nproc": 5, "rss": {} }));
}

#[test]
fn the_last_empty_lines_of_a_file_are_kept() {
    for text in ["a\n\n", "a\n\n\n", "\n", "\n\n", " a\n\n", "a\n", "a"] {
        let file = format!("services: {{a: {{image: x}}}}\nx-z: {}\n", serde_json::to_string(text).unwrap());
        let printed = printed(&loaded(&[("compose.yaml", &file)]));
        let read: serde_yaml::Value = serde_yaml::from_str(&printed).unwrap();
        assert_eq!(read["x-z"].as_str(), Some(text), "{printed:?}");
    }
}

#[test]
fn points_in_time_are_written_as_go_writes_them() {
    let file = "services: {a: {image: x, depends_on: {b: {condition: service_started, x-why: 2020-01-02}}}, b: {image: x}}\n\
                x-a: [2020-1-2, 2020-01-02 3:04:5.60, 2020-01-02T03:04:05+02:00, 2020-01-02T03:04:05+00:00, '2020-01-02']\n";
    let loaded = loaded(&[("compose.yaml", file)]);
    let yaml = printed(&loaded);
    assert!(
        yaml.ends_with(
            "x-a:\n  - 2020-01-02T00:00:00Z\n  - 2020-01-02T03:04:05.6Z\n  - 2020-01-02T03:04:05+02:00\n  - 2020-01-02T03:04:05Z\n  - \"2020-01-02\"\n"
        ),
        "{yaml}"
    );
    assert!(yaml.contains("        required: true\n        x-why: 2020-01-02T00:00:00Z\n"), "{yaml}");
    let json: serde_json::Value = serde_json::from_str(&emit::json(&loaded.project).unwrap()).unwrap();
    assert_eq!(json["x-a"][0], "2020-01-02T00:00:00Z");
}

#[test]
fn empty_things_that_mean_something_are_written() {
    let file = "services: {a: {image: x, extra_hosts: {h: []}, post_start: [{command: ''}, {command: }]}}\n";
    let loaded = loaded(&[("compose.yaml", file)]);
    let json: serde_json::Value = serde_json::from_str(&emit::json(&loaded.project).unwrap()).unwrap();
    assert_eq!(json["services"]["a"]["extra_hosts"], serde_json::json!([]));
    assert_eq!(json["services"]["a"]["post_start"], serde_json::json!([{ "command": [] }, { "command": null }]));
}

#[test]
fn secrets_from_the_environment_are_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let text = "services: {a: {image: x, secrets: [s], configs: [c, d]}}\nsecrets: {s: {environment: S}}\n\
                configs: {c: {environment: S}, d: {content: shown}}\n";
    std::fs::write(folder.path().join("compose.yaml"), text).unwrap();
    let options = LoadOptions::new(folder.path().to_path_buf(), [("S".to_owned(), "hunter2".to_owned())].into());
    let loaded = load(&options).unwrap();
    assert_eq!(loaded.project.secrets.values().next().unwrap().content, "hunter2");
    let model = load_model(&LoadOptions { interpolate: false, ..options }).unwrap();
    let all = [
        emit::yaml(&loaded.project),
        emit::json(&loaded.project).unwrap(),
        emit::tree_yaml(&model.tree),
        emit::tree_json(&model.tree).unwrap(),
    ];
    for written in all {
        assert!(written.contains("shown") && !written.contains("hunter2"), "{written}");
    }
}

#[test]
fn numbers_without_an_end_have_no_json_form() {
    let folder = tempfile::tempdir().unwrap();
    let write = |text: &str| std::fs::write(folder.path().join("compose.yaml"), text).unwrap();
    let options = LoadOptions::new(folder.path().to_path_buf(), [].into());
    write("services: {a: {image: x, cpus: .inf}}");
    let error = emit::json(&load(&options).unwrap().project).unwrap_err();
    assert_eq!(error.to_string(), "`services.a.cpus` is .inf, which has no JSON form; use `--format yaml`");
    assert_eq!(error.path(), ["services", "a", "cpus"]);
    write("services: {a: {image: x, x-a: .nan}}");
    assert!(emit::json(&load(&options).unwrap().project).is_ok(), "it is not written");
    let model = load_model(&LoadOptions { interpolate: false, ..options.clone() }).unwrap();
    assert!(emit::tree_json(&model.tree).is_err());
    write("services: {a: {image: x}}\nx-b: .nan");
    assert!(emit::json(&load(&options).unwrap().project).is_err());
    write("services: {a: {image: x, cpu_shares: .nan}}");
    assert!(load(&options).is_err());
    write("services: {a: {image: x, labels: {a: '1e400', b: '1e300', c: '-.5e999'}}}");
    let yaml = emit::yaml(&load(&options).unwrap().project);
    assert!(yaml.contains("a: 1e400\n") && yaml.contains("b: \"1e300\"\n") && yaml.contains("c: -.5e999\n"), "{yaml}");
}

#[test]
fn only_what_reads_as_a_point_in_time_is_quoted() {
    let file = "services: {a: {image: x}}\nx-a: ['2024-01-01 00:00:00', '2024-01-01 00:00:00 +0000 UTC']\n";
    let written = "x-a:\n  - \"2024-01-01 00:00:00\"\n  - 2024-01-01 00:00:00 +0000 UTC\n";
    assert!(printed(&loaded(&[("compose.yaml", file)])).ends_with(written));
}

#[test]
fn odd_ends_of_lines_are_written_as_go_writes_them() {
    for (text, written) in [
        ("a\u{2028}b", "'a\u{2028}  b'"),
        ("\u{2028}\u{2029}", "'\u{2028}\u{2029}'"),
        (" \u{2028}b", "\" \\Lb\""),
        ("a\u{2028}\nb\u{2028}c", "|-\n  a\u{2028}\n  b\u{2028}  c"),
        ("a\u{85}b", "\"a\\Nb\""),
        ("\u{feff}a é\\", "\"\\uFEFF\\x61\\x20\\xE9\\\\\""),
        ("a\u{feff}", "\"a\\uFEFF\""),
    ] {
        let file = format!("services: {{a: {{image: x}}}}\nx-z: {}\n", serde_json::to_string(text).unwrap());
        let printed = printed(&loaded(&[("compose.yaml", &file)]));
        assert!(printed.ends_with(&format!("\nx-z: {written}\n")), "{printed}");
    }
    let file = "services: {a: {image: x, labels: {\"k\\r\": v, \"k\\L\": v}}}\n";
    let printed = printed(&loaded(&[("compose.yaml", file)]));
    assert!(printed.contains("? \"k\\r\"\n      : v\n") && printed.contains("? 'k\u{2028}'\n      : v\n"), "{printed}");
}

#[test]
fn empty_lists_of_extensions_are_nothing_in_json() {
    let file = "services: {a: {provider: {type: t, options: {none: [], one: ['']}}}}\nx-a: {b: [1, []]}\nx-l: []\n";
    let loaded = loaded(&[("compose.yaml", file)]);
    let json: serde_json::Value = serde_json::from_str(&emit::json(&loaded.project).unwrap()).unwrap();
    assert_eq!(json["x-a"], serde_json::json!({ "b": [1, null] }));
    assert_eq!(json["x-l"], serde_json::Value::Null);
    assert_eq!(json["services"]["a"]["provider"]["options"], serde_json::json!({ "one": [""] }));
    assert!(printed(&loaded).ends_with("x-a:\n  b:\n    - 1\n    - []\nx-l: []\n"));
}

#[test]
fn a_tree_takes_nothing_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let text = "name: ${N}\nservices: {a: {image: x, build: {context: ., args: [A]}, environment: [A], networks: [n]}}\n\
                networks: {n: {external: 'true'}}\n";
    std::fs::write(folder.path().join("compose.yaml"), text).unwrap();
    let options = LoadOptions {
        interpolate: false,
        resolve_paths: false,
        project_name: Some("p".to_owned()),
        ..LoadOptions::new(folder.path().to_path_buf(), [("A".to_owned(), "host".to_owned())].into())
    };
    let tree =
        serde_json::from_str::<serde_json::Value>(&emit::tree_json(&load_model(&options).unwrap().tree).unwrap());
    let tree = tree.unwrap();
    assert_eq!(tree["name"], "p");
    assert_eq!(tree["networks"]["n"]["name"], "n");
    assert_eq!(tree["services"]["a"]["environment"], serde_json::json!(["A"]));
    assert_eq!(tree["services"]["a"]["build"]["args"], serde_json::Value::Null);
    let project = load(&LoadOptions { interpolate: false, normalize: false, ..options }).unwrap().project;
    assert_eq!(project.services["a"].environment["A"].as_deref(), Some("host"));
}
