use std::path::Path;

use super::{Destination, Found, Source, absolute, is_as_folder, is_content, place};

/// The place of `source` (a folder if it ends with `/`, its content with `/.`) at `destination`, as text.
fn placed(source: &str, destination: &str, found: Found) -> String {
    let path = absolute(Path::new("/"), source);
    let name = if is_content(source) { None } else { path.file_name().map(ToOwned::to_owned) };
    let source = Source { name, is_folder: is_as_folder(source) };
    let path = absolute(Path::new("/cwd"), destination);
    match place(&source, &Destination { path, found, as_folder: is_as_folder(destination) }) {
        Ok(place) => format!("{} {}", place.folder.display(), place.name.unwrap_or_default().display()),
        Err(message) => message.to_owned(),
    }
}

#[test]
fn the_rules_of_docker_cp() {
    let table = [
        // A file.
        ("f", "new", Found::Nothing, "/cwd new"),
        ("f", "new/", Found::Nothing, "there is no such folder"),
        ("f", "old", Found::File, "/cwd old"),
        ("f", "old/", Found::File, "the destination is not a folder"),
        ("f", "dir", Found::Folder, "/cwd/dir f"),
        ("f", "dir/", Found::Folder, "/cwd/dir f"),
        ("f", ".", Found::Folder, "/cwd f"),
        // A folder.
        ("d/", "new", Found::Nothing, "/cwd new"),
        ("d/", "new/", Found::Nothing, "/cwd new"),
        ("d/", "old", Found::File, "a folder cannot be copied onto a file"),
        ("d/", "dir", Found::Folder, "/cwd/dir d"),
        // What is in it.
        ("d/.", "new", Found::Nothing, "/cwd new"),
        ("d/.", "old", Found::File, "a folder cannot be copied onto a file"),
        ("d/.", "dir", Found::Folder, "/cwd/dir "),
        ("/", "dir", Found::Folder, "/cwd/dir "),
        // The root is always there.
        ("f", "/", Found::Folder, "/ f"),
    ];
    for (source, destination, found, expected) in table {
        assert_eq!(placed(source, destination, found), expected, "{source} to {destination} ({found:?})");
    }
}

#[test]
fn paths_become_absolute() {
    let table = [
        ("a", "/base/a"),
        ("./a/", "/base/a"),
        ("../a", "/a"),
        ("../../../a", "/a"),
        ("/x/../y/.", "/y"),
        ("", "/base"),
        (".", "/base"),
    ];
    for (path, expected) in table {
        assert_eq!(absolute(Path::new("/base"), path), Path::new(expected), "{path}");
    }
}
