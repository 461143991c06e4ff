//! Requests that find no server.

use std::time::{Duration, Instant};

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
