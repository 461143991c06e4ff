//! HTTP/3, asked by a client that knows nothing of the gateway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use h3::client::{RequestStream, SendRequest};
use http::{Request, Response, StatusCode};
use proxy::config::dynamic::{Configuration, TlsOptions};
use proxy::entry_point::Http3;
use proxy::gateway::{Gateway, Inherited, Options, Update};
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::encrypted::{connect, made};
use crate::support::{Running, ask, echo, get, models, options, origin, read_message, route, run};

type Client = SendRequest<h3_quinn::OpenStreams, Bytes>;
type Stream = RequestStream<h3_quinn::BidiStream<Bytes>, Bytes>;

fn with_http3() -> Options {
    let mut options = options();
    options.entry_points[1].http3 = Some(Http3::default());
    options
}

/// A gateway whose router for `a.test` leads to `url`, and the certificate's authority.
async fn serving(options: Options, url: String) -> (Running, CertificateDer<'static>) {
    let mut configuration = Configuration::default();
    route(&mut configuration, "a", true, &[url]);
    let (root, pair) = made(&["a.test", "b.test"]);
    configuration.tls.certificates.push(pair);
    (run(options, configuration).await, root)
}

fn endpoint(root: &CertificateDer<'static>) -> quinn::Endpoint {
    let mut store = rustls::RootCertStore::empty();
    store.add(root.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h3".to_vec()];
    let config = quinn::crypto::rustls::QuicClientConfig::try_from(config).unwrap();
    let mut endpoint = quinn::Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(config)));
    endpoint
}

/// A connection, on which requests can be sent.
async fn open(
    endpoint: &quinn::Endpoint,
    to: SocketAddr,
    name: &str,
) -> Result<(quinn::Connection, Client), quinn::ConnectionError> {
    let connection = endpoint.connect(to, name).unwrap().await?;
    let (mut driver, sender) = h3::client::new(h3_quinn::Connection::new(connection.clone())).await.unwrap();
    tokio::spawn(async move { std::future::poll_fn(|cx| driver.poll_close(cx)).await });
    Ok((connection, sender))
}

async fn send(client: &mut Client, request: Request<()>, body: &[u8]) -> Stream {
    let mut stream = client.send_request(request).await.unwrap();
    for piece in body.chunks(50_000) {
        stream.send_data(Bytes::copy_from_slice(piece)).await.unwrap();
    }
    stream.finish().await.unwrap();
    stream
}

async fn answer(stream: &mut Stream) -> (Response<()>, Vec<u8>) {
    let response = stream.recv_response().await.unwrap();
    let mut body = Vec::new();
    while let Some(mut data) = stream.recv_data().await.unwrap() {
        body.extend_from_slice(&data.copy_to_bytes(data.remaining()));
    }
    (response, body)
}

async fn fetch(client: &mut Client, request: Request<()>, body: &[u8]) -> (Response<()>, String) {
    let mut stream = send(client, request, body).await;
    let (response, body) = answer(&mut stream).await;
    (response, String::from_utf8_lossy(&body).into_owned())
}

fn request(method: &str, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("https://a.test{path}")).body(()).unwrap()
}

