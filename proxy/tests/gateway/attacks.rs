//! What attackers try that no specification speaks of: to be slow, to be taken for somebody else, to get around a router.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::{TokioExecutor, TokioIo};
use proxy::Handler;
use proxy::config::dynamic::{
    Auth, Certificate, ClientAuth, Configuration, Middleware, RedirectRegex, RedirectScheme, Router, StripPrefix,
    TlsOptions, TlsStore,
};
use proxy::entry_point::Proxied;
use rustls::client::{EchGreaseConfig, EchMode};
use rustls::crypto::aws_lc_rs::hpke::DH_KEM_X25519_HKDF_SHA256_AES_128;
use rustls::crypto::hpke::Hpke as _;
use rustls::{ClientConfig, ClientConnection};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::encrypted::{connect, made};
use crate::support::{Running, ask, echo, get, options, origin, read_message, rest, route, routed, run};

/// Longer than any of these tests takes where nothing hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// `a.test`, and `b.test` whose clients need a certificate, on `websecure`.
async fn guarded() -> (Running, CertificateDer<'static>) {
    let mut configuration = Configuration::default();
    let server = echo().await;
    route(&mut configuration, "a", true, std::slice::from_ref(&server));
    route(&mut configuration, "b", true, &[server]);
    let auth = ClientAuth { client_auth_type: "RequireAnyClientCert".to_owned(), ..ClientAuth::default() };
    configuration.tls.options.insert("mtls@file".to_owned(), TlsOptions { client_auth: auth, ..TlsOptions::default() });
    configuration.http.routers.get_mut("b@file").unwrap().tls.as_mut().unwrap().options = "mtls@file".to_owned();
    let (root, pair) = made(&["a.test", "b.test"]);
    // For those who say no name.
    let certificate = Certificate { cert_file: pair.cert_file.clone(), key_file: pair.key_file.clone() };
    let store = TlsStore { default_certificate: Some(certificate), ..TlsStore::default() };
    configuration.tls.stores.insert("default".to_owned(), store);
    configuration.tls.certificates.push(pair);
    (run(options(), configuration).await, root)
}

fn client(root: &CertificateDer<'static>) -> ClientConfig {
    let mut store = rustls::RootCertStore::empty();
    store.add(root.clone()).unwrap();
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth()
}

