//! `stats`, `commit`, `push`, and `--dry-run` on every command.

use std::collections::BTreeSet;
use std::process::Command;

use integration::engine::docker;
use integration::registry::{AUTH, DIGEST};
use integration::{Registry, Run, Scenario, eventually, run};
use serde_json::Value;

const FILE: &str = r#"
services:
  web:
    image: busybox:stable
    command: ["sleep", "1000"]
    stop_grace_period: 0s
    ports: ["80"]
    develop: {watch: [{path: ./own, action: sync, target: /own}]}
  own:
    image: REGISTRY/own
    build: {context: own, tags: ["REGISTRY/own:2"]}
    command: ["sleep", "1000"]
    stop_grace_period: 0s
  off:
    image: busybox:stable
    command: ["true"]
volumes:
  data:
"#;

/// A scenario whose images have names of a registry, which go with it.
struct Ground {
    scenario: Scenario,
    _images: Images,
}

impl std::ops::Deref for Ground {
    type Target = Scenario;

    fn deref(&self) -> &Scenario {
        &self.scenario
    }
}

/// Dropped after the scenario, so that no container is in the way.
struct Images([String; 2]);

impl Drop for Images {
    fn drop(&mut self) {
        let [one, other] = &self.0;
        let _ = docker(["image", "rm", "--force", one, other]);
    }
}

fn prepared(name: &str) -> Option<Ground> {
    let s = Scenario::new(name)?;
    let own = format!("localhost:1/{}/own", s.project);
    let images = Images([format!("{own}:latest"), format!("{own}:2")]);
    // A registry that nobody runs: what is pushed there fails at once.
    s.compose_file(&FILE.replace("REGISTRY", &format!("localhost:1/{}", s.project)));
    s.write("own/Dockerfile", &format!("FROM busybox:stable\nLABEL scenario={}\n", s.project));
    let _ = s.stack(["up", "-d"]).ok();
    // It ends by itself, a moment later; what the commands find is the same each time.
    eventually("`off` has ended", || (s.inspect(&s.container("off"), "{{.State.Status}}") == "exited").then_some(()));
    Some(Ground { scenario: s, _images: images })
}

#[test]
fn stats_show_what_containers_use() {
    let Some(s) = prepared("stats") else { return };
    let table = s.stack(["stats", "--no-stream"]).ok().stdout;
    let head = table.lines().next().unwrap_or_default();
    assert_eq!(
        head.split("  ").map(str::trim).filter(|title| !title.is_empty()).collect::<Vec<_>>(),
        ["CONTAINER ID", "NAME", "CPU %", "MEM USAGE / LIMIT", "MEM %", "NET I/O", "BLOCK I/O", "PIDS"]
    );
    assert_eq!(table.lines().count(), 3, "{table}");
    let all = s.stack(["stats", "--no-stream", "--all", "--format", "json"]).ok().stdout;
    let rows: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &str| rows.iter().find(|row| row["Name"] == format!("{}-{name}-1", s.project).as_str()).unwrap();
    assert_eq!((&of("off")["PIDs"], &of("off")["MemUsage"]), (&"0".into(), &"0B / 0B".into()));
    assert_eq!(of("web")["PIDs"], "1");
    let used = of("web")["MemUsage"].as_str().unwrap();
    assert!(used.contains("iB / ") && !used.starts_with("0B"), "{used}");
    if let Some(theirs) = s.compose(["stats", "--no-stream", "--format", "json", "web"]) {
        let theirs: Value = serde_json::from_str(theirs.ok().stdout.trim()).unwrap();
        let keys = |row: &Value| row.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(of("web")), keys(&theirs));
        assert_eq!(
            of("web")["MemUsage"].as_str().unwrap().split(" / ").last(),
            theirs["MemUsage"].as_str().unwrap().split(" / ").last()
        );
    }

    // Followed, a table comes every second, and containers come and go.
    let followed = s.stack_in_background(["stats"]);
    let last = || followed.text().rsplit("CONTAINER ID").next().unwrap_or_default().to_owned();
    eventually("two tables", || (followed.text().matches("CONTAINER ID").count() >= 2).then_some(()));
    let _ = s.stack(["kill", "web"]).ok();
    eventually("a table without what has ended", || {
        (last().contains("own-1") && !last().contains("web-1")).then_some(())
    });
    let _ = s.stack(["start", "web"]).ok();
    eventually("a table with it", || last().contains("web-1").then_some(()));
}

