#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use super::{compile, fits};

#[test]
fn means_what_go_means() {
    for (pattern, text, expected) in [
        ("^/{id:[a-z]+}$", "/{id:x}", true),
        ("^/{id:[a-z]+}$", "/x", false),
        (r"^\d+$", "12", true),
        (r"^\d+$", "\u{661}", false),
        (r"\p{L}+\.org", "b\u{fc}cher.org", true),
        (r"[\w-]+", "-", true),
        (r"^[]a]+$", "]a", true),
        (r"^[a[&&b~]+$", "[&~", true),
        (r"a{2}", "aa", true),
        (r"a{2}", "a", false),
        (r"^a{01}$", "a{01}", true),
        (r"\Qa.b\E$", "axb", false),
        (r"^\Qab\E+$", "abbb", true),
        (r"(?i)^EXAMPLE$", "example", true),
        (r"^(?i-i)a$", "A", false),
        (r"\<", "<", true),
        (r"^[[:alpha:]]+$", "ab", true),
        (r"^(?P<x>a)(?P<x>b)(?<1>c)$", "abc", true),
        ("^.$", "\u{e9}", true),
        (r"^[--/]$", ".", true),
        (r"^[\pL-z]+$", "\u{e9}-z", true),
        (r"^\p{^Greek}$", "a", true),
        (r"^\P{^greek}$", "\u{3b1}", true),
        (r"^\p{uppercase letter}$", "A", true),
        (r"\x{d800}|[\x{d800}]", "a", false),
        (r"^[\x{d800}-\x{e001}]$", "\u{e000}", true),
        (r"^\101\x42$", "AB", true),
        ("^[^\\x00-\\x{10FFFF}]$", "a", false),
        (r"^a b#$", "a b#", true),
    ] {
        assert_eq!(compile(pattern).unwrap().is_match(text.as_bytes()), expected, "{pattern} {text}");
    }
}

#[test]
fn refuses_what_go_refuses() {
    let refused = [
        "[",
        "(?=x)",
        "*a",
        "(",
        ")",
        "(?x)a",
        "a\\",
        r"(a)\1x(?!b)",
        "[b-a]",
        "a**",
        "a+?+",
        "a{2}*",
        "a|*",
        "a{1001}",
        "a{2,1}",
        "(a{10}){101}",
        r"\1",
        r"\u0041",
        r"\Z",
        r"\_a\h",
        r"\p{Hani}",
        r"\p{Emoji}",
        r"\p{sc=Greek}",
        r"\p{Old_Italic}",
        "[[:foo:]]",
        "[a--b]",
        "(?-)",
        "(?i-)",
        "(?P<a-b>c)",
        "(?P<>c)",
        r"\x{110000}",
        r"\x4",
    ];
    for pattern in refused {
        assert!(compile(pattern).is_err(), "{pattern}");
    }
    for (pattern, reason) in [
        ("[", "missing closing ]: `[`"),
        ("a**", "invalid nested repetition operator: `**`"),
        (r"\Za", r"invalid escape sequence: `\Z`"),
    ] {
        assert_eq!(compile(pattern).unwrap_err().to_string(), format!("error parsing regexp: {reason}"));
    }
}

#[test]
fn takes_groups_in_groups_to_a_limit() {
    assert!(compile(&format!("{}a{}", "(".repeat(249), ")".repeat(249))).is_ok());
    assert!(compile(&format!("{}a{}", "(".repeat(251), ")".repeat(251))).is_err());
}

#[test]
fn refuses_giants() {
    assert!(compile(r"(\pL\pL\pL\pL){1000}").unwrap_err().to_string().contains("too large"));
}

#[test]
fn takes_stray_bytes_for_the_replacement_character() {
    let one = compile("^.$").unwrap();
    assert!(fits(&one, b"\xe9") && fits(&one, "\u{e9}".as_bytes()) && !fits(&one, b"\xe9\xe9"));
}
