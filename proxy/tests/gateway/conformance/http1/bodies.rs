//! Where a body ends: lengths, transfer codings, chunks, trailers (RFC 9112 sections 6 and 7).

use super::{Case, Due, case, get, post};

const BAD: Due = Due::Refused(&[400]);

pub(super) fn cases() -> Vec<Case> {
    [lengths(), codings(), chunks(), trailers()].into_iter().flatten().collect()
}

fn lengths() -> Vec<Case> {
    let of = |what, due, lines: &str| case(what, due, post(lines, "hello"));
    vec![
        of("Content-Length", Due::Served(&["\r\n\r\nhello"]), "Content-Length: 5"),
        of("length with a plus", BAD, "Content-Length: +5"),
        of("negative length", BAD, "Content-Length: -1"),
        of("hexadecimal length", BAD, "Content-Length: 0x5"),
        of("length with an underscore", BAD, "Content-Length: 5_0"),
        of("length with a space", BAD, "Content-Length: 1 0"),
        of("empty length", BAD, "Content-Length: "),
        of("length over 2^64", BAD, "Content-Length: 18446744073709551621"),
        of("list of equal lengths", Due::Either, "Content-Length: 5, 5"),
        of("list of lengths", BAD, "Content-Length: 5, 6"),
        of("two lengths", BAD, "Content-Length: 5\r\nContent-Length: 6"),
        of("two equal lengths", Due::Either, "Content-Length: 5\r\nContent-Length: 5"),
        of("length with a letter", BAD, "Content-Length: 5a"),
        of("length with zeros", Due::Either, "Content-Length: 0005"),
        case("GET with a body", Due::Served(&["\r\n\r\nhello"]), format!("{}hello", get("Content-Length: 5"))),
        case("no length, no body", Due::Served(&["POST /case", "Content-Length: 0\r\n"]), post("X: y", "")),
    ]
}

fn codings() -> Vec<Case> {
    let of = |what, due, lines: &str| case(what, due, post(lines, "5\r\nhello\r\n0\r\n\r\n"));
    vec![
        of("chunked", Due::Served(&["\r\n\r\nhello"]), "Transfer-Encoding: chunked"),
        of("chunked in capitals", Due::Served(&["\r\n\r\nhello"]), "Transfer-Encoding: CHUNKED"),
        of("xchunked", BAD, "Transfer-Encoding: xchunked"),
        of("identity", BAD, "Transfer-Encoding: identity"),
        of("chunked, identity", BAD, "Transfer-Encoding: chunked, identity"),
        of("identity, chunked", BAD, "Transfer-Encoding: identity, chunked"),
        of("gzip, chunked", Due::Refused(&[400, 501]), "Transfer-Encoding: gzip, chunked"),
        of("chunked twice in a line", BAD, "Transfer-Encoding: chunked, chunked"),
        of("chunked in two lines", BAD, "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        of("chunked and identity in two lines", BAD, "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
        of("quoted", BAD, "Transfer-Encoding: \"chunked\""),
        of("vertical tab", BAD, "Transfer-Encoding: \x0bchunked"),
        of("comma behind", BAD, "Transfer-Encoding: chunked,"),
        of("comma before", BAD, "Transfer-Encoding: ,chunked"),
        of("parameter", BAD, "Transfer-Encoding: chunked;x=y"),
        of("folded", BAD, "Transfer-Encoding:\r\n chunked"),
        of("space before the colon", BAD, "Transfer-Encoding : chunked"),
        // Section 6.1: it may be read as chunked, but the connection has to end.
        of("with a length", Due::Ends, "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        of("before a length", Due::Ends, "Transfer-Encoding: chunked\r\nContent-Length: 5"),
        case(
            "on HTTP/1.0",
            Due::Ends,
            "POST /case HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        ),
        // It is no transfer coding, and servers that think so have to see it as we do.
        case(
            "underscore",
            Due::Served(&["\r\n\r\nhello"]),
            post("Content-Length: 5\r\nTransfer_Encoding: chunked", "hello"),
        ),
    ]
}

fn chunks() -> Vec<Case> {
    let of = |what, due, body: &str| case(what, due, post("Transfer-Encoding: chunked", body));
    // The server may have been sent the head by then; it is never sent an end.
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(1 << 16));
    let served = || Due::Served(&["\r\n\r\nhello"]);
    vec![
        of("size with 0x", Due::Ends, "0x5\r\nhello\r\n0\r\n\r\n"),
        of("size with a plus", Due::Ends, "+5\r\nhello\r\n0\r\n\r\n"),
        of("negative size", Due::Ends, "-5\r\nhello\r\n0\r\n\r\n"),
        of("size with an underscore", Due::Ends, "0_5\r\nhello\r\n0\r\n\r\n"),
        of("no size", Due::Ends, "\r\nhello\r\n0\r\n\r\n"),
        of("size over 2^64", Due::Ends, "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        of("size with zeros", served(), "0005\r\nhello\r\n0\r\n\r\n"),
        of("size with a letter", Due::Ends, "5g\r\nhello\r\n0\r\n\r\n"),
        of("LF behind the size", Due::Ends, "5\nhello\r\n0\r\n\r\n"),
        of("wrong end of a chunk", Due::Ends, "5\r\nhelloXX0\r\n\r\n"),
        of("extension", served(), "5;x=y\r\nhello\r\n0\r\n\r\n"),
        of("extension with LF", Due::Ends, "5;x\ny\r\nhello\r\n0\r\n\r\n"),
        of("extension with CR", Due::Ends, "5;x\ry\r\nhello\r\n0\r\n\r\n"),
        of("extension of 64 KiB", Due::Ends, &long),
    ]
}

fn trailers() -> Vec<Case> {
    let of = |what, due, announced: &str, trailer: &str| {
        let lines = format!("Transfer-Encoding: chunked{announced}");
        case(what, due, post(&lines, &format!("5\r\nhello\r\n0\r\n{trailer}\r\n\r\n")))
    };
    vec![
        of("trailer", Due::Served(&["\r\n\r\nhello"]), "", "X-T: 1"),
        of("announced trailer", Due::Served(&["\r\n\r\nhello", "!X-T: 1"]), "\r\nTrailer: X-T", "X-T: 1"),
        of("address in trailers", Due::Served(&["!6.6.6.6"]), "\r\nTrailer: X-Real-Ip", "X-Real-Ip: 6.6.6.6"),
        of(
            "framing in trailers",
            Due::Served(&["!Content-Length: 50"]),
            "\r\nTrailer: Content-Length",
            "Content-Length: 50",
        ),
        of("Host in trailers", Due::Served(&["!evil"]), "\r\nTrailer: Host", "Host: evil"),
        of("trailer without a colon", Due::Ends, "", "X"),
        of("trailers of 1 MiB", Due::Ends, "", &format!("X: {}", "y".repeat(1 << 20))),
    ]
}