/// Asks for `host` on a connection that is made for `name`, with the hello in TLS records of `size` bytes. `None` where the gateway closes it.
async fn in_records_of(
    size: usize,
    address: SocketAddr,
    config: ClientConfig,
    name: &'static str,
    host: &str,
) -> Option<String> {
    let mut tls = ClientConnection::new(Arc::new(config), ServerName::try_from(name).unwrap()).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut whole = Vec::new();
    tls.write_tls(&mut whole).unwrap();
    let (head, hello) = whole.split_at(5);
    for part in hello.chunks(size) {
        let length = u16::try_from(part.len()).unwrap().to_be_bytes();
        stream.write_all(&[&head[..3], &length[..], part].concat()).await.unwrap();
    }
    tls.writer().write_all(get(host, "/").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut text = Vec::new();
    let mut received = [0; 4096];
    loop {
        let mut out = Vec::new();
        while tls.wants_write() {
            tls.write_tls(&mut out).unwrap();
        }
        if stream.write_all(&out).await.is_err() {
            break;
        }
        let count = tokio::time::timeout(PATIENCE, stream.read(&mut received)).await.unwrap().unwrap_or(0);
        if count == 0 {
            break;
        }
        let mut bytes = &received[..count];
        while !bytes.is_empty() {
            tls.read_tls(&mut bytes).unwrap();
            if tls.process_new_packets().is_err() {
                return None;
            }
            // The other side's end is told as an error of reading, once everything before it is read.
            let _ = tls.reader().read_to_end(&mut text);
        }
    }
    (!text.is_empty()).then(|| String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test]
async fn a_hello_in_the_smallest_records_has_the_options_of_its_name() {
    let (running, root) = guarded().await;
    for size in [1, 7, 4096] {
        let open = in_records_of(size, running.websecure, client(&root), "a.test", "a.test").await.unwrap();
        assert!(open.starts_with("HTTP/1.1 200 OK\r\n"), "{size}: {open}");
        let closed = in_records_of(size, running.websecure, client(&root), "b.test", "b.test").await;
        assert_eq!(closed, None, "{size}");
    }
}

#[tokio::test]
async fn no_spelling_of_a_name_gets_around_its_options() {
    let (running, root) = guarded().await;
    let mut unnamed = client(&root);
    unnamed.enable_sni = false;
    for host in ["b.test", "B.TEST", "b.test.", "B.test:443", "b.test.:443"] {
        // Asked for as another name, and as none.
        for config in [client(&root), unnamed.clone()] {
            let said = in_records_of(4096, running.websecure, config, "a.test", host).await.unwrap();
            assert!(said.starts_with("HTTP/1.1 421 Misdirected Request\r\n"), "{host}: {said}");
        }
    }
    for name in ["B.TEST", "b.test."] {
        let said = in_records_of(4096, running.websecure, client(&root), name, "b.test").await;
        assert_eq!(said, None, "{name}");
    }
}

#[tokio::test]
async fn authorities_for_clients_that_cannot_be_read_open_nothing() {
    let mut configuration = Configuration::default();
    route(&mut configuration, "a", true, &[echo().await]);
    let auth = ClientAuth {
        client_auth_type: "VerifyClientCertIfGiven".to_owned(),
        ca_files: vec!["no certificate".to_owned()],
    };
    configuration.tls.options.insert("default".to_owned(), TlsOptions { client_auth: auth, ..TlsOptions::default() });
    let (root, pair) = made(&["a.test"]);
    configuration.tls.certificates.push(pair);
    let running = run(options(), Configuration::default()).await;
    assert!(!running.apply(configuration).await.problems.is_empty());
    assert!(connect(running.websecure, "a.test", &[root], "http/1.1").await.is_err());
}

#[tokio::test]
async fn nothing_is_taken_before_the_handshake_is_done() {
    let (running, root) = guarded().await;
    let mut config = client(&root);
    config.enable_early_data = true;
    let config = Arc::new(config);
    let mut resumed = false;
    for _ in 0..2 {
        let stream = TcpStream::connect(running.websecure).await.unwrap();
        let name = ServerName::try_from("a.test").unwrap();
        let mut stream = tokio_rustls::TlsConnector::from(Arc::clone(&config))
            .connect_with(name, stream, |tls| assert!(tls.early_data().is_none(), "tickets allow early data"))
            .await
            .unwrap();
        stream.write_all(get("a.test", "/").as_bytes()).await.unwrap();
        // Tickets come with the answer.
        stream.read_u8().await.unwrap();
        resumed = stream.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
    }
    assert!(resumed, "without a ticket this says nothing");
}

#[tokio::test]
async fn keys_that_change_without_end_harm_nobody() {
    let (running, root) = guarded().await;
    let mut stream = connect(running.websecure, "a.test", std::slice::from_ref(&root), "http/1.1").await.unwrap();
    for _ in 0..20_000 {
        stream.get_mut().1.refresh_traffic_keys().unwrap();
        if stream.flush().await.is_err() {
            break;
        }
    }
    let said = in_records_of(4096, running.websecure, client(&root), "a.test", "a.test").await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
}

#[tokio::test]
async fn what_comes_before_a_request_has_its_time_too() {
    let mut options = options();
    for entry in &mut options.entry_points {
        entry.limits.header = Duration::from_millis(100);
        entry.limits.handshake = Duration::from_millis(100);
    }
    options.entry_points[0].proxied = Some(Proxied { insecure: true, trusted: Vec::new() });
    let mut configuration = routed("a", &[echo().await]);
    let (root, pair) = made(&["b.test"]);
    route(&mut configuration, "b", true, &[echo().await]);
    configuration.tls.certificates.push(pair);
    let running = run(options, configuration).await;
    let mut config = client(&root);
    config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
    let mut tls = ClientConnection::new(Arc::new(config), ServerName::try_from("b.test").unwrap()).unwrap();
    let mut challenge = Vec::new();
    tls.write_tls(&mut challenge).unwrap();
    challenge.pop();
    let beginnings: [(SocketAddr, &[u8]); 7] = [
        (running.web, b""),
        (running.web, b"PROXY TCP4 192.0.2.1"),
        (running.web, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c"),
        (running.web, b"PRI * HTTP/2.0\r\n"),
        (running.websecure, b"\x16"),
        (running.websecure, b"\x16\x03\x01\x02\x00\x01"),
        (running.websecure, &challenge),
    ];
    for (address, beginning) in beginnings {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(beginning).await.unwrap();
        let ended = tokio::time::timeout(PATIENCE, rest(&mut stream)).await;
        assert!(ended.is_ok(), "{beginning:?} is waited for");
    }
    // One byte at a time is no way to stay either.
    let mut drip = TcpStream::connect(running.websecure).await.unwrap();
    let dripping = async {
        for byte in &challenge {
            if drip.write_all(&[*byte]).await.is_err() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        false
    };
    assert!(dripping.await, "a hello may take as long as it likes");
    let request = format!("PROXY UNKNOWN\r\n{}", get("a.test", "/"));
    assert!(ask(running.web, &request).await.0.starts_with("HTTP/1.1 200 OK\r\n"));
}

fn through(configuration: &mut Configuration, router: &str, middleware: Middleware) {
    configuration.http.middlewares.insert(format!("{router}@file"), middleware);
    configuration.http.routers.get_mut(&format!("{router}@file")).unwrap().middlewares = vec![router.to_owned()];
}

fn decoded(path: &str) -> String {
    let mut rest = path.as_bytes();
    let mut bytes = Vec::new();
    while let Some((&first, after)) = rest.split_first() {
        let hex = (first == b'%').then(|| after.get(..2)).flatten().and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The path as an application may read it: everything decoded, backslashes taken for slashes, what is relative removed. Parameters (`;x`)
/// are left: Traefik passes them on, and so does the gateway.
fn as_an_application_reads_it(path: &str) -> String {
    let path = decoded(&decoded(path));
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split(['/', '\\', '\0']) {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    format!("/{}", segments.join("/"))
}

#[tokio::test]
async fn no_spelling_of_a_path_gets_around_its_router() {
    let mut configuration = Configuration::default();
    let server = echo().await;
    route(&mut configuration, "a", false, std::slice::from_ref(&server));
    route(&mut configuration, "admin", false, &[server]);
    let admin = configuration.http.routers.get_mut("admin@file").unwrap();
    admin.rule = "Host(`a.test`) && PathPrefix(`/admin`)".to_owned();
    let users = vec!["anna:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=".to_owned()];
    through(
        &mut configuration,
        "admin",
        Middleware { basic_auth: Some(Auth { users, ..Auth::default() }), ..Middleware::default() },
    );
    let mut options = options();
    let denied = &mut options.entry_points[0].denied_encodings;
    (denied.slash, denied.backslash, denied.null, denied.semicolon) = (true, true, true, true);
    (denied.percent, denied.question_mark, denied.hash) = (true, true, true);
    let running = run(options, configuration).await;
    let spellings = [
        "/admin",
        "/admin/",
        "//admin",
        "/./admin",
        "/x/../admin",
        "/x/..//admin",
        "/x/%2e%2e/admin",
        "/x/%2E%2e/admin",
        "/x/.%2e/admin",
        "/%61dmin",
        "/%61%64%6d%69%6e",
        "/admi%6E",
        "/admin;x",
        "/x/..%2fadmin",
        "/x%2f..%2fadmin",
        "/%2fadmin",
        "/x/..%5cadmin",
        "/x\\..\\admin",
        "/%5cadmin",
        "/%00/../admin",
        "/admin%00",
        "/x/%252e%252e/admin",
        "/%2561dmin",
        "/x/%c0%ae%c0%ae/admin",
        "/admin%2f",
        "/admin%3f",
        "/admin%23x",
        "/x/../../admin",
        "http://a.test/admin",
        "http://a.test/x/../admin",
        "http://a.test//admin",
        "/%EF%BC%8Fadmin",
    ];
    for spelling in spellings {
        let (head, seen) = ask(running.web, &get("a.test", spelling)).await;
        let status = head.split(' ').nth(1).unwrap_or_default();
        let refused = ["400", "401"].contains(&status);
        let path = seen.split(' ').nth(1).unwrap_or_default();
        let elsewhere = status == "200" && !as_an_application_reads_it(path).starts_with("/admin");
        assert!(refused || elsewhere, "{spelling}: {status}, and the server is asked for {path}");
    }
}

#[tokio::test]
async fn redirections_stay_at_the_host_that_was_asked() {
    let mut configuration = Configuration::default();
    let server = echo().await;
    for name in ["a", "b", "c"] {
        route(&mut configuration, name, false, std::slice::from_ref(&server));
    }
    let scheme = RedirectScheme { scheme: "https".to_owned(), ..RedirectScheme::default() };
    through(&mut configuration, "a", Middleware { redirect_scheme: Some(scheme), ..Middleware::default() });
    let regex = RedirectRegex {
        regex: "^http://([^/]+)/(.*)$".to_owned(),
        replacement: "https://$1/$2".to_owned(),
        ..RedirectRegex::default()
    };
    through(&mut configuration, "b", Middleware { redirect_regex: Some(regex), ..Middleware::default() });
    let strip = StripPrefix { prefixes: vec!["/api".to_owned()], ..StripPrefix::default() };
    through(&mut configuration, "c", Middleware { strip_prefix: Some(strip), ..Middleware::default() });
    let running = run(options(), configuration).await;
    for path in
        ["/x", "//evil.test", "/\\evil.test", "/%5cevil.test", "/%2fevil.test", "/@evil.test", "/%0d%0aX-Evil:%201"]
    {
        for host in ["a.test", "b.test"] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: evil\r\n\
                 X-Forwarded-Port: 4711\r\nX-Forwarded-Prefix: //evil.test\r\n\r\n"
            );
            let (head, _) = ask(running.web, &request).await;
            let location = head.lines().find_map(|line| line.strip_prefix("Location: "));
            let stays = location.is_some_and(|to| to.starts_with(&format!("https://{host}/")));
            assert!(stays && !head.contains("\r\nX-Evil"), "{path}: {head}");
        }
        // A server that redirects to what it is asked for must not be made to name another host.
        let (_, seen) = ask(running.web, &get("c.test", &format!("/api{path}"))).await;
        assert!(!seen.starts_with("GET //") && !seen.starts_with("GET /\\"), "{path}: {seen}");
    }
    for host in
        ["a.test@evil.test", "a.test/evil.test", "a.test#evil", "a.test\\evil.test", "evil.test, a.test", "a.test?"]
    {
        let (head, _) = ask(running.web, &get(host, "/")).await;
        assert!(head.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{host}: {head}");
    }
}

#[tokio::test]
async fn forged_addresses_of_any_size_are_replaced() {
    let running = run(options(), routed("a", &[echo().await])).await;
    let many = "10.0.0.1, ".repeat(5000) + "10.0.0.1";
    let lines = [
        format!("X-Forwarded-For: {many}"),
        "X-Forwarded-For: 10.0.0.1\r\nx-forwarded-for: 10.0.0.2".to_owned(),
        "X-Forwarded-For: fe80::1%eth0\r\nX-Real-Ip: 10.0.0.1\r\nX_Real_Ip: 10.0.0.1\r\nX_Forwarded_For: 10.0.0.1"
            .to_owned(),
    ];
    for line in lines {
        let (_, seen) = ask(running.web, &format!("GET / HTTP/1.1\r\nHost: a.test\r\n{line}\r\n\r\n")).await;
        assert!(
            seen.contains("\r\nX-Forwarded-For: 127.0.0.1\r\n") && seen.contains("\r\nX-Real-Ip: 127.0.0.1\r\n"),
            "{seen}"
        );
        assert!(!seen.contains("10.0.0.") && !seen.contains("fe80"), "{seen}");
    }
    let huge = "1".repeat(2 << 20);
    let (head, _) =
        ask(running.web, &format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: {huge}\r\n\r\n")).await;
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 431 "), "{head}");
}

#[tokio::test]
async fn a_route_to_the_gateway_itself_ends() {
    let mut options = options();
    options.connections.per_address = 100;
    let running = run(options, Configuration::default()).await;
    let mut configuration = routed("b", &[echo().await]);
    route(&mut configuration, "a", false, &[format!("http://{}", running.web)]);
    running.apply(configuration).await;
    let ended = tokio::time::timeout(PATIENCE, ask(running.web, &get("a.test", "/"))).await.unwrap();
    assert!(ended.0.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{}", ended.0);
    // What the loop held is free again.
    for _ in 0..100 {
        let (head, _) = ask(running.web, &get("b.test", "/")).await;
        assert!(head.is_empty() || head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        if !head.is_empty() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the loop still holds every connection");
}

#[tokio::test]
async fn a_servers_head_without_end_is_given_up() {
    for line in ["X-More: and more\r\n", "x", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"] {
        let url = origin(move |mut stream| async move {
            read_message(&mut stream).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\n".get(if line.starts_with("HTTP") { 17.. } else { 0.. }).unwrap())
                .await;
            while stream.write_all(line.repeat(1000).as_bytes()).await.is_ok() {}
        });
        let running = run(options(), routed("a", &[url.await])).await;
        let mut stream = TcpStream::connect(running.web).await.unwrap();
        stream
            .write_all(get("a.test", "/").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let text = tokio::time::timeout(PATIENCE, rest(&mut stream)).await.unwrap();
        assert!(text.contains("HTTP/1.1 50") && !text.contains("HTTP/1.1 200"), "{line:?}: {}", text.len());
    }
}

#[tokio::test]
async fn nobody_gets_what_was_meant_for_another() {
    // Says more than it announces, and tells who asked: what is left over must reach nobody.
    let url = origin(|mut stream| async move {
        while let Some((head, _)) = read_message(&mut stream).await {
            let who = head.split(' ').nth(1).unwrap_or_default().to_owned();
            let left_over = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nforeigner";
            let body = if head.starts_with("HEAD") { "foreigner" } else { &who };
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}{left_over}", who.len());
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    });
    let mut options = options();
    options.workers = std::num::NonZeroUsize::new(1);
    let running = run(options, routed("a", &[url.await])).await;
    for number in 0..20 {
        let mut head = TcpStream::connect(running.web).await.unwrap();
        head.write_all(b"HEAD /head HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").await.unwrap();
        let text = rest(&mut head).await;
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n") && text.ends_with("\r\n\r\n"), "{text}");
        let path = format!("/{number}");
        assert_eq!(ask(running.web, &get("a.test", &path)).await.1, path);
    }
}

#[tokio::test]
async fn a_panic_ends_one_connection() {
    let handler = Handler::new(|_, path, _| match path {
        "/panic" => panic!("as a mistake of ours would"),
        _ => http::Response::new(bytes::Bytes::from_static(b"well")),
    });
    let mut options = options();
    options.workers = std::num::NonZeroUsize::new(1);
    options.handlers.insert("fragile@internal".to_owned(), handler);
    let mut configuration = Configuration::default();
    for (name, secure) in [("a", false), ("b", true)] {
        route(&mut configuration, name, secure, &[]);
        configuration.http.routers.get_mut(&format!("{name}@file")).unwrap().service = "fragile@internal".to_owned();
    }
    let (root, pair) = made(&["b.test"]);
    configuration.tls.certificates.push(pair);
    let running = run(options, configuration).await;
    let mut before = TcpStream::connect(running.web).await.unwrap();
    for _ in 0..20 {
        let (head, _) = tokio::time::timeout(PATIENCE, ask(running.web, &get("a.test", "/panic"))).await.unwrap();
        assert_eq!(head, "", "the connection ends without an answer");
        let tls = connect(running.websecure, "b.test", std::slice::from_ref(&root), "h2").await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(tls)).await.unwrap();
        tokio::spawn(connection);
        let request =
            http::Request::get("https://b.test/panic").body(http_body_util::Empty::<bytes::Bytes>::new()).unwrap();
        let answer = tokio::time::timeout(PATIENCE, sender.send_request(request)).await.unwrap();
        assert!(answer.is_err(), "{answer:?}");
    }
    // Who was there before, and who comes after, finds nothing amiss.
    before.write_all(get("a.test", "/").as_bytes()).await.unwrap();
    assert_eq!(read_message(&mut before).await.unwrap().1, "well");
    assert_eq!(ask(running.web, &get("a.test", "/")).await.1, "well");
}

#[tokio::test]
async fn a_hidden_name_does_not_get_around_the_options_of_the_one_that_is_shown() {
    let (running, root) = guarded().await;
    let hiding = || {
        let (key, _) = DH_KEM_X25519_HKDF_SHA256_AES_128.generate_key_pair().unwrap();
        let ech = EchMode::Grease(EchGreaseConfig::new(DH_KEM_X25519_HKDF_SHA256_AES_128, key));
        let mut store = rustls::RootCertStore::empty();
        store.add(root.clone()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_ech(ech)
            .unwrap()
            .with_root_certificates(store)
            .with_no_client_auth()
    };
    let said = in_records_of(4096, running.websecure, hiding(), "a.test", "a.test").await.unwrap();
    assert!(said.starts_with("HTTP/1.1 200 OK\r\n"), "{said}");
    let said = in_records_of(4096, running.websecure, hiding(), "a.test", "b.test").await.unwrap();
    assert!(said.starts_with("HTTP/1.1 421 Misdirected Request\r\n"), "{said}");
    assert_eq!(in_records_of(4096, running.websecure, hiding(), "b.test", "b.test").await, None);
}

#[tokio::test]
async fn servers_at_link_local_addresses_are_not_asked() {
    for server in ["http://169.254.169.254", "http://[fe80::1]:80", "https://169.254.0.1:1"] {
        let running = run(options(), routed("a", &[server.to_owned()])).await;
        let answer = tokio::time::timeout(PATIENCE, ask(running.web, &get("a.test", "/latest/meta-data/"))).await;
        assert!(answer.unwrap().0.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{server}");
    }
}

#[tokio::test]
async fn no_page_of_somebody_elses_reads_the_api() {
    let mut options = options();
    let handler = Handler::new(|_, _, _| http::Response::new(bytes::Bytes::from_static(b"all routes")));
    options.handlers.insert("api@internal".to_owned(), handler);
    let mut configuration = Configuration::default();
    route(&mut configuration, "api", false, &[]);
    let mut asked_for = configuration.http.routers.remove("api@file").unwrap();
    asked_for.service = "api@internal".to_owned();
    let own = Router { rule: "PathPrefix(`/api`)".to_owned(), ..asked_for.clone() };
    // By a rule for its host, which is a decision of the user's.
    asked_for.rule = "Host(`api.example.com`)".to_owned();
    configuration.http.routers.insert("api@internal".to_owned(), own);
    configuration.http.routers.insert("asked-for@file".to_owned(), asked_for);
    let running = run(options, configuration).await;
    let ask_as = async |host: &str, origin: Option<&str>| {
        let origin = origin.map(|origin| format!("Origin: {origin}\r\n")).unwrap_or_default();
        let request = format!("GET /api/rawdata HTTP/1.1\r\nHost: {host}\r\n{origin}\r\n");
        let (head, body) = ask(running.web, &request).await;
        (head.get(9..12).unwrap_or_default().to_owned(), body)
    };
    for host in
        ["localhost:8080", "127.0.0.1", "[::1]:8080", "traefik.localhost", "box", "nas.local", "api.example.com"]
    {
        let (status, body) = ask_as(host, None).await;
        assert_eq!((status.as_str(), body.as_str()), ("200", "all routes"), "{host}");
    }
    let (status, body) = ask_as("rebound.example.org:8080", None).await;
    assert!(status == "403" && body.contains("api@internal"), "{body}");
    assert_eq!(ask_as("localhost:8080", Some("http://localhost:8080")).await.0, "200");
    for origin in ["https://evil.example.org", "null", "http://localhost:3000"] {
        assert_eq!(ask_as("localhost:8080", Some(origin)).await.0, "403", "{origin}");
    }
}
