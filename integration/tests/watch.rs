//! `develop.watch`: changed files in running containers.

use std::fs;
use std::time::Duration;

use integration::command::Background;
use integration::engine::docker;
use integration::{Scenario, eventually};

/// A service that does nothing, with rules.
fn service(rules: &str) -> String {
    format!(
        r#"
services:
  app:
    image: busybox:stable
    command: ["sh", "-c", "trap 'exit 0' TERM; echo began; while :; do sleep 1 & wait; done"]
    user: "1000:1001"
    develop:
      watch:
{rules}"#
    )
}

/// What a command in the only container of `app` prints; nothing where it fails, or where there are two at the moment.
fn inside(s: &Scenario, command: &str) -> String {
    let found = s.containers("app");
    let [id] = found.as_slice() else { return String::new() };
    let run = docker(["exec", id, "sh", "-c", command]);
    if run.code() == 0 { run.stdout.trim().to_owned() } else { String::new() }
}

/// Waits until a command in the container prints this.
fn until(s: &Scenario, command: &str, expected: &str) {
    eventually(&format!("`{command}` prints `{expected}`"), || (inside(s, command) == expected).then_some(()));
}

fn interrupted(watch: Background) {
    watch.signal("INT");
    let run = watch.wait(Duration::from_secs(30));
    assert_eq!(run.code(), 130, "{run}");
}

#[test]
fn changed_files_are_synced() {
    let Some(s) = Scenario::new("watch-sync") else { return };
    s.compose_file(&service(
        "        - {action: sync, path: ./src, target: /srv/src, initial_sync: true, ignore: ['*.log']}\n",
    ));
    s.write("src/first", "1");
    let mut watch = s.stack_in_background(["watch"]);
    watch.until_it_says("Watch enabled");
    until(&s, "cat /srv/src/first", "1");

    s.write("src/a.txt", "one");
    s.write("src/deep/er/b.txt", "two");
    s.write("src/no.log", "never");
    let _ = integration::run(std::process::Command::new("chmod").arg("750").arg(s.folder().join("src/a.txt"))).ok();
    std::os::unix::fs::symlink("a.txt", s.folder().join("src/link")).expect("a link");
    until(&s, "cat /srv/src/deep/er/b.txt", "two");
    assert_eq!(inside(&s, "stat -c '%a %u %g' /srv/src/a.txt"), "750 1000 1001");
    assert_eq!(inside(&s, "readlink /srv/src/link"), "a.txt");
    assert_eq!(inside(&s, "ls /srv/src"), "a.txt\ndeep\nfirst\nlink");

    // A folder of many files goes over in one batch, and a folder that is moved away is removed.
    let many = s.folder().join("many");
    for folder in 0..20 {
        let folder = many.join(folder.to_string());
        fs::create_dir_all(&folder).expect("a folder");
        for file in 0..100 {
            fs::write(folder.join(file.to_string()), "x").expect("a file");
        }
    }
    fs::rename(&many, s.folder().join("src/many")).expect("the folder is moved");
    until(&s, "find /srv/src/many -type f | wc -l", "2000");
    fs::rename(s.folder().join("src/many"), &many).expect("the folder is moved back");
    fs::remove_file(s.folder().join("src/a.txt")).expect("a file is removed");
    until(&s, "ls /srv/src", "deep\nfirst\nlink");
    assert!(watch.text().contains("Syncing service \"app\" after "), "{}", watch.text());

    let second = s.stack(["watch"]).exits(1);
    let _ = second.says(&format!("cannot take exclusive lock for project \"{}\"", s.project));
    interrupted(watch);
    assert_eq!(s.inspect(&s.container("app"), "{{.State.Running}}"), "true", "what runs goes on");
}

