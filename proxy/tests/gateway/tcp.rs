//! TCP routers.

use proxy::config::dynamic::{
    Configuration, InFlightConn, ProxyProtocol, TcpIpAllowList, TcpLoadBalancer, TcpMiddleware, TcpRouter,
    TcpRouterTls, TcpServer, TcpService, TcpWeightedRoundRobin, TlsOptions, WeightedService,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::encrypted::{connect, encrypt, made};
use crate::support::{ask, echo, get, options, origin, rest, route, run};

/// A server that says `greeting` and then what it hears.
async fn greeter(greeting: &'static str) -> String {
    let url = origin(move |mut stream| async move {
        stream.write_all(greeting.as_bytes()).await.unwrap();
        let mut heard = [0; 256];
        while let Ok(count) = stream.read(&mut heard).await {
            if count == 0 || stream.write_all(&heard[..count]).await.is_err() {
                return;
            }
        }
    });
    url.await.trim_start_matches("http://").to_owned()
}

fn tcp_route(configuration: &mut Configuration, name: &str, rule: &str, tls: Option<TcpRouterTls>, server: &str) {
    let entry_point = if tls.is_some() { "websecure" } else { "web" };
    let router = TcpRouter {
        entry_points: vec![entry_point.to_owned()],
        rule: rule.to_owned(),
        service: name.to_owned(),
        tls,
        ..TcpRouter::default()
    };
    configuration.tcp.routers.insert(format!("{name}@file"), router);
    let servers = vec![TcpServer { address: server.to_owned(), tls: false }];
    let balancer = TcpLoadBalancer { servers, ..TcpLoadBalancer::default() };
    let service = TcpService { load_balancer: Some(balancer), ..TcpService::default() };
    configuration.tcp.services.insert(format!("{name}@file"), service);
}

/// Reads a text of this length.
async fn hear(stream: &mut (impl AsyncReadExt + Unpin), length: usize) -> String {
    let mut heard = vec![0; length];
    stream.read_exact(&mut heard).await.unwrap();
    String::from_utf8(heard).unwrap()
}

#[tokio::test]
async fn a_server_may_speak_first() {
    let mut configuration = Configuration::default();
    tcp_route(&mut configuration, "t", "HostSNI(`*`)", None, &greeter("220 hello\r\n").await);
    let running = run(options(), configuration).await;
    let mut client = TcpStream::connect(running.web).await.unwrap();
    assert_eq!(hear(&mut client, 11).await, "220 hello\r\n");
    client.write_all(b"ping").await.unwrap();
    assert_eq!(hear(&mut client, 4).await, "ping");
    client.shutdown().await.unwrap();
    assert_eq!(rest(&mut client).await, "");
}

#[tokio::test]
async fn http_goes_on_where_no_tcp_router_matches() {
    let mut configuration = Configuration::default();
    route(&mut configuration, "a", false, &[echo().await]);
    tcp_route(&mut configuration, "t", "ClientIP(`10.9.8.7`)", None, &greeter("tcp").await);
    let running = run(options(), configuration).await;
    assert!(ask(running.web, &get("a.test", "/")).await.0.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn tls_is_ended_here_or_at_the_server_by_name() {
    let (root, pair) = made(&["p.test", "t.test", "a.test", "x.test"]);
    let mut behind = Configuration::default();
    behind.tls.certificates.push(pair.clone());
    route(&mut behind, "p", true, &[echo().await]);
    let behind = run(options(), behind).await;

    let mut configuration = Configuration::default();
    configuration.tls.certificates.push(pair);
    route(&mut configuration, "a", true, &[echo().await]);
    let passthrough = Some(TcpRouterTls { passthrough: true, ..TcpRouterTls::default() });
    tcp_route(&mut configuration, "p", "HostSNI(`p.test`)", passthrough, &behind.websecure.to_string());
    tcp_route(
        &mut configuration,
        "t",
        "HostSNI(`t.test`) && ALPN(`http/1.1`)",
        Some(TcpRouterTls::default()),
        &greeter("plain\n").await,
    );
    tcp_route(&mut configuration, "any", "HostSNI(`*`)", Some(TcpRouterTls::default()), &greeter("anyone\n").await);
    let running = run(options(), configuration).await;
    let roots = [root];

    let mut ended = connect(running.websecure, "t.test", &roots, "http/1.1").await.unwrap();
    assert_eq!(hear(&mut ended, 6).await, "plain\n");
    let mut passed = connect(running.websecure, "p.test", &roots, "http/1.1").await.unwrap();
    passed.write_all(get("p.test", "/").as_bytes()).await.unwrap();
    assert!(hear(&mut passed, 12).await.starts_with("HTTP/1.1 200"));
    let mut other = connect(running.websecure, "x.test", &roots, "http/1.1").await.unwrap();
    assert_eq!(hear(&mut other, 7).await, "anyone\n");
    // HTTPS routers come before TCP routers for any name.
    let mut https = connect(running.websecure, "a.test", &roots, "http/1.1").await.unwrap();
    https.write_all(get("a.test", "/").as_bytes()).await.unwrap();
    assert!(hear(&mut https, 12).await.starts_with("HTTP/1.1 200"));
}

/// PostgreSQL's question for TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// A PostgreSQL server that speaks TLS only: it agrees, and leaves the rest to `address`.
async fn postgres(address: std::net::SocketAddr) -> String {
    let url = origin(move |mut stream| async move {
        let mut asked = [0; 8];
        stream.read_exact(&mut asked).await.unwrap();
        assert_eq!(asked, SSL_REQUEST);
        stream.write_all(b"S").await.unwrap();
        let mut behind = TcpStream::connect(address).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
    });
    url.await.trim_start_matches("http://").to_owned()
}

#[tokio::test]
async fn postgresql_clients_ask_for_tls_in_the_clear() {
    let (root, pair) = made(&["p.test", "t.test", "a.test"]);
    let mut behind = Configuration::default();
    behind.tls.certificates.push(pair.clone());
    tcp_route(&mut behind, "p", "HostSNI(`*`)", Some(TcpRouterTls::default()), &greeter("behind\n").await);
    let behind = run(options(), behind).await;

    let mut configuration = Configuration::default();
    configuration.tls.certificates.push(pair);
    route(&mut configuration, "a", true, &[echo().await]);
    let passthrough = Some(TcpRouterTls { passthrough: true, ..TcpRouterTls::default() });
    tcp_route(&mut configuration, "p", "HostSNI(`p.test`)", passthrough, &postgres(behind.websecure).await);
    tcp_route(&mut configuration, "t", "HostSNI(`t.test`)", Some(TcpRouterTls::default()), &greeter("here\n").await);
    let running = run(options(), configuration).await;
    let roots = [root];

    for (name, alpn, greeting) in [("t.test", "postgresql", "here\n"), ("p.test", "http/1.1", "behind\n")] {
        let mut client = TcpStream::connect(running.websecure).await.unwrap();
        // In pieces, as a network may bring it.
        client.write_all(&SSL_REQUEST[..3]).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        client.write_all(&SSL_REQUEST[3..]).await.unwrap();
        assert_eq!(hear(&mut client, 1).await, "S");
        let mut client = encrypt(client, name, &roots, alpn).await.unwrap();
        assert_eq!(hear(&mut client, greeting.len()).await, greeting);
    }
    // HTTPS routers are no PostgreSQL servers, and nothing goes on without TLS.
    let mut client = TcpStream::connect(running.websecure).await.unwrap();
    client.write_all(&SSL_REQUEST).await.unwrap();
    assert_eq!(hear(&mut client, 1).await, "S");
    assert!(encrypt(client, "a.test", &roots, "postgresql").await.is_err());
    let mut client = TcpStream::connect(running.websecure).await.unwrap();
    client.write_all(&[&SSL_REQUEST[..], b"\0\0\0\x08\0\x03\0\0"].concat()).await.unwrap();
    assert!(rest(&mut client).await.starts_with('S'));
}

#[tokio::test]
async fn tls_options_of_tcp_routers_count() {
    let (root, pair) = made(&["t.test", "u.test"]);
    let mut configuration = Configuration::default();
    configuration.tls.certificates.push(pair);
    let odd = TlsOptions { alpn_protocols: vec!["odd".to_owned()], ..TlsOptions::default() };
    configuration.tls.options.insert("odd@file".to_owned(), odd);
    for (name, used) in [("t", "odd"), ("u", "missing")] {
        let tls = TcpRouterTls { options: used.to_owned(), ..TcpRouterTls::default() };
        let rule = format!("HostSNI(`{name}.test`)");
        tcp_route(&mut configuration, name, &rule, Some(tls), &greeter("here\n").await);
    }
    let running = run(options(), Configuration::default()).await;
    let problems: Vec<String> = running.apply(configuration).await.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems, ["TCP router `u@file`: unknown TLS options: missing@file"]);
    let roots = [root];
    let mut client = connect(running.websecure, "t.test", &roots, "odd").await.unwrap();
    assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"odd"[..]));
    assert_eq!(hear(&mut client, 5).await, "here\n");
    assert!(connect(running.websecure, "t.test", &roots, "h2").await.is_err(), "a protocol that is not spoken");
    assert!(connect(running.websecure, "u.test", &roots, "h2").await.is_err(), "less than was asked for");
}

