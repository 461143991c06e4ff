//! What clients of HTTP/1.1 send, right, wrong and meant to be read in two ways (RFC 9110, RFC 9112).
//!
//! Each case is sent on a connection of its own with another request right behind it. The server behind the gateway reads strictly: what
//! reaches it has to be beyond doubt, and it may never see more requests than there are.

mod bodies;
mod heads;
mod origin;
mod semantics;

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::{options, rest, routed, run};
use origin::{Seen, strict};

/// The request that follows each case's.
const AFTER: &[u8] = b"GET /after HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";

/// What has to become of a request.
pub(crate) enum Due {
    /// It is answered by one of these, or any error if there is none; the connection ends, and the server sees nothing.
    Refused(&'static [u16]),
    /// The server sees it once, with this in it (after a `!`: without this), and the next one.
    Served(&'static [&'static str]),
    /// The gateway answers by this, and the next one is served.
    Answered(u16),
    /// Whatever becomes of it, the next one is not read.
    Ends,
    /// The specification allows both: it is refused, or it and the next one are served.
    Either,
}

pub(crate) struct Case {
    what: &'static str,
    due: Due,
    sent: Vec<u8>,
}

pub(crate) fn case(what: &'static str, due: Due, sent: impl Into<Vec<u8>>) -> Case {
    Case { what, due, sent: sent.into() }
}

/// A request with these lines after `Host`, then `body`.
pub(crate) fn post(lines: &str, body: &str) -> String {
    format!("POST /case HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n\r\n{body}")
}

/// A request with this line after `Host`.
pub(crate) fn get(line: &str) -> String {
    format!("GET /case HTTP/1.1\r\nHost: a.test\r\n{line}\r\n\r\n")
}

/// The statuses of answers that came one after the other. Answers of the strict server hold no such line.
fn statuses(text: &str) -> Vec<u16> {
    text.split("HTTP/1.")
        .skip(1)
        .filter_map(|answer| answer.get(2..5)?.parse().ok())
        .filter(|code| *code >= 200)
        .collect()
}

impl Case {
    async fn run(&self, web: std::net::SocketAddr, seen: &Seen) -> Result<(), String> {
        seen.forget();
        let mut stream = TcpStream::connect(web).await.unwrap();
        // Who is being hung up on may be unable to send the rest.
        let _ = stream.write_all(&[&self.sent, AFTER].concat()).await;
        let Ok(text) = tokio::time::timeout(Duration::from_secs(10), rest(&mut stream)).await else {
            return Err(format!("the connection stays open; seen: {:?}", seen.all()));
        };
        let (statuses, seen) = (statuses(&text), seen.all());
        let report = || format!("answers {statuses:?}, seen {seen:?}");
        if let Some(bad) = seen.iter().find(|request| request.starts_with("BAD")) {
            return Err(format!("the server was sent what is doubtful: {bad}"));
        }
        let after = seen.iter().filter(|request| request.starts_with("GET /after HTTP/1.1\r\n")).count();
        let others = seen.len() - after;
        let refused = |codes: &[u16]| {
            seen.is_empty()
                && match &statuses[..] {
                    [] => codes.is_empty(),
                    [code] => {
                        if codes.is_empty() {
                            *code >= 400
                        } else {
                            codes.contains(code)
                        }
                    }
                    _ => false,
                }
        };
        let served = others == 1 && after == 1 && statuses == [200, 200];
        let fine = match &self.due {
            Due::Refused(codes) => refused(codes),
            Due::Served(parts) => {
                served
                    && parts.iter().all(|part| match part.strip_prefix('!') {
                        Some(part) => !seen[0].contains(part),
                        None => seen[0].contains(part),
                    })
            }
            Due::Answered(code) => others == 0 && after == 1 && statuses == [*code, 200],
            Due::Ends => after == 0 && others <= 1 && statuses.len() <= 1,
            Due::Either => refused(&[]) || served,
        };
        if fine { Ok(()) } else { Err(report()) }
    }
}

/// Sends the cases one after the other.
async fn all(cases: Vec<Case>, count: usize) {
    let seen = Seen::default();
    let running = run(options(), routed("a", &[strict(seen.clone()).await])).await;
    assert_eq!(cases.len(), count);
    let mut failed = Vec::new();
    for case in &cases {
        if let Err(error) = case.run(running.web, &seen).await {
            failed.push(format!("{}: {error}", case.what));
        }
    }
    assert!(failed.is_empty(), "{} of {count} cases failed:\n{}", failed.len(), failed.join("\n"));
}

#[tokio::test]
async fn http_1_heads_are_beyond_doubt() {
    all(heads::cases(), 46).await;
}

#[tokio::test]
async fn http_1_bodies_end_where_everybody_thinks() {
    all(bodies::cases(), 58).await;
}

#[tokio::test]
async fn http_1_hop_by_hop_and_odd_requests() {
    all(semantics::cases(), 45).await;
}
