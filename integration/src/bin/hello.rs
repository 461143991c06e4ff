//! A web server that fits an empty image: says who it is and repeats the request's head.
//!
//! `hello` serves on port 8080 (`PORT`), answers
//! - `GET /` with its greeting (`GREETING`), its host name and the request as it arrived,
//! - `GET /slow/MILLISECONDS` the same, after that time,
//! - a request with `Upgrade: echo` with 101, and then sends back every byte until the client leaves,
//!
//! keeps connections open for further requests, and stops on SIGTERM or SIGINT once those under way are answered.
//! `hello --check` asks a server in the same container and exits 0 if it answers: a health check without a shell.

use std::env;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Longest request head taken, in bytes.
const HEAD_LIMIT: usize = 16 * 1024;
/// How long a connection may be silent.
const IDLE_TIME: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let port = env::var("PORT").ok().and_then(|port| port.parse().ok()).unwrap_or(8080);
    let outcome = if env::args().any(|argument| argument == "--check") { check(port).await } else { serve(port).await };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing is left to be done if standard error is closed as well.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn check(port: u16) -> io::Result<()> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.1 200 ") { Ok(()) } else { Err(io::Error::other("the server did not answer 200")) }
}

async fn serve(port: u16) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    writeln!(io::stdout(), "listening on port {port}")?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            connection = listener.accept() => {
                if let Ok((stream, _)) = connection {
                    connections.spawn(answer_all(stream, stopping.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop((listener, stop));
    while connections.join_next().await.is_some() {}
    writeln!(io::stdout(), "stopped")
}

/// Answers the requests of one connection until the client leaves, falls silent, or the server stops.
async fn answer_all(mut stream: TcpStream, mut stopping: watch::Receiver<()>) -> io::Result<()> {
    let _ = stream.set_nodelay(true);
    loop {
        let head = tokio::select! {
            head = timeout(IDLE_TIME, read_head(&mut stream)) => head??,
            _ = stopping.changed() => return Ok(()),
        };
        if has_header(&head, "upgrade: echo") {
            stream
                .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")
                .await?;
            let (mut from, mut to) = stream.split();
            tokio::io::copy(&mut from, &mut to).await?;
            return Ok(());
        }
        // A request's body is not read, so what follows it could not be told from a next request.
        let last = has_header(&head, "connection: close")
            || has_header(&head, "content-length:")
            || has_header(&head, "transfer-encoding:");
        answer(&mut stream, &head, last).await?;
        if last {
            return stream.shutdown().await;
        }
    }
}

fn has_header(head: &str, start: &str) -> bool {
    head.lines().any(|line| line.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(start)))
}

async fn answer(stream: &mut TcpStream, head: &str, last: bool) -> io::Result<()> {
    let line = head.lines().next().unwrap_or_default();
    let path = line.split(' ').nth(1).unwrap_or("/");
    if let Some(wait) = path.strip_prefix("/slow/").and_then(|wait| wait.parse().ok()) {
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
    let greeting = env::var("GREETING").unwrap_or_else(|_| "hello".to_owned());
    let body = format!("{greeting} from {}\n{head}", host_name());
    let connection = if last { "close" } else { "keep-alive" };
    let reply = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\nConnection: {connection}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(reply.as_bytes()).await
}

/// Reads up to the empty line. A client that sends further requests before the answer loses them, which none here does.
async fn read_head(stream: &mut TcpStream) -> io::Result<String> {
    let mut head = Vec::with_capacity(1024);
    while !head.ends_with(b"\r\n\r\n") && !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > HEAD_LIMIT || stream.read_buf(&mut head).await? == 0 {
            return Err(io::Error::other("no request"));
        }
    }
    Ok(String::from_utf8_lossy(&head).replace('\r', ""))
}

fn host_name() -> String {
    std::fs::read_to_string("/etc/hostname").map_or_else(|_| "nobody".to_owned(), |name| name.trim().to_owned())
}
