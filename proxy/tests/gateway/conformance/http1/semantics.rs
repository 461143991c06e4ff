//! Hop-by-hop fields, expectations, upgrades, odd methods, sizes, paths (RFC 9110 sections 7, 9 and 10).

use super::{Case, Due, case, get, post};

const BAD: Due = Due::Refused(&[400]);

pub(super) fn cases() -> Vec<Case> {
    [hops(), expectations(), upgrades(), methods(), sizes(), paths(), versions()].into_iter().flatten().collect()
}

fn hops() -> Vec<Case> {
    vec![
        case(
            "Connection: Content-Length",
            Due::Served(&["\r\n\r\nhello"]),
            post("Connection: Content-Length\r\nContent-Length: 5", "hello"),
        ),
        case("Connection: Host", Due::Served(&["Host: a.test\r\n"]), get("Connection: Host")),
        case(
            "Connection: X-Forwarded-For",
            Due::Served(&["X-Forwarded-For: 127.0.0.1\r\n"]),
            get("Connection: X-Forwarded-For"),
        ),
        case("Connection: x-real-ip", Due::Served(&["X-Real-Ip: 127.0.0.1\r\n"]), get("Connection: x-real-ip")),
        case(
            "Connection: Transfer-Encoding",
            Due::Served(&["\r\n\r\nhello"]),
            post("Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n"),
        ),
        case("Connection: X", Due::Served(&["!X: y"]), get("Connection: X\r\nX: y")),
        case(
            "Keep-Alive and the like",
            Due::Served(&["!Keep-Alive", "!Proxy-Connection", "!Proxy-Authorization"]),
            get("Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nProxy-Authorization: x"),
        ),
        case("TE", Due::Served(&["!Te:"]), get("TE: gzip\r\nConnection: TE")),
        case(
            "forged addresses",
            Due::Served(&["!6.6.6.6"]),
            get("X-Forwarded-For: 6.6.6.6\r\nX-Real-Ip: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6"),
        ),
    ]
}

fn expectations() -> Vec<Case> {
    vec![
        case(
            "Expect: 100-continue",
            Due::Served(&["\r\n\r\nhello"]),
            post("Expect: 100-continue\r\nContent-Length: 5", "hello"),
        ),
        case("Expect without a body", Due::Served(&[]), get("Expect: 100-continue")),
        case("another expectation", Due::Refused(&[417]), get("Expect: 200-ok")),
    ]
}

fn upgrades() -> Vec<Case> {
    let key = "Sec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==";
    vec![
        case(
            "Upgrade: h2c",
            Due::Served(&["!Upgrade", "!Http2-Settings"]),
            get("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"),
        ),
        case(
            "a WebSocket that is not granted",
            Due::Served(&["Upgrade: websocket\r\n"]),
            get(&format!("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 777\r\n{key}")),
        ),
        case("Upgrade that Connection does not name", Due::Served(&["!Upgrade"]), get("Upgrade: websocket")),
        case(
            "Upgrade with a body",
            Due::Served(&["hello"]),
            post("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5", "hello"),
        ),
    ]
}

fn methods() -> Vec<Case> {
    let line = |what, due, line: &str| case(what, due, format!("{line} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
    vec![
        case("preface of HTTP/2", Due::Refused(&[]), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        line("PRI in HTTP/1.1", BAD, "PRI *"),
        line("CONNECT", Due::Refused(&[400, 405, 501]), "CONNECT a.test:443"),
        line("CONNECT of a path", Due::Refused(&[400, 405, 501]), "CONNECT /case"),
        line("OPTIONS *", Due::Answered(200), "OPTIONS *"),
        line("GET *", BAD, "GET *"),
        line("TRACE", Due::Served(&["TRACE /case"]), "TRACE /case"),
        line("unknown method", Due::Served(&["SPLINE /case"]), "SPLINE /case"),
        line("method with a quote", BAD, "G\"T /case"),
    ]
}

fn sizes() -> Vec<Case> {
    let many: String = (0..5000).map(|number| format!("X-{number}: y\r\n")).collect();
    let hello = [&[22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3][..], &[7; 194]].concat();
    vec![
        case("5000 fields", Due::Refused(&[431]), get(many.trim_end())),
        case("field of 2 MiB", Due::Refused(&[431]), get(&format!("X: {}", "y".repeat(1 << 21)))),
        case("cookie of 8 KiB", Due::Served(&["Cookie: yyyy"]), get(&format!("Cookie: {}", "y".repeat(8192)))),
        case(
            "100 fields",
            Due::Served(&["X-99: y\r\n"]),
            get((0..100).map(|number| format!("X-{number}: y\r\n")).collect::<String>().trim_end()),
        ),
        case("a TLS hello", Due::Refused(&[]), hello),
    ]
}

fn paths() -> Vec<Case> {
    let path = |what, due, path: &str| case(what, due, format!("GET {path} HTTP/1.1\r\nHost: a.test\r\n\r\n"));
    vec![
        path("dot segments", Due::Served(&["GET /b HTTP/1.1\r\n"]), "/a/../b"),
        path("encoded dot segments", Due::Served(&["GET /b HTTP/1.1\r\n"]), "/a/%2e%2E/b"),
        path("dot segments above the root", Due::Served(&["GET /b HTTP/1.1\r\n"]), "/../../b"),
        path("empty segments", Due::Served(&["GET /a/b HTTP/1.1\r\n"]), "//a//b"),
        path("encoded slash", Due::Served(&["GET /a%2Fb HTTP/1.1\r\n"]), "/a%2fb"),
        path("encoded percent sign", Due::Served(&["GET /a/%252e%252e/b HTTP/1.1\r\n"]), "/a/%252e%252e/b"),
        path("bad encoding", BAD, "/%zz"),
        path("cut off encoding", BAD, "/%2"),
        path("backslash", Due::Either, "/a\\..\\b"),
        path("semicolon", Due::Served(&["GET /a;x=1/b HTTP/1.1\r\n"]), "/a;x=1/b"),
    ]
}

fn versions() -> Vec<Case> {
    let old = |what, due, lines: &str| case(what, due, format!("GET /case HTTP/1.0\r\n{lines}\r\n"));
    vec![
        old("HTTP/1.0", Due::Ends, "Host: a.test\r\n"),
        old("HTTP/1.0 without Host", Due::Ends, ""),
        old(
            "HTTP/1.0 that stays",
            Due::Served(&["GET /case HTTP/1.1\r\n"]),
            "Host: a.test\r\nConnection: keep-alive\r\n",
        ),
        case("Connection: close", Due::Ends, get("Connection: close")),
        case("Connection: Close, X", Due::Ends, get("Connection: X, Close")),
    ]
}
