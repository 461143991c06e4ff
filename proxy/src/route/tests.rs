//! The routing table: order, hosts, models, and the reasons of routers that do not work.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

use http::HeaderMap;

use super::{EntryPointModel, Route, RoutingTable, Status};
use crate::config::dynamic::{Configuration, Router, RouterTls};
use crate::rule::Candidate;

fn entry_point(name: &str) -> EntryPointModel {
    EntryPointModel { name: name.to_owned(), ..EntryPointModel::default() }
}

fn router(rule: &str) -> Router {
    Router { rule: rule.to_owned(), service: "s".to_owned(), ..Router::default() }
}

fn table(routers: impl IntoIterator<Item = (String, Router)>, entry_points: &[EntryPointModel]) -> RoutingTable {
    let mut configuration = Configuration::default();
    configuration.http.routers.extend(routers);
    RoutingTable::compile(&configuration, entry_points)
}

fn simple(routers: &[(&str, Router)]) -> RoutingTable {
    table(
        routers.iter().map(|(name, router)| (format!("{name}@file"), router.clone())),
        &[entry_point("web"), entry_point("traefik")],
    )
}

fn ask<'t>(table: &'t RoutingTable, entry_point: usize, tls: bool, host: &str, path: &str) -> Option<&'t str> {
    let request = Candidate {
        host,
        path: path.as_bytes(),
        method: "GET",
        headers: &HeaderMap::new(),
        upgrade: None,
        query: b"",
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    table
        .find(entry_point, tls, &request)
        .and_then(|position| table.routes().get(position))
        .map(|route| route.name.as_str())
}

fn find<'t>(table: &'t RoutingTable, name: &str) -> &'t Route {
    table.routes().iter().find(|route| route.name == name).unwrap()
}

#[test]
fn the_longest_rule_wins_and_ties_go_by_name() {
    let table = simple(&[
        ("any", router("PathPrefix(`/`)")),
        ("host", router("Host(`a.example`)")),
        ("api", router("Host(`a.example`) && PathPrefix(`/api`)")),
        ("twin-b", router("Host(`twin.example`)")),
        ("twin-a", router("Host(`twin.example`)")),
        ("wild", router("Host(`*.b.example`)")),
        ("low", Router { priority: -1, ..router("HostRegexp(`.`)") }),
    ]);
    assert_eq!(ask(&table, 0, false, "a.example", "/api/x"), Some("api@file"));
    assert_eq!(ask(&table, 0, false, "a.example.", "/x"), Some("host@file"));
    assert_eq!(ask(&table, 0, false, "x.b.example", "/x"), Some("wild@file"));
    assert_eq!(ask(&table, 0, false, "y.x.b.example", "/x"), Some("any@file"));
    assert_eq!(ask(&table, 0, false, "twin.example", "/"), Some("twin-a@file"));
    assert_eq!(table.ties(), [("twin-a@file".to_owned(), "twin-b@file".to_owned())]);
    assert_eq!(ask(&table, 0, true, "a.example", "/"), None);
    assert_eq!(ask(&table, 1, false, "a.example", "/"), None, "the API's entry point is no default");
}

#[test]
fn a_disabled_route_lets_the_next_one_answer() {
    let mut table = simple(&[("any", router("PathPrefix(`/`)")), ("host", router("Host(`a.example`)"))]);
    let position = table.routes().iter().position(|route| route.name == "host@file").unwrap();
    table.disable(position, "the service \"s@file\" does not exist".to_owned());
    assert_eq!(ask(&table, 0, false, "a.example", "/"), Some("any@file"));
    assert_eq!(find(&table, "host@file").status(), Status::Disabled);
}

#[test]
fn an_entry_point_that_is_named_twice_counts_once() {
    let twice = Router { entry_points: ["web", "web", "no", "no"].map(str::to_owned).into(), ..router("Host(`a`)") };
    let table = simple(&[("twice", twice)]);
    let route = find(&table, "twice@file");
    assert_eq!(route.using, ["web"]);
    assert_eq!(route.errors(), ["entryPoint \"no\" doesn't exist"]);
    assert!(table.ties().is_empty(), "it competes with itself: {:?}", table.ties());

    let adding = EntryPointModel { tls: Some(RouterTls::default()), ..entry_point("web") };
    let twice = Router { entry_points: ["web", "web"].map(str::to_owned).into(), ..router("Host(`a`)") };
    let table = self::table([("twice@file".to_owned(), twice)], &[adding]);
    assert_eq!(table.routes().len(), 1);
    assert!(table.ties().is_empty(), "{:?}", table.ties());
}

