//! HTTP/1.1 on both sides.

use proxy::config::dynamic::Configuration;
use proxy::config::statics;
use proxy::observe::access_log::AccessLog;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use crate::support::{Lines, ask, echo, entry, get, models, options, origin, read_message, rest, routed, run};

#[tokio::test]
async fn a_request_gets_through_with_the_client_described() {
    let running = run(options(), routed("a", &[echo().await])).await;
    let (head, body) = ask(
        running.web,
        "POST /x//y?q=1;2 HTTP/1.1\r\nHost: a.test:8080\r\nContent-Length: 2\r\nX-Forwarded-For: 6.6.6.6\r\n\r\nhi",
    )
    .await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let (line, _) = body.split_once("\r\n").unwrap();
    assert_eq!(line, "POST /x/y?q=1&2 HTTP/1.1");
    for header in [
        "Host: a.test:8080",
        "Content-Length: 2",
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Host: a.test:8080",
        "X-Forwarded-Port: 8080",
        "X-Forwarded-Proto: http",
        "X-Forwarded-Server: gw",
        "X-Real-Ip: 127.0.0.1",
    ] {
        assert!(body.contains(&format!("\r\n{header}\r\n")), "{header} in {body}");
    }
    assert!(body.ends_with("\r\n\r\nhi"), "{body}");
}

#[tokio::test]
async fn a_request_waits_for_a_server_to_come() {
    let mut patient = options();
    patient.wait_for_server = std::time::Duration::from_secs(20);
    let mut before = routed("a", &[]);
    crate::support::route(&mut before, "b", false, &["http://127.0.0.1:1".to_owned()]);
    let running = run(patient, before).await;
    let post = |host: &str| format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 2\r\n\r\nhi");
    let (web, server) = (running.web, echo().await);
    let (to_a, to_b) = (post("a.test"), post("b.test"));
    let asked = tokio::spawn(async move { tokio::join!(ask(web, &to_a), ask(web, &to_b)) });
    tokio::task::yield_now().await;
    let mut after = routed("a", std::slice::from_ref(&server));
    crate::support::route(&mut after, "b", false, &[server]);
    assert_eq!(running.apply(after).await.problems, []);
    let (a, b) = asked.await.unwrap();
    for (head, body) in [a, b] {
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(body.contains("\r\nX-Forwarded-For: 127.0.0.1\r\n") && body.ends_with("\r\n\r\nhi"), "{body}");
    }
}

#[tokio::test]
async fn a_body_that_comes_after_its_answer_is_no_head() {
    let running = run(options(), routed("a", &[echo().await])).await;
    let disguised = get("a.test", "/smuggled");
    let head = format!("POST / HTTP/1.1\r\nHost: unknown.test\r\nContent-Length: {}\r\n\r\n", disguised.len());
    let mut client = TcpStream::connect(running.web).await.unwrap();
    client.write_all(head.as_bytes()).await.unwrap();
    assert!(read_message(&mut client).await.unwrap().0.starts_with("HTTP/1.1 404 "));
    client.write_all(disguised.as_bytes()).await.unwrap();
    assert_eq!(rest(&mut client).await, "");
    // Where all of it is there, the connection goes on behind it.
    let mut client = TcpStream::connect(running.web).await.unwrap();
    let both = format!("{head}{disguised}{}", get("a.test", "/next"));
    client.write_all(both.as_bytes()).await.unwrap();
    assert!(read_message(&mut client).await.unwrap().0.starts_with("HTTP/1.1 404 "));
    let (_, body) = read_message(&mut client).await.unwrap();
    assert!(body.starts_with("GET /next HTTP/1.1\r\n"), "{body}");
}

#[tokio::test]
async fn the_log_tells_of_clients_that_leave_and_of_servers_that_fail() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    let mut configuration = routed("a", std::slice::from_ref(&silent));
    crate::support::route(&mut configuration, "dead", false, &["http://127.0.0.1:1".to_owned()]);
    let running = run(options(), configuration).await;
    let lines = Lines::default();
    running.gateway.set_access_log(Some(AccessLog::start(&statics::AccessLog::default(), lines.clone()).unwrap()));
    let mut client = TcpStream::connect(running.web).await.unwrap();
    client.write_all(get("a.test", "/x//y/../z?a;b").as_bytes()).await.unwrap();
    let _server = listener.accept().await.unwrap();
    drop(client);
    let line = lines.first().await;
    let (before, behind) = line.split_once(" \"GET ").unwrap();
    assert!(before.starts_with("127.0.0.1 - - ["), "{line}");
    let wanted = format!("/x/z?a&b HTTP/1.1\" 499 21 \"-\" \"-\" 1 \"a@file\" \"{silent}\" ");
    assert!(behind.starts_with(&wanted), "{line}");
    // What a filter leaves out is counted all the same.
    let mut filtered = statics::AccessLog::default();
    filtered.filters.status_codes = vec!["500-599".to_owned()];
    let lines = Lines::default();
    running.gateway.set_access_log(Some(AccessLog::start(&filtered, lines.clone()).unwrap()));
    assert!(ask(running.web, &get("nobody.test", "/")).await.0.contains(" 404 "));
    assert!(ask(running.web, &get("dead.test", "/")).await.0.contains(" 502 "));
    let line = lines.first().await;
    assert!(line.contains(" 502 11 \"-\" \"-\" 2 \"dead@file\" \"http://127.0.0.1:1\" "), "{line}");
}

