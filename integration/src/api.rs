//! Questions to an engine itself: the `docker` client takes longer to start than the engine to answer.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// An engine at a socket.
#[derive(Debug, Clone)]
pub struct Api(PathBuf);

impl Api {
    /// The engine at this socket.
    #[must_use]
    pub fn at(socket: &Path) -> Self {
        Self(socket.to_owned())
    }

    /// The answer to a GET as it is; `None` where it is none of success.
    #[must_use]
    pub fn raw(&self, path: &str) -> Option<Vec<u8>> {
        let mut engine = UnixStream::connect(&self.0).expect("the engine's socket");
        // An answer to HTTP/1.0 ends with its connection.
        write!(engine, "GET {path} HTTP/1.0\r\nHost: engine\r\n\r\n").expect("a request");
        let mut answer = Vec::new();
        engine.read_to_end(&mut answer).expect("an answer");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of its head");
        let status = answer.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
        status.starts_with(b"2").then(|| answer.split_off(end + 4))
    }

    /// The answer to a GET, which is JSON; `Null` where there is no such thing.
    #[must_use]
    pub fn get(&self, path: &str) -> Value {
        self.raw(path).map_or(Value::Null, |body| serde_json::from_slice(&body).expect("JSON"))
    }

    /// A listing (`/containers/json?all=1`) of what has this label.
    #[must_use]
    pub fn labelled(&self, path: &str, label: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let filters = format!("%7B%22label%22%3A%5B%22{label}%22%5D%7D");
        let listed = self.get(&format!("{path}{separator}filters={filters}"));
        let rows = listed.get("Volumes").unwrap_or(&listed);
        rows.as_array().cloned().unwrap_or_default()
    }
}
