//! Bytes that are no text, and text that is no YAML.

use super::Case;

const GOOD: &str = "services:\n  a:\n    image: x\n";

fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

#[test]
fn text_of_other_systems_is_taken() {
    for good in [
        format!("\u{feff}{GOOD}").into_bytes(),
        GOOD.replace('\n', "\r\n").into_bytes(),
        GOOD.replace('\n', "\r").into_bytes(),
        GOOD.trim_end().as_bytes().to_vec(),
        utf16(GOOD),
    ] {
        Case::new(good).passes();
    }
}

#[test]
fn what_is_not_text_is_refused() {
    let noise: Vec<u8> = (0..4096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let with = |bytes: &[u8]| [b"services: {a: {image: x", bytes, b"}}\n"].concat();
    for bytes in [
        with(b"\xff"),
        with(b"\xc0\xaf"),
        with(b"\xed\xa0\x80"),
        with(b"\0"),
        with(b"\x1b[31m"),
        b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec(),
        noise,
        b"\xff\xfes\0\x00\xd8".to_vec(),
    ] {
        Case::new(bytes).fails("E0102");
    }
}

#[test]
fn tabs_and_garbage_are_told_with_their_place() {
    Case::new("services:\n\ta:\n\t\timage: x\n").fails("E0103");
    Case::new(format!("{GOOD}]]]\n")).fails("E0103");
    Case::new("services: {a: {image: \"\\uD800\"}}\n").fails("E0103");
}

#[test]
fn what_turns_text_around_is_shown_escaped() {
    for name in ["a\u{202e}b", "a\u{2028}b", "\u{2066}"] {
        Case::new(format!("services: {{'{name}': {{image: x, unknown: y}}}}\n")).fails("E0506");
    }
    for text in [r#"services: {"a\e[31mb": {image: x, unknown: y}}"#, r#"services: {"a\0b": {image: x, unknown: y}}"#] {
        assert_ne!(Case::new(text).run().code, 0);
    }
}

#[test]
fn documents_without_a_project_are_refused() {
    for text in ["", "# nothing\n", "null\n", "text\n", "[a]\n", "---\n---\n", "services: {}\n"] {
        let outcome = Case::new(text).run();
        if text != "services: {}\n" {
            assert_ne!(outcome.code, 0, "{text:?} was taken");
        }
    }
}
