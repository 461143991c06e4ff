#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

use super::name::{is_valid, normalize};
use super::{Selection, select};
use crate::load::LoadOptions;
use crate::session::Session;

fn selected(folder: &Path, variables: &[(&str, &str)], change: impl FnOnce(&mut LoadOptions)) -> Option<Selection> {
    let environment = variables.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    let mut options = LoadOptions::new(folder.to_path_buf(), environment);
    change(&mut options);
    select(&options, &mut Session::new(folder.to_path_buf())).ok()
}

#[test]
fn files_are_found_in_order_of_preference() {
    let temporary = tempfile::tempdir().unwrap();
    let root = temporary.path();
    fs::create_dir_all(root.join("sub/deeper")).unwrap();
    for name in ["docker-compose.yml", "compose.yml", "compose.override.yaml", "compose.override.yml", "other.yaml"] {
        fs::write(root.join(name), "").unwrap();
    }
    fs::write(root.join(".env"), "A=root\nB=root\n").unwrap();
    fs::write(root.join("sub/.env"), "A=sub\nCOMPOSE_FILE=\n").unwrap();
    fs::write(root.join("named.env"), "A=named\n").unwrap();
    let found = selected(&root.join("sub/deeper"), &[("B", "host")], |_| {}).unwrap();
    assert_eq!(found.files, [root.join("compose.yml"), root.join("compose.override.yml")]);
    assert_eq!(found.folder, root);
    assert_eq!(found.environment["A"], "root");
    assert_eq!(found.environment["B"], "host");
    assert_eq!(found.environment["PWD"], root.join("sub/deeper").to_string_lossy());
    assert_eq!(found.env_files, [root.join(".env")]);
    assert_eq!(selected(root, &[("PWD", "/given")], |_| {}).unwrap().environment["PWD"], "/given");

    let named = |options: &mut LoadOptions| {
        options.files = vec![PathBuf::from("-"), PathBuf::from("sub/../other.yaml")];
        options.env_files = vec![PathBuf::from("named.env")];
    };
    let found = selected(root, &[], named).unwrap();
    assert_eq!(found.files, [PathBuf::from("-"), root.join("other.yaml")]);
    assert_eq!(found.environment["A"], "named");

    let found = selected(root, &[("COMPOSE_FILE", "other.yaml:compose.yml")], |_| {}).unwrap();
    assert_eq!(found.files, [root.join("other.yaml"), root.join("compose.yml")]);
    let found = selected(root, &[("COMPOSE_DISABLE_ENV_FILE", "1")], |_| {}).unwrap();
    assert!(found.env_files.is_empty());
    let found = selected(root, &[("COMPOSE_ENV_FILES", "named.env,")], |_| {}).unwrap();
    assert_eq!(found.env_files, [root.join("named.env")]);
    assert!(selected(root, &[("COMPOSE_ENV_FILES", " named.env")], |_| {}).is_none(), "spaces are part of a name");
    let file = |options: &mut LoadOptions| options.project_directory = Some(PathBuf::from("named.env"));
    assert!(selected(root, &[], file).is_none(), "a file is no folder of a project");
}

#[test]
fn names_are_made_valid() {
    for (name, expected) in [("My_App", "my_app"), ("My App.v1", "myappv1"), ("_-x-_", "x-_"), ("é", ""), ("1a", "1a")]
    {
        assert_eq!(normalize(name), expected);
    }
    assert!(is_valid("a-b_1") && !is_valid("_a") && !is_valid("A") && !is_valid(""));
}