#[test]
fn says_why_a_router_does_not_work() {
    let on = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let table = simple(&[
        ("broken", router("Host(")),
        ("nowhere", Router { entry_points: on(&["nope"]), ..router("Host(`a`)") }),
        ("half", Router { entry_points: on(&["web", "nope"]), ..router("Host(`a`)") }),
        ("over", Router { priority: i64::MAX - 999, ..router("Host(`a`)") }),
        ("old", Router { rule_syntax: "v1".to_owned(), ..router("Host(`a`)") }),
    ]);
    let told = |name: &str| {
        let route = find(&table, name);
        (route.status(), route.errors().join("; "))
    };
    assert_eq!(told("broken@file").0, Status::Disabled);
    assert_eq!(
        told("nowhere@file"),
        (Status::Disabled, "entryPoint \"nope\" doesn't exist; no valid entryPoint for this router".to_owned())
    );
    assert_eq!(told("half@file"), (Status::Warning, "entryPoint \"nope\" doesn't exist".to_owned()));
    assert_eq!(
        told("over@file"),
        (
            Status::Disabled,
            "the router priority 9223372036854774808 exceeds the max user-defined priority 9223372036854774807"
                .to_owned()
        )
    );
    assert_eq!(
        told("old@file"),
        (
            Status::Warning,
            "there is no rule syntax `v1`, so that `v3` is used: leave `ruleSyntax` out, or write `v3` or `v2`"
                .to_owned()
        )
    );
    assert_eq!(ask(&table, 0, false, "a", "/"), Some("half@file"));
}

#[test]
fn the_api_s_entry_point_is_none_by_default() {
    let marked = |name: &str| EntryPointModel { as_default: true, ..entry_point(name) };
    let names = |models: &[EntryPointModel]| super::compile::default_entry_points(models);
    assert_eq!(names(&[entry_point("web"), entry_point("traefik")]), ["web"]);
    assert_eq!(names(&[entry_point("web"), marked("other"), marked("traefik")]), ["other"]);
    assert!(names(&[entry_point("web"), marked("traefik")]).is_empty());
}

#[test]
fn an_entry_point_adds_its_middlewares_and_tls() {
    let options = |name: &str| Some(RouterTls { options: name.to_owned(), ..RouterTls::default() });
    let secure = EntryPointModel {
        middlewares: vec!["m@file".to_owned()],
        tls: options("modern@file"),
        as_default: true,
        ..entry_point("websecure")
    };
    let plain = EntryPointModel { as_default: true, ..entry_point("web") };
    let routers = [
        ("both@docker".to_owned(), Router { middlewares: vec!["own".to_owned()], ..router("Host(`a`)") }),
        (
            "one@docker".to_owned(),
            Router { entry_points: vec!["websecure".to_owned()], tls: options("own"), ..router("Host(`b`)") },
        ),
    ];
    let table = table(routers, &[plain, secure]);
    let route = find(&table, "websecure-both@docker");
    assert_eq!(route.middlewares, ["m@file", "own@docker"]);
    assert_eq!(route.service, "s@docker");
    assert_eq!(route.tls.as_ref().unwrap().options, "modern@file");
    assert_eq!(find(&table, "one@docker").tls.as_ref().unwrap().options, "own@docker");
    assert_eq!(ask(&table, 0, false, "a", "/"), Some("both@docker"));
    assert_eq!(ask(&table, 1, true, "a", "/"), Some("websecure-both@docker"));
    assert_eq!(ask(&table, 1, false, "a", "/"), None);
}

#[test]
fn ten_thousand_routers_cost_no_more_than_ten() {
    let many = |count: usize| {
        let routers =
            (0..count).map(|n| (format!("r{n}@docker"), router(&format!("Host(`h{n}.example`) && PathPrefix(`/p`)"))));
        table(routers, &[entry_point("web")])
    };
    let (few, full) = (many(10), many(10_000));
    let time = |table: &RoutingTable| {
        let best = (0..20).map(|_| {
            let start = Instant::now();
            for _ in 0..100 {
                assert_eq!(ask(table, 0, false, "h7.example", "/p/x"), Some("r7@docker"));
            }
            start.elapsed()
        });
        best.min().unwrap()
    };
    let (few, full) = (time(&few), time(&full));
    assert!(full < few * 20, "10 routers {few:?}, 10,000 routers {full:?}");
}
