//! Holds the modules of this crate to an order: none uses one that uses it, directly or by way of others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Modules, each after all that it uses.
const ORDER: [&str; 17] = [
    "labels",
    "text",
    "ignore",
    "pipe",
    "volume",
    "backend",
    "error",
    "ui",
    "watch",
    "lock",
    "logs",
    "provide",
    "edge",
    "reconcile",
    "develop",
    "agent",
    "cli",
];

/// The modules that the files of each module name, but for tests and comments.
fn uses(folder: &Path, module: Option<&str>, found: &mut BTreeMap<String, BTreeSet<String>>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let module = module.unwrap_or(&name);
        if name == "tests" || !ORDER.contains(&module) {
            continue;
        }
        if path.is_dir() {
            uses(&path, Some(module), found)?;
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let code = text.split("\nmod tests {").next().unwrap_or_default();
        let code = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
        let named = code.split("crate::").skip(1).map(|rest| {
            rest.chars().take_while(|character| character.is_alphanumeric() || *character == '_').collect::<String>()
        });
        found.entry(module.to_owned()).or_default().extend(named.filter(|name| name != module));
    }
    Ok(())
}

#[test]
fn dependencies_point_one_way() -> std::io::Result<()> {
    let mut found = BTreeMap::new();
    uses(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), None, &mut found)?;
    assert_eq!(found.keys().map(String::as_str).collect::<BTreeSet<_>>(), ORDER.into());
    for (at, module) in ORDER.iter().enumerate() {
        for used in found.get(*module).into_iter().flatten() {
            let before = ORDER.iter().position(|other| other == used);
            assert!(before.is_some_and(|before| before < at), "`{module}` uses `{used}`, which comes after it");
        }
    }
    Ok(())
}
