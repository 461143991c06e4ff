#![expect(clippy::unwrap_used, reason = "tests")]

use http::Method;
use serde_json::{Value, json};

use super::*;
use crate::config::dynamic::Configuration;
use crate::gateway::Update;
use crate::route::EntryPointModel;

const FILE: &str = r#"
http:
  routers:
    app: {rule: "Host(`app.test`)", service: app, middlewares: [auth], entryPoints: [web]}
    bad: {rule: "Hst(`app.test`)", service: app, entryPoints: [web]}
    sec: {rule: "Host(`app.test`) && PathPrefix(`/x`)", service: app, entryPoints: [web], priority: 900, middlewares: [all]}
    away: {rule: "Host(`away.test`)", service: half, entryPoints: [nowhere, web], tls: {}}
  services:
    app: {loadBalancer: {servers: [{url: "http://127.0.0.1:9999"}], healthCheck: {path: /}}}
    plain: {loadBalancer: {servers: [{url: "http://127.0.0.1:9998"}]}}
    half: {mirroring: {service: app, mirrors: [{name: app, percent: 101}]}}
  middlewares:
    auth: {basicAuth: {users: ["ann:$apr1$x$y"]}}
    all: {chain: {middlewares: [auth, none]}}
    again: {retry: {attempts: 2}}
tcp:
  routers:
    t: {rule: "HostSNI(`*`)", service: t, entryPoints: [tcp]}
    tbad: {rule: "HostSNI(`x.test`)", service: nope, entryPoints: [tcp], tls: {}}
  services:
    t: {loadBalancer: {servers: [{address: "127.0.0.1:9996"}]}}
udp:
  services:
    u: {loadBalancer: {servers: [{address: "127.0.0.1:9995"}]}}
"#;

fn api() -> (Api, Inspector) {
    api_of(FILE)
}

fn api_of(text: &str) -> (Api, Inspector) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dynamic.yml");
    std::fs::write(&path, text).unwrap();
    let (found, problems) = crate::config::file::read(&path, &BTreeMap::new()).unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    let configuration: Configuration = crate::assemble::merge(&Default::default(), [("file", found)]);
    let models = ["web", "tcp"].map(|name| EntryPointModel { name: name.to_owned(), ..EntryPointModel::default() });
    let update = Update { configuration, models: models.to_vec(), ..Update::default() };
    let looking = Inspector::offline(&update, &[]).unwrap();
    let api = Api::new("1.2.3", "", true);
    let applied = Applied { revision: 1, problems: Vec::new(), inspector: looking.clone() };
    let features = Features { metrics: true, access_log: false, tracing: true };
    api.show(&BTreeMap::from([("web".to_owned(), EntryPoint::default())]), features, &applied);
    (api, looking)
}

fn get(api: &Api, path: &str) -> (u16, Value) {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let response = api.answer(&Method::GET, path, query);
    (response.status().as_u16(), serde_json::from_slice(response.body()).unwrap_or_default())
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(|one| one.get("name")?.as_str()).collect()
}

#[test]
fn objects_of_all_kinds_are_listed() {
    let (api, _looking) = api();
    for (path, expected) in [
        ("/api/http/routers", vec!["app@file", "away@file", "bad@file", "sec@file"]),
        ("/api/http/services", vec!["app@file", "half@file", "noop@internal", "plain@file"]),
        ("/api/http/middlewares", vec!["again@file", "all@file", "auth@file"]),
        ("/api/tcp/routers", vec!["t@file", "tbad@file"]),
        ("/api/tcp/services", vec!["t@file"]),
        ("/api/tcp/middlewares", vec![]),
        ("/api/udp/routers", vec![]),
        ("/api/udp/services", vec!["u@file"]),
        ("/api/entrypoints", vec!["web"]),
        ("/api/http/routers?status=disabled", vec!["away@file", "bad@file", "sec@file"]),
        ("/api/http/routers?search=HST", vec!["bad@file"]),
        ("/api/http/routers?search=half", vec![]),
        ("/api/http/services?search=loadbalancer", vec![]),
        ("/api/http/services?serviceName=none@file&search=PL", vec!["plain@file"]),
        ("/api/http/middlewares?middlewareName=none@file", vec!["again@file", "all@file", "auth@file"]),
        ("/api/http/routers?middlewareName=auth@file", vec!["app@file"]),
        ("/api/http/routers?sortBy=priority&direction=desc", vec!["sec@file", "away@file", "app@file", "bad@file"]),
        ("/api/http/routers?per_page=1&page=2", vec!["away@file"]),
    ] {
        let (status, list) = get(&api, path);
        assert_eq!((status, names(&list)), (200, expected), "{path}");
    }
}

