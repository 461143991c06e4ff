//! What pebble lacks of ACME Renewal Information (RFC 9773).

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A server that runs as long as the process. It names `renewalInfo` in pebble's directory, suggests to renew every
/// certificate at once, and repeats what an order says that it `replaces`.
#[derive(Debug)]
pub struct Suggestions {
    /// Its address (`127.0.0.1:40123`).
    pub address: String,
    noted: Arc<Mutex<Noted>>,
}

/// What clients have said, as certificates are called in section 4.1 of the RFC.
#[derive(Debug, Default, Clone)]
pub struct Noted {
    /// They asked when to renew these.
    pub asked: Vec<String>,
    /// They ordered something else in place of these.
    pub replaced: Vec<String>,
}

struct Request {
    path: String,
    body: Vec<u8>,
}

impl Suggestions {
    /// Starts one for the pebble at `pebble` (`127.0.0.1:14000`), which clients know as `front`. What has a path below `/dir`,
    /// `/order-plz` or `/renewal-info/` is to be sent here.
    #[must_use]
    pub fn start(pebble: &str, front: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let noted = Arc::<Mutex<Noted>>::default();
        let (kept, pebble, front) = (Arc::clone(&noted), pebble.to_owned(), front.to_owned());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away in the middle is its own concern.
                let _ = serve(stream, &pebble, &front, &kept);
            }
        });
        Self { address, noted }
    }

    /// What clients have said so far.
    #[must_use]
    pub fn noted(&self) -> Noted {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Answers one request.
fn serve(mut stream: TcpStream, pebble: &str, front: &str, noted: &Mutex<Noted>) -> io::Result<()> {
    let request = read(&stream)?;
    if let Some(identifier) = request.path.strip_prefix("/renewal-info/") {
        noted.lock().unwrap_or_else(PoisonError::into_inner).asked.push(identifier.to_owned());
        let window = json!({ "suggestedWindow": { "start": "2020-01-01T00:00:00Z", "end": "2020-01-02T00:00:00Z" } });
        return write(&mut stream, "HTTP/1.1 200 OK\r\nRetry-After: 21600\r\n", &window);
    }
    let (head, mut body) = ask(pebble, front, &request)?;
    let more = if request.path == "/dir" {
        Some(("renewalInfo", format!("https://{front}/renewal-info")))
    } else {
        replaced(&request.body).map(|replaced| ("replaces", replaced))
    };
    if let (Some((name, value)), Some(body)) = (more, body.as_object_mut()) {
        if name == "replaces" {
            noted.lock().unwrap_or_else(PoisonError::into_inner).replaced.push(value.clone());
        }
        body.insert(name.to_owned(), value.into());
    }
    write(&mut stream, &head, &body)
}

fn read(stream: &TcpStream) -> io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Request { path: first.split(' ').nth(1).unwrap_or_default().to_owned(), body })
}

/// The head of an answer, with what it says about its body left out, and the body.
fn ask(pebble: &str, front: &str, request: &Request) -> io::Result<(String, Value)> {
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--insecure", "--noproxy", "*", "--include", "--http1.1", "--header"])
        .arg(format!("Host: {front}"));
    if !request.body.is_empty() {
        curl.args(["--header", "Content-Type: application/jose+json", "--data-binary", "@-"]);
    }
    let mut child =
        curl.arg(format!("https://{pebble}{}", request.path)).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(&request.body)?;
    }
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::InvalidData)?;
    let kept = head.split("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("content-"));
    Ok((kept.map(|line| format!("{line}\r\n")).collect(), serde_json::from_str(body)?))
}

/// What an order, a JSON object that is signed (RFC 7515 section 7.2.2), says that it replaces.
fn replaced(body: &[u8]) -> Option<String> {
    let signed: Value = serde_json::from_slice(body).ok()?;
    let payload = URL_SAFE_NO_PAD.decode(signed.get("payload")?.as_str()?).ok()?;
    let order: Value = serde_json::from_slice(&payload).ok()?;
    order.get("replaces")?.as_str().map(str::to_owned)
}

fn write(stream: &mut TcpStream, head: &str, body: &Value) -> io::Result<()> {
    let body = body.to_string();
    let length = body.len();
    let more = format!("Content-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(format!("{head}{more}{body}").as_bytes())
}
