//! The 146 cases that HTTP/2 servers are commonly held against, by sections of RFC 7540 (whose numbering the names keep) and of RFC 7541.
//!
//! A connection error may be a GOAWAY frame with the code or the connection's end without one, a stream error a RST_STREAM frame or any of
//! these (RFC 9113 sections 5.4.1 and 5.4.2); after a GOAWAY frame with an error the connection has to end.
//! Where `h2` ends the connection by PROTOCOL_ERROR, which stands for any more specific code (section 7), the case names both.

mod framing;
mod generic;
mod header_compression;
mod messages;
mod streams;

use std::time::Duration;

use tokio::net::TcpStream;

use super::frames::{ACK, Came, DATA, GOAWAY, HEADERS, PING, Peer, RST_STREAM, Stream, frame};
use crate::encrypted::{connect, made};
use crate::support::{entry, options, origin, read_message, route, run};

/// Streams that a client may have open at once here.
pub(crate) const MOST_STREAMS: u32 = 16;

/// What a client does.
pub(crate) enum Step {
    /// Sends bytes, whether or not the server still listens.
    Send(Vec<u8>),
    /// Reads until a stream is ended by the server.
    Ended(u32),
    /// Reads until a DATA frame, which has to have this length.
    Data(usize),
}

/// What the server has to do then.
pub(crate) enum Due {
    /// It answers this stream by 200 and goes on.
    Served(u32),
    /// It answers this stream by 200, whatever becomes of the connection.
    Answered(u32),
    /// It goes on.
    GoesOn,
    /// It acknowledges settings, and goes on.
    Acknowledges,
    /// It ends the connection, saying none but one of these error codes.
    Connection(&'static [u32]),
    /// It ends the stream, or the connection.
    Stream(&'static [u32]),
}

pub(crate) struct Case {
    section: &'static str,
    what: &'static str,
    due: Due,
    steps: Vec<Step>,
    /// Whether the client begins as it should.
    greets: bool,
}

/// A case of one piece of bytes.
pub(crate) fn case(section: &'static str, what: &'static str, due: Due, sent: &[Vec<u8>]) -> Case {
    steps(section, what, due, vec![Step::Send(sent.concat())])
}

pub(crate) fn steps(section: &'static str, what: &'static str, due: Due, steps: Vec<Step>) -> Case {
    Case { section, what, due, steps, greets: true }
}

impl Case {
    pub(crate) fn without_greeting(mut self) -> Self {
        self.greets = false;
        self
    }

    async fn run(self, stream: impl Stream + 'static) -> Result<(), String> {
        let name = format!("{} {}", self.section, self.what);
        let limit = Duration::from_secs(20);
        match tokio::time::timeout(limit, self.play(stream)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("{name}: {error}")),
            Err(_) => Err(format!("{name}: nothing happened")),
        }
    }

    async fn play(self, stream: impl Stream + 'static) -> Result<(), String> {
        let mut peer = if self.greets {
            Peer::greet(stream, &[]).await.map_err(|error| error.to_string())?
        } else {
            Peer::silent(stream)
        };
        for step in self.steps {
            match step {
                // Who is being hung up on may be unable to send the rest.
                Step::Send(bytes) => drop(peer.send(&bytes).await),
                Step::Ended(stream) => while !alive(peer.next().await)?.is_end_of(stream) {},
                Step::Data(length) => loop {
                    let came = alive(peer.next().await)?;
                    if came.kind == DATA {
                        if came.payload.len() != length {
                            return Err(format!("{} bytes of data instead of {length}", came.payload.len()));
                        }
                        break;
                    }
                },
            }
        }
        judge(&mut peer, &self.due).await
    }
}

impl Came {
    fn is_end_of(&self, stream: u32) -> bool {
        self.stream == stream && self.ends()
    }
}

/// A frame of a connection that has to go on.
fn alive(came: std::io::Result<Option<Came>>) -> Result<Came, String> {
    let came = came.map_err(|error| error.to_string())?.ok_or("the connection was closed")?;
    if matches!(came.kind, GOAWAY | RST_STREAM) {
        return Err(format!("unexpected {came:?}"));
    }
    Ok(came)
}

async fn judge(peer: &mut Peer, due: &Due) -> Result<(), String> {
    match due {
        Due::Served(stream) => {
            answered(peer, *stream).await?;
            goes_on(peer).await
        }
        Due::Answered(stream) => answered(peer, *stream).await,
        Due::GoesOn => goes_on(peer).await,
        Due::Acknowledges => loop {
            let came = alive(peer.next().await)?;
            if came.kind == super::frames::SETTINGS && came.flags & ACK != 0 {
                return goes_on(peer).await;
            }
        },
        Due::Connection(codes) => ends(peer, codes, false).await,
        Due::Stream(codes) => ends(peer, codes, true).await,
    }
}

async fn answered(peer: &mut Peer, stream: u32) -> Result<(), String> {
    let mut status = None;
    loop {
        let came = peer.next().await;
        if matches!(&came, Ok(Some(came)) if came.kind == GOAWAY && came.code() == 0) {
            continue;
        }
        let came = alive(came)?;
        if came.is(HEADERS, stream) && status.is_none() {
            status = came.status();
        }
        if came.is_end_of(stream) {
            break;
        }
    }
    if status == Some(200) { Ok(()) } else { Err(format!("answered by {status:?}")) }
}

async fn goes_on(peer: &mut Peer) -> Result<(), String> {
    peer.send(&frame(PING, 0, 0, b"are you?")).await.map_err(|error| error.to_string())?;
    loop {
        let came = alive(peer.next().await)?;
        if came.kind == PING {
            return match (came.flags & ACK, &came.payload[..]) {
                (ACK, b"are you?") => Ok(()),
                _ => Err(format!("unexpected {came:?}")),
            };
        }
    }
}

async fn ends(peer: &mut Peer, codes: &[u32], or_stream: bool) -> Result<(), String> {
    let mut said = false;
    loop {
        // A reset of the connection ends it too.
        let Ok(Some(came)) = peer.next().await else { return Ok(()) };
        match came.kind {
            GOAWAY if codes.contains(&came.code()) => said = true,
            RST_STREAM if or_stream && codes.contains(&came.code()) => return Ok(()),
            GOAWAY => return Err(format!("GOAWAY with code {}", came.code())),
            RST_STREAM if or_stream => return Err(format!("RST_STREAM with code {}", came.code())),
            HEADERS if or_stream && !said => return Err(format!("answered: {came:?}")),
            _ => {}
        }
    }
}

/// A server whose answers have more than a kilobyte.
async fn server() -> String {
    origin(|mut stream| async move {
        use tokio::io::AsyncWriteExt as _;
        while let Some((head, _)) = read_message(&mut stream).await {
            let body = if head.starts_with("HEAD") { String::new() } else { "x".repeat(2000) };
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n{body}");
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    })
    .await
}

/// Runs the cases beside each other, over TCP and over TLS.
async fn all(cases: fn() -> Vec<Case>, count: usize) {
    let mut options = options();
    options.entry_points = ["web", "websecure"].map(entry).to_vec();
    for entry in &mut options.entry_points {
        entry.max_concurrent_streams = MOST_STREAMS;
    }
    let mut configuration = proxy::config::dynamic::Configuration::default();
    let url = server().await;
    route(&mut configuration, "a", true, std::slice::from_ref(&url));
    configuration.http.routers.get_mut("a@file").unwrap().entry_points = vec!["websecure".to_owned()];
    let mut plain = configuration.http.routers["a@file"].clone();
    plain.entry_points = vec!["web".to_owned()];
    plain.tls = None;
    configuration.http.routers.insert("plain@file".to_owned(), plain);
    let (root, pair) = made(&["a.test"]);
    configuration.tls.certificates.push(pair);
    let running = run(options, configuration).await;
    let (web, websecure) = (running.web, running.websecure);
    let mut tasks = tokio::task::JoinSet::new();
    for case in cases() {
        tasks.spawn(async move { case.run(TcpStream::connect(web).await.unwrap()).await });
    }
    for case in cases() {
        let root = root.clone();
        tasks.spawn(async move {
            let stream = connect(websecure, "a.test", &[root], "h2").await.unwrap();
            case.run(stream).await.map_err(|error| format!("TLS: {error}"))
        });
    }
    let results = tasks.join_all().await;
    assert_eq!(results.len(), 2 * count);
    let mut failed: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    failed.sort();
    assert!(failed.is_empty(), "{} of {} cases failed:\n{}", failed.len(), 2 * count, failed.join("\n"));
}

#[tokio::test]
async fn http_2_that_is_right_is_served() {
    all(generic::cases, 44).await;
}

#[tokio::test]
async fn http_2_frames_are_checked() {
    all(framing::cases, 60).await;
}

#[tokio::test]
async fn http_2_streams_have_their_states() {
    all(streams::cases, 22).await;
}

#[tokio::test]
async fn http_2_messages_are_checked() {
    all(messages::cases, 18).await;
}

#[tokio::test]
async fn http_2_header_blocks_are_checked() {
    all(header_compression::cases, 8).await;
}
