//! Questions about a configuration that is not served.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::assemble;
use crate::config::statics::{Sources, StaticConfig};
use crate::entry_point::EntryPoint;

const FILE: &str = r#"
http:
  routers:
    app: {rule: "Host(`app.test`)", service: app, entryPoints: [websecure]}
    api: {rule: "Host(`app.test`) && PathPrefix(`/api`)", service: app, middlewares: [inner], entryPoints: [websecure]}
    office: {rule: "Host(`office.test`)", service: app, middlewares: [office, auth], entryPoints: [websecure]}
    late: {rule: "Host(`app.test`) && PathPrefix(`/api/v1`)", service: app, priority: 3, entryPoints: [websecure]}
  services:
    app: {loadBalancer: {servers: [{url: "http://10.0.0.2:80"}, {url: "http://10.0.0.3"}]}}
  middlewares:
    inner: {chain: {middlewares: [strip, add]}}
    strip: {stripPrefix: {prefixes: [/api]}}
    add: {addPrefix: {prefix: /v2}}
    office: {ipAllowList: {sourceRange: [10.0.0.0/8]}}
    auth: {basicAuth: {users: ["ann:secret-hash"]}}
tcp:
  routers:
    db: {rule: "HostSNI(`db.test`)", service: db, entryPoints: [websecure], tls: {passthrough: true}}
    lost: {rule: "HostSNI(`lost.test`)", service: none, entryPoints: [websecure], tls: {}}
  services:
    db: {loadBalancer: {servers: [{address: "10.0.0.4:5432"}]}}
"#;

fn looking() -> (Inspector, Vec<EntryPoint>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dynamic.yml");
    std::fs::write(&path, FILE).unwrap();
    let flags = [
        "--entrypoints.web.address=:80",
        "--entrypoints.web.http.redirections.entrypoint.to=websecure",
        "--entrypoints.websecure.address=:443",
        "--entrypoints.websecure.http.tls=true",
    ]
    .map(str::to_owned);
    let (config, _) = StaticConfig::read(&Sources { flags: &flags, ..Sources::default() }).unwrap();
    let (found, _) = crate::config::file::read(&path, &std::collections::BTreeMap::new()).unwrap();
    let configuration = assemble::merge(&config, [("file", found)]);
    let update = Update { configuration, models: assemble::models(&config), ..Update::default() };
    (Inspector::offline(&update, &["noop@internal"]).unwrap(), assemble::entry_points(&config))
}

fn explain(url: &str, change: impl Fn(&mut Question)) -> Explanation {
    let (looking, points) = looking();
    let mut question = Question::of(url).unwrap();
    change(&mut question);
    looking.explain(&question, &points)
}

#[test]
fn the_router_that_takes_a_request_is_the_tables() {
    let told = explain("https://app.test/api/v1/x", |_| {});
    assert_eq!(told.router.as_deref(), Some("api@file"));
    let outcome = |name: &str| told.considered.iter().find(|one| one.router == name).map(|one| one.outcome);
    assert_eq!(outcome("app@file"), Some(Outcome::Outranked));
    assert_eq!(outcome("late@file"), Some(Outcome::Outranked));
    assert_eq!(outcome("office@file"), Some(Outcome::Differs));
    let does: Vec<&str> = told.middlewares.iter().map(|step| step.does.as_str()).collect();
    assert_eq!(does, ["takes `/api` off: the path becomes `/v1/x`", "makes the path `/v2/v1/x`"]);
    assert_eq!(told.forwarded_path, "/v2/v1/x");
    let service = told.service.unwrap_or_default();
    assert_eq!(
        service.servers.iter().map(|server| server.url.as_str()).collect::<Vec<_>>(),
        ["http://10.0.0.2:80", "http://10.0.0.3"]
    );
    let tls = told.tls.unwrap_or_default();
    assert_eq!((tls.certificate.origin, tls.fits), (Origin::SelfMade, false));
}