#[test]
fn restarts_and_commands_follow_a_sync() {
    let Some(s) = Scenario::new("watch-restart") else { return };
    s.compose_file(&service(
        "        - {action: sync+restart, path: ./conf, target: /srv/conf}
        - {action: restart, path: ./touch}
        - action: sync+exec
          path: ./code
          target: /srv/code
          exec:
            command: [sh, -c, 'echo \"$$WHO $$(id -u) $$PWD\" | tee /srv/ran; exit 3']
            user: root
            working_dir: /srv/code
            environment: [WHO=hook]
",
    ));
    for file in ["conf/a", "touch", "code/a"] {
        s.write(file, "1");
    }
    let mut watch = s.stack_in_background(["watch"]);
    watch.until_it_says("Watch enabled");
    let id = s.container("app");
    let started = || s.inspect(&id, "{{.State.StartedAt}}");

    let before = started();
    s.write("conf/a", "2");
    watch.until_it_says("service(s) [\"app\"] restarted");
    assert_ne!(started(), before);
    until(&s, "cat /srv/conf/a", "2");

    let before = started();
    s.write("touch", "2");
    eventually("it is restarted again", || (started() != before).then_some(()));
    until(&s, "cat /srv/conf/a", "2");

    s.write("code/a", "2");
    watch.until_it_says("hook 0 /srv/code\n");
    watch.until_it_says("ended with exit code 3");
    assert_eq!(inside(&s, "cat /srv/ran /srv/code/a"), "hook 0 /srv/code\n2");
    assert_eq!(s.container("app"), id, "the container is the same");
    interrupted(watch);
}

#[test]
fn a_rebuild_replaces_the_container_and_a_failed_one_does_not() {
    let Some(s) = Scenario::new("watch-rebuild") else { return };
    let dockerfile = |text: &str| format!("FROM busybox:stable\nLABEL scenario={}\nCOPY file /file\n{text}", s.project);
    s.write("build/Dockerfile", &dockerfile(""));
    s.write("build/file", "one\n");
    s.write("src/a", "1");
    s.compose_file(
        r#"
services:
  app:
    build: ./build
    command: ["sh", "-c", "trap 'exit 0' TERM; cat /file; while :; do sleep 1 & wait; done"]
    develop:
      watch:
        - {action: rebuild, path: ./build}
        - {action: sync, path: ./src, target: /src}
"#,
    );
    let mut up = s.stack_in_background(["up", "--watch"]);
    up.until_it_says("⦿ Watch enabled");
    let (first, image) = (s.container("app"), s.inspect(&s.container("app"), "{{.Image}}"));

    s.write("build/Dockerfile", &dockerfile("RUN false\n"));
    up.until_it_says("Build of service(s) [\"app\"] failed: what runs goes on as it is");
    assert_eq!(s.inspect(&first, "{{.State.Running}}"), "true");

    s.write("src/a", "2");
    until(&s, "cat /src/a", "2");
    s.write("build/file", "two\n");
    s.write("build/Dockerfile", &dockerfile(""));
    eventually("the container is another one", || {
        let found = s.containers("app");
        (found.len() == 1 && found.first() != Some(&first)).then_some(())
    });
    until(&s, "cat /file", "two");
    up.until_it_says("  | two");
    eventually("the old image is gone", || (docker(["image", "inspect", &image]).code() != 0).then_some(()));
    // It is not the image's: it would be lost with the container.
    s.write("src/b", "3");
    until(&s, "cat /src/b", "3");
    up.signal("INT");
    let run = up.wait(Duration::from_secs(30));
    assert_eq!(run.code(), 130, "{run}");
    assert_eq!(s.inspect(&s.container("app"), "{{.State.Running}}"), "false");
}

#[test]
fn changes_of_the_project_itself_are_applied() {
    let Some(s) = Scenario::new("watch-project") else { return };
    let rule = "        - {action: sync, path: ./src, target: /srv/src}\n";
    let text = |more: &str| format!("{}    env_file: [app.env]\n{more}", service(rule));
    s.write("app.env", "COLOUR=red\n");
    s.write("src/a", "1");
    s.compose_file(&text(""));
    let mut up = s.stack_in_background(["up", "--watch"]);
    up.until_it_says("⦿ Watch enabled");
    let first = s.container("app");
    s.write("src/a", "2");
    until(&s, "cat /srv/src/a", "2");

    s.compose_file("services: [");
    up.until_it_says("the YAML is not well formed");
    up.until_it_says("The changed project cannot be read");
    assert_eq!(s.container("app"), first);
    assert_eq!(s.inspect(&first, "{{.State.Running}}"), "true");

    s.compose_file(&text(
        "  other:\n    image: busybox:stable\n    command: [sh, -c, 'echo I am new; sleep 1000']\n    init: true\n",
    ));
    up.until_it_says("other-1  | I am new");
    assert_eq!(s.container("app"), first, "what has not changed stays");

    s.write("app.env", "COLOUR=blue\n");
    until(&s, "echo $COLOUR", "blue");
    until(&s, "cat /srv/src/a", "2");
    s.write("src/b", "3");
    until(&s, "cat /srv/src/b", "3");
    up.signal("INT");
    let run = up.wait(Duration::from_secs(30));
    assert_eq!(run.code(), 130, "{run}");
    for service in ["app", "other"] {
        assert_eq!(s.inspect(&s.container(service), "{{.State.Running}}"), "false", "{run}");
    }
}

