//! docs/attacks.md names tests that exist.

use std::collections::BTreeSet;
use std::path::Path;

/// The names of all tests in the Rust files of a folder.
fn tests_in(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests_in(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if line == "#[test]" || line.starts_with("#[tokio::test") {
                    is_test = true;
                } else if let Some(name) = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")
                    && std::mem::take(&mut is_test)
                {
                    found.extend(name.split('(').next().map(str::to_owned));
                }
            }
        }
    }
}

#[test]
fn every_attack_names_tests_that_are_there() {
    let repository = integration::scenario::repository();
    let mut tests = BTreeSet::new();
    for folder in ["proxy", "orchestrator/src", "integration/tests"] {
        tests_in(&repository.join(folder), &mut tests);
    }
    let text = std::fs::read_to_string(repository.join("docs/attacks.md")).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).skip(2).collect();
    assert!(rows.len() > 20, "the table is gone");
    for row in rows {
        let named: Vec<&str> = row.split('|').nth(3).unwrap().split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test is named in {row}");
        for name in named {
            assert!(tests.contains(name), "there is no test `{name}`, which is named in {row}");
        }
    }
}