#[tokio::test]
async fn requests_are_routed_and_forwarded_as_those_of_http2() {
    let (running, root) = serving(with_http3(), echo().await).await;
    let endpoint = endpoint(&root);
    let (_connection, mut client) = open(&endpoint, running.websecure, "a.test").await.unwrap();
    let mut asked = request("GET", "/x?y");
    for cookie in ["a=1", "b=2"] {
        asked.headers_mut().append("cookie", cookie.parse().unwrap());
    }
    let (response, seen) = fetch(&mut client, asked, b"").await;
    assert_eq!(response.status(), StatusCode::OK);
    assert!(response.headers().contains_key("date") && !response.headers().contains_key("alt-svc"));
    let seen = seen.to_ascii_lowercase();
    assert!(seen.starts_with("get /x?y http/1.1\r\n"), "{seen}");
    for line in ["host: a.test", "cookie: a=1; b=2", "x-forwarded-proto: https", "x-forwarded-for: 127.0.0.1"] {
        assert!(seen.contains(&format!("\r\n{line}\r\n")), "{line}: {seen}");
    }
    assert!(!seen.contains("transfer-encoding") && !seen.contains("content-length"), "{seen}");

    let (_, seen) = fetch(&mut client, request("POST", "/"), b"").await;
    assert!(seen.to_ascii_lowercase().contains("\r\ncontent-length: 0\r\n"), "{seen}");
    let (_, seen) = fetch(&mut client, request("POST", "/"), b"streamed").await;
    assert!(seen.ends_with("8\r\nstreamed\r\n0\r\n\r\n"), "{seen}");
    let mut known = request("PUT", "/");
    known.headers_mut().insert("content-length", 5.into());
    let (_, seen) = fetch(&mut client, known, b"known").await;
    assert!(seen.to_ascii_lowercase().contains("\r\ncontent-length: 5\r\n") && seen.ends_with("known"), "{seen}");

    let elsewhere = Request::get("https://b.test/").body(()).unwrap();
    assert_eq!(fetch(&mut client, elsewhere, b"").await.0.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn other_clients_are_told_where_it_is() {
    let (running, root) = serving(with_http3(), echo().await).await;
    let told = format!("alt-svc: h3=\":{}\"; ma=2592000\r\n", running.websecure.port());
    for (host, status) in [("a.test", "200"), ("b.test", "404")] {
        let mut stream = connect(running.websecure, "a.test", std::slice::from_ref(&root), "http/1.1").await.unwrap();
        stream.write_all(get(host, "/").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
        assert!(answer.to_ascii_lowercase().contains(&told), "{answer}");
    }
    let (head, _) = ask(running.websecure, &get("a.test", "/")).await;
    assert!(!head.to_ascii_lowercase().contains("alt-svc"), "without TLS: {head}");

    let mut elsewhere = with_http3();
    if let Some(http3) = &mut elsewhere.entry_points[1].http3 {
        http3.advertised_port = Some(8443);
    }
    let (running, root) = serving(elsewhere, echo().await).await;
    let mut stream = connect(running.websecure, "a.test", &[root], "http/1.1").await.unwrap();
    stream.write_all(get("a.test", "/").as_bytes()).await.unwrap();
    let mut head = vec![0; 120];
    stream.read_exact(&mut head).await.unwrap();
    assert!(String::from_utf8_lossy(&head).to_ascii_lowercase().contains("alt-svc: h3=\":8443\"; ma=2592000"));
}

#[tokio::test]
async fn megabytes_go_both_ways_on_many_streams_and_connections() {
    let url = origin(|mut stream| async move {
        while let Some((_, body)) = read_message(&mut stream).await {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).await.unwrap();
            stream.write_all(body.as_bytes()).await.unwrap();
        }
    });
    let (running, root) = serving(with_http3(), url.await).await;
    let mut tasks = tokio::task::JoinSet::new();
    for connection in 0..4_u8 {
        let (root, to) = (root.clone(), running.websecure);
        tasks.spawn(async move {
            let endpoint = endpoint(&root);
            let (_connection, client) = open(&endpoint, to, "a.test").await.unwrap();
            let streams = (0..3_u8).map(|number| {
                let mut client = client.clone();
                async move {
                    let body = vec![b'a' + connection * 3 + number; 1_500_000];
                    let mut asked = request("POST", "/");
                    asked.headers_mut().insert("content-length", body.len().into());
                    let stream = client.send_request(asked).await.unwrap();
                    let (mut up, mut down) = stream.split();
                    let sent = body.clone();
                    let sending = tokio::spawn(async move {
                        for piece in sent.chunks(40_000) {
                            up.send_data(Bytes::copy_from_slice(piece)).await.unwrap();
                        }
                        up.finish().await.unwrap();
                    });
                    let response = down.recv_response().await.unwrap();
                    let mut received = Vec::new();
                    while let Some(mut data) = down.recv_data().await.unwrap() {
                        received.extend_from_slice(&data.copy_to_bytes(data.remaining()));
                    }
                    sending.await.unwrap();
                    assert_eq!((response.status().as_u16(), received == body), (200, true));
                }
            });
            futures_util::future::join_all(streams).await;
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test]
async fn what_is_malformed_or_too_large_is_refused() {
    let (running, root) = serving(with_http3(), echo().await).await;
    let endpoint = endpoint(&root);
    let (_connection, mut client) = open(&endpoint, running.websecure, "a.test").await.unwrap();
    let mut large = request("GET", "/");
    large.headers_mut().insert("x-large", "x".repeat(70_000).parse().unwrap());
    assert_eq!(fetch(&mut client, large, b"").await.0.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let mut many = request("GET", "/");
    for _ in 0..1700 {
        many.headers_mut().append("x", "".parse().unwrap());
    }
    assert_eq!(fetch(&mut client, many, b"").await.0.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let connect = Request::builder().method("CONNECT").uri("a.test:443").body(()).unwrap();
    assert_eq!(fetch(&mut client, connect, b"").await.0.status(), StatusCode::NOT_IMPLEMENTED);
    for (header, value, body) in [
        ("transfer-encoding", "chunked", ""),
        ("connection", "close", ""),
        ("content-length", "3", ""),
        ("content-length", "-1", ""),
        ("content-length", "0", "more"),
    ] {
        let mut bad = request("POST", "/");
        bad.headers_mut().insert(header, value.parse().unwrap());
        let mut stream = client.send_request(bad).await.unwrap();
        if !body.is_empty() {
            // It may be refused before.
            let _ = stream.send_data(Bytes::from_static(body.as_bytes())).await;
        }
        let _ = stream.finish().await;
        let refused = match stream.recv_response().await {
            Ok(response) => response.status().is_client_error() || response.status().is_server_error(),
            Err(_) => true,
        };
        assert!(refused, "{header}: {value}");
    }
    // The connection is none the worse.
    assert_eq!(fetch(&mut client, request("GET", "/"), b"").await.0.status(), StatusCode::OK);
}

#[tokio::test]
async fn options_go_by_name_and_need_tls_1_3() {
    let mut configuration = Configuration::default();
    for name in ["a", "b"] {
        route(&mut configuration, name, true, &[echo().await]);
    }
    let (root, pair) = made(&["a.test", "b.test"]);
    configuration.tls.certificates.push(pair);
    let old = TlsOptions { max_version: "VersionTLS12".to_owned(), ..TlsOptions::default() };
    configuration.tls.options.insert("old@file".to_owned(), old);
    configuration.http.routers.get_mut("b@file").unwrap().tls.as_mut().unwrap().options = "old@file".to_owned();
    let running = run(with_http3(), configuration).await;
    let endpoint = endpoint(&root);
    assert!(open(&endpoint, running.websecure, "b.test").await.is_err());
    let (_connection, mut client) = open(&endpoint, running.websecure, "a.test").await.unwrap();
    let other = Request::get("https://b.test/").body(()).unwrap();
    assert_eq!(fetch(&mut client, other, b"").await.0.status(), StatusCode::MISDIRECTED_REQUEST);
}

/// Answers with 400,000 bytes, which take 1.6 s.
async fn slow() -> String {
    origin(|mut stream| async move {
        read_message(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n").await.unwrap();
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_millis(400)).await;
            stream.write_all(&[b'x'; 100_000]).await.unwrap();
        }
    })
    .await
}

#[tokio::test]
async fn a_shutdown_finishes_what_is_under_way() {
    let (running, root) = serving(with_http3(), slow().await).await;
    let endpoint = endpoint(&root);
    let (connection, mut client) = open(&endpoint, running.websecure, "a.test").await.unwrap();
    let mut stream = send(&mut client, request("GET", "/"), b"").await;
    assert_eq!(stream.recv_response().await.unwrap().status(), StatusCode::OK);
    let ending = tokio::spawn(running.gateway.shutdown(Duration::ZERO, Duration::from_secs(20)));
    assert_eq!(rest(&mut stream).await, 400_000);
    // H3_NO_ERROR.
    let closed = connection.closed().await;
    let quinn::ConnectionError::ApplicationClosed(close) = closed else { panic!("{closed}") };
    assert_eq!(close.error_code.into_inner(), 0x100);
    ending.await.unwrap();
}

/// Bytes that are still to come.
async fn rest(stream: &mut Stream) -> usize {
    let mut length = 0;
    while let Some(data) = stream.recv_data().await.unwrap() {
        length += data.remaining();
    }
    length
}

/// The gateway that served a request, by the name that it gives itself.
async fn served_by(client: &mut Client) -> String {
    let (_, seen) = fetch(client, request("GET", "/"), &[b'x'; 5_000]).await;
    let seen = seen.to_ascii_lowercase();
    let name = seen.split("x-forwarded-server: ").nth(1).and_then(|rest| rest.lines().next());
    name.unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_successor_takes_new_connections_and_leaves_open_ones_to_their_gateway() {
    let mut configuration = Configuration::default();
    route(&mut configuration, "a", true, &[echo().await]);
    route(&mut configuration, "b", true, &[slow().await]);
    let (root, pair) = made(&["a.test", "b.test"]);
    configuration.tls.certificates.push(pair);
    let first = run(with_http3(), configuration.clone()).await;
    let address = first.websecure;
    let old_clients = endpoint(&root);
    let (connection, mut old) = open(&old_clients, address, "a.test").await.unwrap();
    let mut slow = send(&mut old, Request::get("https://b.test/").body(()).unwrap(), b"").await;
    assert_eq!(slow.recv_response().await.unwrap().status(), StatusCode::OK);

    // One that fails takes nothing away.
    drop(first.gateway.bequests().await.unwrap());
    assert_eq!(served_by(&mut old).await, "gw");

    let points = Options { entry_points: Vec::new(), hostname: "successor".to_owned(), ..options() };
    let second = Gateway::start(points).await.unwrap();
    second.apply(Update { configuration, models: models(), ..Update::default() }).await.unwrap();
    let inherited = Inherited {
        listeners: first.gateway.listeners().await.unwrap(),
        datagrams: first.gateway.bequests().await.unwrap(),
    };
    assert_eq!(inherited.datagrams.len(), 1);
    let mut points = with_http3().entry_points;
    for (point, address) in points.iter_mut().zip([first.web, address]) {
        point.address = address.to_string();
    }
    second.take_over(points, inherited).await.unwrap();

    let new_clients = endpoint(&root);
    for round in 0..3 {
        let (_new, mut client) = open(&new_clients, address, "a.test").await.unwrap();
        assert_eq!(served_by(&mut client).await, "successor");
        // The same socket of the client has connections with both.
        let (_beside, mut client) = open(&old_clients, address, "a.test").await.unwrap();
        assert_eq!(served_by(&mut client).await, "successor");
        assert_eq!(served_by(&mut old).await, "gw", "{round}");
    }
    first.gateway.retire().await.unwrap();
    assert_eq!(rest(&mut slow).await, 400_000);
    let closed = connection.closed().await;
    let quinn::ConnectionError::ApplicationClosed(close) = closed else { panic!("{closed}") };
    assert_eq!(close.error_code.into_inner(), 0x100);
    first.gateway.shutdown(Duration::ZERO, Duration::from_secs(20)).await;
    let (_new, mut client) = open(&new_clients, address, "a.test").await.unwrap();
    assert_eq!(served_by(&mut client).await, "successor");
}

#[tokio::test]
async fn a_server_learns_that_the_client_wants_no_more() {
    let (gone, told) = tokio::sync::mpsc::unbounded_channel();
    let (url, mut told) = (
        origin(move |mut stream| {
            let gone = gone.clone();
            async move {
                read_message(&mut stream).await;
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
                    .await
                    .unwrap();
                let _ = stream.read_u8().await;
                gone.send(()).unwrap();
            }
        }),
        told,
    );
    let (running, root) = serving(with_http3(), url.await).await;
    let endpoint = endpoint(&root);
    let (_connection, mut client) = open(&endpoint, running.websecure, "a.test").await.unwrap();
    let mut stream = send(&mut client, request("GET", "/events"), b"").await;
    stream.recv_response().await.unwrap();
    stream.recv_data().await.unwrap();
    drop(stream);
    tokio::time::timeout(Duration::from_secs(10), told.recv()).await.unwrap().unwrap();
}

#[tokio::test]
async fn garbage_costs_nothing_and_a_new_address_is_followed() {
    let (running, root) = serving(with_http3(), echo().await).await;
    let endpoint = endpoint(&root);
    let (_connection, mut client) = open(&endpoint, running.websecure, "a.test").await.unwrap();
    assert_eq!(fetch(&mut client, request("GET", "/"), b"").await.0.status(), StatusCode::OK);
    let noise = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    noise.connect(running.websecure).await.unwrap();
    let mut datagram = vec![0_u8; 1300];
    let mut state = 1_u32;
    for round in 0..2000_u32 {
        for byte in &mut datagram {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (state >> 24) as u8;
        }
        if round % 2 == 0 {
            // Begins as an Initial packet of version 1 does.
            datagram[..6].copy_from_slice(&[0xc3, 0, 0, 0, 1, 8]);
        }
        let _ = noise.send(&datagram[..(round as usize % 1300)]).await;
    }
    endpoint.rebind(std::net::UdpSocket::bind("127.0.0.2:0").unwrap()).unwrap();
    let (_, seen) = fetch(&mut client, request("GET", "/"), b"").await;
    // The first request after the move may still come as one from the old address.
    let (_, again) = fetch(&mut client, request("GET", "/"), b"").await;
    assert!(again.to_ascii_lowercase().contains("x-forwarded-for: 127.0.0.2"), "{seen}{again}");
}

#[tokio::test]
async fn it_is_switched_on_and_off_while_it_runs() {
    let (running, root) = serving(options(), echo().await).await;
    let address = running.websecure;
    let entries = |http3: Option<Http3>| {
        let mut points = options().entry_points;
        points[1].http3 = http3;
        points
    };
    running.gateway.set_entry_points(entries(Some(Http3::default()))).await.unwrap();
    let endpoint = endpoint(&root);
    let (connection, mut client) = open(&endpoint, address, "a.test").await.unwrap();
    assert_eq!(fetch(&mut client, request("GET", "/"), b"").await.0.status(), StatusCode::OK);
    running.gateway.set_entry_points(entries(None)).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), connection.closed()).await.unwrap();
    let mut stream = connect(address, "a.test", &[root], "http/1.1").await.unwrap();
    stream.write_all(get("a.test", "/").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(!answer.to_ascii_lowercase().contains("alt-svc"), "{answer}");
}