#[tokio::test]
async fn who_may_connect_and_what_the_server_is_told() {
    let mut configuration = Configuration::default();
    tcp_route(&mut configuration, "t", "HostSNI(`*`)", None, &greeter("").await);
    let list = TcpIpAllowList { source_range: vec!["10.0.0.0/8".to_owned()] };
    let limit = InFlightConn { amount: 1 };
    let middlewares = &mut configuration.tcp.middlewares;
    let _ = middlewares
        .insert("list@file".to_owned(), TcpMiddleware { ip_allow_list: Some(list), ..TcpMiddleware::default() });
    let _ = middlewares
        .insert("limit@file".to_owned(), TcpMiddleware { in_flight_conn: Some(limit), ..TcpMiddleware::default() });
    let balancer = configuration.tcp.services.values_mut().find_map(|service| service.load_balancer.as_mut()).unwrap();
    balancer.proxy_protocol = Some(ProxyProtocol { version: 1 });
    // The first server takes no connection.
    balancer.servers.insert(0, TcpServer { address: "127.0.0.1:1".to_owned(), tls: false });
    let set = |configuration: &mut Configuration, middleware: &str| {
        configuration.tcp.routers.get_mut("t@file").unwrap().middlewares = vec![middleware.to_owned()];
    };
    set(&mut configuration, "limit");
    let running = run(options(), configuration.clone()).await;
    let mut first = TcpStream::connect(running.web).await.unwrap();
    let line =
        format!("PROXY TCP4 127.0.0.1 127.0.0.1 {} {}\r\n", first.local_addr().unwrap().port(), running.web.port());
    assert_eq!(hear(&mut first, line.len()).await, line);
    let mut second = TcpStream::connect(running.web).await.unwrap();
    assert_eq!(rest(&mut second).await, "");
    // A change elsewhere does not forget who is connected.
    route(&mut configuration, "a", false, &[]);
    assert_eq!(running.apply(configuration.clone()).await.problems, []);
    assert_eq!(rest(&mut TcpStream::connect(running.web).await.unwrap()).await, "");
    set(&mut configuration, "list");
    assert_eq!(running.apply(configuration).await.problems, []);
    assert_eq!(rest(&mut TcpStream::connect(running.web).await.unwrap()).await, "");
}

