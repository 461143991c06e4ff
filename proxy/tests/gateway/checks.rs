//! Active health checks of TCP services, over gRPC, and through redirects.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use proxy::config::duration::GoDuration;
use proxy::config::dynamic::{
    Configuration, ServerHealthCheck, TcpLoadBalancer, TcpRouter, TcpServer, TcpServerHealthCheck, TcpService,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Running, ask, get, options, origin, read_message, routed, run};

/// A TCP server that answers what it hears with a word.
async fn says(word: &'static str) -> String {
    let url = origin(move |mut stream| async move {
        let mut heard = [0; 4];
        if stream.read_exact(&mut heard).await.is_ok() {
            let _ = stream.write_all(word.as_bytes()).await;
        }
    });
    url.await.trim_start_matches("http://").to_owned()
}

async fn told(running: &Running) -> String {
    let mut stream = TcpStream::connect(running.web).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut word = String::new();
    let _ = stream.read_to_string(&mut word).await;
    word
}

#[tokio::test]
async fn tcp_servers_that_fail_their_check_get_no_connections() {
    let servers = [says("good").await, says("evil").await];
    let servers = servers.map(|address| TcpServer { address, tls: false }).to_vec();
    let configured = |health_check: Option<TcpServerHealthCheck>| {
        let mut configuration = Configuration::default();
        let router = TcpRouter {
            entry_points: vec!["web".to_owned()],
            rule: "HostSNI(`*`)".to_owned(),
            service: "t".to_owned(),
            ..TcpRouter::default()
        };
        configuration.tcp.routers.insert("t@file".to_owned(), router);
        let balancer = TcpLoadBalancer { servers: servers.clone(), health_check, ..TcpLoadBalancer::default() };
        let service = TcpService { load_balancer: Some(balancer), ..TcpService::default() };
        configuration.tcp.services.insert("t@file".to_owned(), service);
        configuration
    };
    let expecting = |expect: &str| TcpServerHealthCheck {
        send: "PING".to_owned(),
        expect: expect.to_owned(),
        interval: GoDuration::from_millis(20),
        ..TcpServerHealthCheck::default()
    };
    let running = run(options(), configured(Some(expecting("good")))).await;
    // One after the other, so that each server would have its turn.
    let only = async |wanted: &[&str]| {
        let mut found = 0;
        while found < 4 {
            found = if wanted.contains(&told(&running).await.as_str()) { found + 1 } else { 0 };
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    only(&["good"]).await;
    let applied = running.apply(configured(Some(expecting("evil")))).await;
    assert_eq!(applied.problems, [], "nothing of it is left out");
    only(&["evil"]).await;
    running.apply(configured(Some(expecting("none")))).await;
    only(&[""]).await;
    // Without a check nothing is known that would stand against a server.
    running.apply(configured(None)).await;
    let words = [told(&running).await, told(&running).await];
    assert!(words.contains(&"good".to_owned()) && words.contains(&"evil".to_owned()), "{words:?}");
}

fn checked(url: &str, check: ServerHealthCheck) -> Configuration {
    let mut configuration = routed("a", &[url.to_owned()]);
    let balancer = configuration.http.services.get_mut("a@file").unwrap().load_balancer.as_mut().unwrap();
    balancer.health_check = Some(ServerHealthCheck { interval: GoDuration::from_millis(20), ..check });
    configuration
}

/// Waits until a request gets this status.
async fn until(running: &Running, status: u16) {
    let wanted = format!("HTTP/1.1 {status} ");
    while !ask(running.web, &get("a.test", "/")).await.0.starts_with(&wanted) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn checks_say_who_they_are() {
    let (told, mut agents) = tokio::sync::mpsc::unbounded_channel();
    let url = origin(move |mut stream| {
        let told = told.clone();
        async move {
            while let Some((head, _)) = read_message(&mut stream).await {
                let agent =
                    head.lines().find_map(|line| line.split_once(": ").filter(|(name, _)| *name == "User-Agent"));
                told.send(agent.map_or("", |(_, agent)| agent).to_owned()).unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            }
        }
    })
    .await;
    let check = || ServerHealthCheck { path: "/".to_owned(), ..ServerHealthCheck::default() };
    let running = run(options(), checked(&url, check())).await;
    assert_eq!(agents.recv().await.unwrap(), "Go-http-client/1.1");
    let headers = [("User-Agent".to_owned(), "me".to_owned())].into();
    running.apply(checked(&url, ServerHealthCheck { headers, ..check() })).await;
    while agents.recv().await.unwrap() != "me" {}
}

#[tokio::test]
async fn checks_follow_redirects_unless_they_are_not_to() {
    let url = origin(|mut stream| async move {
        while let Some((head, _)) = read_message(&mut stream).await {
            let (status, location) = match head.split(' ').nth(1).unwrap() {
                "/health" => ("302 Found", "Location: down\r\n"),
                "/down" => ("500 Down", ""),
                "/loop" => ("307 Loop", "Location: /loop\r\n"),
                _ => ("200 OK", ""),
            };
            let answer = format!("HTTP/1.1 {status}\r\n{location}Content-Length: 0\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    })
    .await;
    let check = |path: &str, follow_redirects: bool| {
        checked(&url, ServerHealthCheck { path: path.to_owned(), follow_redirects, ..ServerHealthCheck::default() })
    };
    let running = run(options(), check("/health", true)).await;
    until(&running, 503).await;
    running.apply(check("/health", false)).await;
    until(&running, 200).await;
    running.apply(check("/loop", true)).await;
    until(&running, 503).await;
}

/// A gRPC server whose health service answers with this status; 0 is a server without one.
async fn grpc(status: Arc<AtomicU8>) -> String {
    origin(move |stream| {
        let status = Arc::clone(&status);
        async move {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut answer))) = connection.accept().await {
                let status = status.load(Relaxed);
                let head = http::Response::builder().header("content-type", "application/grpc");
                let trailers = |code: &'static str| {
                    let mut trailers = http::HeaderMap::new();
                    trailers.insert("grpc-status", http::HeaderValue::from_static(code));
                    trailers
                };
                if request.uri().path() != "/grpc.health.v1.Health/Check" {
                    answer.send_response(http::Response::new(()), true).unwrap();
                } else if status == 0 {
                    answer.send_response(head.header("grpc-status", "12").body(()).unwrap(), true).unwrap();
                } else {
                    assert_eq!(request.headers()["content-type"], "application/grpc");
                    let mut stream = answer.send_response(head.body(()).unwrap(), false).unwrap();
                    stream.send_data(Bytes::from(vec![0, 0, 0, 0, 2, 8, status]), false).unwrap();
                    stream.send_trailers(trailers("0")).unwrap();
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn checks_over_grpc_ask_the_health_service() {
    let status = Arc::new(AtomicU8::new(2));
    let url = grpc(Arc::clone(&status)).await.replace("http://", "h2c://");
    let running =
        run(options(), checked(&url, ServerHealthCheck { mode: "grpc".to_owned(), ..ServerHealthCheck::default() }))
            .await;
    until(&running, 503).await;
    status.store(1, Relaxed);
    until(&running, 200).await;
    status.store(0, Relaxed);
    until(&running, 503).await;
}

#[tokio::test]
async fn checks_ask_the_server_and_nobody_else() {
    let url = origin(|mut stream| async move {
        while let Some((head, _)) = read_message(&mut stream).await {
            let lower = head.to_ascii_lowercase();
            let fine =
                !head.starts_with("POST") || (lower.contains("content-length: 0\r\n") && !lower.contains("host: hh"));
            let status = if fine { "200 OK" } else { "500 No" };
            stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await.unwrap();
        }
    })
    .await;
    let check = |path: &str| {
        let headers = [("Host".to_owned(), "hh.test".to_owned())].into_iter().collect();
        let method = "POST".to_owned();
        checked(&url, ServerHealthCheck { path: path.to_owned(), method, headers, ..ServerHealthCheck::default() })
    };
    let running = run(options(), check("//evil/hc")).await;
    until(&running, 503).await;
    running.apply(check("/hc")).await;
    until(&running, 200).await;
    running.apply(check("http://other/hc")).await;
    until(&running, 503).await;
}
