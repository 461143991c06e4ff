//! What a provider says: JSON objects on its standard output, one after the other.

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::text::printable;

/// Bytes that are read at a time.
const PIECE: usize = 8 * 1024;
/// The longest message that is taken.
const LONGEST: usize = 1024 * 1024;
/// Bytes of a message that cannot be read that are shown.
const SHOWN: usize = 120;

/// One message.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Message {
    /// `info`, `error`, `debug`, `setenv`, `rawsetenv`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its text.
    pub message: String,
}

/// Messages in the order of their coming.
pub(super) struct Messages<Source> {
    source: Source,
    buffer: Vec<u8>,
}

impl<Source: AsyncRead + Unpin> Messages<Source> {
    pub(super) fn new(source: Source) -> Self {
        Self { source, buffer: Vec::new() }
    }

    /// The next message; none at the end.
    ///
    /// # Errors
    /// Text that is no message; in words.
    pub(super) async fn next(&mut self) -> Result<Option<Message>, String> {
        let mut piece = vec![0; PIECE];
        loop {
            let mut values = serde_json::Deserializer::from_slice(&self.buffer).into_iter::<Message>();
            match values.next() {
                Some(Ok(message)) => {
                    let taken = values.byte_offset();
                    self.buffer.drain(..taken);
                    return Ok(Some(message));
                }
                Some(Err(error)) if !error.is_eof() => return Err(self.unreadable(&error.to_string())),
                // White space, or a message that has only begun.
                _ => {}
            }
            if self.buffer.len() > LONGEST {
                return Err(self.unreadable("it is longer than 1 MiB"));
            }
            match self.source.read(&mut piece).await {
                Ok(0) if self.buffer.iter().all(u8::is_ascii_whitespace) => return Ok(None),
                Ok(0) => return Err(self.unreadable("it ends in the middle")),
                Ok(count) => self.buffer.extend_from_slice(piece.get(..count).unwrap_or_default()),
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    fn unreadable(&self, why: &str) -> String {
        let text = String::from_utf8_lossy(self.buffer.get(..SHOWN).unwrap_or(&self.buffer)).into_owned();
        format!("`{}` is not a JSON message: {why}", printable(text.trim()))
    }
}
