//! What middlewares do to requests and answers.

use proxy::config::duration::GoDuration;
use proxy::config::dynamic::{
    AddPrefix, Auth, Buffering, Compress, Configuration, ErrorPage, ForwardAuth, Headers, InFlightReq, Middleware,
    RateLimit, RedirectScheme, ReplacePath, ReplacePathRegex, Retry, SourceCriterion, StripPrefix, StripPrefixRegex,
};
use tokio::io::AsyncWriteExt;

use crate::support::{ask, echo, get, options, origin, read_message, route, routed, run};

/// A router `a` to an echoing server through one middleware.
async fn through(middleware: Middleware) -> Configuration {
    with(routed("a", &[echo().await]), middleware)
}

fn with(mut configuration: Configuration, middleware: Middleware) -> Configuration {
    configuration.http.middlewares.insert("m@file".to_owned(), middleware);
    configuration.http.routers.get_mut("a@file").unwrap().middlewares = vec!["m".to_owned()];
    configuration
}

/// A server that gives every request this answer.
async fn answering(answer: &'static str) -> String {
    origin(move |mut stream| async move {
        while read_message(&mut stream).await.is_some() {
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

fn with_header(header: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a.test\r\n{header}\r\n\r\n")
}

#[tokio::test]
async fn only_those_who_know_the_password_pass() {
    let auth = Auth {
        users: vec!["anna:{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=".to_owned()],
        remove_header: true,
        header_field: "X-uSER".to_owned(),
        ..Auth::default()
    };
    let running = run(options(), through(Middleware { basic_auth: Some(auth), ..Middleware::default() }).await).await;
    let (head, body) = ask(running.web, &get("a.test", "/")).await;
    assert!(head.starts_with("HTTP/1.1 401") && head.contains("Basic realm=\"traefik\""), "{head}");
    assert_eq!(body, "401 Unauthorized\n");
    let request = with_header("Authorization: Basic YW5uYTpvcGVuIHNlc2FtZQ==\r\nX_User: evil");
    let (_, echoed) = ask(running.web, &request).await;
    assert!(echoed.contains("X-uSER: anna\r\n"), "{echoed}");
    assert!(!echoed.contains("evil") && !echoed.contains("Authorization"), "{echoed}");
}

#[tokio::test]
async fn what_is_tried_again_has_its_body() {
    let asked = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = std::sync::Arc::clone(&asked);
    let counting = origin(move |mut stream| {
        let seen = std::sync::Arc::clone(&seen);
        async move {
            while let Some((_, body)) = read_message(&mut stream).await {
                seen.lock().unwrap().push(body);
                stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy").await.unwrap();
            }
        }
    })
    .await;
    let retry =
        Retry { attempts: 3, status: vec!["503".to_owned()], max_request_body_bytes: Some(5), ..Retry::default() };
    let again = Middleware { retry: Some(retry), ..Middleware::default() };
    let running = run(options(), with(routed("a", &[counting]), again)).await;
    let head = "PUT / HTTP/1.1\r\nHost: a.test\r\n";
    let chunked = |last: &str| format!("Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n{last}\r\n0\r\n\r\n");
    for (rest, tries) in [
        ("Content-Length: 5\r\n\r\nhello".to_owned(), 3),
        ("Content-Length: 6\r\n\r\nhello!".to_owned(), 1),
        (chunked("3\r\nllo"), 3),
        (chunked("4\r\nllo!"), 1),
    ] {
        asked.lock().unwrap().clear();
        assert!(ask(running.web, &format!("{head}{rest}")).await.0.starts_with("HTTP/1.1 503 "));
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), tries, "{rest}: {asked:?}");
        assert!(asked.iter().all(|sent| sent.contains("he") && sent.contains("llo")), "{rest}: {asked:?}");
    }
}

#[tokio::test]
async fn what_is_no_header_is_not_sent_on_without_it() {
    let headers = |name: &str, value: &str| Middleware {
        headers: Some(Headers {
            custom_request_headers: [(name.to_owned(), value.to_owned())].into(),
            ..Headers::default()
        }),
        ..Middleware::default()
    };
    let running = run(options(), through(headers("X-Forwarded-For", "")).await).await;
    let (_, echoed) = ask(running.web, &get("a.test", "/")).await;
    assert!(echoed.contains("X-Real-Ip: ") && !echoed.contains("X-Forwarded-For"), "{echoed}");
    running.apply(through(headers("no name", "x")).await).await;
    let (head, _) = ask(running.web, &get("a.test", "/")).await;
    assert!(head.starts_with("HTTP/1.1 500"), "{head}");
}

#[tokio::test]
async fn without_users_nobody_is_served() {
    let configuration = through(Middleware { basic_auth: Some(Auth::default()), ..Middleware::default() }).await;
    let running = run(options(), Configuration::default()).await;
    let applied = running.apply(configuration).await;
    assert!(applied.problems[0].reason.contains("no users"), "{:?}", applied.problems);
    assert!(ask(running.web, &get("a.test", "/")).await.0.starts_with("HTTP/1.1 404"));
}

#[tokio::test]
async fn another_server_decides() {
    let decides = origin(|mut stream| async move {
        while let Some((head, _)) = read_message(&mut stream).await {
            let answer = if head.contains("X-Forwarded-Uri: /open\r\n") {
                "HTTP/1.1 200 OK\r\nX-User: anna\r\nContent-Length: 0\r\n\r\n"
            } else {
                "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 4\r\n\r\nstop"
            };
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await;
    let auth = ForwardAuth {
        address: format!("{decides}/check"),
        auth_response_headers: vec!["X-User".to_owned()],
        ..ForwardAuth::default()
    };
    let running = run(options(), through(Middleware { forward_auth: Some(auth), ..Middleware::default() }).await).await;
    let (head, body) = ask(running.web, &get("a.test", "/closed")).await;
    assert!(head.contains(&format!("Location: {decides}/login\r\n")), "{head}");
    assert_eq!(body, "stop");
    let (_, echoed) = ask(running.web, "GET /open HTTP/1.1\r\nHost: a.test\r\nX-User: evil\r\n\r\n").await;
    assert!(echoed.contains("X-User: anna\r\n") && !echoed.contains("evil"), "{echoed}");
}

#[tokio::test]
async fn the_server_that_decides_is_told_what_traefik_tells() {
    let (address, asked) = crate::traces::keeper().await;
    let auth = ForwardAuth {
        address,
        preserve_request_method: true,
        auth_request_headers: vec!["Accept".to_owned()],
        trust_forward_header: Some(false),
        ..ForwardAuth::default()
    };
    let running = run(options(), through(Middleware { forward_auth: Some(auth), ..Middleware::default() }).await).await;
    let posted = "POST /x HTTP/1.1\r\nHost: a.test\r\nUser-Agent: me\r\nContent-Length: 3\r\n\r\nabc";
    for (request, has_length) in [(posted, true), (get("a.test", "/").as_str(), false)] {
        assert!(ask(running.web, request).await.0.starts_with("HTTP/1.1 200"));
        let (head, _) = asked.lock().unwrap().pop().unwrap();
        assert!(
            head.contains("user-agent: go-http-client/1.1"),
            "its own is not among those that are passed on: {head}"
        );
        assert_eq!(head.contains("content-length: 0\r\n"), has_length, "{head}");
    }
}

/// Requests through a server that lets them pass, and is asked as `auth` says.
async fn decided(auth: ForwardAuth, headers: &'static str) -> crate::support::Running {
    let answer: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{headers}\r\nok").into_boxed_str());
    let auth = ForwardAuth { address: answering(answer).await, ..auth };
    run(options(), through(Middleware { forward_auth: Some(auth), ..Middleware::default() }).await).await
}

#[tokio::test]
async fn a_decision_does_not_frame_the_request() {
    let listed = ["Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "TE", "Trailer", "X-Named", "X-User"];
    for auth in [
        ForwardAuth { auth_response_headers_regex: ".*".to_owned(), ..ForwardAuth::default() },
        ForwardAuth { auth_response_headers: listed.map(str::to_owned).to_vec(), ..ForwardAuth::default() },
    ] {
        let headers = "Connection: X-Named\r\nX-Named: 1\r\nX-User: anna\r\nTE: x\r\nTrailer: x\r\nUpgrade: h2c\r\n";
        let running = decided(auth, headers).await;
        let post = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello";
        let chunked = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        for (request, framing, body) in [
            (get("a.test", "/").as_str(), "", "\r\n\r\n"),
            (post, "Content-Length: 5\r\n", "\r\n\r\nhello"),
            (chunked, "Transfer-Encoding: chunked\r\n", "\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        ] {
            let (_, echoed) = ask(running.web, request).await;
            assert!(echoed.contains("X-User: anna\r\n") && echoed.contains(framing), "{echoed}");
            assert!(echoed.ends_with(body), "{echoed}");
            for theirs in ["Content-Length: 2", "X-Named", "Te: ", "Trailer: ", "Upgrade: ", "Connection: X-"] {
                assert!(!echoed.contains(theirs), "{theirs}: {echoed}");
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_was_read_is_sent_with_its_length() {
    let (address, asked) = crate::traces::keeper().await;
    let auth = ForwardAuth {
        address,
        forward_body: true,
        auth_request_headers: vec!["X-A".to_owned()],
        trust_forward_header: Some(true),
        ..ForwardAuth::default()
    };
    let running = run(options(), through(Middleware { forward_auth: Some(auth), ..Middleware::default() }).await).await;
    let post = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello";
    for (request, length) in [(post, true), (get("a.test", "/").as_str(), false)] {
        ask(running.web, request).await;
        let (head, _) = asked.lock().unwrap().pop().unwrap();
        assert_eq!(head.contains("content-length: 5\r\n"), length, "{head}");
        assert!(!head.contains("transfer-encoding") && head.contains("x-real-ip: 127.0.0.1\r\n"), "{head}");
    }
}

/// What a server gets of `request` through these middlewares.
async fn after(middlewares: Vec<Middleware>, request: &str) -> String {
    let mut configuration = routed("a", &[echo().await]);
    for (number, middleware) in middlewares.into_iter().enumerate() {
        configuration.http.middlewares.insert(format!("m{number}@file"), middleware);
        configuration.http.routers.get_mut("a@file").unwrap().middlewares.push(format!("m{number}"));
    }
    let running = run(options(), configuration).await;
    ask(running.web, request).await.1
}

#[tokio::test]
async fn what_a_prefix_leaves_is_empty_until_it_is_sent() {
    let strip = |prefix: &str| Middleware {
        strip_prefix: Some(StripPrefix { prefixes: vec![prefix.to_owned()], force_slash: None }),
        ..Middleware::default()
    };
    let slash = StripPrefix { prefixes: vec!["/foo".to_owned()], force_slash: Some(true) };
    let slash = Middleware { strip_prefix: Some(slash), ..Middleware::default() };
    let by_pattern = || Middleware {
        strip_prefix_regex: Some(StripPrefixRegex { regex: vec!["/foo".to_owned()] }),
        ..Middleware::default()
    };
    let add = || Middleware { add_prefix: Some(AddPrefix { prefix: "/bar".to_owned() }), ..Middleware::default() };
    let replace = ReplacePathRegex { regex: "^(.*)$".to_owned(), replacement: "/p$1".to_owned() };
    let replace = Middleware { replace_path_regex: Some(replace), ..Middleware::default() };
    for (middlewares, path, sent) in [
        (vec![strip("/foo")], "/foo", "/"),
        (vec![strip("/foo")], "/foo?q", "/?q"),
        (vec![by_pattern()], "/foo?q", "/?q"),
        (vec![strip("/foo"), add()], "/foo", "/bar"),
        (vec![by_pattern(), add()], "/foo", "/bar"),
        (vec![strip("/foo"), add()], "/foo/", "/bar/"),
        (vec![strip("/foo"), add()], "/foo/x", "/bar/x"),
        (vec![slash, add()], "/foo", "/bar/"),
        (vec![strip("/foo"), replace], "/foo", "/p"),
    ] {
        let echoed = after(middlewares, &get("a.test", path)).await;
        assert!(echoed.starts_with(&format!("GET {sent} HTTP/1.1\r\n")), "{path}: {echoed}");
    }
    let echoed = after(vec![strip("/foo"), strip("/b")], &get("a.test", "/foo/b/c")).await;
    assert!(
        echoed.contains("X-Forwarded-Prefix: /foo\r\n") && echoed.contains("X-Forwarded-Prefix: /b\r\n"),
        "{echoed}"
    );
}

#[tokio::test]
async fn who_knows_the_password_is_told_that_a_nonce_is_stale() {
    use md5::{Digest as _, Md5};
    let sum = |text: String| Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let secret = sum("anna:traefik:open".to_owned());
    let auth = Auth { users: vec![format!("anna:traefik:{secret}")], ..Auth::default() };
    let running = run(options(), through(Middleware { digest_auth: Some(auth), ..Middleware::default() }).await).await;
    let field = |head: &str, name: &str| {
        head.split_once(&format!("{name}=\"")).unwrap().1.split_once('"').unwrap().0.to_owned()
    };
    let (head, _) = ask(running.web, &get("a.test", "/")).await;
    assert!(!head.contains("stale"), "{head}");
    let (nonce, opaque) = (field(&head, "nonce"), field(&head, "opaque"));
    let request = |secret: &str, nonce: &str| {
        let response = sum(format!("{secret}:{nonce}:00000001:c:auth:{}", sum("GET:/".to_owned())));
        with_header(&format!(
            "Authorization: Digest username=\"anna\", realm=\"traefik\", nonce=\"{nonce}\", uri=\"/\", qop=auth, \
             nc=00000001, cnonce=\"c\", response=\"{response}\", opaque=\"{opaque}\""
        ))
    };
    for (secret, nonce, status, stale) in [
        (secret.as_str(), nonce.as_str(), "200", false),
        (&secret, &nonce, "401", true),
        (&secret, "forgotten", "401", true),
        ("wrong", "forgotten", "401", false),
    ] {
        let (head, _) = ask(running.web, &request(secret, nonce)).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
        assert_eq!(head.contains("qop=\"auth\", stale=\"true\""), stale, "{head}");
    }
}

#[tokio::test]
async fn a_trusted_proxy_names_the_scheme_in_any_case() {
    let redirect = RedirectScheme { scheme: "https".to_owned(), ..RedirectScheme::default() };
    let pages = ErrorPage {
        status: vec!["404".to_owned()],
        service: "pages".to_owned(),
        query: "/e?u={url}".to_owned(),
        ..ErrorPage::default()
    };
    let absent = answering("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").await;
    let mut configuration = with(routed("a", &[absent]), Middleware { errors: Some(pages), ..Middleware::default() });
    route(&mut configuration, "pages", false, &[echo().await]);
    let redirect = Middleware { redirect_scheme: Some(redirect), ..Middleware::default() };
    configuration.http.middlewares.insert("r@file".to_owned(), redirect);
    configuration.http.routers.get_mut("pages@file").unwrap().middlewares = vec!["r".to_owned()];
    for insecure in [true, false] {
        let mut options = options();
        options.entry_points[0].forwarded.insecure = insecure;
        let running = run(options, configuration.clone()).await;
        for (told, secure) in [("https", true), ("HTTPS", true), ("wss", true), ("http", false), ("ws", false)] {
            let secure = secure && insecure;
            let request = |host: &str| format!("GET /x HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Proto: {told}\r\n\r\n");
            let (head, _) = ask(running.web, &request("pages.test")).await;
            assert_eq!(head.starts_with("HTTP/1.1 200"), secure, "{told}: {head}");
            let (_, echoed) = ask(running.web, &request("a.test")).await;
            let scheme = if secure { "https" } else { "http" };
            assert!(echoed.starts_with(&format!("GET /e?u={scheme}%3A%2F%2Fa.test%2Fx ")), "{told}: {echoed}");
        }
    }
}

#[tokio::test]
async fn a_port_counts_where_it_is_written() {
    for (scheme, port, host, location) in [
        ("http", "80", "a.test:8080", Some("http://a.test/")),
        ("http", "80", "a.test:80", None),
        ("http", "80", "a.test", None),
        ("http", "", "a.test:8080", None),
        ("http", "81", "a.test:81", None),
        ("wss", "443", "a.test:81", Some("wss://a.test:443/")),
        ("https", "443", "[::1]", Some("https://[::1]/")),
        ("https", "443", "[::1]:81", None),
    ] {
        let redirect = RedirectScheme { scheme: scheme.to_owned(), port: port.to_owned(), permanent: false };
        let middleware = Middleware { redirect_scheme: Some(redirect), ..Middleware::default() };
        let mut configuration = through(middleware).await;
        configuration.http.routers.get_mut("a@file").unwrap().rule = "PathPrefix(`/`)".to_owned();
        let running = run(options(), configuration).await;
        let (head, _) = ask(running.web, &format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
        let told = head.lines().find_map(|line| line.strip_prefix("Location: "));
        assert_eq!(told, location, "{scheme} {port} {host}: {head}");
    }
}

#[tokio::test]
async fn a_path_is_replaced_by_what_is_written() {
    let replace = ReplacePath { path: "/a/../b//c".to_owned() };
    let running =
        run(options(), through(Middleware { replace_path: Some(replace), ..Middleware::default() }).await).await;
    assert!(ask(running.web, &get("a.test", "/x?y")).await.1.starts_with("GET /a/../b//c?y "));
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_as_its_url_is_costs_its_requests_only() {
    let mut configuration = routed("a", &[echo().await]);
    let servers = &mut configuration.http.services.get_mut("a@file").unwrap().load_balancer.as_mut().unwrap().servers;
    servers[0].url = "ftp://127.0.0.1".to_owned();
    let running = run(options(), routed("b", &[])).await;
    let problems = running.apply(configuration).await.problems;
    assert!(problems.iter().any(|problem| problem.reason.contains("`ftp://127.0.0.1` is not")), "{problems:?}");
    let (head, _) = ask(running.web, &get("a.test", "/x")).await;
    assert!(head.starts_with("HTTP/1.1 500"), "{head}");
}

#[tokio::test]
async fn a_replacement_makes_no_separators_of_encoded_ones() {
    let replace = ReplacePathRegex { regex: "^/a/(.*)".to_owned(), replacement: "/q?x=$1".to_owned() };
    let middleware = Middleware { replace_path_regex: Some(replace), ..Middleware::default() };
    let running = run(options(), through(middleware).await).await;
    let (head, _) = ask(running.web, &get("a.test", "/a/%2F%2F")).await;
    assert!(head.starts_with("HTTP/1.1 400"), "{head}");
    assert!(ask(running.web, &get("a.test", "/a/b")).await.1.starts_with("GET /q%3Fx=b "));
}

#[tokio::test]
async fn a_page_takes_the_place_of_an_error() {
    let broken = answering("HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nraw").await;
    let pages = ErrorPage {
        status: vec!["500-599".to_owned()],
        service: "pages".to_owned(),
        query: "/{status}.html".to_owned(),
        ..ErrorPage::default()
    };
    let middleware = Middleware { errors: Some(pages), ..Middleware::default() };
    let mut configuration = with(routed("a", &[broken]), middleware);
    route(&mut configuration, "pages", false, &[echo().await]);
    let running = run(options(), configuration).await;
    let (head, body) = ask(running.web, &get("a.test", "/x")).await;
    assert!(head.starts_with("HTTP/1.1 500"), "{head}");
    assert!(body.starts_with("GET /500.html HTTP/1.1"), "{body}");
}

#[tokio::test]
async fn headers_come_and_go() {
    let one = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
    let headers = Headers {
        custom_request_headers: one("X-In", "1"),
        custom_response_headers: one("X-Out", "2"),
        sts_seconds: Some(60),
        frame_deny: true,
        ..Headers::default()
    };
    let running = run(options(), through(Middleware { headers: Some(headers), ..Middleware::default() }).await).await;
    let (head, echoed) = ask(running.web, &get("a.test", "/")).await;
    assert!(echoed.contains("X-In: 1\r\n"), "{echoed}");
    assert!(head.contains("X-Out: 2\r\n") && head.contains("X-Frame-Options: DENY\r\n"), "{head}");
    assert!(!head.contains("Strict-Transport-Security"), "{head}");
}

#[tokio::test]
async fn what_is_counted_outlives_a_change_elsewhere() {
    let limit = RateLimit { average: 1, period: GoDuration::from_secs(3600), ..RateLimit::default() };
    let mut configuration = through(Middleware { rate_limit: Some(limit), ..Middleware::default() }).await;
    let running = run(options(), configuration.clone()).await;
    assert!(ask(running.web, &get("a.test", "/")).await.0.starts_with("HTTP/1.1 200"));
    assert!(ask(running.web, &get("a.test", "/")).await.0.starts_with("HTTP/1.1 429"));
    route(&mut configuration, "b", false, &[echo().await]);
    running.apply(configuration).await;
    assert!(ask(running.web, &get("a.test", "/")).await.0.starts_with("HTTP/1.1 429"));
}

#[tokio::test]
async fn a_place_is_given_up_with_the_answer() {
    let limit = InFlightReq { amount: 1, ..InFlightReq::default() };
    let running =
        run(options(), through(Middleware { in_flight_req: Some(limit), ..Middleware::default() }).await).await;
    for _ in 0..3 {
        assert!(ask(running.web, &get("a.test", "/")).await.0.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn requests_are_limited_and_sent_as_a_whole() {
    let limits = Buffering { max_request_body_bytes: 8, ..Buffering::default() };
    let running = run(options(), through(Middleware { buffering: Some(limits), ..Middleware::default() }).await).await;
    let post =
        |body: &str| format!("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n{body}0\r\n\r\n");
    let (_, echoed) = ask(running.web, &post("3\r\nabc\r\n3\r\ndef\r\n")).await;
    assert!(echoed.contains("Content-Length: 6\r\n") && echoed.ends_with("abcdef"), "{echoed}");
    let (head, _) = ask(running.web, &post("9\r\nabcdefghi\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 413"), "{head}");
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_not_asked_for_again() {
    let asked = std::sync::Arc::new(std::sync::Mutex::new(0));
    let seen = std::sync::Arc::clone(&asked);
    let counting = origin(move |mut stream| {
        let seen = std::sync::Arc::clone(&seen);
        async move {
            while read_message(&mut stream).await.is_some() {
                *seen.lock().unwrap() += 1;
                stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy").await.unwrap();
            }
        }
    })
    .await;
    let running = run(options(), routed("a", std::slice::from_ref(&counting))).await;
    for (most, tries, status) in [(8, 3, "503"), (3, 1, "500")] {
        let limits = Buffering {
            max_response_body_bytes: most,
            retry_expression: "Attempts() < 3".to_owned(),
            ..Buffering::default()
        };
        let buffered = Middleware { buffering: Some(limits), ..Middleware::default() };
        running.apply(with(routed("a", std::slice::from_ref(&counting)), buffered)).await;
        *asked.lock().unwrap() = 0;
        let post = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1\r\n\r\nx";
        let (head, _) = ask(running.web, post).await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")), "{head}");
        assert_eq!(*asked.lock().unwrap(), tries);
    }
}

#[tokio::test]
async fn answers_are_encoded_as_the_client_likes() {
    let long: &'static str = Box::leak(
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\n{}", "x".repeat(5000))
            .into_boxed_str(),
    );
    let configuration = with(
        routed("a", &[answering(long).await]),
        Middleware { compress: Some(Compress::default()), ..Middleware::default() },
    );
    let running = run(options(), configuration).await;
    let (head, _) = ask(running.web, &with_header("Accept-Encoding: br")).await;
    assert!(head.contains("Content-Encoding: br\r\n") && head.contains("Vary: Accept-Encoding\r\n"), "{head}");
    let (head, body) = ask(running.web, &get("a.test", "/")).await;
    assert!(!head.contains("Content-Encoding") && body.len() == 5000, "{head}");
}

#[tokio::test]
async fn grpc_is_not_compressed_again() {
    let text = "x".repeat(3200);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 3200\r\n\r\n{text}").leak();
    let compress = Middleware { compress: Some(Compress::default()), ..Middleware::default() };
    let running = run(options(), with(routed("a", &[answering(answer).await]), compress)).await;
    for (kind, is_encoded) in [("application/grpc", false), ("text/plain", true)] {
        let (head, _) = ask(running.web, &with_header(&format!("Accept-Encoding: gzip\r\nContent-Type: {kind}"))).await;
        assert_eq!(head.to_ascii_lowercase().contains("content-encoding: gzip"), is_encoded, "{kind}: {head}");
    }
}

#[tokio::test]
async fn hosts_are_counted_with_their_port() {
    let criterion = SourceCriterion { request_host: true, ..SourceCriterion::default() };
    let limit = RateLimit {
        average: 1,
        period: GoDuration::from_millis(3_600_000),
        burst: 1,
        source_criterion: Some(criterion),
        ..RateLimit::default()
    };
    let running = run(options(), through(Middleware { rate_limit: Some(limit), ..Middleware::default() }).await).await;
    for (host, status) in [("a.test", "200"), ("a.test:81", "200"), ("A.test", "429")] {
        let (head, _) = ask(running.web, &get(host, "/")).await;
        assert_eq!(head.split(' ').nth(1), Some(status), "{host}");
    }
}
