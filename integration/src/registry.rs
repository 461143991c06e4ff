//! A registry of images, as much of one as a push needs (OCI Distribution Specification 1.1, section "Push"), behind a
//! password.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// `user:secret` in base64, as `docker login` stores it.
pub const AUTH: &str = "dXNlcjpzZWNyZXQ=";

/// What it has under every name that was pushed, as others ask for it.
const MANIFEST: &str = "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.docker.distribution.manifest.v2+json\",\"config\":{\"mediaType\":\"application/vnd.docker.container.image.v1+json\",\"size\":2,\"digest\":\"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\"},\"layers\":[]}";
/// The digest of that.
pub const DIGEST: &str = "sha256:c512d672400a70f985a0b560012538262a2d5803ecde325dcf0162d3616cddeb";

/// A registry that runs as long as the process.
#[derive(Debug)]
pub struct Registry {
    /// Its address (`127.0.0.1:40123`), the first part of image names.
    pub address: String,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Sizes of what is being sent, by path.
    uploads: BTreeMap<String, u64>,
    /// Sizes by digest.
    blobs: BTreeMap<String, u64>,
    pushed: BTreeSet<String>,
}

/// What a request says; its body is only counted.
struct Request {
    method: String,
    path: String,
    query: String,
    /// The password came along.
    allowed: bool,
    size: u64,
}

impl Registry {
    /// Starts one at a free port of this host.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address").to_string();
        let state = Arc::<Mutex<State>>::default();
        let kept = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let kept = Arc::clone(&kept);
                // An engine that goes away in the middle is its own concern.
                thread::spawn(move || serve(stream, &kept));
            }
        });
        Self { address, state }
    }

    /// What has been pushed: `NAME:TAG`.
    #[must_use]
    pub fn pushed(&self) -> Vec<String> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).pushed.iter().cloned().collect()
    }
}

/// Answers requests of one connection, one after the other.
fn serve(stream: TcpStream, state: &Mutex<State>) -> io::Result<()> {
    let mut output = stream.try_clone()?;
    let mut input = BufReader::new(stream);
    while let Some(request) = read(&mut input)? {
        let (status, length, headers) = answer(&request, &mut state.lock().unwrap_or_else(PoisonError::into_inner));
        let body = if request.method == "GET" && length > 0 { MANIFEST } else { "" };
        write!(output, "HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n{body}")?;
    }
    Ok(())
}

/// Reads a request with its body, which is dropped; none at the end, or if it is TLS that somebody tries first.
fn read(input: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut line = Vec::new();
    input.take(16 * 1024).read_until(b'\n', &mut line)?;
    let line = String::from_utf8_lossy(&line).into_owned();
    let mut words = line.split(' ');
    let (Some(method), Some(path), Some(version)) = (words.next(), words.next(), words.next()) else { return Ok(None) };
    if !version.starts_with("HTTP/1.1") {
        return Ok(None);
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut request =
        Request { method: method.to_owned(), path: path.to_owned(), query: query.to_owned(), allowed: false, size: 0 };
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut header = String::new();
        input.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().map_err(io::Error::other)?,
            "transfer-encoding" => chunked = value.trim() == "chunked",
            "authorization" => request.allowed = value.trim() == format!("Basic {AUTH}"),
            _ => {}
        }
    }
    if chunked {
        loop {
            let mut size = String::new();
            input.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
            request.size += io::copy(&mut input.take(size), &mut io::sink())?;
            input.read_line(&mut String::new())?;
            if size == 0 {
                break;
            }
        }
    } else {
        request.size = io::copy(&mut input.take(length), &mut io::sink())?;
    }
    Ok(Some(request))
}

/// Status, length and headers for a request. An answer with a length has the manifest as its body, if it is one to `GET`.
fn answer(request: &Request, state: &mut State) -> (&'static str, u64, String) {
    let Request { method, path, query, allowed, size } = request;
    if !allowed {
        return ("401 Unauthorized", 0, "www-authenticate: Basic realm=\"test\"\r\n".to_owned());
    }
    match method.as_str() {
        "POST" if path.ends_with("/blobs/uploads/") => {
            let location = format!("{path}{}", state.uploads.len());
            state.uploads.insert(location.clone(), 0);
            ("202 Accepted", 0, format!("location: {location}\r\nrange: 0-0\r\n"))
        }
        "PATCH" => {
            let sent = state.uploads.entry(path.clone()).or_default();
            *sent += size;
            ("202 Accepted", 0, format!("location: {path}\r\nrange: 0-{}\r\n", sent.saturating_sub(1)))
        }
        "PUT" if path.contains("/blobs/uploads/") => {
            let digest = query.rsplit("digest=").next().unwrap_or_default().replace("%3A", ":");
            let sent = state.uploads.get(path).copied().unwrap_or_default() + size;
            state.blobs.insert(digest.clone(), sent);
            ("201 Created", 0, format!("docker-content-digest: {digest}\r\n"))
        }
        "HEAD" if path.contains("/blobs/") => {
            let digest = path.rsplit('/').next().unwrap_or_default();
            match state.blobs.get(digest) {
                Some(size) => ("200 OK", *size, format!("docker-content-digest: {digest}\r\n")),
                None => ("404 Not Found", 0, String::new()),
            }
        }
        "PUT" => {
            state.pushed.insert(path.trim_start_matches("/v2/").replace("/manifests/", ":"));
            // The engine wants to be told the digest that it knows, and believes any.
            ("201 Created", 0, format!("docker-content-digest: sha256:{}\r\n", "0".repeat(64)))
        }
        "HEAD" | "GET" if path.contains("/manifests/") => {
            let name = path.trim_start_matches("/v2/").replace("/manifests/", ":");
            if !(state.pushed.contains(&name) || name.ends_with(DIGEST)) {
                return ("404 Not Found", 0, String::new());
            }
            let kind = "application/vnd.docker.distribution.manifest.v2+json";
            let headers = format!("content-type: {kind}\r\ndocker-content-digest: {DIGEST}\r\n");
            ("200 OK", MANIFEST.len() as u64, headers)
        }
        "GET" if path == "/v2/" => ("200 OK", 0, "docker-distribution-api-version: registry/2.0\r\n".to_owned()),
        _ => ("404 Not Found", 0, String::new()),
    }
}
