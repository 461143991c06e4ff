//! Looking after what runs: `plan`, `doctor`, backups of volumes, unhealthy containers, engines elsewhere, the plugin.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use integration::engine::{docker, has_image, skip};
use integration::{Background, Scenario, eventually, run};
use serde_json::Value;

use crate::lifecycle::TWO_SERVICES;

#[test]
fn a_plan_says_what_up_would_do() {
    let Some(s) = Scenario::new("plan") else { return };
    let file = |debug: &str, password: &str| {
        format!(
            "services:\n  web:\n    image: busybox:stable\n    command: sleep 1000\n    stop_grace_period: 1s\n    environment:\n      DEBUG: \"{debug}\"\n      PASSWORD: {password}\n    labels:\n      a: \"{debug}\"\n"
        )
    };
    s.compose_file(&file("0", "first"));
    let first = s.stack(["plan", "--detailed-exitcode"]).exits(2);
    assert!(first.stdout.contains(&format!("create container {}-web-1", s.project)), "{first}");
    assert!(s.containers("web").is_empty(), "nothing was done");
    let _ = s.stack(["up", "-d"]).ok();
    let nothing = s.stack(["plan", "--detailed-exitcode"]).ok();
    assert_eq!(nothing.stdout, "nothing to do\n");

    s.compose_file(&file("1", "second"));
    let _ = s.stack(["plan"]).ok();
    let plan = s.stack(["plan", "--detailed-exitcode"]).exits(2);
    let place = |line: u32| format!("(docker-compose.yml:{line})");
    for cause in [
        format!("environment.DEBUG: \"0\" -> \"1\" {}", place(7)),
        format!("environment.PASSWORD has changed {}", place(8)),
        format!("labels.a has changed {}", place(10)),
    ] {
        assert!(plan.stdout.contains(&cause), "{cause}\n{plan}");
    }
    assert!(!plan.text().contains("second") && !plan.text().contains("first"), "{plan}");
    let json = s.stack(["plan", "--format", "json", "--detailed-exitcode"]).exits(2);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let actions: Vec<&str> =
        json["steps"].as_array().unwrap().iter().filter_map(|step| step["action"].as_str()).collect();
    assert!(json["changes"] == true && actions.len() == 5 && actions[1].starts_with("stop "), "{json}");
    let dry = s.stack(["up", "-d", "--dry-run"]).ok();
    assert_eq!(dry.stdout.replace("DRY-RUN MODE - ", ""), plan.stdout, "they are one");
    let _ = s.stack(["plan", "--no-recreate", "--detailed-exitcode"]).ok();
    let _ = s.stack(["plan", "nobody"]).exits(1).says("no such service: nobody");
}

/// Prints everything about the files of a volume.
const LIST: &str = "cd /data && find . | sort | while read f; do stat -c '%n %f %u:%g %h %Y' \"$f\"; readlink \"$f\"; done; md5sum /data/a/one";

