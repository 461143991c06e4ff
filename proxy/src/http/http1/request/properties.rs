//! What must hold of any request's head.

use bytes::BytesMut;
use http::Request;

use crate::http::{host, target};
use crate::wire::input::Input;

use super::*;

/// A head, after a byte that says in pieces of which size it comes: its end is found all the same; one that is read is not
/// refused while it is not whole yet, and reads as the same when it is written.
pub(crate) fn request(input: &[u8]) {
    let Some((&step, bytes)) = input.split_first() else { return };
    let end = fields::end(bytes, 0);
    let mut seen = Input::default();
    let mut found = None;
    let (mut pieces, mut so_far) = (bytes.chunks(usize::from(step.max(1))), Ok(()));
    while let Some(piece) = pieces.next().filter(|_| found.is_none()) {
        seen.bytes().extend_from_slice(piece);
        found = seen.head_end();
        if found.is_none() && so_far.is_ok() {
            so_far = may_become_one(&seen);
        }
    }
    assert_eq!(found, end, "in pieces of {step}");
    let Some(end) = end else { return };
    let Ok(head) = read(&Bytes::copy_from_slice(bytes.get(..end).unwrap_or_default())) else { return };
    assert_eq!(so_far, Ok(()), "it was refused before it was whole");
    is_routed(&head);
    if !head.has_fragment {
        reads_as_the_same(&head);
    }
}

fn reads_as_the_same(head: &Head) {
    let mut written = format!("{} {} {:?}\r\n", head.method, head.uri, head.version).into_bytes();
    head.headers.iter().for_each(|(name, value)| headers::write_field(&mut written, name, value));
    written.extend_from_slice(b"\r\n");
    let shown = written.escape_ascii().to_string();
    let again = match read(&BytesMut::from(written.as_slice()).freeze()) {
        Ok(again) => again,
        Err(refused) => unreadable(&format!("{refused}: {shown}")),
    };
    assert_eq!((&again.method, &again.uri, again.version), (&head.method, &head.uri, head.version), "{shown}");
    assert_eq!(again.headers, head.headers, "{shown}");
    assert_eq!((again.expects, again.upgrades, again.has_fragment), (head.expects, head.upgrades, false), "{shown}");
    assert_eq!(again.body.left(), head.body.left(), "{shown}");
    // Where two lengths were given, only one is left: then the connection may stay open.
    assert!(again.keeps_alive || !head.keeps_alive, "{shown}");
}

#[expect(clippy::panic, reason = "a finding is told by a panic")]
fn unreadable(what: &str) -> ! {
    panic!("what was read cannot be read again: {what}");
}

/// What comes next: its host, and its path, which is canonical once and for all.
fn is_routed(head: &Head) {
    let mut parts = Request::new(()).into_parts().0;
    (parts.method, parts.uri, parts.version) = (head.method.clone(), head.uri.clone(), head.version);
    parts.headers = head.headers.clone();
    if let Ok(host) = host::of(&parts) {
        assert_eq!(host.name, host.name.to_ascii_lowercase());
        let _ = host.is_local();
    }
    for sanitize in [true, false] {
        let Ok(canonical) = target::canonical_path(head.uri.path(), sanitize) else { return };
        let again = target::canonical_path(&canonical.path, sanitize).map(|again| again.path);
        assert_eq!(again.as_ref(), Ok(&canonical.path), "of {}", head.uri);
        let odd = ["//", "/./", "/../"].into_iter().find(|odd| sanitize && canonical.path.contains(odd));
        assert_eq!(odd, None, "in {}", canonical.path);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_head_that_is_written_is_read(
            method in "[A-Z]{1,8}",
            path in "(/[a-z0-9%.~-]{0,6}){1,4}(\\?[a-z=&;]{0,8})?",
            fields in vec(("x-[a-z0-9-]{1,8}", "([!-~\\u{e9}]([ -~]{0,12}[!-~])?)?"), 0..8),
            step in 1..90_u8,
        ) {
            let lines: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let written = format!("{method} {path} HTTP/1.1\r\n{lines}\r\n");
            let head = read(&Bytes::from(written.clone()));
            prop_assert!(head.is_ok(), "{:?}: {written}", head);
            if let Ok(head) = head {
                prop_assert_eq!((head.method.as_str(), head.uri.to_string()), (method.as_str(), path.clone()));
                let mut found: Vec<(&str, &[u8])> =
                    head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
                let mut sent: Vec<(&str, &[u8])> =
                    fields.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
                // Fields of one name keep their order; those of others are a set.
                found.sort_by_key(|(name, _)| *name);
                sent.sort_by_key(|(name, _)| *name);
                prop_assert_eq!(found, sent);
            }
            request(&[&[step], written.as_bytes()].concat());
        }
    }
}
