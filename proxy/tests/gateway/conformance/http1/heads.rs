//! Hosts, request lines, header fields (RFC 9112 sections 2, 3 and 5, RFC 9110 section 5).

use super::{Case, Due, case, get};

const BAD: Due = Due::Refused(&[400]);

pub(super) fn cases() -> Vec<Case> {
    [hosts(), lines(), fields()].into_iter().flatten().collect()
}

fn hosts() -> Vec<Case> {
    let of = |what, due, hosts: &[&str]| {
        let lines: String = hosts.iter().map(|host| format!("Host: {host}\r\n")).collect();
        case(what, due, format!("GET /case HTTP/1.1\r\n{lines}\r\n"))
    };
    vec![
        of("no Host", BAD, &[]),
        of("two Hosts", BAD, &["a.test", "b.test"]),
        of("two equal Hosts", BAD, &["a.test", "a.test"]),
        of("Host with a space", BAD, &["a.test b.test"]),
        of("Host with a path", BAD, &["a.test/x"]),
        of("Host with userinfo", BAD, &["x@a.test"]),
        of("Host with a comma", BAD, &["a.test, b.test"]),
        of("Host with a query", BAD, &["a.test?x"]),
        of("Host with a backslash", BAD, &["a.test\\x"]),
        of("Host in capitals, with a port", Due::Served(&["Host: A.TEST:80\r\n"]), &["A.TEST:80"]),
    ]
}

fn lines() -> Vec<Case> {
    let line = |what, due, line: &[u8]| case(what, due, [line, b"\r\nHost: a.test\r\n\r\n"].concat());
    let long = format!("GET /{} HTTP/1.1", "x".repeat(1 << 20));
    let method = format!("{} / HTTP/1.1", "X".repeat(1 << 16));
    vec![
        case("HTTP/0.9", Due::Refused(&[]), "GET /case\r\n"),
        line("HTTP/1.9", Due::Either, b"GET /case HTTP/1.9"),
        line("HTTP/3.0", Due::Refused(&[400, 505]), b"GET /case HTTP/3.0"),
        line("HTTP/1.1x", BAD, b"GET /case HTTP/1.1x"),
        line("version in lower case", BAD, b"GET /case http/1.1"),
        line("no version", BAD, b"GET /case"),
        line("method in lower case", Due::Either, b"get /case HTTP/1.1"),
        line("two spaces", BAD, b"GET  /case HTTP/1.1"),
        line("two spaces before the version", BAD, b"GET /case  HTTP/1.1"),
        line("tab", BAD, b"GET\t/case HTTP/1.1"),
        line("NUL", BAD, b"GET /ca\0se HTTP/1.1"),
        line("high byte", Due::Either, b"GET /ca\xffse HTTP/1.1"),
        line("fragment", Due::Answered(400), b"GET /case#x HTTP/1.1"),
        line("space in the target", BAD, b"GET /ca se HTTP/1.1"),
        line("space after the version", BAD, b"GET /case HTTP/1.1 "),
        line(
            "absolute form of another host",
            Due::Served(&["GET /case HTTP/1.1\r\n", "Host: a.test\r\n"]),
            b"GET http://a.test/case HTTP/1.1",
        ),
        case(
            "absolute form that wins",
            Due::Served(&["Host: a.test\r\n", "!b.test"]),
            "GET http://a.test/case HTTP/1.1\r\nHost: b.test\r\n\r\n",
        ),
        line("method of 64 KiB", Due::Refused(&[400, 414, 431]), method.as_bytes()),
        line("target of 1 MiB", Due::Refused(&[400, 414, 431]), long.as_bytes()),
        case("empty line before", Due::Served(&["GET /case HTTP/1.1\r\n"]), format!("\r\n{}", get("X: y"))),
        line("target without a slash", BAD, b"GET case HTTP/1.1"),
    ]
}

fn fields() -> Vec<Case> {
    let bytes = |what, due, line: &[u8]| {
        case(what, due, [b"GET /case HTTP/1.1\r\nHost: a.test\r\n", line, b"\r\n\r\n"].concat())
    };
    vec![
        bytes("CR in a value", BAD, b"X: a\rb"),
        bytes("LF ends a line", Due::Either, b"X: a\nY: b"),
        bytes("NUL in a value", BAD, b"X: a\0b"),
        bytes("0x01 in a value", BAD, b"X: a\x01b"),
        bytes("DEL in a value", BAD, b"X: a\x7fb"),
        bytes("space before the colon", BAD, b"X : a"),
        bytes("tab before the colon", BAD, b"X\t: a"),
        case("space before the first line", BAD, "GET /case HTTP/1.1\r\n X: a\r\nHost: a.test\r\n\r\n"),
        bytes("folded line", BAD, b"X: a\r\n b"),
        bytes("line folded by a tab", BAD, b"X: a\r\n\tb"),
        bytes("empty name", BAD, b": a"),
        bytes("no colon", BAD, b"X"),
        bytes("parenthesis in a name", BAD, b"X(y): a"),
        bytes("high byte in a name", BAD, b"X\xff: a"),
        bytes("CR in a name", BAD, b"X\ry: a"),
    ]
}