#[test]
fn a_volume_is_backed_up_and_restored() {
    let Some(s) = Scenario::new("backup") else { return };
    s.compose_file(TWO_SERVICES);
    let _ = s.stack(["up", "-d"]).ok();
    let sh = |line: &str| s.stack(["exec", "-T", "db", "sh", "-c", line]);
    let _ = sh("mkdir -p /data/a && head -c 3000000 /dev/urandom > /data/a/one && ln /data/a/one /data/two && ln -s a/one /data/link && mkfifo /data/pipe && chown -R 12:34 /data/a && chmod 2750 /data/a && chown 56:78 /data").ok();
    let before = sh(LIST).ok().stdout;
    let _ = s
        .stack(["volume", "backup", "data", "-o", "running.tar"])
        .ok()
        .says("may write to the volume while it is read");
    let id = s.container("db");
    let dry = s.stack(["volume", "backup", "data", "--stop", "-o", "dry.tar", "--dry-run"]).ok();
    let expected = format!(
        "DRY-RUN MODE - stop {0}-db-1 until it is done\nDRY-RUN MODE - write volume {0}_data to dry.tar\n",
        s.project
    );
    assert!(dry.stdout == expected && !s.folder().join("dry.tar").exists(), "{dry}");
    let _ = s.stack(["volume", "backup", "data", "--stop", "-o", "data.tar"]).ok();
    assert_eq!((s.container("db"), s.inspect(&id, "{{.State.Status}}")), (id.clone(), "running".to_owned()));
    let listed = run(Command::new("tar").arg("-tf").arg(s.folder().join("data.tar"))).ok();
    assert!(listed.stdout.lines().any(|line| line == "a/one"), "{listed}");

    let change = "rm -r /data/a /data/two; echo x > /data/new";
    let _ = sh(change).ok();
    let changed = sh("ls /data").ok().stdout;
    let _ = s.stack(["volume", "restore", "data", "-i", "data.tar"]).exits(1).says("is in use by");
    let _ = s
        .stack(["volume", "restore", "data", "--stop", "-i", "data.tar"])
        .exits(1)
        .says("is not empty; nothing was changed");
    let whole = fs::read(s.folder().join("data.tar")).unwrap();
    fs::write(s.folder().join("half.tar"), &whole[..whole.len() / 2]).unwrap();
    let _ = s.stack(["volume", "restore", "data", "--stop", "-y", "-i", "half.tar"]).exits(1).says("is as it was");
    assert_eq!(sh("ls /data").ok().stdout, changed, "half an archive changes nothing");
    let _ = s.stack(["volume", "restore", "data", "--stop", "-y", "-i", "data.tar"]).ok();
    assert_eq!(sh(LIST).ok().stdout, before);

    // Into a volume that is not there any more.
    let _ =
        s.stack(["down", "-v"]).ok().says(&format!("removing volumes with all that is in them: {}_data", s.project));
    let _ = s.stack(["volume", "backup", "data", "-o", "x.tar"]).exits(1).says("does not exist");
    let _ = s.stack(["volume", "restore", "data", "-i", "data.tar"]).ok();
    let _ = s.stack(["up", "-d"]).ok();
    assert_eq!(sh(LIST).ok().stdout, before);
    let _ = s.stack(["volume", "backup", "date", "-o", "x.tar"]).exits(1).says("did you mean `data`?");
    let left = docker(["ps", "--all", "--quiet", "--filter", &format!("label=stack.helper={}_data", s.project)]).ok();
    assert_eq!(left.stdout, "", "no helper is left");
}

#[test]
fn a_database_survives_its_volume() {
    let Some(s) = Scenario::new("pgbackup") else { return };
    if !has_image("postgres:16-alpine") {
        return skip("pgbackup", "there is no image postgres:16-alpine");
    }
    s.compose_file(
        "services:\n  db:\n    image: postgres:16-alpine\n    environment: {POSTGRES_PASSWORD: x}\n    volumes: [data:/var/lib/postgresql/data]\n    healthcheck: {test: [CMD, pg_isready, -U, postgres, -h, 127.0.0.1], interval: 1s, retries: 60}\nvolumes: {data: {}}\n",
    );
    let query = |text: &str| s.stack(["exec", "-T", "db", "psql", "-U", "postgres", "-Atc", text]);
    let _ = s.stack(["up", "-d", "--wait"]).ok();
    let _ = query("create table t as select generate_series(1, 5000) as n").ok();
    let _ = s.stack(["volume", "backup", "data", "--stop", "-o", "data.tar"]).ok();
    let _ = s.stack(["down", "-v"]).ok();
    let _ = s.stack(["volume", "restore", "data", "-i", "data.tar"]).ok();
    let _ = s.stack(["up", "-d", "--wait"]).ok();
    assert_eq!(query("select sum(n) from t").ok().stdout.trim(), "12502500");
}