#[test]
fn templates_print_what_docker_compose_prints() {
    let Some(s) = prepared("format") else { return };
    for format in [
        "{{.Name}} {{.State}}",
        "{{.Name | upper}}: {{json .Image}} {{.ExitCode}} {{.Ports}}",
        r#"{{.Label "com.docker.compose.service"}}\t{{.Networks}}"#,
        r"table {{.ID}}\t{{.Name}}\t{{.Command}}\t{{.Service}}\t{{.CreatedAt}}",
        r#"{{if eq .State "running"}}{{len .Publishers}} {{.Publishers}}{{else}}{{printf "%-9s|" .Name}}{{end}}"#,
        r#"table {{range .Publishers}}{{.TargetPort}}/{{.Protocol}} {{end}}\t{{join (split .Name "-") "+"}}\t{{.Label "a.b"}}"#,
    ] {
        let ours = s.stack(["ps", "--all", "--format", format]).ok();
        let Some(theirs) = s.compose(["ps", "--all", "--format", format]) else { return };
        assert_eq!(ours.stdout, theirs.ok().stdout, "{format}");
    }
    let refused = s.stack(["ps", "--format", "{{.Name}} {{nope .Name}}"]);
    let message = "`{{nope .Name}}` in `--format`: there is no function `nope`";
    assert!(refused.code() == 1 && refused.stderr.contains(message), "{refused}");
}

#[test]
fn commit_makes_an_image() {
    let Some(s) = prepared("commit") else { return };
    let image = format!("{}-kept:one", s.project);
    let _ = docker(["exec", &s.container("web"), "sh", "-c", "echo kept >/kept"]).ok();
    let committed = s
        .stack([
            "commit",
            "-a",
            "somebody",
            "-m",
            "as it was",
            "-c",
            "ENV KEPT=yes",
            "--change",
            "CMD [\"cat\", \"/kept\"]",
            "web",
            &image,
        ])
        .ok();
    let id = docker(["image", "inspect", "--format", "{{.Id}}", &image]).ok().stdout;
    assert!(committed.stderr.contains(&format!("Committed as {}", id.trim())), "{committed}");
    let told =
        docker(["image", "inspect", "--format", "{{.Author}}, {{.Comment}}, {{.Config.Env}}", &image]).ok().stdout;
    assert!(told.starts_with("somebody, as it was, ") && told.contains("KEPT=yes"), "{told}");
    assert_eq!(docker(["run", "--rm", "--network=none", &image]).ok().stdout, "kept\n");
    let refused = s.stack(["commit", "web", "NOT A NAME"]);
    assert!(refused.code() == 1 && refused.stderr.contains("invalid reference format"), "{refused}");
}

