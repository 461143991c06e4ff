//! Reading files without being held up: regular files only, of a limited size, as text.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Largest file that is read, in bytes.
pub(crate) const MAX_SIZE: u64 = 16 << 20;

/// Why a file was not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("there is no such file")]
    Missing,
    #[error("it is a folder")]
    Folder,
    #[error("it is not a regular file")]
    Special,
    #[error("it is larger than {} MiB", MAX_SIZE >> 20)]
    TooLarge,
    #[error("permission denied")]
    Denied,
    #[error("reading failed")]
    Io(#[source] io::Error),
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::Missing,
            io::ErrorKind::PermissionDenied => Self::Denied,
            io::ErrorKind::IsADirectory => Self::Folder,
            _ => Self::Io(error),
        }
    }
}

/// The bytes of a regular file. `/dev/null` counts as an empty one.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    if path == Path::new("/dev/null") {
        return Ok(Vec::new());
    }
    // Looked at before it is opened: opening a pipe waits for its other end.
    check(&fs::metadata(path)?)?;
    let file = File::open(path)?;
    check(&file.metadata()?)?;
    limited(file)
}

/// The bytes of standard input.
pub(crate) fn read_stdin() -> Result<Vec<u8>, ReadError> {
    limited(io::stdin().lock())
}

fn check(metadata: &fs::Metadata) -> Result<(), ReadError> {
    if metadata.is_dir() {
        Err(ReadError::Folder)
    } else if !metadata.is_file() {
        Err(ReadError::Special)
    } else if metadata.len() > MAX_SIZE {
        Err(ReadError::TooLarge)
    } else {
        Ok(())
    }
}

fn limited(reader: impl Read) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    reader.take(MAX_SIZE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_SIZE { Err(ReadError::TooLarge) } else { Ok(bytes) }
}

/// Bytes that are not text: what is before the first wrong one, and what is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotText {
    pub(crate) before: String,
    pub(crate) problem: &'static str,
}

/// Bytes as text: UTF-8, or UTF-16 with a byte order mark, which is taken away.
pub(crate) fn decode(bytes: Vec<u8>) -> Result<String, NotText> {
    let wide = match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => Some((rest, u16::from_le_bytes as fn([u8; 2]) -> u16)),
        [0xfe, 0xff, rest @ ..] => Some((rest, u16::from_be_bytes as fn([u8; 2]) -> u16)),
        _ => None,
    };
    if let Some((units, order)) = wide {
        let units =
            units.chunks(2).map(|unit| order([unit.first().copied().unwrap_or(0), unit.get(1).copied().unwrap_or(0)]));
        let mut text = String::new();
        for character in char::decode_utf16(units) {
            match character {
                Ok(character) => text.push(character),
                Err(_) => return Err(NotText { before: text, problem: "it is not valid UTF-16" }),
            }
        }
        return Ok(text);
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let end = error.utf8_error().valid_up_to();
        let before = String::from_utf8_lossy(error.as_bytes().get(..end).unwrap_or_default()).into_owned();
        NotText { before, problem: "it is not valid UTF-8" }
    })?;
    let marks = text.len() - text.trim_start_matches('\u{feff}').len();
    text.drain(..marks);
    Ok(text)
}

/// The first character that a YAML stream may not hold, and its offset.
pub(crate) fn control_character(text: &str) -> Option<(usize, char)> {
    text.char_indices().find(|&(_, character)| match character {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        '\u{fffe}' | '\u{ffff}' => true,
        _ => character.is_control(),
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "text").unwrap();
        assert_eq!(read(&file).unwrap(), b"text");
        assert!(matches!(read(folder.path()), Err(ReadError::Folder)));
        assert!(matches!(read(&folder.path().join("none")), Err(ReadError::Missing)));
        assert!(matches!(read(Path::new("/dev/zero")), Err(ReadError::Special)));
        assert_eq!(read(Path::new("/dev/null")).unwrap(), b"");
        let large = File::create(folder.path().join("large")).unwrap();
        large.set_len(MAX_SIZE + 1).unwrap();
        assert!(matches!(read(&folder.path().join("large")), Err(ReadError::TooLarge)));
    }

    #[test]
    fn bytes_become_text() {
        assert_eq!(decode(b"\xef\xbb\xbfa".to_vec()).unwrap(), "a");
        assert_eq!(decode("\u{feff}\u{feff}a\u{feff}".into()).unwrap(), "a\u{feff}");
        assert_eq!(decode(b"\xff\xfea\0\xe9\0".to_vec()).unwrap(), "aé");
        assert_eq!(decode(b"\xfe\xff\0a".to_vec()).unwrap(), "a");
        assert_eq!(decode(b"ab\xff".to_vec()).unwrap_err().before, "ab");
        assert_eq!(control_character("a\tb\r\n\0"), Some((5, '\0')));
        assert_eq!(control_character("é\u{85}\u{feff}"), None);
    }
}
