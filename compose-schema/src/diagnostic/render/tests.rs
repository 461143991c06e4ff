#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;

use insta::assert_snapshot;

use crate::diagnostic::{Code, Diagnostic, sort};
use crate::source::{Source, SourceId, Sources, Span};

fn sources(text: &str, quotable: bool) -> Sources {
    let mut sources = Sources::default();
    sources.add(Source::new(PathBuf::from("compose.yaml"), text.to_owned(), quotable));
    sources
}

fn span(start: u32, end: u32) -> Span {
    Span { source: SourceId(0), start, end }
}

#[test]
fn marks_the_mistake_and_its_context() {
    let sources = sources("services:\n  a:\n    image: alpine\n    image: busybox\n", true);
    let diagnostic = Diagnostic::error(Code("E0104"), "the key `image` is already defined")
        .at(span(37, 42), "defined again here")
        .also(span(19, 24), "first defined here")
        .hint("remove one of the two");
    assert_snapshot!(diagnostic.render(&sources, false), @r#"
    error[E0104]: the key `image` is already defined
     --> compose.yaml:4:5
      |
    3 |     image: alpine
      |     ----- first defined here
    4 |     image: busybox
      |     ^^^^^ defined again here
      |
      = hint: remove one of the two
    "#);
}

#[test]
fn half_a_character_is_marked_as_a_whole_one() {
    let sources = sources("a: é\n", true);
    let text = Diagnostic::error(Code("E0301"), "not text").at(span(3, 4), "").render(&sources, false);
    assert_snapshot!(text, @r"
    error[E0301]: not text
     --> compose.yaml:1:4
      |
    1 | a: é
      |    ^
    ");
}

#[test]
fn text_that_may_be_secret_is_not_quoted() {
    let sources = sources("A=1\nSECRET 'x\n", false);
    let diagnostic = Diagnostic::error(Code("E0205"), "a quoted value has no end").at(span(4, 8), "");
    let text = diagnostic.render(&sources, false);
    assert_snapshot!(text, @r#"
    error[E0205]: a quoted value has no end
    --> compose.yaml:2:1
    "#);
    assert!(!text.contains("SECRET"));
}

#[test]
fn control_characters_are_escaped() {
    let sources = sources("a: \u{1b}[31mred\n", true);
    let diagnostic =
        Diagnostic::warning(Code("W0101"), "a name with \u{1b}[31m and \u{202e} and\na line end").at(span(3, 4), "");
    let text = diagnostic.render(&sources, false);
    assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    assert_snapshot!(text, @r#"
    warning[W0101]: a name with \u{1b}[31m and \u{202e} and\na line end
     --> compose.yaml:1:4
      |
    1 | a: ␛[31mred
      |    ^
    "#);
}

#[test]
fn of_long_lines_only_the_place_is_given() {
    let line = format!("{}MISTAKE{}", "x".repeat(1_000_000), "y".repeat(1_000_000));
    let sources = sources(&line, true);
    let text = Diagnostic::error(Code("E0103"), "here").at(span(1_000_000, 1_000_007), "").render(&sources, false);
    assert!(text.len() < 2000, "{}", text.len());
    assert!(text.contains(":1:1000001"), "{text}");
}

#[test]
fn json_has_the_place() {
    let sources = sources("a: 1\nb: 2\n", true);
    let diagnostic =
        Diagnostic::error(Code("E0104"), "twice").at(span(5, 6), "here").also(span(0, 1), "there").hint("no");
    assert_eq!(
        diagnostic.to_json(&sources).to_string(),
        r#"{"code":"E0104","column":1,"file":"compose.yaml","hints":["no"],"level":"error","line":2,"message":"twice","related":[{"column":1,"file":"compose.yaml","line":1,"message":"there"}]}"#
    );
}

#[test]
fn order_is_that_of_places() {
    let late = Diagnostic::error(Code("E0104"), "late").at(span(5, 6), "");
    let early = Diagnostic::error(Code("E0104"), "early").at(span(1, 2), "");
    let nowhere = Diagnostic::warning(Code("W0101"), "nowhere");
    let mut all = vec![late.clone(), early.clone(), late.clone(), nowhere.clone()];
    sort(&mut all);
    assert_eq!(all, [nowhere, early, late]);
    assert_eq!(all.first().unwrap().code, Code("W0101"));
}

#[test]
fn no_control_character_of_a_file_is_shown() {
    for control in ('\u{0}'..='\u{9f}').filter(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        let sources = sources(&format!("a: {control}b\n"), true);
        let text = Diagnostic::error(Code("E0102"), "c").at(span(3, 3), "").render(&sources, false);
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    }
}
