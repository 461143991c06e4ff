//! Requests that find no server.

use std::time::{Duration, Instant};

use proxy::config::dynamic::Configuration;
use proxy::gateway::Options;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::support::{ask, echo, get, options, read_message, routed, run};

fn patient() -> Options {
    Options { wait_for_server: Duration::from_secs(20), mark_errors: true, ..options() }
}

#[tokio::test]
async fn a_request_waits_for_the_next_configuration() {
    let running = run(patient(), routed("a", &[])).await;
    let web = running.web;
    let body = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello";
    let asked = tokio::spawn(async move { ask(web, body).await });
    // The other request shows that the gateway is not held up by the one that waits.
    assert!(ask(web, &get("b.test", "/")).await.0.starts_with("HTTP/1.1 404"));
    running.apply(routed("a", &[echo().await])).await;
    let (head, echoed) = asked.await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(echoed.ends_with("hello") && echoed.matches("X-Forwarded-For: ").count() == 1, "{echoed}");
}

/// Router and service `from`, called `to`: what happens when another project comes to have one of the same name.
fn renamed(mut configuration: Configuration, from: &str, to: &str) -> Configuration {
    let http = &mut configuration.http;
    let mut router = http.routers.remove(from).unwrap();
    router.service = to.to_owned();
    http.routers.insert(to.to_owned(), router);
    let service = http.services.remove(from).unwrap();
    http.services.insert(to.to_owned(), service);
    configuration
}

#[tokio::test]
async fn a_router_that_gets_another_name_meanwhile_is_still_the_one_that_is_waited_for() {
    let running = run(patient(), routed("a", &[])).await;
    let web = running.web;
    let asked = tokio::spawn(async move { ask(web, &get("a.test", "/")).await });
    assert!(ask(web, &get("b.test", "/")).await.0.starts_with("HTTP/1.1 404"));
    running.apply(renamed(routed("a", &[]), "a@file", "a-one@file")).await;
    tokio::time::sleep(Duration::from_millis(60)).await;
    assert!(!asked.is_finished());
    // The old name is now another's, whose servers are not for this request.
    let mut both = renamed(routed("a", &[echo().await]), "a@file", "a-one@file");
    let other = renamed(routed("b", &[]), "b@file", "a@file");
    both.http.routers.extend(other.http.routers);
    both.http.services.extend(other.http.services);
    running.apply(both).await;
    let (head, _) = asked.await.unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
}

#[tokio::test]
async fn a_request_waits_for_a_server_that_restarts() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let running = run(patient(), routed("a", &[format!("http://{port}")])).await;
    let web = running.web;
    let asked = tokio::spawn(async move { ask(web, &get("a.test", "/")).await });
    assert!(ask(web, &get("b.test", "/")).await.0.starts_with("HTTP/1.1 404"));
    let listener = TcpListener::bind(port).await.unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    read_message(&mut stream).await.unwrap();
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nback").await.unwrap();
    assert_eq!(asked.await.unwrap().1, "back");
}

#[tokio::test]
async fn in_the_end_it_fails_and_says_why() {
    let options = Options { wait_for_server: Duration::from_millis(200), mark_errors: true, ..options() };
    let running = run(options, routed("a", &[])).await;
    let began = Instant::now();
    let (head, body) = ask(running.web, &get("a.test", "/")).await;
    assert!(began.elapsed() >= Duration::from_millis(200));
    assert!(head.starts_with("HTTP/1.1 503") && head.contains("X-Stack-Error: no-server\r\n"), "{head}");
    assert_eq!(body, "no available server\n");
}