#[test]
fn unhealthy_containers_are_restarted_where_it_is_asked_for() {
    let Some(s) = Scenario::alone("heal") else { return };
    let service = |more: &str| {
        format!(
            "    image: busybox:stable\n    command: sh -c 'trap \"exit 0\" TERM; while true; do sleep 0.2; done'\n    stop_grace_period: 1s\n    healthcheck: {{test: [CMD, test, '!', -e, /ill], interval: 1s, retries: 1}}\n{more}"
        )
    };
    s.compose_file(&format!(
        "services:\n  web:\n{}  other:\n{}",
        service("    x-stack: {restart-unhealthy: true}\n    tmpfs: [/run]\n"),
        service("")
    ));
    let _ = s.stack(["up", "-d", "--wait"]).ok();
    let started = |service: &str| s.inspect(&s.container(service), "{{.State.StartedAt}}");
    let (web, other) = (started("web"), started("other"));
    for service in ["web", "other"] {
        let _ = s.stack(["exec", "-T", service, "touch", "/ill"]).ok();
    }
    eventually("the container is restarted", || (started("web") != web).then_some(()));
    let _ = s.stack(["exec", "-T", "web", "rm", "-f", "/ill"]);
    eventually("it is healthy again", || {
        (s.inspect(&s.container("web"), "{{.State.Health.Status}}") == "healthy").then_some(())
    });
    assert_eq!(started("other"), other, "nobody asked for it");
    assert!(docker(["logs", "stack-agent"]).ok().text().contains("it is unhealthy, and restarted"));
}

#[test]
fn a_doctor_looks_at_the_project() {
    let Some(s) = Scenario::new("doctor") else { return };
    s.compose_file("services: {db: {image: busybox:stable, command: sleep 1000, stop_grace_period: 1s, volumes: [/var/run/docker.sock:/var/run/docker.sock]}}\n");
    let _ = s.stack(["up", "-d"]).ok();
    let found = s.stack(["doctor", "--format", "json"]);
    let found: Value = serde_json::from_str(&found.stdout).unwrap();
    let has = |severity: &str, check: &str, word: &str| {
        found["findings"].as_array().unwrap().iter().any(|finding| {
            finding["severity"] == severity
                && finding["check"] == check
                && finding["message"].as_str().is_some_and(|text| text.contains(word))
        })
    };
    assert!(has("ok", "engine", "API ") && has("ok", "clock", "agree"), "{found}");
    assert!(has("warning", "socket", &format!("{}-db-1", s.project)), "{found}");
    let nobody = run(&mut s.stack_command(["-H", "unix:///nowhere/docker.sock", "doctor"])).exits(1);
    assert!(nobody.stdout.starts_with("error    engine        cannot reach the Docker engine"), "{nobody}");
}

/// A folder with `stack` as the `docker` command's plugin.
fn plugin_folder(s: &Scenario) -> PathBuf {
    let folder = s.folder().join("docker-config");
    fs::create_dir_all(folder.join("cli-plugins")).unwrap();
    let stack = fs::canonicalize(integration::stack()).unwrap();
    symlink(stack, folder.join("cli-plugins/docker-compose")).unwrap();
    folder
}

