#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

use super::{Origin, json_lines, output, records};
use crate::backend::docker::transport::Call;
use crate::backend::{Result, Stream};

fn origin() -> Origin {
    Origin::of(Call { name: "read logs", object: "web", limit: None })
}

/// The bytes in pieces of every length, so that each boundary is met once.
fn pieces(bytes: &[u8], length: usize) -> BoxStream<'static, Result<Bytes>> {
    let parts: Vec<_> = bytes.chunks(length).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
    stream::iter(parts).boxed()
}

fn frame(stream: u8, text: &str) -> Vec<u8> {
    let mut bytes = vec![stream, 0, 0, 0];
    bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    bytes.extend(text.as_bytes());
    bytes
}

#[tokio::test]
async fn frames_survive_any_cut() {
    let wire = [frame(1, "out\n"), frame(2, "err"), frame(1, "")].concat();
    for length in 1..=wire.len() {
        let parts: Vec<_> = output(origin(), pieces(&wire, length), false).map(Result::unwrap).collect().await;
        let expected = [(Stream::Stdout, "out\n"), (Stream::Stderr, "err"), (Stream::Stdout, "")];
        assert_eq!(parts, expected.map(|(stream, text)| (stream, Bytes::from_static(text.as_bytes()))));
    }
}

#[tokio::test]
async fn a_terminal_may_send_any_byte() {
    let parts: Vec<_> = output(origin(), pieces(b"\x01\x00\x02abc", 6), true).map(Result::unwrap).collect().await;
    assert_eq!(parts, [(Stream::Stdout, Bytes::from_static(b"\x01\x00\x02abc"))]);
}

#[tokio::test]
async fn garbage_is_an_error_not_a_hang() {
    let parts: Vec<_> = output(origin(), pieces(b"HTTP/1.1 200 OK", 4), false).collect().await;
    assert_eq!(parts.len(), 1);
    let error = parts.into_iter().next().unwrap().unwrap_err();
    assert_eq!(error.to_string(), "read logs web: the engine's answer is invalid: not a frame of output");
}

#[tokio::test]
async fn records_have_their_times() {
    let wire =
        [frame(1, "2026-01-02T03:04:05.000000006Z hello\n"), frame(2, "2026-01-02T03:04:06.000000000Z no newline")]
            .concat();
    let found: Vec<_> = records(origin(), pieces(&wire, 7), false).map(Result::unwrap).collect().await;
    let texts: Vec<_> = found.iter().map(|record| (record.time.as_str(), record.bytes.as_ref())).collect();
    assert_eq!(
        texts,
        [("2026-01-02T03:04:05.000000006Z", &b"hello\n"[..]), ("2026-01-02T03:04:06.000000000Z", b"no newline")]
    );
}

#[tokio::test]
async fn a_terminals_records_are_its_lines() {
    let long = "x".repeat(16 * 1024);
    let time = "2026-01-02T03:04:05.000000006Z";
    let wire = format!("{time} a\r\n{time} {long}{time} tail\n{time} last");
    let found: Vec<_> = records(origin(), pieces(wire.as_bytes(), 1000), true).map(Result::unwrap).collect().await;
    let texts: Vec<_> = found.iter().map(|record| String::from_utf8_lossy(&record.bytes).into_owned()).collect();
    assert_eq!(texts, ["a\r\n".to_owned(), long, "tail\n".to_owned(), "last".to_owned()]);
    assert!(found.iter().all(|record| record.time == time));
}

#[tokio::test]
async fn json_comes_in_lines() {
    let wire = b"{\"a\":1}\r\n\n{\"a\":2}";
    for length in 1..wire.len() {
        let found: Vec<serde_json::Value> =
            json_lines(origin(), pieces(wire, length)).map(Result::unwrap).collect().await;
        assert_eq!(found, [serde_json::json!({"a": 1}), serde_json::json!({"a": 2})]);
    }
    let broken: Vec<Result<serde_json::Value>> = json_lines(origin(), pieces(b"{\"a\n{}\n", 3)).collect().await;
    assert_eq!(broken.len(), 1);
}
