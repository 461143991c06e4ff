//! examples/01-webapp, its compose file unchanged, from the first `up` to `down -v`.

use std::process::Command;

use integration::engine::{docker, note};
use integration::{Answer, Curl, Scenario, eventually, run};
use serde_json::Value;

use crate::websocket;

/// The example's host; another one where the demo has that, by an override file beside the unchanged compose file.
fn host(s: &Scenario) -> &'static str {
    let demo = docker(["ps", "--quiet", "--filter", "label=com.docker.compose.project=01-webapp"]).ok();
    if demo.stdout.trim().is_empty() {
        return "app.example.com";
    }
    note("note: the demo is up and has app.example.com; the example runs as webapp.example.com");
    s.write(
        "docker-compose.override.yml",
        "services:\n  app:\n    labels:\n      - \"traefik.http.routers.app.rule=Host(`webapp.example.com`)\"\n",
    );
    "webapp.example.com"
}

#[test]
fn the_example_runs_end_to_end() {
    let Some(s) = Scenario::new("webapp") else { return };
    s.copy_from("examples/01-webapp");
    let _ = std::fs::remove_dir_all(s.folder().join("certs"));
    let host = host(&s);
    let _ = run(Command::new("./certs.sh").arg(host).current_dir(s.folder())).ok();

    let first = s.stack(["up", "-d"]).ok().says(&format!("https://{host}"));
    let about_traefik: Vec<&str> = first.stderr.lines().filter(|line| line.contains("traefik")).collect();
    assert!(about_traefik.len() == 1, "one line says that the gateway stands in for Traefik:\n{first}");
    assert_eq!(s.containers("traefik"), Vec::<String>::new());
    assert_eq!(s.owned("network"), [format!("{}_mynet", s.project)]);
    assert_eq!(s.owned("volume"), [format!("{}_pgdata", s.project)]);
    let (app, db) = (s.container("app"), s.container("db"));
    let started = |id: &str| s.inspect(id, "{{.State.StartedAt}}");
    assert!(started(&db) < started(&app), "db is started before app");

    answers_over_both_versions(&s, host);
    websocket::echoes(host, 443, &s.folder().join("certs/cert.pem"));
    strangers_get_traefiks_404(&s);
    db_is_private(&s, &db);
    a_second_up_changes_nothing(&s, [&app, &db]);
    a_second_build_uses_the_cache(&s, host);

    let visits = count(&ask(&s, host, &[]));
    let _ = s.stack(["down"]).ok();
    assert_eq!((s.containers("app"), s.containers("db")), (vec![], vec![]));
    assert_eq!(s.owned("network"), Vec::<String>::new());
    assert_eq!(s.owned("volume"), [format!("{}_pgdata", s.project)]);

    let _ = s.stack(["up", "-d"]).ok();
    let again = count(&until_counted(&s, host));
    assert!(again > visits, "the volume keeps the count: {visits} before, {again} after");

    let _ = s.stack(["down", "-v"]).ok();
    assert_eq!(s.owned("volume"), Vec::<String>::new());
}

fn ask(s: &Scenario, host: &str, arguments: &[&str]) -> Answer {
    let curl = Curl::to("https", host, 443, "/").trusting(&s.folder().join("certs/cert.pem"));
    arguments.iter().fold(curl, |curl, argument| curl.with(argument)).send()
}

/// The app waits for its database when it starts.
fn until_counted(s: &Scenario, host: &str) -> Answer {
    let mut last = Answer::default();
    integration::holds_within(std::time::Duration::from_secs(60), || {
        last = ask(s, host, &[]);
        (last.status == 200).then(|| last.clone())
    })
    .unwrap_or_else(|| panic!("the app does not answer: {last:?}\n{}", s.stack(["logs"])))
}

fn count(answer: &Answer) -> u64 {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    body["visits"].as_u64().unwrap()
}

fn answers_over_both_versions(s: &Scenario, host: &str) {
    until_counted(s, host);
    for (option, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let answer = ask(s, host, &[option, "--header", "X-Forwarded-For: 203.0.113.7"]);
        assert_eq!((answer.status, answer.version.as_str()), (200, version), "{answer:?}");
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        let header = |name: &str| body["headers"][name].as_str().unwrap_or_default().to_owned();
        assert_eq!(header("host"), host);
        // Sent by a stranger, so not believed (Traefik's `forwardedHeaders.insecure=false`).
        assert_eq!(header("x-forwarded-for"), "127.0.0.1");
        assert_eq!(header("x-forwarded-proto"), "https");
        assert_eq!(header("x-forwarded-host"), host);
        assert_eq!(header("x-forwarded-port"), "443");
        assert_eq!(header("x-real-ip"), "127.0.0.1");
        assert!(!header("x-forwarded-server").is_empty(), "{answer:?}");
    }
}

fn strangers_get_traefiks_404(s: &Scenario) {
    let answer = Curl::to("https", "nobody.example.com", 443, "/").with("--insecure").send();
    assert_eq!((answer.status, answer.body.as_str()), (404, "404 page not found\n"), "{answer:?}");
    // Verified against the example's own authority, an unknown name is no one's certificate.
    let strict = Curl::to("https", "nobody.example.com", 443, "/").trusting(&s.folder().join("certs/cert.pem")).send();
    assert_eq!(strict.status, 0, "{strict:?}");
}

fn db_is_private(s: &Scenario, db: &str) {
    assert_eq!(s.inspect(db, "{{json .HostConfig.PortBindings}}").replace("null", "{}"), "{}");
    let address = s.inspect(db, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    let mine = format!("{}_mynet", s.project);
    let probe = |network: &str| {
        docker(["run", "--rm", "--network", network, "busybox:stable", "nc", "-w", "2", &address, "5432"]).code()
    };
    assert_eq!(probe(&mine), 0, "from its own network the database is reached");
    assert_ne!(probe("bridge"), 0, "from another network it is not");
}

fn a_second_up_changes_nothing(s: &Scenario, containers: [&String; 2]) {
    let state = || containers.map(|id| s.inspect(id, "{{.Id}} {{.State.StartedAt}} {{.State.Pid}}"));
    let before = state();
    let since = timestamp();
    let _ = s.stack(["up", "-d"]).ok().never_says("Recreate");
    assert_eq!(state(), before);
    let until = timestamp();
    let events = docker([
        "events",
        "--since",
        &since,
        "--until",
        &until,
        "--filter",
        &format!("label=com.docker.compose.project={}", s.project),
        "--format",
        "{{.Type}} {{.Action}} {{.Actor.ID}}",
    ]);
    let events = events.ok();
    assert_eq!(events.stdout, "", "no call changes anything");
}

fn timestamp() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    format!("{}.{:09}", now.as_secs(), now.subsec_nanos())
}

fn a_second_build_uses_the_cache(s: &Scenario, host: &str) {
    let image = format!("{}-app", s.project);
    let id = || docker(["image", "inspect", "--format", "{{.Id}}", &image]).ok().stdout;
    let before = id();
    let _ = s.stack(["build"]).ok();
    assert_eq!(id(), before, "every layer comes from the cache");
    eventually("the app still answers", || (ask(s, host, &[]).status == 200).then_some(()));
}