#[test]
fn push_sends_images_with_the_stored_password() {
    let Some(s) = Scenario::new("push-to") else { return };
    let registry = Registry::start();
    let own = format!("{}/{}/own", registry.address, s.project);
    let _images = Images([format!("{own}:latest"), format!("{own}:2")]);
    s.compose_file(&format!("services: {{own: {{image: \"{own}\", build: {{context: own, tags: [\"{own}:2\"]}}}}}}\n"));
    s.write("own/Dockerfile", &format!("FROM busybox:stable\nLABEL scenario={}\n", s.project));
    let _ = s.stack(["build"]).ok();
    let push = |config: &str| {
        s.write("docker/config.json", config);
        let mut command = s.stack_command(["push"]);
        run(command.env("DOCKER_CONFIG", s.folder().join("docker")))
    };
    let refused = push("{}");
    assert!(refused.code() == 1 && refused.stderr.contains("cannot push "), "{refused}");
    assert_eq!(registry.pushed(), Vec::<String>::new());
    let sent = push(&format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{AUTH}\"}}}}}}", registry.address)).ok();
    assert_eq!(
        registry.pushed(),
        ["latest", "2"].map(|tag| format!("{}/own:{tag}", s.project)).into_iter().rev().collect::<Vec<_>>()
    );
    assert_eq!(sent.stderr.matches("  Pushed").count(), 2, "{sent}");
    let pin = |config: &str| {
        s.write("docker/config.json", config);
        let mut command = s.stack_command(["config", "--lock-image-digests"]);
        run(command.env("DOCKER_CONFIG", s.folder().join("docker")))
    };
    let pinned = pin(&format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{AUTH}\"}}}}}}", registry.address)).ok();
    assert_eq!(pinned.stdout, format!("services:\n  own:\n    image: {own}:latest@{DIGEST}\n"));
    let refused = pin("{}");
    let place = format!("error: docker-compose.yml:1: cannot find the digest of image {own}:latest: ");
    assert!(refused.code() == 1 && refused.stderr.starts_with(&place), "{refused}");
}

#[test]
fn a_terminal_is_detached_by_the_keys_that_were_asked_for() {
    let Some(s) = Scenario::new("detach") else { return };
    s.compose_file(
        "services: {cat: {image: \"busybox:stable\", command: [cat], tty: true, stdin_open: true, stop_grace_period: 0s}}\n",
    );
    let _ = s.stack(["up", "-d"]).ok();
    // The keys come once the terminal echoes: nothing may be typed before it is attached. They stay in one piece, and the
    // pipe open until it has ended.
    let script = format!(
        "mkfifo keys; (exec 3>keys; until grep -q typed out; do printf 'typed\\r' >&3; sleep 0.2; done; printf xy >&3; \
         until [ -e ended ]; do sleep 0.1; done) & \
         script -qefc '{} attach --detach-keys x,y cat; echo $? >ended' out <keys >/dev/null; cat ended",
        integration::scenario::stack().display()
    );
    let ended = run(Command::new("sh").args(["-c", &script]).current_dir(s.folder()));
    assert_eq!(ended.stdout, "0\n", "{ended}");
    assert_eq!(s.inspect(&s.container("cat"), "{{.State.Status}}"), "running");
    let refused = s.stack(["attach", "--detach-keys", "no-key", "cat"]);
    assert!(refused.code() == 1 && refused.stderr.contains("detach keys"), "{refused}");
}

#[test]
fn push_tells_what_it_could_not_send() {
    let Some(s) = prepared("push") else { return };
    let failed = s.stack(["push"]);
    assert_eq!(failed.code(), 1, "{failed}");
    assert!(failed.stderr.contains("web  Skipped it is not built here"), "{failed}");
    for image in ["own", "own:2"] {
        let words = format!("cannot push localhost:1/{}/{image} (service own): ", s.project);
        assert!(failed.stderr.contains(&words), "{failed}");
    }
    let ignored = s.stack(["push", "--ignore-push-failures", "own"]).ok();
    assert!(ignored.stderr.contains("warning: cannot push "), "{ignored}");
    assert_eq!(s.stack(["push", "web"]).ok().stdout, "");
    let built = s.stack(["build", "--push", "--memory", "256m", "own"]);
    assert!(built.code() == 1 && built.stderr.contains("Built") && built.stderr.contains("cannot push "), "{built}");
}

