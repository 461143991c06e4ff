//! Labels: what becomes of a container, and that a mistake is told by name.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{Container, Endpoint, build, command};
use crate::config::statics::DockerProvider;

fn container(name: &str, address: &str, labels: &[(&str, &str)]) -> Container {
    Container {
        name: name.to_owned(),
        labels: labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        ports: vec!["9000/tcp".to_owned(), "80/tcp".to_owned()],
        networks: [("net".to_owned(), Endpoint { address: address.to_owned(), ..Endpoint::default() })].into(),
        network_mode: "net".to_owned(),
        state: "running".to_owned(),
        ..Container::default()
    }
}

fn json(containers: &[Container]) -> (String, String) {
    let (configuration, problems) = build(containers, &DockerProvider::default());
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    (serde_json::to_string(&configuration).unwrap(), problems.join("\n"))
}

#[test]
fn a_container_that_does_not_serve_yet_may_keep_its_routes() {
    let told = |state: &str, health: &str, labels: &[(&str, &str)]| {
        json(&[Container { state: state.to_owned(), health: health.to_owned(), ..container("a", "10.0.0.1", labels) }])
            .0
    };
    let allowed = [("traefik.docker.allownonrunning", "true")];
    for (state, health) in [("running", "unhealthy"), ("running", "starting"), ("exited", ""), ("exited", "unhealthy")]
    {
        assert!(!told(state, health, &[]).contains("Host(`a`)"), "{state} {health}");
        let text = told(state, health, &allowed);
        assert!(text.contains("Host(`a`)") && !text.contains("10.0.0.1"), "{state} {health} {text}");
    }
}

#[test]
fn replicas_become_one_load_balancer() {
    let labels = [
        ("com.docker.compose.project", "shop"),
        ("com.docker.compose.service", "web_1"),
        ("traefik.http.routers.app.rule", "Host(`app.example.com`)"),
        ("traefik.http.routers.app.tls", "true"),
    ];
    let (text, problems) = json(&[container("a", "10.0.0.1", &labels), container("b", "10.0.0.2", &labels)]);
    assert_eq!(problems, "");
    assert_eq!(
        text,
        concat!(
            r#"{"http":{"routers":{"app":{"service":"web-1-shop","rule":"Host(`app.example.com`)","tls":{}}},"#,
            r#""services":{"web-1-shop":{"loadBalancer":{"servers":[{"url":"http://10.0.0.1:80"},{"url":"http://10.0.0.2:80"}],"#,
            r#""strategy":"wrr","passHostHeader":true,"responseForwarding":{"flushInterval":"100ms"}}}}}}"#
        )
    );
}

#[test]
fn a_mistake_is_told_with_the_nearest_name() {
    let (text, problems) = json(&[container("a", "10.0.0.1", &[("traefik.http.routers.r.entrypoint", "web")])]);
    assert_eq!(text, "{}");
    assert_eq!(
        problems,
        "container `a`: `traefik.http.routers.r`: field not found, node: entrypoint; the router is not used (hint: did you mean `entrypoints`?)"
    );
}

