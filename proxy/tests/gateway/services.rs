//! Services made of services.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proxy::config::duration::GoDuration;
use proxy::config::dynamic::{
    Auth, Configuration, Cookie, Failover, FailoverErrors, HighestRandomWeight, Middleware, MirrorService, Mirroring,
    PassiveHealthCheck, Retry, Router, Service, Sticky, WeightedRoundRobin, WeightedService,
};
use tokio::io::AsyncWriteExt;

use crate::support::{ask, echo, get, options, origin, read_message, route, run};

/// A server that answers with a status and its own name, and what it was sent.
async fn named(name: &'static str, status: u16) -> (String, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&seen);
    let url = origin(move |mut stream| {
        let heard = Arc::clone(&heard);
        async move {
            while let Some((head, body)) = read_message(&mut stream).await {
                heard.lock().unwrap().push(format!("{head}{body}"));
                let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{name}", name.len());
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    })
    .await;
    (url, seen)
}

/// Services `one` and `two` with these servers, and a router `a` to `service`.
fn made_of(service: Service, one: &str, two: &str) -> Configuration {
    let mut configuration = Configuration::default();
    route(&mut configuration, "one", false, &[one.to_owned()]);
    route(&mut configuration, "two", false, &[two.to_owned()]);
    let router = Router {
        entry_points: vec!["web".to_owned()],
        service: "a@file".to_owned(),
        rule: "Host(`a.test`)".to_owned(),
        ..Router::default()
    };
    configuration.http.routers.insert("a@file".to_owned(), router);
    configuration.http.services.insert("a@file".to_owned(), service);
    configuration
}

fn member(name: &str, weight: i64) -> WeightedService {
    WeightedService { name: name.to_owned(), weight }
}

fn failover(most: i64) -> Service {
    let errors = FailoverErrors { status: vec!["500-599".to_owned()], max_request_body_bytes: most };
    let failover =
        Failover { service: "one".to_owned(), fallback: "two".to_owned(), errors: Some(errors), ..Failover::default() };
    Service { failover: Some(failover), ..Service::default() }
}

fn post(body: &str) -> String {
    format!("POST /x HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn a_cookie_keeps_a_client_with_its_service() {
    let ((one, _), (two, _)) = (named("one", 200).await, named("two", 200).await);
    let cookie = Cookie { name: "w".to_owned(), ..Cookie::default() };
    let weighted = WeightedRoundRobin {
        services: vec![member("one", 1), member("two", 2)],
        sticky: Some(Sticky { cookie: Some(cookie) }),
        ..WeightedRoundRobin::default()
    };
    let service = Service { weighted: Some(weighted), ..Service::default() };
    let running = run(options(), made_of(service, &one, &two)).await;
    let mut cookies = BTreeMap::new();
    let mut counts = BTreeMap::new();
    for _ in 0..30 {
        let (head, body) = ask(running.web, &get("a.test", "/")).await;
        let cookie = head.lines().find_map(|line| line.strip_prefix("Set-Cookie: ")).unwrap().to_owned();
        cookies.insert(body.clone(), cookie);
        *counts.entry(body).or_insert(0) += 1;
    }
    assert_eq!(counts, BTreeMap::from([("one".to_owned(), 10), ("two".to_owned(), 20)]));
    assert_eq!(cookies["one"], "w=7692c3ad3540bb80; Path=/");
    for _ in 0..5 {
        let request = "GET / HTTP/1.1\r\nHost: a.test\r\nCookie: w=7692c3ad3540bb80\r\n\r\n";
        let (head, body) = ask(running.web, request).await;
        assert!(body == "one" && !head.contains("Set-Cookie"), "{head}{body}");
    }
}

#[tokio::test]
async fn a_client_has_its_service_by_its_address() {
    let ((one, _), (two, _)) = (named("one", 200).await, named("two", 200).await);
    let weighted =
        HighestRandomWeight { services: vec![member("one", 1), member("two", 1)], ..HighestRandomWeight::default() };
    let service = Service { highest_random_weight: Some(weighted), ..Service::default() };
    let running = run(options(), made_of(service, &one, &two)).await;
    let first = ask(running.web, &get("a.test", "/")).await.1;
    for _ in 0..5 {
        assert_eq!(ask(running.web, &get("a.test", "/")).await.1, first);
    }
}

#[tokio::test]
async fn another_service_answers_where_one_fails() {
    let ((one, asked), (two, _)) = (named("one", 503).await, named("two", 200).await);
    let running = run(options(), made_of(failover(8), &one, &echo().await)).await;
    let (head, body) = ask(running.web, &post("12345678")).await;
    assert!(head.starts_with("HTTP/1.1 200") && body.ends_with("\r\n\r\n12345678"), "{head}{body}");
    assert!(asked.lock().unwrap()[0].ends_with("\r\n\r\n12345678"));
    let (head, body) = ask(running.web, &post("123456789")).await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
    assert_eq!(body, "Request body too large\n");
    // One that cannot be reached fails just as well, and is not tried again first.
    let mut configuration = made_of(failover(-1), "http://127.0.0.1:9", &two);
    let retry = Retry { attempts: 3, initial_interval: GoDuration::from_secs(60), ..Retry::default() };
    let retry = Middleware { retry: Some(retry), ..Middleware::default() };
    configuration.http.middlewares.insert("again@file".to_owned(), retry);
    configuration.http.routers.get_mut("a@file").unwrap().middlewares = vec!["again@file".to_owned()];
    let running = run(options(), configuration).await;
    let request = get("a.test", "/");
    let answered = tokio::time::timeout(Duration::from_secs(20), ask(running.web, &request)).await;
    assert_eq!(answered.unwrap().1, "two");
}

#[tokio::test]
async fn copies_go_to_mirrors() {
    let ((one, _), (two, copies)) = (named("one", 200).await, named("two", 200).await);
    let mirroring = Mirroring {
        service: "one".to_owned(),
        max_body_size: 5,
        mirrors: vec![MirrorService { name: "two".to_owned(), percent: 50 }],
        ..Mirroring::default()
    };
    let service = Service { mirroring: Some(mirroring), ..Service::default() };
    let running = run(options(), made_of(service, &one, &two)).await;
    // The first and the third are copied, but for one that is too large.
    for body in ["first", "other", "larger", "other", "fifth"] {
        assert_eq!(ask(running.web, &post(body)).await.1, "one");
    }
    let seen = || copies.lock().unwrap().iter().map(|copy| copy[copy.len() - 5..].to_owned()).collect::<Vec<_>>();
    while seen().len() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(seen(), ["first", "fifth"]);
}

#[tokio::test]
async fn middlewares_of_a_member_are_in_force() {
    let (one, two) = (echo().await, echo().await);
    let weighted = WeightedRoundRobin { services: vec![member("one", 1)], ..WeightedRoundRobin::default() };
    let mut configuration = made_of(Service { weighted: Some(weighted), ..Service::default() }, &one, &two);
    let auth = Auth { users: vec!["anna:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=".to_owned()], ..Auth::default() };
    configuration
        .http
        .middlewares
        .insert("auth@file".to_owned(), Middleware { basic_auth: Some(auth), ..Middleware::default() });
    configuration.http.services.get_mut("one@file").unwrap().middlewares = vec!["auth".to_owned()];
    let running = run(options(), configuration).await;
    assert!(ask(running.web, &get("a.test", "/")).await.0.starts_with("HTTP/1.1 401"));
    let request = "GET / HTTP/1.1\r\nHost: a.test\r\nAuthorization: Basic YW5uYTpvcGVuIHNlc2FtZQ==\r\n\r\n";
    assert!(ask(running.web, request).await.0.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_server_that_fails_requests_is_left_alone() {
    let ((one, asked), (two, _)) = (named("one", 500).await, named("two", 200).await);
    let mut configuration = Configuration::default();
    route(&mut configuration, "a", false, &[one, two]);
    let balancer = configuration.http.services.get_mut("a@file").unwrap().load_balancer.as_mut().unwrap();
    balancer.passive_health_check =
        Some(PassiveHealthCheck { max_failed_attempts: 2, ..PassiveHealthCheck::default() });
    let running = run(options(), configuration).await;
    for _ in 0..10 {
        ask(running.web, &get("a.test", "/")).await;
    }
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn services_that_contain_themselves_or_tell_nothing_are_refused() {
    let weighted = |name: &str, tells: bool| {
        let health_check = tells.then(proxy::config::dynamic::HealthCheck::default);
        let weighted =
            WeightedRoundRobin { services: vec![member(name, 1)], health_check, ..WeightedRoundRobin::default() };
        Service { weighted: Some(weighted), ..Service::default() }
    };
    let (one, two) = (echo().await, echo().await);
    let running = run(options(), Configuration::default()).await;
    for (service, text) in [
        (weighted("a", false), "recursion detected in service:a@file->service:a@file"),
        (
            weighted("one", true),
            "cannot register one as updater for a@file: healthCheck not enabled in config for this WRR service",
        ),
        (Service::default(), "the service \"a@file\" does not have any type defined"),
    ] {
        let applied = running.apply(made_of(service, &one, &two)).await;
        assert!(applied.problems[0].reason.contains(text), "{:?}", applied.problems);
    }
}

#[tokio::test]
async fn what_a_server_packed_for_the_gateway_is_unpacked() {
    let packs = origin(|mut stream| async move {
        while let Some((head, _)) = read_message(&mut stream).await {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(head.to_ascii_lowercase().as_bytes()).unwrap();
            let body = encoder.finish().unwrap();
            let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n", body.len());
            if stream.write_all(&[head.as_bytes(), &body].concat()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let mut configuration = Configuration::default();
    route(&mut configuration, "a", false, &[packs]);
    let running = run(options(), configuration).await;
    let (head, body) = ask(running.web, &get("a.test", "/")).await;
    assert!(!head.contains("Content-Encoding") && body.contains("\r\naccept-encoding: gzip\r\n"), "{head}{body}");
    let (head, _) = ask(running.web, "GET / HTTP/1.1\r\nHost: a.test\r\nAccept-Encoding: gzip\r\n\r\n").await;
    assert!(head.contains("Content-Encoding: gzip"), "{head}");
}

#[tokio::test]
async fn servers_of_one_url_keep_its_path_or_do_not() {
    let url = format!("{}/base", echo().await);
    let mut configuration = Configuration::default();
    for name in ["a", "b"] {
        route(&mut configuration, name, false, std::slice::from_ref(&url));
    }
    let service = configuration.http.services.get_mut("b@file").unwrap();
    service.load_balancer.as_mut().unwrap().servers[0].preserve_path = true;
    let running = run(options(), configuration.clone()).await;
    for _ in 0..2 {
        for (host, target) in [("a.test", "GET /x "), ("b.test", "GET /base/x ")] {
            let (_, body) = ask(running.web, &get(host, "/x")).await;
            assert!(body.starts_with(target), "{host}: {body}");
        }
        assert_eq!(running.apply(configuration.clone()).await.problems, []);
    }
}
