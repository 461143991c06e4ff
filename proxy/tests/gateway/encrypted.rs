//! TLS: certificates, HTTP/2, options by host.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::rt::{TokioExecutor, TokioIo};
use proxy::config::dynamic::{ClientAuth, Configuration, HttpServersTransport, StoredCertificate, TlsOptions};
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::support::{echo, options, route, run};

pub(crate) fn made(names: &[&str]) -> (CertificateDer<'static>, StoredCertificate) {
    let made =
        rcgen::generate_simple_self_signed(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    let pair = StoredCertificate {
        cert_file: made.cert.pem(),
        key_file: made.signing_key.serialize_pem(),
        stores: Vec::new(),
    };
    (made.cert.der().clone(), pair)
}

pub(crate) async fn connect(
    address: SocketAddr,
    name: &str,
    roots: &[CertificateDer<'static>],
    alpn: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    encrypt(TcpStream::connect(address).await.unwrap(), name, roots, alpn).await
}

/// TLS over a connection that is there already.
pub(crate) async fn encrypt(
    stream: TcpStream,
    name: &str,
    roots: &[CertificateDer<'static>],
    alpn: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut store = rustls::RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    TlsConnector::from(Arc::new(config)).connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await
}

async fn h2_get(stream: TlsStream<TcpStream>, uri: &str) -> (http::response::Parts, String) {
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request =
        Request::get(uri).header("cookie", "a=1").header("cookie", "b=2").body(Empty::<bytes::Bytes>::new()).unwrap();
    let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
    let text = body.collect().await.unwrap().to_bytes();
    (parts, String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn http2_in_http1_out() {
    let mut configuration = Configuration::default();
    route(&mut configuration, "a", true, &[echo().await]);
    let (root, pair) = made(&["a.test", "b.test", "c.test"]);
    configuration.tls.certificates.push(pair);
    let running = run(options(), configuration).await;
    let stream = connect(running.websecure, "a.test", &[root], "h2").await.unwrap();
    let (parts, body) = h2_get(stream, "https://a.test/x?y").await;
    assert_eq!((parts.status.as_u16(), parts.version), (200, hyper::Version::HTTP_2));
    assert!(body.starts_with("GET /x?y HTTP/1.1\r\n"), "{body}");
    for header in ["Host: a.test", "Cookie: a=1; b=2", "X-Forwarded-Proto: https", "X-Forwarded-Port: 443"] {
        assert!(body.contains(&format!("\r\n{header}\r\n")), "{header} in {body}");
    }
}

#[tokio::test]
async fn the_certificate_follows_the_name_and_reloads() {
    let mut configuration = Configuration::default();
    route(&mut configuration, "a", true, &[echo().await]);
    let ((root_a, pair_a), (root_b, pair_b)) = (made(&["a.test"]), made(&["a.test"]));
    configuration.tls.certificates = vec![pair_a];
    let running = run(options(), configuration.clone()).await;
    assert!(connect(running.websecure, "a.test", std::slice::from_ref(&root_a), "http/1.1").await.is_ok());
    assert!(connect(running.websecure, "b.test", std::slice::from_ref(&root_a), "http/1.1").await.is_err());
    configuration.tls.certificates = vec![pair_b];
    running.apply(configuration).await;
    assert!(connect(running.websecure, "a.test", &[root_b], "http/1.1").await.is_ok());
    assert!(connect(running.websecure, "a.test", &[root_a], "http/1.1").await.is_err());
}

#[tokio::test]
async fn a_host_with_stricter_options_is_not_reached_over_anothers_connection() {
    let mut configuration = Configuration::default();
    let server = echo().await;
    route(&mut configuration, "a", true, std::slice::from_ref(&server));
    route(&mut configuration, "b", true, std::slice::from_ref(&server));
    route(&mut configuration, "c", true, &[server]);
    let auth = ClientAuth { client_auth_type: "RequireAnyClientCert".to_owned(), ..ClientAuth::default() };
    configuration.tls.options.insert("mtls@file".to_owned(), TlsOptions { client_auth: auth, ..TlsOptions::default() });
    configuration.http.routers.get_mut("b@file").unwrap().tls.as_mut().unwrap().options = "mtls@file".to_owned();
    configuration.http.routers.get_mut("c@file").unwrap().tls.as_mut().unwrap().options = "missing@file".to_owned();
    let (root, pair) = made(&["a.test", "b.test", "c.test"]);
    configuration.tls.certificates.push(pair);
    let running = run_with_problems(configuration).await;
    let roots = [root];
    let stream = connect(running.websecure, "a.test", &roots, "h2").await.unwrap();
    let (parts, body) = h2_get(stream, "https://b.test/").await;
    assert_eq!((parts.status.as_u16(), body.as_str()), (421, "Misdirected Request\n"));
    // Options that do not exist close the connection: nothing is served with less than was asked for.
    assert!(connect(running.websecure, "c.test", &roots, "h2").await.is_err());
}

#[tokio::test]
async fn routers_whose_tls_options_conflict_get_the_default_ones_or_no_requests() {
    let mut configuration = Configuration::default();
    let server = echo().await;
    route(&mut configuration, "a", true, std::slice::from_ref(&server));
    route(&mut configuration, "c", true, std::slice::from_ref(&server));
    let old = TlsOptions { max_version: "VersionTLS12".to_owned(), ..TlsOptions::default() };
    configuration.tls.options.insert("old@file".to_owned(), old);
    let mut other = configuration.http.routers["a@file"].clone();
    other.rule = "Host(`A.test`) && PathPrefix(`/b`)".to_owned();
    other.tls.as_mut().unwrap().options = "old@file".to_owned();
    configuration.http.routers.insert("b@file".to_owned(), other);
    let (root, pair) = made(&["a.test", "c.test"]);
    configuration.tls.certificates.push(pair);
    let running = run(options(), Configuration::default()).await;
    for (strict, status) in [(false, 200), (true, 404)] {
        let mut models = crate::support::models();
        models[1].strict_tls_options = strict;
        let update = proxy::gateway::Update { configuration: configuration.clone(), models, ..Default::default() };
        let applied = running.gateway.apply(update).await.unwrap();
        assert_eq!(applied.problems.iter().filter(|problem| problem.object == "host `a.test`").count(), 1);
        for (host, status) in [("a.test", status), ("c.test", 200)] {
            let stream = connect(running.websecure, host, std::slice::from_ref(&root), "h2").await.unwrap();
            let (parts, _) = h2_get(stream, &format!("https://{host}/b")).await;
            assert_eq!(parts.status.as_u16(), status, "{host}, strict: {strict}");
        }
    }
}

async fn run_with_problems(configuration: Configuration) -> crate::support::Running {
    let running = run(options(), Configuration::default()).await;
    let applied = running.apply(configuration).await;
    let problems: Vec<String> = applied.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, ["router `c@file`: building router handler: unknown TLS options: missing@file"]);
    running
}

/// A connection of HTTP/2 over TCP to an entry point.
async fn prior_knowledge(address: SocketAddr) -> h2::client::SendRequest<bytes::Bytes> {
    let (sender, connection) = h2::client::handshake(TcpStream::connect(address).await.unwrap()).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(method: &str) -> Request<()> {
    Request::builder().method(method).uri("http://a.test/").body(()).unwrap()
}

#[tokio::test]
async fn http_2_has_informational_answers_bodies_both_ways_and_trailers() {
    let server = crate::support::origin(|mut stream| async move {
        use tokio::io::AsyncWriteExt as _;
        while let Some((head, body)) = crate::support::read_message(&mut stream).await {
            assert!(head.contains("Transfer-Encoding: chunked") && body.contains("hello"), "{head}{body}");
            let answer = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-T: 1\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let running = run(options(), crate::support::routed("a", &[server.await])).await;
    let mut sender = prior_knowledge(running.web).await.ready().await.unwrap();
    for _ in 0..3 {
        let (mut response, mut body) = sender.send_request(request("POST"), false).unwrap();
        body.send_data("hello".into(), true).unwrap();
        let interim = std::future::poll_fn(|cx| response.poll_informational(cx)).await.unwrap().unwrap();
        assert_eq!((interim.status().as_u16(), interim.headers().len()), (103, 1));
        let (parts, mut body) = response.await.unwrap().into_parts();
        assert_eq!(parts.status, 200);
        assert!(parts.headers.contains_key("date"));
        assert_eq!(body.data().await.unwrap().unwrap(), "ab");
        assert!(body.data().await.is_none());
        assert_eq!(body.trailers().await.unwrap().unwrap().get("x-t").unwrap(), "1");
    }
}

#[tokio::test]
async fn a_connection_of_http_2_has_its_share_of_requests() {
    let mut options = options();
    options.entry_points[0].keep_alive_requests = 2;
    let running = run(options, crate::support::routed("a", &[echo().await])).await;
    let stream = TcpStream::connect(running.web).await.unwrap();
    let (mut sender, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    for _ in 0..2 {
        sender = sender.ready().await.unwrap();
        let (response, _) = sender.send_request(request("GET"), true).unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
    }
    // Told to go, without an error.
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_reset_upload_does_not_look_complete_to_the_server() {
    let (told, seen) = tokio::sync::oneshot::channel();
    let (begun, begins) = tokio::sync::oneshot::channel();
    let told = std::sync::Mutex::new(Some((begun, told)));
    let server = crate::support::origin(move |mut stream| {
        let told = told.lock().unwrap().take();
        async move {
            if let Some((begun, told)) = told {
                let first = char::from(stream.read_u8().await.unwrap());
                begun.send(()).unwrap();
                told.send(format!("{first}{}", crate::support::rest(&mut stream).await)).unwrap();
            }
        }
    });
    let running = run(options(), crate::support::routed("a", &[server.await])).await;
    let mut sender = prior_knowledge(running.web).await.ready().await.unwrap();
    let (response, mut body) = sender.send_request(request("POST"), false).unwrap();
    body.send_data("part".into(), false).unwrap();
    begins.await.unwrap();
    body.send_reset(h2::Reason::CANCEL);
    assert!(response.await.is_err());
    let text = seen.await.unwrap();
    assert!(text.contains("Transfer-Encoding: chunked") && !text.contains("0\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn ciphers_are_chosen_for_speed_and_for_clients_without_aes() {
    use rustls::CipherSuite;
    let mut configuration = Configuration::default();
    route(&mut configuration, "a", true, &[echo().await]);
    let (root, pair) = made(&["a.test"]);
    configuration.tls.certificates.push(pair);
    let running = run(options(), configuration).await;
    let aes = CipherSuite::TLS13_AES_128_GCM_SHA256;
    let chacha = CipherSuite::TLS13_CHACHA20_POLY1305_SHA256;
    for (first, chosen) in [(CipherSuite::TLS13_AES_256_GCM_SHA384, aes), (aes, aes), (chacha, chacha)] {
        let mut provider = rustls::crypto::aws_lc_rs::default_provider();
        provider.cipher_suites.sort_by_key(|suite| suite.suite() != first);
        let mut store = rustls::RootCertStore::empty();
        store.add(root.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(store)
            .with_no_client_auth();
        let stream = TcpStream::connect(running.websecure).await.unwrap();
        let name = ServerName::try_from("a.test").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        assert_eq!(stream.get_ref().1.negotiated_cipher_suite().unwrap().suite(), chosen, "{first:?}");
    }
}

/// The body of the next answer.
async fn answer<S: AsyncRead + Unpin>(stream: &mut S) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        head.push(char::from(stream.read_u8().await.unwrap()));
    }
    let length =
        head.to_ascii_lowercase().split("content-length: ").nth(1).unwrap().split("\r\n").next().unwrap().parse();
    let mut body = vec![0; length.unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    String::from_utf8(body).unwrap()
}

/// Requests with pauses between them, in which the gateway puts the connection aside.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let pause = Duration::from_millis(1300);
    for path in ["/1", "/2", "/3"] {
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n").as_bytes()).await.unwrap();
        assert!(answer(&mut stream).await.starts_with(&format!("GET {path} ")));
        tokio::time::sleep(pause).await;
    }
    // Of the next request one half comes with the one before, the other after the pause.
    stream.write_all(b"GET /4 HTTP/1.1\r\nHost: a.test\r\n\r\nGET /5 HTTP/1.1\r\nHo").await.unwrap();
    assert!(answer(&mut stream).await.starts_with("GET /4 "));
    tokio::time::sleep(pause).await;
    stream.write_all(b"st: a.test\r\n\r\n").await.unwrap();
    assert!(answer(&mut stream).await.starts_with("GET /5 "));
}

/// Says nothing after a request, until the connection ends.
async fn fall_silent<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, limit: Duration) {
    let began = tokio::time::Instant::now();
    stream.write_all(b"GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n").await.unwrap();
    assert!(answer(&mut stream).await.starts_with("GET /1 "));
    let ended = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut [0])).await.unwrap();
    assert_eq!(ended.unwrap(), 0, "an idle connection ends in order");
    assert!(began.elapsed() >= limit, "{:?}", began.elapsed());
}

#[tokio::test]
async fn idle_connections_are_put_aside_and_go_on_or_end() {
    let mut configuration = Configuration::default();
    let server = echo().await;
    route(&mut configuration, "a", true, std::slice::from_ref(&server));
    route(&mut configuration, "b", false, &[server]);
    configuration.http.routers.values_mut().for_each(|router| router.rule = "Host(`a.test`)".to_owned());
    let (root, pair) = made(&["a.test"]);
    configuration.tls.certificates.push(pair);
    let limited = |limit: Duration| {
        let mut options = options();
        options.entry_points.iter_mut().for_each(|entry| entry.limits.keep_alive = limit);
        options
    };
    let running = run(limited(Duration::from_secs(60)), configuration.clone()).await;
    let roots = [root];
    let encrypted = connect(running.websecure, "a.test", &roots, "http/1.1").await.unwrap();
    let plain = TcpStream::connect(running.web).await.unwrap();
    // Longer than the time after which it is put aside.
    let limit = Duration::from_millis(1500);
    let ending = run(limited(limit), configuration).await;
    let silent = connect(ending.websecure, "a.test", &roots, "http/1.1").await.unwrap();
    let plain_silent = TcpStream::connect(ending.web).await.unwrap();
    tokio::join!(converse(encrypted), converse(plain), fall_silent(silent, limit), fall_silent(plain_silent, limit));
}

/// A server of HTTP/2 over TLS that answers with a body, and in trailers with the trailers of the request. Its address and certificate.
async fn encrypted_origin() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["origin.test".to_owned()]).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let url = crate::support::origin(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let stream = acceptor.accept(stream).await.unwrap();
            assert_eq!(stream.get_ref().1.server_name(), Some("origin.test"));
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((request, mut answer))) = connection.accept().await {
                tokio::spawn(async move {
                    let mut body = request.into_body();
                    let mut size = 0;
                    while let Some(data) = body.data().await {
                        let data = data.unwrap();
                        body.flow_control().release_capacity(data.len()).unwrap();
                        size += data.len();
                    }
                    let mut trailers = body.trailers().await.unwrap().unwrap_or_default();
                    trailers.insert("x-size", size.into());
                    let mut sending = answer.send_response(http::Response::new(()), false).unwrap();
                    sending.send_data("answer".into(), false).unwrap();
                    sending.send_trailers(trailers).unwrap();
                });
            }
        }
    });
    (url.await.replace("http://", "https://"), made.cert.pem())
}

#[tokio::test]
async fn trailers_go_both_ways_to_servers_of_http_2_over_tls() {
    let (url, certificate) = encrypted_origin().await;
    let mut configuration = crate::support::routed("a", &[url]);
    let transport = HttpServersTransport {
        server_name: "origin.test".to_owned(),
        root_cas: vec![certificate],
        ..HttpServersTransport::default()
    };
    configuration.http.servers_transports.insert("t@file".to_owned(), transport);
    let service = configuration.http.services.get_mut("a@file").unwrap();
    service.load_balancer.as_mut().unwrap().servers_transport = "t@file".to_owned();
    let running = run(options(), configuration).await;
    let mut sender = prior_knowledge(running.web).await.ready().await.unwrap();
    for number in 0..3_u32 {
        let (response, mut body) = sender.send_request(request("POST"), false).unwrap();
        body.send_data("hello".into(), false).unwrap();
        let mut trailers = http::HeaderMap::new();
        trailers.insert("x-number", number.into());
        body.send_trailers(trailers).unwrap();
        let (parts, mut body) = response.await.unwrap().into_parts();
        assert_eq!(parts.status, 200);
        assert_eq!(body.data().await.unwrap().unwrap(), "answer");
        assert!(body.data().await.is_none());
        let trailers = body.trailers().await.unwrap().unwrap();
        assert_eq!((&trailers["x-number"], &trailers["x-size"]), (&number.into(), &5_u32.into()));
    }
}

#[tokio::test]
async fn options_are_not_those_of_a_host_that_the_rule_excludes() {
    let mut configuration = Configuration::default();
    route(&mut configuration, "a", true, &[echo().await]);
    let strict = TlsOptions { alpn_protocols: vec!["foo".to_owned()], ..TlsOptions::default() };
    configuration.tls.options.insert("strict@file".to_owned(), strict);
    let mut other = configuration.http.routers["a@file"].clone();
    other.rule = "!Host(`b.test`)".to_owned();
    other.tls.as_mut().unwrap().options = "strict@file".to_owned();
    configuration.http.routers.insert("b@file".to_owned(), other.clone());
    other.rule = "Host(`c.test`)".to_owned();
    configuration.http.routers.insert("c@file".to_owned(), other);
    let (root, pair) = made(&["b.test", "c.test"]);
    configuration.tls.certificates.push(pair);
    let running = run(options(), configuration).await;
    let roots = [root];
    assert!(connect(running.websecure, "b.test", &roots, "h2").await.is_ok());
    assert!(connect(running.websecure, "c.test", &roots, "h2").await.is_err());
    // A protocol that is agreed on and is not HTTP ends the connection.
    let mut stream = connect(running.websecure, "c.test", &roots, "foo").await.unwrap();
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: c.test\r\n\r\n").await;
    let mut heard = Vec::new();
    let _ = stream.read_to_end(&mut heard).await;
    assert_eq!(heard, b"");
}
