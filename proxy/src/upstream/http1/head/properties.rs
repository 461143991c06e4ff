//! What must hold of the head of any answer.

use crate::wire::fields::end;

use super::*;

/// A head: what is read is framed without a panic, and reads as the same when it is written.
pub(crate) fn answer(input: &[u8]) {
    let Some(end) = end(input, 0) else {
        let _ = is_begun(input);
        return;
    };
    let Ok(mut head) = read(&Bytes::copy_from_slice(input.get(..end).unwrap_or_default())) else { return };
    assert!(is_begun(input), "it is known by its first bytes");
    let mut written = format!("{:?} {}\r\n", head.version, head.status.as_str()).into_bytes();
    head.headers.iter().for_each(|(name, value)| headers::write_field(&mut written, name, value));
    written.extend_from_slice(b"\r\n");
    let shown = written.escape_ascii().to_string();
    let again = read(&Bytes::from(written)).map(|again| (again.version, again.status, trimmed(&again.headers)));
    assert_eq!(again, Ok((head.version, head.status, trimmed(&head.headers))), "{shown}");
    let _ = (head.framing(false), head.framing(true), head.keeps_alive());
}

/// Fields without blanks around their values: lines that were joined may end in one.
fn trimmed(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().trim_ascii().to_vec())).collect()
}
