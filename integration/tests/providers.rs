//! Services that a program provides, on the same terms as Docker Compose.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use integration::{Run, Scenario, run};

const FILE: &str = r#"
services:
  db:
    provider: {type: ./provider, options: {size: 3, user: [a, b]}}
  app:
    image: busybox:stable
    command: [sleep, "1000"]
    stop_signal: SIGKILL
    depends_on: [db]
"#;

/// Says how it was called, and sets two variables.
const PROVIDER: &str = r#"#!/bin/sh
echo "$*" >>called
[ "$2" = metadata ] && exit 1
echo '{"type":"info","message":"nearly there"}'
echo '{"type":"setenv","message":"URL=db://'"${WHERE:-here}"'"}'
"#;

fn at(s: &Scenario, place: &str, words: &[&str]) -> Run {
    let mut command = Command::new(integration::scenario::stack());
    run(command.args(words).current_dir(s.folder()).env("WHERE", place))
}

#[test]
fn a_service_may_come_from_a_program() {
    let Some(s) = Scenario::new("provider") else { return };
    s.compose_file(FILE);
    s.write("provider", PROVIDER);
    std::fs::set_permissions(s.folder().join("provider"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let _ = at(&s, "here", &["up", "-d"]).ok().says("nearly there");
    let first = s.container("app");
    let variables = || s.inspect(&s.container("app"), "{{range .Config.Env}}{{println .}}{{end}}");
    assert!(variables().lines().any(|line| line == "DB_URL=db://here"), "{}", variables());
    let _ = at(&s, "here", &["up", "-d"]).ok();
    if let Some(compose) = s.compose(["up", "-d"]) {
        let _ = compose.ok();
    }
    assert_eq!(s.container("app"), first, "neither a second time nor Docker Compose makes it anew");
    assert_eq!(at(&s, "here", &["plan"]).ok().stdout, "#1 have `./provider` bring service db\n");
    let _ = at(&s, "there", &["up", "-d"]).ok();
    assert!(variables().lines().any(|line| line == "DB_URL=db://there"), "{}", variables());
    let there = s.container("app");
    let _ = at(&s, "elsewhere", &["up", "-d", "--no-deps", "app"]).ok();
    assert_eq!(s.container("app"), there, "where the program is not asked, what it said last counts");
    let _ = at(&s, "there", &["down"]).ok();
    let called = std::fs::read_to_string(s.folder().join("called")).unwrap();
    let project = &s.project;
    assert_eq!(
        called.lines().next_back(),
        Some(&*format!("compose --project-name={project} down --size=3 --user=a --user=b db"))
    );
    assert!(s.containers("app").is_empty());
}
