//! What an attacker sends over HTTP/2 (RFC 9113 section 10.5): the connection, or the stream, ends soon, memory stays bounded, and whoever asks
//! politely meanwhile is served.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::super::support::{ask, get as polite, options, origin, read_message, routed, run};
use super::frames::*;

/// Frames after which an attack is given up, which must not happen.
const ENOUGH: u32 = 100_000;
/// How long it may go on, and others may have to wait: much, for a machine may be busy.
const SOON: Duration = Duration::from_secs(15);
/// How much memory gateway, attacker and server may take, all in this process.
const MOST_MEMORY: u64 = 96 << 20;

/// Resident bytes of this process.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// A server whose answers are larger than all buffers.
async fn server() -> String {
    origin(|mut stream| async move {
        while let Some((head, _)) = read_message(&mut stream).await {
            let size: usize = if head.starts_with("GET /polite") { 2 } else { 64 << 20 };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
            let mut left = size;
            let mut sent = stream.write_all(head.as_bytes()).await;
            while left > 0 && sent.is_ok() {
                let piece = left.min(1 << 16);
                sent = stream.write_all(&vec![b'x'; piece]).await;
                left -= piece;
            }
            if sent.is_err() {
                return;
            }
        }
    })
    .await
}

/// Sends the frames that `attack` makes of numbers, on a connection with these settings. Returns the error code that the connection ends by, if it
/// ends by a word, or that a stream is reset by where `stream` is enough.
async fn attacked(
    values: &[(u16, u32)],
    reads: bool,
    stream: bool,
    attack: impl Fn(u32) -> Vec<u8> + Send + 'static,
) -> Option<u32> {
    let mut options = options();
    options.entry_points[0].limits.write_stall = Duration::from_millis(500);
    let running = run(options, routed("a", &[server().await])).await;
    let web = running.web;
    let before = resident();
    let peer = Peer::greet(TcpStream::connect(web).await.unwrap(), values).await.unwrap();
    let (reader, mut writer) = tokio::io::split(peer.into_stream());
    let sending = tokio::spawn(async move {
        for number in 0..ENOUGH {
            let frame = attack(number);
            if frame.is_empty() {
                return std::future::pending().await;
            }
            if writer.write_all(&frame).await.is_err() {
                return std::future::pending().await;
            }
        }
    });
    let polite = tokio::spawn(async move {
        let mut slowest = Duration::ZERO;
        loop {
            let began = Instant::now();
            let (head, body) = ask(web, &polite("a.test", "/polite")).await;
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && body == "xx", "{head}");
            slowest = slowest.max(began.elapsed());
            assert!(slowest < SOON, "{slowest:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let ended = async {
        if !reads {
            // The end is seen by who looks at the socket again.
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        let mut peer = Peer::silent(tokio::io::join(reader, tokio::io::sink()));
        let mut code = None;
        while let Ok(Some(came)) = peer.next().await {
            if came.kind == GOAWAY && came.code() != 0 {
                code = Some(came.code());
            }
            if stream && came.kind == RST_STREAM {
                return Some(came.code());
            }
        }
        code
    };
    let code = tokio::time::timeout(SOON, ended).await.expect("the attack goes on");
    assert!(!sending.is_finished(), "all was taken");
    assert!(!polite.is_finished(), "{:?}", polite.await);
    let grown = resident().saturating_sub(before);
    assert!(grown < MOST_MEMORY, "{} MiB", grown >> 20);
    code
}

/// As [`attacked`], of an attacker that reads.
async fn flood(attack: impl Fn(u32) -> Vec<u8> + Send + 'static) {
    let code = attacked(&[], true, false, attack).await;
    assert!(code.is_none_or(|code| code == ENHANCE_YOUR_CALM || code == PROTOCOL_ERROR), "{code:?}");
}

fn path(stream: u32, flags: u8) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, stream, &request("GET", &[]))
}

#[tokio::test]
async fn rapid_reset() {
    flood(|number| [path(2 * number + 1, END_STREAM), reset(2 * number + 1, CANCEL)].concat()).await;
}

#[tokio::test]
async fn resets_that_the_server_is_made_to_send() {
    flood(|number| [path(2 * number + 1, 0), window_update(2 * number + 1, 0)].concat()).await;
}

#[tokio::test]
async fn resets_by_windows_that_overflow() {
    flood(|number| {
        let stream = 2 * number + 1;
        [path(stream, 0), window_update(stream, (1 << 31) - 1), window_update(stream, (1 << 31) - 1)].concat()
    })
    .await;
}

#[tokio::test]
async fn flood_of_continuation() {
    flood(|number| match number {
        0 => frame(HEADERS, END_STREAM, 1, &request("GET", &[])),
        _ => frame(CONTINUATION, 0, 1, &field(&format!("x-{number}"), "y")),
    })
    .await;
}

#[tokio::test]
async fn flood_of_empty_continuation() {
    flood(|number| frame(if number == 0 { HEADERS } else { CONTINUATION }, 0, 1, &[])).await;
}

#[tokio::test]
async fn flood_of_settings() {
    flood(|number| settings(&[(INITIAL_WINDOW, number)])).await;
}

#[tokio::test]
async fn flood_of_ping() {
    flood(|_| frame(PING, 0, 0, &[0; 8])).await;
}

#[tokio::test]
async fn flood_of_priority() {
    flood(|number| priority(2 * (number % 1000) + 1, 0, 9)).await;
}

#[tokio::test]
async fn flood_of_empty_data() {
    flood(|number| if number == 0 { post(1) } else { frame(DATA, 0, 1, &[]) }).await;
}

#[tokio::test]
async fn flood_of_unknown_frames() {
    flood(|_| frame(0xbe, 0, 0, &[])).await;
}

#[tokio::test]
async fn more_streams_than_are_allowed() {
    flood(|number| post(2 * number + 1)).await;
}

#[tokio::test]
async fn windows_opened_byte_by_byte() {
    let attack = |number| if number == 0 { [get(1), window_update(1, 1)].concat() } else { window_update(1, 1) };
    let code = attacked(&[(INITIAL_WINDOW, 0)], true, false, attack).await;
    assert!(code.is_none_or(|code| code == ENHANCE_YOUR_CALM), "{code:?}");
}

#[tokio::test]
async fn large_answers_that_no_window_is_opened_for() {
    let attack = |number| if number < 100 { get(2 * number + 1) } else { Vec::new() };
    assert_eq!(attacked(&[(INITIAL_WINDOW, 0)], true, true, attack).await, Some(CANCEL));
}

#[tokio::test]
async fn large_answers_that_nobody_reads() {
    let attack = |number| match number {
        0 => window_update(0, (1 << 31) - 1 - 65_535),
        1..=100 => get(2 * number - 1),
        _ => Vec::new(),
    };
    attacked(&[(INITIAL_WINDOW, (1 << 31) - 1)], false, false, attack).await;
}

#[tokio::test]
async fn header_compression_bomb() {
    // One field of 4 kB goes into the table, and is named by one byte as often as a frame has room for.
    let attack = |number| {
        let large = [&[0x40][..], &text(b"x"), &text(&[b'y'; 3_900])].concat();
        let block = [request("GET", &[]), large, vec![0xbe; 12_000]].concat();
        frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, &block)
    };
    flood(attack).await;
}

#[tokio::test]
async fn header_lists_of_a_third_of_a_megabyte() {
    let attack = |number| {
        let large = fields(&[("x", &"y".repeat(16_000))]);
        let mut frames = frame(HEADERS, END_STREAM, 2 * number + 1, &request("GET", &[]));
        for part in 0..20 {
            frames.extend(frame(CONTINUATION, if part == 19 { END_HEADERS } else { 0 }, 2 * number + 1, &large));
        }
        frames
    };
    flood(attack).await;
}

#[tokio::test]
async fn a_preface_that_never_ends() {
    let mut options = options();
    options.entry_points[0].limits.header = Duration::from_millis(200);
    options.entry_points[0].limits.keep_alive = Duration::from_millis(200);
    let running = run(options, routed("a", &[server().await])).await;
    for sent in [&PREFACE[..10], PREFACE] {
        let mut stream = TcpStream::connect(running.web).await.unwrap();
        stream.write_all(sent).await.unwrap();
        let mut came = Vec::new();
        tokio::time::timeout(SOON, stream.read_to_end(&mut came))
            .await
            .expect("the connection stays open")
            .unwrap_or_default();
    }
}
