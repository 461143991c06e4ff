//! Origins of whole small projects.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;

use super::{VariableOrigin, origins};
use crate::load::{LoadOptions, Loaded, load};
use crate::source::Span;

fn lines(files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let environment = [("FROM_PROCESS".to_owned(), "p".to_owned())].into();
    let options = LoadOptions {
        project_name: Some("test".to_owned()),
        ..LoadOptions::new(folder.path().to_path_buf(), environment)
    };
    let loaded = load(&options).unwrap();
    let place = |loaded: &Loaded, span: Span| {
        let (source, line, column) = loaded.sources.locate(span).unwrap();
        format!("{}:{line}:{column}", source.path.display())
    };
    let mut text = String::new();
    for origin in origins(&loaded, &options) {
        let at = origin.place.map_or("implied".to_owned(), |span| place(&loaded, span));
        text.push_str(&format!("{at} {} = {}", origin.path.join("."), origin.value));
        for (name, from) in origin.variables {
            let from = match from {
                VariableOrigin::Environment => "environment".to_owned(),
                VariableOrigin::EnvFile(span) => place(&loaded, span),
                VariableOrigin::Unset => "unset".to_owned(),
            };
            text.push_str(&format!(" ({name}: {from})"));
        }
        text.push('\n');
    }
    text
}

#[test]
fn each_value_names_the_file_that_says_it() {
    let base = "services:\n  a:\n    image: x:${TAG}\n    ports: ['80:80']\n    environment: {A: 1, B: 2}\n";
    let over = "services:\n  a:\n    environment:\n      - B=${FROM_PROCESS}${NONE:-3}\n    restart: always\n";
    insta::assert_snapshot!(lines(&[("compose.yaml", base), ("compose.override.yaml", over), (".env", "# c\nTAG=7\n")]), @r#"
    implied name = "test"
    compose.yaml:5:19 services.a.environment.A = "1"
    compose.override.yaml:4:9 services.a.environment.B = "p3" (FROM_PROCESS: environment) (NONE: unset)
    compose.yaml:3:5 services.a.image = "x:7" (TAG: .env:2:1)
    implied services.a.networks.default = null
    implied services.a.ports.0.mode = "ingress"
    compose.yaml:4:13 services.a.ports.0.target = 80
    compose.yaml:4:13 services.a.ports.0.published = "80"
    implied services.a.ports.0.protocol = "tcp"
    compose.override.yaml:5:5 services.a.restart = "always"
    implied networks.default.name = "test_default"
    "#);
}

#[test]
fn variables_of_env_files_name_their_line() {
    let base = "services:\n  a:\n    image: x\n    network_mode: none\n    env_file: [one.env, {path: two.env, format: raw}]\n    environment: {C: own}\n";
    let files = [("compose.yaml", base), ("one.env", "A=1\nexport B='x\ny'\nC=2\n"), ("two.env", "# B=\n\n B=3\n")];
    insta::assert_snapshot!(lines(&files), @r#"
    implied name = "test"
    one.env:1:1 services.a.environment.A = "1"
    two.env:3:1 services.a.environment.B = "3"
    compose.yaml:6:19 services.a.environment.C = "own"
    compose.yaml:3:5 services.a.image = "x"
    compose.yaml:4:5 services.a.network_mode = "none"
    "#);
}