#[test]
fn states_are_those_of_the_gateway() {
    let (api, _looking) = api();
    let (_, app) = get(&api, "/api/http/services/app@file");
    assert_eq!(app.get("serverStatus"), Some(&json!({ "http://127.0.0.1:9999": "UP" })));
    let (_, plain) = get(&api, "/api/http/services/plain@file");
    assert_eq!(plain.get("serverStatus"), None, "as in Traefik: nobody asks it");
    let (_, sec) = get(&api, "/api/http/routers/sec@file");
    assert_eq!(sec.get("middlewares"), Some(&json!(["all@file"])));
    let (_, all) = get(&api, "/api/http/middlewares/all@file");
    assert_eq!(all.pointer("/chain/middlewares"), Some(&json!(["auth@file", "none@file"])));
    let missing = json!(["middleware \"none@file\" does not exist"]);
    assert_eq!((all.get("status"), all.get("error")), (Some(&json!("disabled")), Some(&missing)));
    let (_, half) = get(&api, "/api/http/services/half@file");
    assert_eq!(half.get("error"), Some(&json!(["percent must be between 0 and 100"])));
    let (_, away) = get(&api, "/api/http/routers/away@file");
    assert_eq!(away.get("using"), Some(&json!(["web"])));
    assert_eq!(away.get("tls"), Some(&json!({ "options": "default" })));
    let (_, again) = get(&api, "/api/http/middlewares/again@file");
    assert_eq!(again.get("retry"), Some(&json!({ "attempts": 2, "maxRequestBodyBytes": 2_097_152 })));
    let observed = json!({ "accessLogs": true, "metrics": true, "tracing": true, "traceVerbosity": "minimal" });
    assert_eq!(away.get("observability"), Some(&observed));
    let (_, tcp) = get(&api, "/api/tcp/routers/tbad@file");
    assert_eq!(tcp.get("status"), Some(&json!("disabled")));
    assert_eq!(tcp.get("error"), Some(&json!(["the service \"nope@file\" does not exist"])));
    let (_, tcp) = get(&api, "/api/tcp/routers/t%40file");
    assert_eq!((tcp.get("status"), tcp.get("priority")), (Some(&json!("enabled")), Some(&json!(-1))));
    let (_, auth) = get(&api, "/api/http/middlewares/auth@file");
    assert_eq!(auth.get("basicAuth"), Some(&json!({ "users": ["ann:xxxx"] })), "no hash to guess from");
    assert_eq!(get(&api, "/api/udp/services/none@file"), (404, json!({ "message": "service not found: none@file" })));
    assert_eq!(get(&api, "/api/nothing").0, 404);
    assert_eq!(get(&api, "/api").0, 404);
}

