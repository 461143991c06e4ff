//! Connections that leave HTTP.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use proxy::config::dynamic::{ErrorPage, Failover, FailoverErrors, LoadBalancer, Middleware, Service};
use proxy::config::statics;
use proxy::observe::access_log::AccessLog;

use crate::support::{Lines, ask, options, origin, read_message, routed, run};

#[tokio::test]
async fn a_websocket_echoes_through_the_gateway() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                socket.send(Message::text("welcome")).await.unwrap();
                while let Some(Ok(message)) = socket.next().await {
                    if message.is_text() {
                        socket.send(message).await.unwrap();
                    }
                }
            });
        }
    });
    let running = run(options(), routed("a", &[url])).await;
    let stream = TcpStream::connect(running.web).await.unwrap();
    let (mut socket, _) = tokio_tungstenite::client_async("ws://a.test/ws", stream).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("welcome"));
    socket.send(Message::text("hello")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("hello"));

    // It outlives its route, and whoever wants to end the server is told that it is still there.
    running.apply(routed("a", &[])).await;
    let mut status = running.gateway.subscribe();
    assert_eq!(status.borrow_and_update().leaving.len(), 1);
    socket.send(Message::text("still")).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("still"));
    socket.close(None).await.unwrap();
    drop(socket);
    status.wait_for(|status| status.leaving.is_empty()).await.unwrap();
}

/// What a client says in a protocol of its own, though it begins as a request would and has many lines.
fn theirs() -> String {
    format!("GET http:///<a>#b HTTP/1.1\n{}", "a line\n".repeat(300))
}

#[tokio::test]
async fn any_protocol_that_both_sides_agree_on() {
    let url = origin(|mut stream| async move {
        let (head, _) = read_message(&mut stream).await.unwrap();
        assert!(head.contains("Connection: Upgrade\r\n") && head.contains("Upgrade: my-proto\r\n"), "{head}");
        stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: my-proto\r\n\r\nearly")
            .await
            .unwrap();
        let mut bytes = vec![0; theirs().len()];
        stream.read_exact(&mut bytes).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
    })
    .await;
    let running = run(options(), routed("a", &[url])).await;
    let mut stream = TcpStream::connect(running.web).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: my-proto\r\n\r\n")
        .await
        .unwrap();
    let (head, _) = read_message(&mut stream).await.unwrap();
    assert!(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{head}");
    for part in theirs().as_bytes().chunks(60) {
        stream.write_all(part).await.unwrap();
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, format!("early{}", theirs()));
}

/// Reads a request, and goes on in the protocol `x`.
async fn switch(stream: &mut TcpStream) {
    read_message(stream).await;
    let head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
    stream.write_all(head).await.unwrap();
}

#[tokio::test]
async fn a_switch_is_no_error_whatever_the_list_says() {
    let url = origin(|mut stream| async move {
        switch(&mut stream).await;
    })
    .await;
    let all = || vec!["100-599".to_owned()];
    let mut configuration = routed("a", &[url]);
    let failover = Failover {
        service: "a".to_owned(),
        fallback: "none".to_owned(),
        errors: Some(FailoverErrors { status: all(), max_request_body_bytes: -1 }),
        ..Failover::default()
    };
    let services = &mut configuration.http.services;
    services.insert("either@file".to_owned(), Service { failover: Some(failover), ..Service::default() });
    services
        .insert("none@file".to_owned(), Service { load_balancer: Some(LoadBalancer::default()), ..Service::default() });
    let pages = ErrorPage { status: all(), service: "none".to_owned(), ..ErrorPage::default() };
    let pages = Middleware { errors: Some(pages), ..Middleware::default() };
    configuration.http.middlewares.insert("pages@file".to_owned(), pages);
    let router = configuration.http.routers.get_mut("a@file").unwrap();
    (router.service, router.middlewares) = ("either@file".to_owned(), vec!["pages@file".to_owned()]);
    let running = run(options(), configuration).await;
    let (head, _) =
        ask(running.web, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 101 ") && head.contains("\r\nUpgrade: x\r\n"), "{head}");
}

#[tokio::test]
async fn a_switch_that_nobody_asked_for_is_refused() {
    let url = origin(|mut stream| async move {
        switch(&mut stream).await;
    })
    .await;
    let running = run(options(), routed("a", &[url])).await;
    let (head, _) = ask(running.web, "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{head}");
    let (head, _) =
        ask(running.web, "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: y\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{head}");
}

#[tokio::test]
async fn the_log_tells_of_a_tunnel_when_it_is_over() {
    let url = origin(|mut stream| async move {
        switch(&mut stream).await;
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    })
    .await;
    let running = run(options(), routed("a", &[url])).await;
    let lines = Lines::default();
    let options = statics::AccessLog { format: "json".to_owned(), ..statics::AccessLog::default() };
    running.gateway.set_access_log(Some(AccessLog::start(&options, lines.clone()).unwrap()));
    let mut stream = TcpStream::connect(running.web).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    read_message(&mut stream).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(lines.is_empty());
    drop(stream);
    let line: serde_json::Value = serde_json::from_str(&lines.first().await).unwrap();
    assert_eq!(line["DownstreamStatus"], 101);
    assert!(line["Duration"].as_u64().unwrap() >= 200_000_000, "{line}");
}

#[tokio::test]
async fn a_tunnel_keeps_its_place_among_the_connections() {
    let url = origin(|mut stream| async move {
        switch(&mut stream).await;
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    })
    .await;
    let mut options = options();
    options.connections.per_address = 1;
    let running = run(options, routed("a", &[url])).await;
    let mut stream = TcpStream::connect(running.web).await.unwrap();
    let request = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    read_message(&mut stream).await.unwrap();
    let unknown = crate::support::get("b.test", "/");
    for _ in 0..20 {
        assert_eq!(ask(running.web, &unknown).await.0, "", "there is no place for another");
    }
    drop(stream);
    let freed = async {
        while ask(running.web, &unknown).await.0.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), freed).await.unwrap();
}