#[tokio::test]
async fn the_log_tells_of_unrouted_requests_unless_the_entry_point_forbids_it() {
    let url = origin(|mut stream| async move {
        read_message(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
    })
    .await;
    let mut silent = options();
    for entry in &mut silent.entry_points {
        entry.observed.logs = false;
        entry.forwarded.insecure = true;
    }
    let running = run(silent, routed("a", &[url])).await;
    let lines = Lines::default();
    running.gateway.set_access_log(Some(AccessLog::start(&statics::AccessLog::default(), lines.clone()).unwrap()));
    for host in ["nobody.test", "bad host"] {
        ask(running.web, &format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")).await;
    }
    ask(running.web, "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5\r\n\r\n").await;
    let line = lines.first().await;
    assert!(line.starts_with("1.2.3.4, 5 - - [") && line.contains(" 200 0 \"-\" \"-\" 1 \"a@file\" "), "{line}");
}

#[tokio::test]
async fn the_log_tells_nothing_of_questions_about_the_gateway_as_a_whole() {
    let running = run(options(), routed("none", &[])).await;
    let lines = Lines::default();
    running.gateway.set_access_log(Some(AccessLog::start(&statics::AccessLog::default(), lines.clone()).unwrap()));
    let (head, _) = ask(running.web, "OPTIONS * HTTP/1.1\r\nHost: a.test\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    ask(running.web, &get("nobody.test", "/")).await;
    let line = lines.first().await;
    assert!(line.contains("\"GET / HTTP/1.1\" 404 "), "{line}");
}

#[tokio::test]
async fn what_the_gateway_says_itself() {
    let mut configuration = routed("none", &[]);
    crate::support::route(&mut configuration, "dead", false, &["http://127.0.0.1:1".to_owned()]);
    let mut marked = options();
    marked.mark_errors = true;
    let running = run(marked, configuration).await;
    let cases = [
        (get("unknown.test", "/"), "404 Not Found", "no-router", "404 page not found\n"),
        (get("none.test", "/"), "503 Service Unavailable", "no-server", "no available server\n"),
        (get("dead.test", "/"), "502 Bad Gateway", "bad-gateway", "Bad Gateway"),
        (
            "GET / HTTP/1.1\r\n\r\n".to_owned(),
            "400 Bad Request",
            "missing-host",
            "400 Bad Request: missing required Host header",
        ),
        (get("a b", "/"), "400 Bad Request", "malformed-host", "400 Bad Request: malformed Host header"),
        (
            "GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n".to_owned(),
            "400 Bad Request",
            "bad-request",
            "400 Bad Request",
        ),
        (get("a.test", "/%zz"), "400 Bad Request", "bad-request", "400 Bad Request"),
        (
            "GET / HTTP/1.1\r\nHost: a.test\r\nExpect: 200-ok\r\n\r\n".to_owned(),
            "417 Expectation Failed",
            "expectation",
            "",
        ),
        ("CONNECT a.test:80 HTTP/1.1\r\nHost: a.test\r\n\r\n".to_owned(), "501 Not Implemented", "not-implemented", ""),
        (
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n".to_owned(),
            "400 Bad Request",
            "bad-request",
            "400 Bad Request",
        ),
    ];
    for (request, status, reason, text) in cases {
        let (head, body) = ask(running.web, &request).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {head}");
        assert!(head.contains(&format!("X-Stack-Error: {reason}\r\n")), "{request}: {head}");
        assert_eq!(body, text, "{request}");
    }
}

#[tokio::test]
async fn bodies_of_unknown_length_are_streamed_both_ways() {
    let running = run(options(), routed("a", &[echo().await])).await;
    let (_, body) =
        ask(running.web, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            .await;
    assert!(body.contains("Transfer-Encoding: chunked\r\n") && body.ends_with("3\r\nabc\r\n0\r\n\r\n"), "{body}");
    let url = origin(|mut stream| async move {
        read_message(&mut stream).await;
        stream
            .write_all(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n1\r\na\r\n0\r\nX-T: 1\r\n\r\n",
            )
            .await
            .unwrap();
    })
    .await;
    running.apply(routed("a", &[url])).await;
    let mut stream = TcpStream::connect(running.web).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n").await.unwrap();
    let text = rest(&mut stream).await;
    assert!(
        text.contains("Transfer-Encoding: chunked\r\n") && text.ends_with("1\r\na\r\n0\r\nX-T: 1\r\n\r\n"),
        "{text}"
    );
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_cut_off_for_the_client() {
    let url = origin(|mut stream| async move {
        read_message(&mut stream).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel").await.unwrap();
    })
    .await;
    let running = run(options(), routed("a", &[url])).await;
    let mut stream = TcpStream::connect(running.web).await.unwrap();
    stream.write_all(get("a.test", "/").as_bytes()).await.unwrap();
    let text = rest(&mut stream).await;
    assert!(!text.ends_with("0\r\n\r\n"), "{text}");
}

#[tokio::test]
async fn answers_that_are_not_http() {
    for (answer, status) in [("", "502 Bad Gateway"), ("garbage\r\n\r\n", "500 Internal Server Error")] {
        let url = origin(move |mut stream| async move {
            read_message(&mut stream).await;
            stream.write_all(answer.as_bytes()).await.unwrap();
        })
        .await;
        let running = run(options(), routed("a", &[url])).await;
        let (head, _) = ask(running.web, &get("a.test", "/")).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer:?}: {head}");
    }
}

#[tokio::test]
async fn connections_to_servers_are_kept_and_a_stale_one_costs_nothing() {
    // Serves two requests on a connection and closes it without saying so.
    let (sender, mut opened) = tokio::sync::mpsc::unbounded_channel();
    let url = origin(move |mut stream| {
        sender.send(()).unwrap();
        async move {
            for _ in 0..2 {
                read_message(&mut stream).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
            }
        }
    })
    .await;
    let mut one = options();
    one.workers = std::num::NonZeroUsize::new(1);
    let running = run(one, routed("a", &[url])).await;
    for _ in 0..6 {
        assert_eq!(ask(running.web, &get("a.test", "/")).await.1, "ok");
    }
    let mut connections = 0;
    while opened.try_recv().is_ok() {
        connections += 1;
    }
    assert_eq!(connections, 3);
}

#[tokio::test]
async fn servers_take_turns_and_one_that_is_down_costs_nothing() {
    let named = |name: &'static str| {
        origin(move |mut stream| async move {
            while read_message(&mut stream).await.is_some() {
                stream
                    .write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{name}").as_bytes())
                    .await
                    .unwrap();
            }
        })
    };
    let urls = [named("a").await, named("b").await, "http://127.0.0.1:1".to_owned()];
    let running = run(options(), routed("a", &urls)).await;
    let mut seen = String::new();
    for _ in 0..12 {
        seen.push_str(&ask(running.web, &get("a.test", "/")).await.1);
    }
    assert!(seen.len() == 12 && seen.matches('a').count() >= 4 && seen.matches('b').count() >= 4, "{seen}");
}

#[tokio::test]
async fn slow_heads_and_idle_connections_are_closed() {
    let mut options = options();
    let mut web = entry("web");
    web.limits.header = std::time::Duration::from_millis(50);
    web.limits.keep_alive = std::time::Duration::from_millis(50);
    options.entry_points[0] = web;
    let running = run(options, routed("a", &[echo().await])).await;
    let mut slow = TcpStream::connect(running.web).await.unwrap();
    slow.write_all(b"GET / HT").await.unwrap();
    assert_eq!(rest(&mut slow).await, "");
    let mut idle = TcpStream::connect(running.web).await.unwrap();
    idle.write_all(get("a.test", "/").as_bytes()).await.unwrap();
    assert!(rest(&mut idle).await.starts_with("HTTP/1.1 200 OK"));
    let mut silent = TcpStream::connect(running.web).await.unwrap();
    assert_eq!(rest(&mut silent).await, "");
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let mut options = options();
    options.entry_points[0].limits.body_idle = std::time::Duration::from_millis(50);
    let running = run(options, routed("a", &[echo().await])).await;
    let (head, _) = ask(running.web, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhel").await;
    assert!(head.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{head}");
}

#[tokio::test]
async fn who_still_sends_what_nobody_reads_is_told_that_the_connection_ends() {
    let early = origin(|mut stream| async move {
        let mut byte = [0];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut byte).await.unwrap();
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno").await.unwrap();
        rest(&mut stream).await;
    });
    let running = run(options(), routed("a", &[early.await])).await;
    let post =
        |host: &str, length: usize| format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n");
    let chunked = "POST / HTTP/1.1\r\nHost: b.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n";
    for (request, status, closes) in [
        (post("a.test", 1_000_000), " 403 ", true),
        (post("b.test", 1_000_000) + "some", " 404 ", true),
        (post("b.test", 4) + "body", " 404 ", false),
        (chunked.to_owned(), " 404 ", true),
        (format!("{chunked}0\r\n\r\n"), " 404 ", false),
    ] {
        let (head, _) = ask(running.web, &request).await;
        assert!(head.contains(status) && head.contains("Connection: close") == closes, "{request:?}: {head}");
    }
}

#[tokio::test]
async fn a_connection_has_its_share_of_requests() {
    let mut options = options();
    options.entry_points[0].keep_alive_requests = 2;
    let running = run(options, routed("a", &[echo().await])).await;
    let mut stream = TcpStream::connect(running.web).await.unwrap();
    stream.write_all(get("a.test", "/").repeat(3).as_bytes()).await.unwrap();
    let text = rest(&mut stream).await;
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 2, "{text}");
    assert_eq!(text.matches("Connection: close").count(), 1, "{text}");
}

#[tokio::test]
async fn a_taken_port_is_reported_and_taken_over_when_it_is_free() {
    let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = holder.local_addr().unwrap();
    let mut options = options();
    options.entry_points[0].address = address.to_string();
    let gateway = proxy::gateway::Gateway::start(options).await.unwrap();
    let failed = gateway.status().listeners["web"].clone();
    assert!(
        matches!(&failed, proxy::gateway::Listener::Failed(reason) if reason.starts_with(&format!("cannot listen on {address}: "))),
        "{failed:?}"
    );
    drop(holder);
    let mut status = gateway.subscribe();
    status.wait_for(|status| status.listeners["web"] == proxy::gateway::Listener::Bound(address)).await.unwrap();
    let update =
        proxy::gateway::Update { configuration: Configuration::default(), models: models(), ..Default::default() };
    gateway.apply(update).await.unwrap();
    assert!(ask(address, &get("a.test", "/")).await.0.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn requests_with_many_fields_are_taken_and_those_with_too_many_are_not() {
    let running = run(options(), routed("a", &[echo().await])).await;
    let mut stream = TcpStream::connect(running.web).await.unwrap();
    let fields = |count: usize| {
        let lines: String = (0..count).map(|number| format!("X-{number}: {number}\r\n")).collect();
        format!("GET / HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n")
    };
    // With the host there are 100, 101 and 1600; after a large one a small one, and one that comes in pieces.
    for count in [99, 100, 1599, 3, 800] {
        let whole = fields(count);
        let (first, rest) = whole.split_at(if count == 800 { 5000 } else { whole.len() });
        stream.write_all(first.as_bytes()).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        stream.write_all(rest.as_bytes()).await.unwrap();
        let (head, echoed) = read_message(&mut stream).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{count}: {head}");
        assert!(echoed.contains(&format!("X-{0}: {0}\r\n", count - 1)), "{count}: {echoed}");
    }
    // On a new connection: the first one is crowded, begins in pieces, and another one follows at once.
    let mut stream = TcpStream::connect(running.web).await.unwrap();
    let whole = fields(300);
    let (first, rest) = whole.split_at(700);
    stream.write_all(first.as_bytes()).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    stream.write_all(format!("{rest}{}", fields(2)).as_bytes()).await.unwrap();
    for last in ["X-299: 299\r\n", "X-1: 1\r\n"] {
        let (head, echoed) = read_message(&mut stream).await.unwrap();
        assert!(head.starts_with("HTTP/1.1 200") && echoed.contains(last), "{head}{echoed}");
    }
    let (head, _) = ask(running.web, &fields(1700)).await;
    assert!(head.starts_with("HTTP/1.1 431"), "{head}");
}

#[tokio::test]
async fn heads_may_be_a_little_larger_than_is_said() {
    let mut options = options();
    options.entry_points[0].max_header_bytes = 100;
    let running = run(options, routed("a", &[echo().await])).await;
    for (size, status) in [(4000, "200"), (4200, "431")] {
        let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-A: {}\r\n\r\n", "x".repeat(size));
        let (head, _) = ask(running.web, &request).await;
        assert_eq!(head.split(' ').nth(1), Some(status), "{size}");
    }
}
