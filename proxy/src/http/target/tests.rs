#![expect(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::entry_point::DeniedEncodings;

fn forwarded(path: &str) -> String {
    canonical_path(path, true).unwrap().path.into_owned()
}

fn matched(path: &str) -> String {
    let canonical = canonical_path(path, true).unwrap();
    canonical.routing.map_or_else(|| canonical.path.into_owned(), |bytes| String::from_utf8(bytes).unwrap())
}

#[test]
fn encodings_are_normalised() {
    for (raw, expected) in [
        ("/a%2fb", "/a%2Fb"),
        ("/%41bc", "/Abc"),
        ("/%7Eu", "/~u"),
        ("/a\\b", "/a%5Cb"),
        ("/caf\u{e9}", "/caf%C3%A9"),
        ("/a|b\"<>{}^`", "/a%7Cb%22%3C%3E%7B%7D%5E%60"),
        ("/a[b]:@c!$&()*,='", "/a[b]:@c!$&()*,='"),
        ("/a%252Fb", "/a%252Fb"),
        ("/a%0d%0aX", "/a%0D%0AX"),
        ("", "/"),
    ] {
        assert_eq!(forwarded(raw), expected, "{raw}");
    }
}

#[test]
fn dot_and_empty_segments_are_removed() {
    for (raw, expected) in [
        ("/./a", "/a"),
        ("/a/../b", "/b"),
        ("/../a", "/a"),
        ("/a/..", "/"),
        ("/a/.", "/a"),
        ("//a", "/a"),
        ("/a//b", "/a/b"),
        ("/a/", "/a/"),
        ("/%2e%2e/a", "/a"),
        ("/a/..%2Fb", "/a/..%2Fb"),
        ("/...", "/..."),
        ("/.a", "/.a"),
        ("/a/....//b", "/a/..../b"),
    ] {
        assert_eq!(forwarded(raw), expected, "{raw}");
    }
}

#[test]
fn rules_see_decoded_but_not_reserved_characters() {
    assert_eq!(matched("/foo%20bar"), "/foo bar");
    assert_eq!(matched("/a%2Fb%25c"), "/a%2Fb%25c");
    assert_eq!(matched("/caf%c3%a9"), "/caf\u{e9}");
    assert_eq!(matched("/plain"), "/plain");
}

#[test]
fn malformed_encodings_are_refused() {
    for raw in ["/%", "/%2", "/%zz", "/a%"] {
        assert_eq!(canonical_path(raw, true), Err(BadEncoding), "{raw}");
    }
}

#[test]
fn denied_encodings_are_found() {
    let all = DeniedEncodings {
        slash: true,
        backslash: true,
        null: true,
        semicolon: true,
        percent: true,
        question_mark: true,
        hash: true,
    };
    for path in ["/a%2Fb", "/%5C", "/%00", "/%3B", "/%25", "/%3F", "/%23"] {
        assert!(all.found_in(path), "{path}");
        assert!(!DeniedEncodings::default().found_in(path), "{path}");
    }
    assert!(!all.found_in("/a;b%20c"));
}

#[test]
fn semicolons_of_a_query() {
    assert_eq!(canonical_query("a=1;b=2", false), "a=1&b=2");
    assert_eq!(canonical_query("a=1;b=%3B", true), "a=1%3Bb=%3B");
}

proptest! {
    #[test]
    fn canonical_is_idempotent_and_free_of_traversal(path in "/[ -~é]{0,40}") {
        if let Ok(once) = canonical_path(&path, true) {
            let again = canonical_path(&once.path, true).unwrap();
            prop_assert_eq!(&again.path, &once.path);
            prop_assert!(!once.path.split('/').any(|s| s == ".." || s == "."));
            prop_assert!(!once.path.contains("//"));
        }
    }
}