#[test]
fn stack_is_the_docker_commands_plugin() {
    let Some(s) = Scenario::new("plugin") else { return };
    s.compose_file(TWO_SERVICES);
    let folder = plugin_folder(&s);
    let command = |arguments: &[&str]| {
        let mut command = Command::new("docker");
        command.args(arguments).current_dir(s.folder()).env("DOCKER_CONFIG", &folder);
        command
    };
    let compose = |arguments: &[&str]| run(&mut command(arguments));
    for arguments in [&["compose", "version"][..], &["compose", "--version"]] {
        let _ = compose(arguments).ok().says("Docker Compose version v2.").says("(stack ");
    }
    let short = compose(&["compose", "version", "--short"]).ok().stdout;
    assert!(short.starts_with("2.") && short.trim_end().split('.').all(|part| part.parse::<u32>().is_ok()), "{short}");
    let _ = compose(&["compose", "up", "-d"]).ok();
    let listed = compose(&["--context", "default", "compose", "-f", "docker-compose.yml", "ps", "-q"]).ok();
    assert_eq!(listed.stdout.lines().count(), 2, "{listed}");
    let _ = compose(&["compose", "stop"]).ok();
    let _ = compose(&["info", "--format", "{{json .ClientInfo.Plugins}}"]).ok().says("Docker Compose's commands");

    // The `docker` command hands a signal on.
    let mut attached = Background::start(&mut command(&["compose", "up"]));
    attached.until_it_says("Attaching to");
    attached.signal("TERM");
    let ended = attached.wait(Duration::from_secs(60));
    assert!(ended.text().contains("Gracefully stopping"), "{ended}");
    let states = ["web", "db"].map(|service| s.inspect(&s.container(service), "{{.State.Status}}"));
    assert_eq!(states, ["exited", "exited"]);
    let _ = compose(&["compose", "down", "-v"]).ok();
    assert!(s.containers("web").is_empty());
}

#[test]
fn engines_are_reached_by_contexts_and_ssh() {
    let Some(s) = Scenario::new("context") else { return };
    s.compose_file(TWO_SERVICES);
    let socket = docker(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).ok().stdout.trim().to_owned();
    let config = s.folder().join("docker-config");
    let create = |name: &str, host: &str| {
        let mut command = Command::new("docker");
        command.args(["context", "create", name, "--docker", &format!("host={host}")]).env("DOCKER_CONFIG", &config);
        let _ = run(command.env_remove("DOCKER_HOST").env_remove("DOCKER_CONTEXT")).ok();
    };
    create("here", &socket);
    create("far", "ssh://somebody@far.test/var/run/docker.sock");
    create("gone", "unix:///nowhere.sock");
    // What `ssh` does once it is connected: it runs what it was given.
    let bin = s.folder().join("bin");
    fs::create_dir(&bin).unwrap();
    let ssh = bin.join("ssh");
    fs::write(&ssh, format!("#!/bin/sh\necho \"$@\" >> {}/said\nwhile [ \"$1\" != -- ]; do shift; done\nshift 2\nshift 2>/dev/null\n[ \"${{1#--host}}\" != \"$1\" ] && shift\nDOCKER_HOST={socket} exec docker \"$@\"\n", s.folder().display())).unwrap();
    fs::set_permissions(&ssh, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let stack = |context: &str, arguments: &[&str]| {
        let mut command = s.stack_command(["--context", context]);
        command.args(arguments).env("DOCKER_CONFIG", &config).env("PATH", &path);
        run(command.env_remove("DOCKER_HOST"))
    };
    let _ = stack("far", &["up", "-d"]).ok();
    assert_eq!(stack("here", &["ps", "-q"]).ok().stdout.lines().count(), 2);
    let echoed = stack("far", &["exec", "-T", "web", "echo", "through"]).ok();
    assert_eq!(echoed.stdout, "through\n");
    let said = fs::read_to_string(s.folder().join("said")).unwrap();
    let expected =
        "-o ConnectTimeout=30 -T -l somebody -- far.test docker --host=unix:///var/run/docker.sock system dial-stdio";
    assert_eq!(said.lines().next(), Some(expected));
    let _ = stack("gone", &["ps"]).exits(1).says("cannot reach the Docker engine at unix:///nowhere.sock");
    let _ = stack("none", &["ps"]).exits(1).says("there is no docker context of this name");
    fs::write(&ssh, "#!/bin/sh\necho 'Permission denied (publickey).' >&2\nexit 255\n").unwrap();
    let _ = stack("far", &["ps"])
        .exits(1)
        .says("cannot reach the Docker engine")
        .says("`ssh` ended: Permission denied (publickey).");
    let _ = stack("here", &["down", "-v"]).ok();
}
