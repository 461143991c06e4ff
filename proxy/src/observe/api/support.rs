//! What is sent to somebody who helps: version and configuration as one archive, without secrets.

use std::io::Write as _;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderValue, Response, header};
use serde_json::Value;

use crate::snapshot::internal::InternalAnswer;

/// Bytes of a record of a tar archive (POSIX.1-1988, "ustar").
const RECORD: usize = 512;

/// The parts as files of a compressed archive.
///
/// # Errors
/// Memory cannot be written to, which does not happen.
pub(super) fn dump(parts: &[(&str, Value)]) -> std::io::Result<InternalAnswer> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    for (name, value) in parts {
        let text = value.to_string();
        gzip.write_all(&head(name, text.len()))?;
        gzip.write_all(text.as_bytes())?;
        gzip.write_all(&vec![0; text.len().next_multiple_of(RECORD) - text.len()])?;
    }
    gzip.write_all(&[0; 2 * RECORD])?;
    let mut response = Response::new(Bytes::from(gzip.finish()?));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
    let name = HeaderValue::from_static("attachment; filename=support-dump.tar.gz");
    headers.insert(header::CONTENT_DISPOSITION, name);
    Ok(response)
}

/// The record before a file's content.
fn head(name: &str, size: usize) -> [u8; RECORD] {
    let mut head = [0; RECORD];
    let mut field = |at: usize, text: &str| {
        for (to, from) in head.iter_mut().skip(at).zip(text.bytes()) {
            *to = from;
        }
    };
    field(0, name);
    field(100, "0000644");
    field(108, "0000000");
    field(116, "0000000");
    field(124, &format!("{size:011o}"));
    field(136, "00000000000");
    // The sum is taken as if its own field held spaces.
    field(148, "        ");
    field(156, "0");
    field(257, "ustar");
    field(263, "00");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    for (to, from) in head.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()) {
        *to = from;
    }
    head
}
