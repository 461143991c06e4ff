//! `stack routes` and `stack explain`: what a person is told about the gateway.

use integration::{Curl, Scenario, eventually, free_port};
use serde_json::Value;

use crate::routed;

/// The service of [`routed`], one that never gets healthy, and one whose label is misspelt.
fn file(port: u16) -> String {
    let more = format!(
        r#"
  sick:
    build: ./hello
    healthcheck: {{test: ["CMD", "/nothing"], interval: 1s, retries: 1}}
    labels:
      traefik.http.routers.sick.rule: "Host(`sick.test`) && PathPrefix(`/a`)"
      traefik.http.routers.sick.entrypoints: e{port}
      traefik.http.routers.sick.middlewares: strip
      traefik.http.middlewares.strip.stripprefix.prefixes: /a
  misspelt:
    build: ./hello
    labels:
      treafik.http.routers.misspelt.rule: "Host(`misspelt.test`)"
"#
    );
    routed::file(port, "app.explain.test") + &more
}

#[test]
fn routes_and_requests_are_explained() {
    let Some(s) = Scenario::new("explained") else { return };
    let port = free_port();
    s.compose_file(&file(port));
    s.hello_context("hello");
    let _ = s.stack(["up", "-d"]).ok();
    routed::until_served("app.explain.test", port);

    let routes = s.stack(["routes"]).ok().stdout;
    let line = |name: &str| routes.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    let app = line("app@docker");
    for expected in ["ok", "Host(`app.explain.test`)", "1/1", "self-made", "/app docker-compose.yml:14"] {
        assert!(app.contains(expected), "{expected}: {routes}");
    }
    assert!(line("sick@docker").contains("no server") && line("sick@docker").contains("strip@docker"), "{routes}");
    let json: Value = serde_json::from_str(&s.stack(["routes", "--format", "json"]).ok().stdout).unwrap();
    let app = json.as_array().unwrap().iter().find(|route| route["name"] == "app@docker").unwrap();
    assert_eq!(app["place"]["key"], "traefik.http.routers.app.rule");
    assert_eq!(app["serviceState"]["servers"][0]["state"], "up");

    for (url, expected) in [
        ("app.explain.test:PORT/x", &["takes it app@docker", "the service's", "running)"][..]),
        (
            "sick.test:PORT/a/b",
            &["takes it sick@docker", "the path becomes `/b`", "503: the service has no server", "is not healthy"],
        ),
        ("sick.test:PORT/b", &["404: no router takes it", "`PathPrefix(`/a`)` does not fit: asked is `/b`"]),
        ("app.explain.tes:PORT/", &["its host differs a little: it is for `app.explain.test`"]),
        ("misspelt.test:PORT/", &["does not begin with `traefik.`", "compose.yml:"]),
        ("app.explain.test:1/", &["nothing listens on port 1"]),
    ] {
        let text = s.stack(["explain", &format!("https://{url}").replace("PORT", &port.to_string())]).ok().stdout;
        // Lines are broken where they get long.
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in expected {
            assert!(text.contains(part), "{url}: `{part}`: {text}");
        }
    }

    // The gateway says that an answer is its own, and why.
    let answer = Curl::to("https", "nobody.test", port, "/").with("--insecure").send();
    assert_eq!(answer.status, 404, "{answer:?}");
    assert!(answer.head.to_ascii_lowercase().contains("x-stack-error: no-router"), "{answer:?}");
    eventually("the log names the nearest router", || {
        let log = integration::engine::docker(["logs", "--tail", "200", "stack-gateway"]).text();
        (log.contains("nobody.test") && log.contains("no router names the host")).then_some(())
    });
}
