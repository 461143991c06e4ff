//! A steady load that remembers every answer that was not 200: for changes that must not cost a request.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longer than any request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// After so many failures it ends by itself.
const MOST_FAILURES: usize = 50;

/// Clients that ask one after another, each over its own connection, until told to stop.
#[derive(Debug)]
pub struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    answers: AtomicUsize,
    failures: Mutex<Vec<String>>,
}

impl Shared {
    fn note(&self, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => {
                self.answers.fetch_add(1, SeqCst);
            }
            Err(why) => {
                let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
                failures.push(why);
                // A gateway that is gone would fill the memory, and the report.
                if failures.len() >= MOST_FAILURES {
                    self.stop.store(true, SeqCst);
                }
            }
        }
    }
}

impl Load {
    /// `clients` over HTTP/1.1 with kept connections, and one over HTTP/2 with a new connection each time, where curl
    /// speaks it. All to this machine.
    #[must_use]
    pub fn start(clients: usize, host: &str, port: u16, path: &str) -> Self {
        let shared = Arc::<Shared>::default();
        let spawn = |work: fn(&Shared, &str, u16, &str)| {
            let (shared, host, path) = (Arc::clone(&shared), host.to_owned(), path.to_owned());
            std::thread::spawn(move || work(&shared, &host, port, &path))
        };
        let mut all: Vec<_> = (0..clients).map(|_| spawn(http1)).collect();
        all.push(spawn(http2));
        Self { shared, clients: all }
    }

    /// Answers so far.
    #[must_use]
    pub fn answers(&self) -> usize {
        self.shared.answers.load(SeqCst)
    }

    /// Waits until `more` further requests are answered, or some fail.
    pub fn settle(&self, more: usize) {
        let (goal, began) = (self.answers() + more, Instant::now());
        while self.answers() < goal && began.elapsed() < PATIENCE && self.failures().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What went wrong so far.
    #[must_use]
    pub fn failures(&self) -> Vec<String> {
        self.shared.failures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends it: the number of answers, and what went wrong.
    #[must_use]
    pub fn end(self) -> (usize, Vec<String>) {
        self.shared.stop.store(true, SeqCst);
        for client in self.clients {
            // One that panicked has said so.
            let _ = client.join();
        }
        let failures = std::mem::take(&mut *self.shared.failures.lock().unwrap_or_else(PoisonError::into_inner));
        (self.shared.answers.load(SeqCst), failures)
    }
}

fn http1(shared: &Shared, host: &str, port: u16, path: &str) {
    let mut connection: Option<BufReader<TcpStream>> = None;
    while !shared.stop.load(SeqCst) {
        let outcome = ask(&mut connection, host, port, path);
        if outcome.is_err() {
            connection = None;
        }
        shared.note(outcome);
    }
}

/// One request over a connection that is kept unless the answer says otherwise.
fn ask(connection: &mut Option<BufReader<TcpStream>>, host: &str, port: u16, path: &str) -> Result<(), String> {
    let said = |error: std::io::Error| format!("HTTP/1.1: {error}");
    let mut stream = match connection.take() {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map_err(said)?;
            stream.set_read_timeout(Some(PATIENCE)).map_err(said)?;
            stream.set_nodelay(true).map_err(said)?;
            BufReader::new(stream)
        }
    };
    write!(stream.get_mut(), "GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").map_err(said)?;
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).map_err(said)? == 0 {
            return Err(format!("HTTP/1.1: the connection was closed after {head:?}"));
        }
    }
    let header = |name: &str| {
        head.lines().filter_map(|line| line.split_once(": ")).find(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    let length = header("content-length").and_then(|(_, length)| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).map_err(said)?;
    if !head.starts_with("HTTP/1.1 200 ") {
        return Err(format!("HTTP/1.1: {head}{}", String::from_utf8_lossy(&body)));
    }
    if header("connection").is_none_or(|(_, value)| !value.eq_ignore_ascii_case("close")) {
        *connection = Some(stream);
    }
    Ok(())
}

fn http2(shared: &Shared, host: &str, port: u16, path: &str) {
    let knows = Command::new("curl").arg("--version").output();
    if !knows.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("HTTP2")) {
        return;
    }
    while !shared.stop.load(SeqCst) {
        let asked = Command::new("curl")
            .args(["--silent", "--show-error", "--http2-prior-knowledge", "--max-time", "30", "--output", "/dev/null"])
            .args(["--write-out", "%{http_version} %{http_code}", "--header", &format!("Host: {host}")])
            .arg(format!("http://127.0.0.1:{port}{path}"))
            .output();
        shared.note(match asked {
            Ok(output) if output.stdout == b"2 200" => Ok(()),
            Ok(output) => Err(format!(
                "HTTP/2: {} {}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )),
            Err(error) => Err(format!("HTTP/2: {error}")),
        });
    }
}

/// A connection that has left HTTP for the protocol `echo` of examples/02-hello, as a WebSocket leaves it.
#[derive(Debug)]
pub struct Tunnel(TcpStream);

impl Tunnel {
    /// Opens it.
    ///
    /// # Errors
    /// Whatever the network says; an answer other than 101.
    pub fn open(host: &str, port: u16) -> std::io::Result<Self> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n")?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            head.extend(byte);
        }
        if head.starts_with(b"HTTP/1.1 101 ") {
            Ok(Self(stream))
        } else {
            Err(std::io::Error::other(String::from_utf8_lossy(&head).into_owned()))
        }
    }

    /// Sends a byte and waits for it to come back.
    ///
    /// # Errors
    /// The tunnel is cut.
    pub fn echo(&mut self) -> std::io::Result<()> {
        self.0.write_all(b"x")?;
        self.0.read_exact(&mut [0])
    }
}