#[test]
fn redirects_and_refusals_end_the_way() {
    let told = explain("http://app.test/x?y", |_| {});
    assert_eq!(told.redirect.as_deref(), Some("https://app.test/x?y"));
    let from = |address: &str| explain("https://office.test/", |question| question.client = address.parse().ok());
    let told = from("192.0.2.1");
    let first = told.middlewares.first().cloned().unwrap_or_default();
    assert_eq!((first.does.as_str(), first.answers), ("answers 403: 192.0.2.1 is not one of `10.0.0.0/8`", true));
    assert!(told.middlewares.iter().skip(1).all(|step| !step.answers), "nothing answers twice");
    let told = from("10.1.2.3");
    let text = serde_json::to_string(&told).unwrap();
    assert!(text.contains("answers 401") && !text.contains("secret-hash"), "{text}");
}

#[test]
fn what_never_gets_to_a_router_is_said() {
    let stopped = |url: &str| explain(url, |_| {}).stopped.unwrap_or_default();
    assert!(stopped("https://db.test/").starts_with("the TCP router `db@file` takes the whole connection"));
    assert_eq!(stopped("https://app.test:444/"), "nothing listens on port 444");
    assert!(stopped("https://app.test/%zz").starts_with("400: "));
    let told = explain("https://ap.test/", |_| {});
    let near = told.near.first().cloned().unwrap_or_default();
    assert!(told.router.is_none() && near.reason.starts_with("its host differs a little"), "{near:?}");
    let told = explain("https://app.test/", |question| question.headers.push(("a b".to_owned(), String::new())));
    assert_eq!(told.stopped.as_deref(), Some("`a b` is not the name of a header"));
}

#[test]
fn what_is_wrong_with_a_router_is_a_problem() {
    let router = |rule: &str, service: &str, entry_points: &[&str]| crate::config::dynamic::Router {
        rule: rule.to_owned(),
        service: service.to_owned(),
        entry_points: entry_points.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    };
    let mut configuration = Configuration::default();
    configuration.http.routers.extend([
        ("broken@file".to_owned(), router("Host(", "noop@internal", &["web"])),
        ("half@file".to_owned(), router("Host(`h.test`)", "noop@internal", &["web", "no"])),
        ("ping@file".to_owned(), router("Host(`p.test`)", "ping@internal", &["web"])),
        ("what@file".to_owned(), router("Host(`w.test`)", "what@internal", &["web"])),
        ("empty@file".to_owned(), router("Host(`e.test`)", "", &["web"])),
    ]);
    let web = crate::route::EntryPointModel { name: "web".to_owned(), ..Default::default() };
    let update = Update { configuration, models: vec![web], ..Update::default() };
    let looking = Inspector::offline(&update, &["noop@internal"]).unwrap();
    let mut told: Vec<String> = looking.problems().iter().map(ToString::to_string).collect();
    told.sort();
    assert_eq!(
        told,
        [
            "router `broken@file`: error while parsing rule Host(: parsing rule Host(: 1:6: expected ')', found 'EOF'",
            "router `empty@file`: router has no service and no child routers",
            "router `half@file`: entryPoint \"no\" doesn't exist",
            "router `ping@file`: ping is not enabled",
            "router `what@file`: unknown internal service what@internal",
        ]
    );
}

#[test]
fn a_report_has_all_routers() {
    let report = looking().0.report();
    let route = |name: &str| report.routes.iter().find(|route| route.name == name).cloned().unwrap_or_default();
    assert_eq!(route("late@file").shadowed_by.as_deref(), Some("api@file"));
    assert_eq!((route("app@file").shadowed_by, route("app@file").status), (None, "enabled".to_owned()));
    assert_eq!((route("db@file").protocol, route("db@file").status), ("tcp".to_owned(), "enabled".to_owned()));
    assert_eq!(route("lost@file").errors, ["the service \"none@file\" does not exist"]);
    assert_eq!(report.services.get("http app@file").map(ServiceSeen::count), Some((2, 2)));
}