#[test]
fn what_cannot_be_watched_is_said() {
    let Some(s) = Scenario::new("watch-nothing") else { return };
    s.compose_file("services:\n  app:\n    image: busybox:stable\n    command: [sleep, '1000']\n");
    let _ = s
        .stack(["watch"])
        .exits(1)
        .says("none of the selected services is configured for watch, consider setting a 'develop' section");
    let _ = s.stack(["up", "--watch"]).exits(1).says(
        "none of the selected services is configured for watch, see https://docs.docker.com/compose/how-tos/file-watch/",
    );
    let _ = s.stack(["watch", "nope"]).exits(1).says("no such service: nope");
    assert_eq!(s.containers("app"), Vec::<String>::new());
    s.compose_file(&service("        - {action: rebuild, path: ./src}\n"));
    let _ = s.stack(["watch"]).exits(1).says("can't watch service \"app\" with action rebuild without a build context");
    s.compose_file(&service("        - {action: sync, path: ./src, target: /srv}\n"));
    let dry = s.stack(["watch", "--dry-run"]).ok();
    let _ = dry.says("create container").says("src: sync to app:/srv");
    assert_eq!(s.containers("app"), Vec::<String>::new());
}

#[test]
fn a_restart_by_the_watch_does_not_end_the_session() {
    let Some(s) = Scenario::new("watch-abort") else { return };
    s.compose_file(&service("        - {action: restart, path: ./touch}\n"));
    s.write("touch", "1");
    let mut up = s.stack_in_background(["up", "--watch", "--abort-on-container-exit"]);
    up.until_it_says("⦿ Watch enabled");
    let id = s.container("app");
    s.write("touch", "2");
    up.until_it_says("⦿ service(s) [\"app\"] restarted");
    assert_eq!(s.inspect(&id, "{{.State.Running}}"), "true");
    // An end that nobody has asked for still does.
    let _ = docker(["kill", &id]).ok();
    let run = up.wait(Duration::from_secs(30));
    assert_eq!(run.code(), 137, "{run}");
    let _ = run.says("Aborting on container exit...");
}

#[test]
fn patterns_of_the_build_context_are_read_again() {
    let Some(s) = Scenario::new("watch-ignore") else { return };
    s.write("ctx/Dockerfile", "FROM busybox:stable\n");
    s.write("ctx/.dockerignore", "secret\n");
    s.compose_file(
        r#"
services:
  app:
    build: ./ctx
    command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait; done"]
    develop:
      watch:
        - {action: sync, path: ./ctx, target: /ctx}
"#,
    );
    let mut watch = s.stack_in_background(["watch"]);
    watch.until_it_says("Watch enabled");
    s.write("ctx/secret", "1");
    s.write("ctx/a", "1");
    until(&s, "ls /ctx", "a");
    s.write("ctx/.dockerignore", "nothing\n");
    until(&s, "ls -A /ctx", ".dockerignore\na");
    s.write("ctx/secret", "2");
    until(&s, "cat /ctx/secret", "2");
    interrupted(watch);
}

#[test]
fn what_does_not_run_is_not_watched() {
    let Some(s) = Scenario::new("watch-nostart") else { return };
    s.compose_file(&service("        - {action: sync, path: ./src, target: /srv/src}\n"));
    s.write("src/first", "1");
    let said = s.stack(["up", "--watch", "--no-start"]).ok();
    let _ = said.says("warning: with `--no-start` nothing runs").never_says("Watch enabled");
    assert_eq!(s.inspect(&s.container("app"), "{{.State.Status}}"), "created");
}