/// Names of the routers, services and middlewares that are left.
fn left(labels: &[(&str, &str)]) -> (Vec<String>, String) {
    let (configuration, problems) = build(&[container("a", "10.0.0.1", labels)], &DockerProvider::default());
    let http = configuration.http;
    let names = http.routers.keys().chain(http.services.keys()).chain(http.middlewares.keys());
    let names = names.chain(configuration.tcp.routers.keys()).cloned().collect();
    (names, problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn a_mistake_costs_one_object_and_what_needs_it() {
    let good =
        [("traefik.http.routers.good.rule", "Host(`a`)"), ("traefik.http.services.s.loadbalancer.server.port", "80")];
    for (label, value, kept) in [
        ("traefik.http.routers.bad.priority", "high", vec!["good", "s"]),
        ("traefik.http.routers..rule", "x", vec!["good", "s"]),
        ("TRAEFIK.http.routers.bad.rule", "x", vec!["good", "s"]),
        ("traefik.http.rooters.bad.rule", "x", vec!["good", "s"]),
        ("traefik.http.middlewares.bad.ratelimit.average", "ten", vec!["good", "s"]),
        ("traefik.tcp.routers.bad.foo", "x", vec!["good", "s"]),
        ("traefik.http.services.s.loadbalancer.nothing", "x", vec![]),
    ] {
        let (names, problems) = left(&[&good[..], &[(label, value)]].concat());
        assert_eq!(names, kept, "{label}: {problems}");
        assert!(problems.starts_with("container `a`: `"), "{label}: {problems}");
    }
    assert_eq!(left(&[good[1], ("traefik.http.routers.only.rul", "Host(`a`)")]).0, ["s"], "no router by default");
    let named = ("traefik.http.routers.needs.middlewares", "bad@docker");
    let bad = ("traefik.http.middlewares.bad.addprefix", "true");
    let (names, problems) = left(&[good[0], good[1], named, bad]);
    assert_eq!(names, ["good", "s"]);
    assert!(
        problems.ends_with(
            "`traefik.http.routers.needs`: its middleware `bad@docker` cannot be used; neither is the router"
        ),
        "{problems}"
    );
}

/// What labels make of one middleware `m`, as JSON; nothing where it is left out.
fn middleware(labels: &[(&str, &str)]) -> String {
    let labels: Vec<(String, &str)> =
        labels.iter().map(|(label, value)| (format!("traefik.http.middlewares.m.{label}"), *value)).collect();
    let labels: Vec<(&str, &str)> = labels.iter().map(|(label, value)| (label.as_str(), *value)).collect();
    let (configuration, _) = build(&[container("a", "10.0.0.1", &labels)], &DockerProvider::default());
    configuration.http.middlewares.get("m").map(|m| serde_json::to_string(m).unwrap()).unwrap_or_default()
}

#[test]
fn shapes_of_middlewares() {
    for (label, value, expected) in [
        ("headers.customrequestheaders.X.Y", "1", r#"{"headers":{"customRequestHeaders":{"X.Y":"1"}}}"#),
        ("headers.customrequestheaders", "a", ""),
        ("ratelimit.sourcecriterion.ipstrategy", "true", ""),
        ("ipallowlist.ipstrategy", "true", r#"{"ipAllowList":{"ipStrategy":{}}}"#),
        ("grpcweb", "true", ""),
        ("compress", "false", "{}"),
        ("buffering.maxrequestbodybytes", "10", r#"{"buffering":{"maxRequestBodyBytes":10}}"#),
        ("plugin.demo", "true", r#"{"plugin":{"demo":{}}}"#),
        ("plugin.demo.list[0].x", "1", r#"{"plugin":{"demo":{"list":[{"x":"1"}]}}}"#),
        ("ratelimit.redis", "true", ""),
        (
            "ratelimit.redis.db",
            "3",
            concat!(
                r#"{"rateLimit":{"period":"1s","burst":1,"redis":{"endpoints":["localhost:6379"],"db":3,"#,
                r#""readTimeout":"3s","writeTimeout":"3s","dialTimeout":"5s"}}}"#
            ),
        ),
    ] {
        assert_eq!(middleware(&[(label, value)]), expected, "{label}");
    }
}

#[test]
fn elements_of_lists_and_structs_without_options() {
    for (label, tls) in [
        ("traefik.http.routers.r.tls.domains", r#""tls":{}}"#),
        ("traefik.http.routers.r.tls.domains[0]", r#""tls":{"domains":[{}]}}"#),
        ("traefik.http.routers.r.tls.domains.main", r#""tls":{"domains":[{}]}}"#),
        ("traefik.http.routers.r.tls.domains[0].main", r#""tls":{"domains":[{"main":"a"}]}}"#),
    ] {
        let (text, _) = json(&[container("a", "10.0.0.1", &[(label, "a")])]);
        assert!(text.contains(tls), "{label}: {text}");
    }
    for label in [
        "traefik.http",
        "traefik.http.routers",
        "traefik.udp",
        "traefik.http.services.s.loadbalancer.server",
        "traefik.enable.x",
    ] {
        let (text, problems) = json(&[container("a", "10.0.0.1", &[(label, "true")])]);
        assert_eq!(text, "{}", "{label}");
        assert!(problems.starts_with("container `a`: `traefik."), "{problems}");
    }
    let checked = [("traefik.tcp.services.s.loadbalancer.healthcheck", "true")];
    assert!(json(&[container("a", "10.0.0.1", &checked)]).0.contains(r#""healthCheck":{"#));
}

#[test]
fn contradicting_routers_are_both_left_out() {
    let (text, problems) = json(&[
        container("a", "10.0.0.1", &[("traefik.http.routers.r.rule", "Host(`a`)")]),
        container("b", "10.0.0.2", &[("traefik.http.routers.r.rule", "Host(`b`)")]),
    ]);
    assert!(!text.contains("routers"), "{text}");
    assert!(problems.contains("`a, b`: `r`: HTTP router defined multiple times"), "{problems}");
}

/// Masked addresses of the recorded answers, put back: `$tc-a`, `$tc-a@net`.
fn unmask(text: &str, containers: &[Container]) -> String {
    let mut names = Vec::new();
    for one in containers {
        for (network, endpoint) in &one.networks {
            names.push((format!("${}@{network}", one.name), endpoint.address.clone()));
            if one.networks.len() == 1 {
                names.push((format!("${}", one.name), endpoint.address.clone()));
            }
        }
    }
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    names.into_iter().fold(text.to_owned(), |text, (name, address)| text.replace(&name, &address))
}

/// Takes out what the record leaves open: order of servers, empty values.
fn canonical(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.values_mut().for_each(canonical);
            map.retain(|_, value| {
                !(value.is_null()
                    || value == ""
                    || value == false
                    || value == 0
                    || value.as_array().is_some_and(Vec::is_empty))
            });
            if let Some(serde_json::Value::Array(servers)) = map.get_mut("servers") {
                servers.sort_by_key(ToString::to_string);
            }
        }
        serde_json::Value::Array(list) => list.iter_mut().for_each(canonical),
        _ => {}
    }
}

#[test]
fn agrees_with_traefik() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/gateway-cases/labels");
    let lines = |name: &str| -> Option<Vec<serde_json::Value>> {
        let text = std::fs::read_to_string(folder.join(name)).ok()?;
        Some(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    };
    let (Some(cases), Some(expected)) = (lines("cases.jsonl"), lines("expected.jsonl")) else {
        return;
    };
    let total = cases.len();
    let mut wrong = Vec::new();
    for (case, expected) in cases.iter().zip(expected) {
        let input = case.get("containers").unwrap().to_string();
        let containers: Vec<Container> = serde_json::from_str(&input).unwrap();
        let options = case.get("provider").map(ToString::to_string);
        let mut got: serde_json::Value = serde_json::from_str(&command(&input, options.as_deref()).unwrap().0).unwrap();
        canonical(&mut got);
        let mut answers = vec![expected.get("configuration").unwrap().clone()];
        answers.extend(expected.get("also").and_then(|also| also.as_array()).into_iter().flatten().cloned());
        let fits = answers.iter().any(|answer| {
            let mut answer = serde_json::from_str(&unmask(&answer.to_string(), &containers)).unwrap();
            canonical(&mut answer);
            answer == got
        });
        if !fits {
            wrong.push(format!(
                "{}: {got}\n   not {}",
                case.get("id").unwrap(),
                expected.get("configuration").unwrap()
            ));
        }
    }
    // Templates with `if`, `range` and `splitList` are refused by name.
    assert!(wrong.len() <= 3, "{} of {total}\n{}", wrong.len(), wrong.join("\n"));
}