/// Everything that a command could have changed.
fn state(s: &Scenario) -> String {
    let label = format!("label=com.docker.compose.project={}", s.project);
    let containers =
        docker(["ps", "-a", "--no-trunc", "--filter", &label, "--format", "{{.ID}} {{.Names}} {{.State}}"]).ok();
    let started = docker(["inspect", "--format", "{{.State.StartedAt}} {{.State.Pid}}", &s.container("web")]).ok();
    let reference = format!("reference=*/{}/*", s.project);
    let images =
        docker(["image", "ls", "--no-trunc", "--filter", &reference, "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"])
            .ok();
    let mut files: Vec<_> = std::fs::read_dir(s.folder()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    files.sort();
    let owned = (s.owned("network"), s.owned("volume"));
    format!("{}{}{}{owned:?} {files:?}", containers.stdout, started.stdout, images.stdout)
}

/// What a command says with `--dry-run`.
enum Says {
    /// What it would do: at least this, and every line with the mark.
    Plan(&'static str),
    /// As always: it only looks.
    AsAlways,
    /// That there is nothing to say.
    Refused,
}

#[test]
fn a_dry_run_of_any_command_changes_nothing() {
    use Says::{AsAlways, Plan, Refused};
    let Some(s) = prepared("dry") else { return };
    s.write("file", "x");
    s.write("static.yml", "entryPoints: {web: {address: ':80'}}\n");
    let table: [(&[&str], Says); 46] = [
        (&["attach", "web"], Refused),
        (&["build", "own"], Plan("build image localhost:1/")),
        (&["build", "--push", "own"], Plan("push image localhost:1/")),
        (&["commit", "web", "x/y"], Plan("commit ")),
        (&["config", "-q"], AsAlways),
        (&["config", "-o", "written"], Plan("write written")),
        (&["cp", "file", "web:/"], Plan("copy file to ")),
        (&["create", "--force-recreate"], Plan("create container ")),
        (&["doctor"], AsAlways),
        (&["down", "-v", "--rmi", "all"], Plan("remove ")),
        (&["events", "--since", "1h", "--until", "0s"], AsAlways),
        (&["exec", "-T", "web", "touch", "/x"], Plan("run `touch /x` in ")),
        (&["explain"], AsAlways),
        (&["export", "web", "-o", "x.tar"], Plan("export ")),
        (&["gateway", "--entrypoints.web.address=:0"], Refused),
        (&["images"], AsAlways),
        (&["kill"], Plan("kill ")),
        (&["logs"], AsAlways),
        (&["ls"], AsAlways),
        (&["pause"], Plan("pause ")),
        (&["plan"], AsAlways),
        (&["port", "web", "80"], AsAlways),
        (&["ps"], AsAlways),
        (&["pull", "web"], Plan("pull image busybox:stable")),
        (&["push"], Plan("push image localhost:1/")),
        (&["restart"], Plan("restart ")),
        (&["rm", "-f"], Plan("remove ")),
        (&["rm", "-sf"], Plan("stop ")),
        // There is no version before; the scenarios of rollouts make some.
        (&["rollback", "--help"], AsAlways),
        (&["routes", "--config", "static.yml"], AsAlways),
        (&["run", "web", "true"], Plan("create container ")),
        (&["run", "-d", "web", "true"], Plan("start ")),
        (&["scale", "web=2"], Plan("create container ")),
        (&["start"], Plan("start ")),
        (&["stats", "--no-stream"], AsAlways),
        (&["stop"], Plan("stop ")),
        (&["top"], AsAlways),
        (&["trust"], Refused),
        (&["unpause"], AsAlways),
        (&["up", "-d", "--force-recreate"], Plan("create container ")),
        (&["up"], Plan("start ")),
        (&["version"], AsAlways),
        // The volume is not there; the scenario of backups has one.
        (&["volume", "backup", "--help"], AsAlways),
        (&["volumes"], AsAlways),
        (&["wait", "--down-project", "web"], Plan("stop ")),
        (&["watch"], Plan("sync to web:/own")),
    ];
    // No command is left out of the table.
    let help = s.stack(["--help"]).ok().stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let listed: BTreeSet<&str> = commands.lines().filter_map(|line| line.split_whitespace().next()).collect();
    let tried: BTreeSet<&str> = table.iter().map(|(arguments, _)| arguments[0]).chain(["help"]).collect();
    assert_eq!(listed.difference(&tried).collect::<Vec<_>>(), Vec::<&&str>::new());

    let before = state(&s);
    let mut wrong = Vec::new();
    for (arguments, says) in table {
        let mut command = s.stack_command(["--dry-run"]);
        let dry: Run = run(command.args(arguments));
        let fits = match says {
            Plan(line) => {
                dry.code() == 0
                    && dry.stdout.lines().all(|line| line.starts_with("DRY-RUN MODE - "))
                    && dry.stdout.contains(line)
            }
            AsAlways => dry.code() == 0 && !dry.stdout.contains("DRY-RUN"),
            Refused => dry.code() == 1 && dry.stderr.contains("`--dry-run` has nothing to show"),
        };
        if !fits {
            wrong.push(dry.to_string());
        }
        let after = state(&s);
        assert_eq!(after, before, "{arguments:?} has changed something\n{dry}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn scripts_get_what_docker_compose_gives_them() {
    let Some(s) = Scenario::new("scripts") else { return };
    s.compose_file(
        "services:\n  dep: {image: \"busybox:stable\", command: sleep 1000, stop_grace_period: 0s}\n  web:\n    \
         image: busybox:stable\n    command: sleep 1000\n    stop_grace_period: 0s\n    environment: {GIVEN: file}\n    \
         depends_on: [dep]\n",
    );
    let _ = s.stack(["create"]).ok();
    // By its name alone: the file is not read, and a cleanup may come twice.
    for order in ["stop", "rm", "kill", "ps", "rm", "stop"] {
        let _ = s.stack(["-p", &s.project, order, "dep"]).ok();
        let _ = s.stack(["-p", &s.project, "rm", "-f", "dep"]).ok();
    }
    let _ = s.stack(["-p", &s.project, "stop", "dop"]).exits(1).says("no such service: dop");
    let _ = s.stack(["up", "-d"]).ok();
    // A variable without a value here: `run` keeps that of the file, `exec` takes it away.
    let echo = "echo ${GIVEN-none}";
    let ran = s.stack(["run", "--rm", "-i=false", "-T", "--no-deps", "-e", "GIVEN", "web", "sh", "-c", echo]).ok();
    assert_eq!(ran.stdout, "file\n");
    assert_eq!(s.stack(["exec", "-T=true", "-e", "GIVEN", "web", "sh", "-c", echo]).ok().stdout, "none\n");
    let _ = s.stack(["run", "--rm", "-t", "web", "true"]).exits(1).says("the input device is not a TTY");
    assert!(s.stack(["config", "--format", ""]).ok().stdout.contains("services:"));
    assert_eq!(s.stack(["config", "--environment", "-q"]).ok().stdout, "");
    let failed = s.stack(["--progress", "json", "stop", "nope"]).exits(1);
    assert!(failed.stderr.starts_with(r#"{"error":true,"message":"no such service: nope""#), "{failed}");
    let again = s.stack(["--progress", "json", "restart", "-t", "0", "web"]).ok();
    assert!(again.stderr.lines().any(|line| line.ends_with(r#"-web-1","status":"Started"}"#)), "{again}");
    let mut stop = s.stack_command(["stop", "web"]);
    let stopped = run(stop.env("COMPOSE_STATUS_STDOUT", "1").env("COMPOSE_ANSI", "bogus")).ok();
    assert!(stopped.stdout.contains("Stopped") && stopped.stderr.is_empty(), "{stopped:?}");
    // An attached `up` ends those that were named.
    s.compose_file(
        "services:\n  dep: {image: \"busybox:stable\", command: sleep 1000, stop_grace_period: 0s}\n  web: {image: \
         \"busybox:stable\", command: \"sh -c 'exit 3'\", depends_on: [dep]}\n",
    );
    // Who waited for the other one would wait for a thousand seconds.
    let _ = s.stack(["up", "--abort-on-container-exit", "web"]).exits(3);
    assert_eq!(s.stack(["ps", "--services"]).ok().stdout, "dep\n");
}