#[tokio::test]
async fn services_take_turns_and_mistakes_are_told() {
    let mut configuration = Configuration::default();
    tcp_route(&mut configuration, "one", "HostSNI(`*`)", None, &greeter("1").await);
    tcp_route(&mut configuration, "two", "HostSNI(`*`)", None, &greeter("2").await);
    let member = |name: &str, weight| WeightedService { name: name.to_owned(), weight };
    let services = vec![member("one", 2), member("two", 1)];
    let weighted = TcpWeightedRoundRobin { services, ..TcpWeightedRoundRobin::default() };
    let service = TcpService { weighted: Some(weighted), ..TcpService::default() };
    configuration.tcp.services.insert("both@file".to_owned(), service);
    configuration.tcp.routers.remove("two@file");
    configuration.tcp.routers.get_mut("one@file").unwrap().service = "both".to_owned();
    let running = run(options(), configuration.clone()).await;
    let mut heard = String::new();
    for _ in 0..6 {
        heard += &hear(&mut TcpStream::connect(running.web).await.unwrap(), 1).await;
    }
    assert_eq!((heard.matches('1').count(), heard.matches('2').count()), (4, 2), "{heard}");

    tcp_route(&mut configuration, "bad", "HostSNI(`a.test`)", None, "127.0.0.1:1");
    tcp_route(&mut configuration, "lost", "HostSNI(`*`)", Some(TcpRouterTls::default()), "127.0.0.1:1");
    configuration.tcp.services.remove("lost@file");
    configuration.udp.routers.insert("u@file".to_owned(), Default::default());
    let problems: Vec<String> = running.apply(configuration).await.problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "TCP router `bad@file`: invalid rule: \"HostSNI(`a.test`)\" , has HostSNI matcher, but no TLS on router",
            "TCP router `lost@file`: the service \"lost@file\" does not exist",
            "UDP router `u@file`: no valid entryPoint for this router",
        ]
    );
}

#[tokio::test]
async fn a_balancer_says_who_the_client_is_if_it_is_trusted() {
    for (trusted, client) in [("127.0.0.0/8", "192.0.2.1"), ("10.0.0.0/8", "127.0.0.1")] {
        let mut options = options();
        options.entry_points[0].proxied =
            Some(proxy::entry_point::Proxied { insecure: false, trusted: vec![trusted.parse().unwrap()] });
        let running = run(options, crate::support::routed("a", &[echo().await])).await;
        let request = format!("PROXY TCP4 192.0.2.1 192.0.2.2 4711 80\r\n{}", get("a.test", "/"));
        let (_, body) = ask(running.web, &request).await;
        assert!(body.contains(&format!("X-Real-Ip: {client}\r\n")), "{body}");
        assert!(ask(running.web, &get("a.test", "/")).await.1.contains("X-Real-Ip: 127.0.0.1\r\n"));
        assert_eq!(ask(running.web, "PROXY TCP4 nonsense\r\nGET / HTTP/1.1\r\n\r\n").await.0, "");
    }
}
