//! Rules of the house that a machine can check.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use integration::scenario::repository;

/// Lines that a file may have.
const LONGEST: usize = 700;
const CRATES: [&str; 4] = ["compose-schema", "proxy", "orchestrator", "integration"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The sources of a crate, and what is in them.
fn of(name: &str) -> BTreeMap<PathBuf, String> {
    let mut found = Vec::new();
    sources(&repository().join(name), &mut found);
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a source");
            (path, text)
        })
        .collect()
}

#[test]
fn no_file_of_the_program_is_long() {
    let mut long = Vec::new();
    for (path, text) in CRATES.iter().flat_map(|name| of(name)) {
        let is_test = path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")));
        if !is_test && text.lines().count() > LONGEST {
            long.push(path);
        }
    }
    assert_eq!(long, Vec::<PathBuf>::new(), "longer than {LONGEST} lines");
}

#[test]
fn every_variable_of_ours_is_in_the_readme() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("the README");
    let (_, listed) = readme.split_once("## Only here").expect("the section");
    let mut missing = BTreeSet::new();
    for text in CRATES.iter().filter(|name| **name != "integration").flat_map(|name| of(name).into_values()) {
        // As they stand in the sources: `"STACK_NAME"`.
        for part in text.split("\"STACK_").skip(1) {
            let name: String = part.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
            if part.get(name.len()..).is_some_and(|rest| rest.starts_with('"'))
                && !listed.contains(&format!("`STACK_{name}`"))
            {
                missing.insert(format!("STACK_{name}"));
            }
        }
    }
    assert_eq!(missing, BTreeSet::new());
}

#[test]
fn every_dependency_is_used() {
    let mut unused = Vec::new();
    for name in CRATES {
        let manifest = fs::read_to_string(repository().join(name).join("Cargo.toml")).expect("a manifest");
        let sections = manifest
            .split("\n[")
            .filter(|section| section.starts_with("dependencies]") || section.starts_with("dev-dependencies]"));
        let texts = of(name);
        for line in sections.flat_map(|section| section.lines().skip(1)) {
            let Some(dependency) = line.split(['.', ' ', '=']).next().filter(|word| !word.is_empty()) else { continue };
            // What a crate is called in sources: with underscores, or without what is between.
            let words = [dependency.replace('-', "_"), dependency.replace('-', "")];
            let is_used = |text: &String| {
                words.iter().any(|word| text.contains(&format!("{word}::")) || text.contains(&format!("use {word}")))
            };
            if !texts.values().any(is_used) {
                unused.push(format!("{name}: {dependency}"));
            }
        }
    }
    assert_eq!(unused, Vec::<String>::new());
}

/// Folders of the gateway whose code runs while a request is served.
const SERVING: [&str; 8] = ["http", "middleware", "route", "rule", "tcp", "udp", "upstream", "wire"];
/// Those of its files that may name `std::fs` all the same, and why.
const MAY_READ_FILES: [(&str, &str); 3] = [
    ("http/spool.rs", "gives its reading and writing to threads that may wait"),
    ("middleware/auth.rs", "reads the file of users when a configuration is compiled"),
    ("upstream/transport.rs", "reads certificates and keys then"),
];

#[test]
fn nobody_waits_for_a_file_where_requests_are_served() {
    let mut reading = BTreeSet::new();
    for (path, text) in of("proxy") {
        let Ok(path) = path.strip_prefix(repository().join("proxy/src")) else { continue };
        let area = path.iter().next().and_then(|first| first.to_str()).unwrap_or_default();
        let is_test = path.iter().any(|part| matches!(part.to_str(), Some("tests" | "tests.rs" | "properties.rs")));
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        if SERVING.contains(&area.trim_end_matches(".rs")) && !is_test && code.contains("std::fs") {
            reading.insert(path.display().to_string());
        }
    }
    assert_eq!(reading, MAY_READ_FILES.iter().map(|(path, _)| (*path).to_owned()).collect());
}