#[test]
fn values_are_those_that_hold() {
    let (api, _looking) = api_of(
        r#"
http:
  routers:
    one: {rule: "Host(`a.test`)", service: lots, entryPoints: [web], tls: {options: old}, priority: -1}
    two: {rule: "Host(`a.test`) && Path(`/2`)", service: w, entryPoints: [web, tcp], tls: {options: new}}
    three: {rule: "Host(`a.test`) && Path(`/3`)", service: half, entryPoints: [web, tcp, web], tls: {}}
    lost: {rule: "Path(`/5`)", service: lost, entryPoints: [web, web]}
    none: {rule: "Path(`/4`)", service: half, entryPoints: [web], tls: {options: old}, middlewares: [sts]}
  services:
    half: {loadBalancer: {servers: [{url: "HTTP://127.0.0.1:1/a b"}], serversTransport: t, sticky: {cookie: {}},
           healthCheck: {path: /, interval: 0s}, responseForwarding: {flushInterval: 0s}}}
    lots: {loadBalancer: {servers: [{url: "http://127.0.0.1:1"}, {url: "ws://127.0.0.1"}], sticky: {cookie: {name: "a b"}}}}
    lost: {loadBalancer: {servers: [{url: "http://127.0.0.1:1"}], serversTransport: no, strategy: "",
           sticky: {cookie: {expires: 5}}, healthCheck: {path: /, mode: ""}, passiveHealthCheck: {failureWindow: 0s}}}
    unused: {loadBalancer: {servers: [{url: "http://127.0.0.1:1"}], serversTransport: t, sticky: {cookie: {}}}}
    w: {weighted: {services: [{name: half}], sticky: {cookie: {}}}}
  serversTransports:
    t: {insecureSkipVerify: true}
  middlewares:
    cb: {circuitBreaker: {expression: "NetworkErrorRatio() > 0.5", checkPeriod: 0s}}
    rl: {rateLimit: {average: 1, burst: 0, period: 0s}}
    er: {errors: {status: ["404 ", " 500-599"]}}
    sts: {headers: {stsSeconds: 0}}
tcp:
  routers:
    t: {rule: "HostSNI(`*`)", service: t, entryPoints: [tcp, web], middlewares: [al]}
    closed: {rule: "HostSNI(`c.test`)", service: t, tls: {options: nope}}
    broken: {rule: "HostSNI(`d.test`)", service: t, tls: {}, middlewares: [bad]}
    away: {rule: "HostSNI(`e.test`)", service: t, entryPoints: [away], tls: {}}
  services:
    t: {loadBalancer: {servers: [{address: "127.0.0.1:1"}], serversTransport: x}}
    u: {loadBalancer: {servers: [{address: "127.0.0.1:1"}]}}
  serversTransports:
    x: {dialTimeout: 1s}
  middlewares:
    al: {ipAllowList: {sourceRange: ["127.0.0.1"]}}
    bad: {ipAllowList: {sourceRange: [x]}}
tls:
  options:
    old: {maxVersion: VersionTLS12}
    new: {minVersion: VersionTLS13}
"#,
    );
    let cidr = "cannot parse CIDRs [x]: parsing CIDR trusted IPs <nil>: invalid CIDR address: x";
    let conflict = "router's TLSOptions configuration is conflicting with other routers on the same entrypoint and host, \
                    default TLS options will be used instead";
    let no_host = "no domain found in rule Path(`/4`), the TLS option old@file cannot be applied";
    for (path, place, expected) in [
        ("http/routers/one", "/error", json!([conflict])),
        ("http/routers/one", "/status", json!("warning")),
        ("http/routers/two", "/using", json!(["tcp", "web"])),
        ("http/routers/three", "/status", json!("enabled")),
        ("http/routers/none", "/error", json!([no_host])),
        ("http/services/half", "/loadBalancer/serversTransport", json!("t@file")),
        ("http/services/half", "/loadBalancer/sticky/cookie/name", json!("_54f45")),
        ("http/services/half", "/loadBalancer/healthCheck/interval", Value::Null),
        ("http/services/half", "/loadBalancer/responseForwarding", json!({})),
        ("http/services/half", "/serverStatus", json!({ "http://127.0.0.1:1/a%20b": "UP" })),
        ("http/services/lots", "/loadBalancer/sticky/cookie/name", json!("a_b")),
        ("http/services/unused", "/loadBalancer/serversTransport", json!("t")),
        ("http/services/lost", "/status", json!("disabled")),
        ("http/services/lost", "/loadBalancer/serversTransport", json!("no@file")),
        ("http/services/lost", "/loadBalancer/strategy", Value::Null),
        ("http/services/lost", "/loadBalancer/sticky/cookie/expires", Value::Null),
        ("http/services/lost", "/loadBalancer/healthCheck/mode", Value::Null),
        ("http/services/lost", "/loadBalancer/passiveHealthCheck/failureWindow", Value::Null),
        ("http/routers/lost", "/using", json!(["web"])),
        ("http/services/unused", "/loadBalancer/sticky/cookie/name", Value::Null),
        ("http/middlewares/cb", "/circuitBreaker/checkPeriod", Value::Null),
        ("http/middlewares/rl", "/rateLimit", json!({ "average": 1 })),
        ("http/middlewares/er", "/errors/status", json!(["404", "500-599"])),
        ("http/middlewares/sts", "/headers", json!({ "stsSeconds": 0 })),
        ("http/middlewares/sts", "/status", json!("enabled")),
        ("tcp/routers/t", "/middlewares", json!(["al@file"])),
        ("tcp/routers/t", "/using", json!(["tcp", "web"])),
        ("tcp/routers/closed", "/status", json!("disabled")),
        ("tcp/routers/closed", "/entryPoints", json!(["tcp", "web"])),
        ("tcp/routers/broken", "/error", json!([cidr])),
        ("tcp/routers/away", "/priority", Value::Null),
        ("tcp/routers/away", "/priorityStr", json!("0")),
        ("tcp/services/t", "/loadBalancer/serversTransport", json!("x@file")),
        ("tcp/services/t", "/serverStatus", json!({ "127.0.0.1:1": "UP" })),
        ("tcp/services/u", "/serverStatus", Value::Null),
        ("tcp/middlewares/bad", "/error", json!([cidr])),
    ] {
        let (status, object) = get(&api, &format!("/api/{path}@file"));
        assert_eq!(status, 200, "{path}");
        assert_eq!(object.pointer(place).cloned().unwrap_or_default(), expected, "{path} {place}: {object}");
    }
    for (query, expected) in [
        ("routers?sortBy=priority", vec!["one@file", "lost@file", "none@file", "three@file", "two@file"]),
        ("routers?sortBy=entryPoints", vec!["none@file", "one@file", "lost@file", "two@file", "three@file"]),
        (
            "services?sortBy=servers",
            vec!["noop@internal", "w@file", "half@file", "lost@file", "unused@file", "lots@file"],
        ),
    ] {
        let (_, list) = get(&api, &format!("/api/http/{query}"));
        assert_eq!(names(&list), expected, "{query}");
    }
}

