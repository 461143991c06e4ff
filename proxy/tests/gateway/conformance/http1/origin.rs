//! A server that takes nothing but what can be read in one way only.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::support::origin;

/// The requests that came, bodies decoded; one that begins with `BAD` says why it was not taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn forget(&self) {
        self.0.lock().unwrap().clear();
    }

    fn note(&self, request: String) {
        self.0.lock().unwrap().push(request);
    }
}

/// Answers requests by 200, and notes them in `seen`.
pub(crate) async fn strict(seen: Seen) -> String {
    origin(move |stream| {
        let seen = seen.clone();
        async move {
            let mut stream = BufReader::new(stream);
            loop {
                match read(&mut stream).await {
                    Ok(Some(request)) => seen.note(request),
                    Ok(None) => return,
                    Err(why) => return seen.note(format!("BAD {why}")),
                }
                if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
                    return;
                }
            }
        }
    })
    .await
}

/// A line with its end; `None` where the connection ends instead.
async fn line(stream: &mut BufReader<TcpStream>) -> Result<Option<String>, String> {
    let mut bytes = Vec::new();
    if stream.read_until(b'\n', &mut bytes).await.is_err() || !bytes.ends_with(b"\n") {
        return Ok(None);
    }
    let text = bytes.strip_suffix(b"\r\n").ok_or("a line without CR")?;
    if text.iter().any(|byte| matches!(byte, 0..=8 | 10..=31 | 127..)) {
        return Err(format!("odd bytes in {:?}", String::from_utf8_lossy(text)));
    }
    Ok(Some(String::from_utf8_lossy(text).into_owned()))
}

/// One request. One whose sender gives up is none.
async fn read(stream: &mut BufReader<TcpStream>) -> Result<Option<String>, String> {
    let Some(first) = line(stream).await? else { return Ok(None) };
    let words: Vec<&str> = first.split(' ').collect();
    let [method, target, "HTTP/1.1"] = words[..] else { return Err(first) };
    if method.is_empty() || method.len() > 40 || !target.starts_with('/') || first.contains('\t') {
        return Err(first);
    }
    let mut request = format!("{first}\r\n");
    let mut fields = Vec::new();
    loop {
        let Some(line) = line(stream).await? else { return Ok(None) };
        request.push_str(&format!("{line}\r\n"));
        if line.is_empty() {
            break;
        }
        fields.push(field(&line)?);
    }
    let all = |wanted: &str| {
        fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| &value[..]).collect::<Vec<_>>()
    };
    if all("host").len() != 1 {
        return Err(format!("hosts of {request}"));
    }
    match (&all("content-length")[..], &all("transfer-encoding")[..]) {
        ([], []) => {}
        ([length], []) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
            let mut body = vec![0; length.parse().map_err(|_| "a length")?];
            if stream.read_exact(&mut body).await.is_err() {
                return Ok(None);
            }
            request.push_str(&String::from_utf8_lossy(&body));
        }
        ([], ["chunked"]) => match chunks(stream).await? {
            Some(body) => request.push_str(&body),
            None => return Ok(None),
        },
        _ => return Err(format!("framing of {request}")),
    }
    Ok(Some(request))
}

fn field(line: &str) -> Result<(String, String), String> {
    let (name, value) = line.split_once(':').ok_or(line)?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(line.to_owned());
    }
    Ok((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()))
}

/// A chunked body, its trailers behind it.
async fn chunks(stream: &mut BufReader<TcpStream>) -> Result<Option<String>, String> {
    let mut text = String::new();
    loop {
        let Some(size) = line(stream).await? else { return Ok(None) };
        if size.is_empty() || size.len() > 8 || !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(format!("chunk {size:?}"));
        }
        let size = usize::from_str_radix(&size, 16).map_err(|_| "a chunk's size")?;
        if size == 0 {
            break;
        }
        let mut chunk = vec![0; size];
        if stream.read_exact(&mut chunk).await.is_err() {
            return Ok(None);
        }
        text.push_str(&String::from_utf8_lossy(&chunk));
        match line(stream).await? {
            Some(end) if end.is_empty() => {}
            Some(_) => return Err("a chunk's end".to_owned()),
            None => return Ok(None),
        }
    }
    loop {
        match line(stream).await? {
            None => return Ok(None),
            Some(end) if end.is_empty() => return Ok(Some(text)),
            Some(trailer) => {
                field(&trailer)?;
                text.push_str(&format!("\r\n{trailer}"));
            }
        }
    }
}
