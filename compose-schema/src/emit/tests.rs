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
        emit::tree_json(&model.tree),
    ];
    for written in all {
        assert!(written.contains("shown") && !written.contains("hunter2"), "{written}");
    }
}