#[test]
fn the_overview_counts_what_does_not_work() {
    let (api, _looking) = api();
    let (_, overview) = get(&api, "/api/overview");
    assert_eq!(overview.pointer("/http/routers"), Some(&json!({ "total": 4, "warnings": 0, "errors": 3 })));
    assert_eq!(overview.pointer("/http/middlewares"), Some(&json!({ "total": 3, "warnings": 0, "errors": 1 })));
    assert_eq!(overview.pointer("/tcp/routers"), Some(&json!({ "total": 2, "warnings": 0, "errors": 1 })));
    assert_eq!(
        overview.get("features"),
        Some(&json!({ "tracing": "OTLP", "metrics": "Prometheus", "accessLog": false }))
    );
    assert_eq!(overview.get("providers"), Some(&json!(["File"])));
    let (_, raw) = get(&api, "/api/rawdata");
    assert_eq!(raw.pointer("/tcpRouters/t@file/using"), Some(&json!(["tcp"])));
    assert!(!raw.to_string().contains("apr1"));
}

#[test]
fn questions_that_cannot_be_answered() {
    let (api, _looking) = api();
    for (query, wrong) in [
        ("page=0", "page: 0"),
        ("page=x", "page: 0"),
        ("page=-1", "page: -1"),
        ("per_page=0", "per_page: 0"),
        ("page=9", "page: 9, per_page: 100"),
    ] {
        let message = json!({ "message": format!("invalid request: {wrong}") });
        assert_eq!(get(&api, &format!("/api/http/routers?{query}")), (400, message));
    }
    let status = |method: Method, path: &str| api.answer(&method, path, None).status().as_u16();
    assert_eq!([status(Method::POST, "/api/version"), status(Method::POST, "/api/nothing")], [405, 404]);
    assert_eq!([status(Method::HEAD, "/api/version"), status(Method::GET, "/api/version/")], [200, 404]);
}

#[test]
fn entry_points_tell_what_is_set() {
    let (api, _looking) = api();
    let (_, web) = get(&api, "/api/entrypoints/web");
    assert_eq!(web.pointer("/http/sanitizePath"), Some(&json!(true)));
    assert_eq!(web.pointer("/http/encodedCharacters"), None);
    assert_eq!(web.get("forwardedHeaders"), Some(&json!({})));
}

#[test]
fn the_dump_for_support_is_an_archive() {
    let (api, _looking) = api();
    let response = api.answer(&Method::GET, "/api/support-dump", None);
    let mut tar = Vec::new();
    std::io::copy(&mut flate2::read::GzDecoder::new(&response.body()[..]), &mut tar).unwrap();
    let text = String::from_utf8_lossy(&tar);
    assert!(text.starts_with("version.json") && text.contains("runtime-config.json") && tar.len() % 512 == 0);
}

#[test]
fn the_dashboard_stands_beside_the_api() {
    let (api, _looking) = api();
    let status = |path: &str| api.answer(&Method::GET, path, None).status().as_u16();
    assert_eq!([status("/dashboard"), status("/dashboard/"), status("/nothing")], [302, 200, 404]);
    let without = Api { dashboard: false, ..api.clone() };
    assert_eq!(without.answer(&Method::GET, "/dashboard/", None).status().as_u16(), 404);
}
