//! The files that a project is made of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use compose_schema::{Loaded, Sources};

use crate::cli::Context;

/// Names under which compose files are found without being named.
const FOUND: [&str; 8] = [
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
    "compose.override.yaml",
    "compose.override.yml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// All files that a project was read from (compose files, those they include and extend, env files), and those that would
/// be read if they were there; absolute.
pub(super) fn of(context: &Context, loaded: &Loaded) -> BTreeSet<PathBuf> {
    let project = &loaded.project;
    let mut files = read(context, &loaded.sources);
    files.extend(project.compose_files.iter().chain(&project.env_files).map(|file| context.working_dir.join(file)));
    if context.global.env_files.is_empty() {
        files.insert(project.working_dir.join(".env"));
    }
    let found = context.global.files.is_empty() && !context.environment.contains_key("COMPOSE_FILE");
    if let Some(folder) = project.compose_files.first().and_then(|file| file.parent()).filter(|_| found) {
        files.extend(FOUND.map(|name| context.working_dir.join(folder).join(name)));
    }
    files
}

/// The files that texts were read from. Where one is a link, what it leads to as well.
pub(super) fn read(context: &Context, sources: &Sources) -> BTreeSet<PathBuf> {
    let named = sources.iter().map(|(_, source)| &source.path).filter(|path| *path != Path::new("-"));
    let named: Vec<PathBuf> = named.map(|path| context.working_dir.join(path)).collect();
    let real: Vec<PathBuf> = named.iter().filter_map(|path| path.canonicalize().ok()).collect();
    named.into_iter().chain(real).collect()
}

/// Whether two readings of a project found the same texts.
pub(super) fn same(before: &Sources, now: &Sources) -> bool {
    before
        .iter()
        .map(|(_, source)| (&source.path, &source.text))
        .eq(now.iter().map(|(_, source)| (&source.path, &source.text)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::cli::Global;

    #[test]
    fn every_file_that_makes_the_project_counts() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), text).unwrap();
        };
        write("base.yaml", "services: {base: {image: a}}");
        write("part/compose.yaml", "services: {part: {image: a}}");
        write("app.env", "A=1");
        write(
            "compose.yaml",
            "name: p\ninclude: [part/compose.yaml]\nservices:\n  app:\n    extends: {file: base.yaml, service: base}\n    env_file: app.env\n",
        );
        let context =
            |global: Global| Context { global, working_dir: folder.path().to_owned(), environment: BTreeMap::new() };
        let found = context(Global::default());
        let loaded = compose_schema::load(&found.load_options(&[])).unwrap();
        let files = of(&found, &loaded);
        // The last three are not there: they would count if they were.
        for name in [
            "compose.yaml",
            "base.yaml",
            "part/compose.yaml",
            "app.env",
            ".env",
            "compose.override.yml",
            "docker-compose.yml",
        ] {
            assert!(files.contains(&at(name)), "{name} is missing in {files:?}");
        }
        let named = context(Global {
            files: vec!["compose.yaml".into()],
            env_files: vec!["app.env".into()],
            ..Global::default()
        });
        let files = of(&named, &compose_schema::load(&named.load_options(&[])).unwrap());
        assert!(files.contains(&at("compose.yaml")) && files.contains(&at("app.env")));
        assert!(!files.contains(&at(".env")) && !files.contains(&at("compose.override.yml")), "{files:?}");

        let again = compose_schema::load(&found.load_options(&[])).unwrap();
        assert!(same(&loaded.sources, &again.sources));
        write("app.env", "A=2");
        let changed = compose_schema::load(&found.load_options(&[])).unwrap();
        assert!(!same(&loaded.sources, &changed.sources));
    }
}
