//! Active health checks of TCP services, over gRPC, and through redirects.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use std::time::Duration;

use bytes::Bytes;
use proxy::config::duration::GoDuration;
use proxy::config::dynamic::{
    Auth, Configuration, Middleware, ServerHealthCheck, TcpLoadBalancer, TcpRouter, TcpServer, TcpServerHealthCheck,
    TcpService,
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

/// A configuration with users in a pipe: reading it takes as long as the pipe's writer likes. It is there as long as its folder.
fn behind_a_pipe(url: &str) -> (tempfile::TempDir, PathBuf, Configuration) {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("users");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let users_file = pipe.to_str().unwrap().to_owned();
    let auth = Middleware { basic_auth: Some(Auth { users_file, ..Auth::default() }), ..Middleware::default() };
    let mut configuration = routed("slow", &[url.to_owned()]);
    configuration.http.middlewares.insert("auth@file".to_owned(), auth);
    configuration.http.routers.get_mut("slow@file").unwrap().middlewares = vec!["auth@file".to_owned()];
    (folder, pipe, configuration)
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

#[tokio::test]
async fn servers_are_checked_while_a_configuration_is_read_and_none_overtakes_it() {
    let (probe, mut probes) = tokio::sync::mpsc::unbounded_channel();
    let url = origin(move |mut stream| {
        let probe = probe.clone();
        async move {
            while read_message(&mut stream).await.is_some() {
                let _ = probe.send(());
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
            }
        }
    })
    .await;
    let running = run(options(), checked(&url, ServerHealthCheck::default())).await;
    let (_folder, pipe, slow) = behind_a_pipe(&url);
    let both = async { tokio::join!(running.apply(slow), running.apply(routed("last", std::slice::from_ref(&url)))) };
    let mut both = std::pin::pin!(both);
    let meanwhile = async {
        while probes.try_recv().is_ok() {}
        for _ in 0..3 {
            probes.recv().await.unwrap();
        }
        running.gateway.listeners().await.unwrap()
    };
    let listeners = tokio::select! {
        _ = both.as_mut() => panic!("nobody has written the users yet"),
        listeners = meanwhile => listeners,
    };
    assert_eq!(listeners.len(), 4, "commands are obeyed meanwhile");
    tokio::task::spawn_blocking(move || std::fs::write(pipe, "user:$apr1$x$1111111111111111111111"))
        .await
        .unwrap()
        .unwrap();
    let (slow, last) = both.await;
    assert_eq!((slow.revision, last.revision), (2, 3));
    assert!(ask(running.web, &get("last.test", "/")).await.0.starts_with("HTTP/1.1 200"));
    assert!(ask(running.web, &get("slow.test", "/")).await.0.starts_with("HTTP/1.1 404"), "the last one is in force");
}

#[tokio::test]
async fn a_gateway_ends_while_a_configuration_is_read() {
    let running = run(options(), Configuration::default()).await;
    let (_folder, pipe, slow) = behind_a_pipe("http://127.0.0.1:1");
    // A pipe that nobody reads cannot be opened like that.
    let opened = async {
        loop {
            match std::fs::File::options()
                .write(true)
                .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
                .open(&pipe)
            {
                Ok(writer) => return writer,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    let _writer = tokio::select! {
        _ = running.apply(slow) => panic!("nobody has written the users"),
        writer = opened => writer,
    };
    running.gateway.shutdown(Duration::ZERO, Duration::ZERO).await;
}
