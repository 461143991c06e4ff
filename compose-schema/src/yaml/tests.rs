#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use super::{Node, Tag, Value, documents, format_float};
use crate::diagnostic::Diagnostic;
use crate::source::SourceId;

fn one(text: &str) -> Node {
    documents(SourceId(0), text).unwrap().pop().unwrap()
}

fn errors(text: &str) -> Vec<String> {
    let found = documents(SourceId(0), text).unwrap_err();
    found.iter().map(|Diagnostic { code, message, .. }| format!("{} {message}", code.0)).collect()
}

/// A tree in one line: text in quotes, `n` for null.
fn show(node: &Node) -> String {
    match &node.value {
        Value::Null => "n".to_owned(),
        Value::String(text) => format!("{text:?}"),
        Value::Timestamp(text) => format!("@{text}"),
        Value::Sequence(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        Value::Mapping(entries) => {
            let entries: Vec<_> = entries.iter().map(|(key, entry)| format!("{key}: {}", show(&entry.node))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        scalar => scalar.text().unwrap().into_owned(),
    }
}

#[test]
fn scalars_have_the_types_of_go_yaml() {
    let cases = [
        ("010", "8"),
        ("0440", "288"),
        ("0o10", "8"),
        ("-0o10", "-8"),
        ("0x1F", "31"),
        ("0b101", "5"),
        ("-0b11", "-3"),
        ("1_000", "1000"),
        ("1e3", "1000"),
        ("1.10", "1.1"),
        ("1.0", "1"),
        (".5", "0.5"),
        ("5.", "5"),
        ("08", "8"),
        (".inf", "+Inf"),
        ("-.INF", "-Inf"),
        (".NaN", "NaN"),
        ("1:30", "\"1:30\""),
        ("12:30:45", "\"12:30:45\""),
        ("NO", "\"NO\""),
        ("Yes", "\"Yes\""),
        ("on", "\"on\""),
        ("y", "\"y\""),
        ("TRUE", "true"),
        ("tRue", "\"tRue\""),
        ("~", "n"),
        ("Null", "n"),
        ("18446744073709551615", "18446744073709551615"),
        ("1e999", "\"1e999\""),
        ("-9223372036854775808", "-9223372036854775808"),
        ("18446744073709551616", "1.8446744073709552e+19"),
        ("2020-01-01", "@2020-01-01"),
        ("2020-1-2 3:4:5.6", "@2020-1-2 3:4:5.6"),
        ("2020-1-2x", "\"2020-1-2x\""),
        ("2020-01-02T03:04:05Z", "@2020-01-02T03:04:05Z"),
        ("2020-02-30", "\"2020-02-30\""),
        ("1.2.3", "\"1.2.3\""),
        ("+", "\"+\""),
        ("-", "[n]"),
        (".", "\".\""),
        ("0x", "\"0x\""),
        ("_1", "\"_1\""),
        ("1__0_", "10"),
        ("+12", "12"),
        ("!!str 123", "\"123\""),
        ("!!int \"3\"", "3"),
        ("!!float 3", "3"),
        ("!!bool \"true\"", "true"),
        ("!!binary aGVsbG8=", "\"hello\""),
        ("!custom 5", "\"5\""),
        ("'5'", "\"5\""),
        ("\"\\u0041\"", "\"A\""),
    ];
    for (text, expected) in cases {
        assert_eq!(show(&one(text)), expected, "{text}");
    }
    assert_eq!(errors("!!int x"), ["E0108 the value cannot be read as `!!int`"]);
}

#[test]
fn floats_print_as_go_prints_them() {
    let cases = [
        (1e20, "1e+20"),
        (1e21, "1e+21"),
        (1e-7, "1e-07"),
        (0.00001, "1e-05"),
        (0.0001, "0.0001"),
        (1e3, "1000"),
        (123_456.0, "123456"),
        (1e6, "1e+06"),
        (123_456_789.0, "1.23456789e+08"),
        (1.844_674_407_370_955_2e19, "1.8446744073709552e+19"),
        (1.10, "1.1"),
        (-0.25, "-0.25"),
        (-0.0, "-0"),
        (f64::INFINITY, "+Inf"),
    ];
    for (value, expected) in cases {
        assert_eq!(format_float(value), expected);
    }
}

#[test]
fn merge_keys_give_way_to_what_is_written_beside_them() {
    let anchors = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\n";
    assert_eq!(show(one(&format!("{anchors}c: {{<<: *a, x: 0}}")).get("c").unwrap()), "{x: 0, y: 1}");
    assert_eq!(show(one(&format!("{anchors}c: {{<<: [*b, *a]}}")).get("c").unwrap()), "{y: 2, z: 2, x: 1}");
    assert_eq!(show(one("{\"<<\": 1}").get("<<").unwrap()), "1");
    assert_eq!(errors("l: &l [{a: 1}]\nc: {<<: *l}"), ["E0109 `<<` needs a mapping or a list of mappings"]);
    assert_eq!(errors("c: {<<: [a]}"), ["E0109 `<<` needs a mapping or a list of mappings"]);
    assert_eq!(errors("a: &a\n  <<: *a\n"), ["E0106 the value of this anchor contains itself"]);
}

#[test]
fn several_mistakes_are_told_at_once() {
    assert_eq!(
        errors("a: 1\na: 2\n1: x\nnull: y\nz: *nope\n"),
        [
            "E0104 the key `a` is already defined",
            "E0105 the key is a number, not text: `1`",
            "E0105 the key is nothing, not text: nothing",
            "E0106 there is no anchor `&nope` before this alias",
        ]
    );
}

#[test]
fn comments_need_no_space_where_go_yaml_needs_none() {
    let cases = [
        ("a: \"x\"#c\nb: 'y'#c", r#"{a: "x", b: "y"}"#),
        ("a: [x]#c\nb: {c: d}#é\nc: 1", r#"{a: ["x"], b: {c: "d"}, c: 1}"#),
        ("a: |#c\n  x\nb: >-#c\n  y", r#"{a: "x\n", b: "y"}"#),
        ("a: x#c", r#"{a: "x#c"}"#),
        ("a: \"x\"#c\r\nb: 1", r#"{a: "x", b: 1}"#),
    ];
    for (text, expected) in cases {
        assert_eq!(show(&one(text)), expected, "{text}");
    }
    let text = "a: \"x\"#é\nb: [1\n";
    assert!(errors(text).concat().starts_with("E0103"), "{text}");
}

#[test]
fn tabs_stand_where_go_yaml_takes_them() {
    for (text, expected) in [
        ("a: [b,\n\tc,\n \t\td]\ne: 1", r#"{a: ["b", "c", "d"], e: 1}"#),
        ("a: {b: c,\n\td: e\n\t}\n", r#"{a: {b: "c", d: "e"}}"#),
        ("a:\n  b:\n    c: d\n     \t\n", r#"{a: {b: {c: "d"}}}"#),
        ("a: \"b\n\tc\"\t\nd:\te\t# f\n", r#"{a: "b c", d: "e"}"#),
        (
            "a:\n  b: {\n\tc: \"it's }\n\td\",\n\te: it's ' # }\n\t, f: [g#\n\th], 'i''}': !!str j}\nk: |\n  l\n  \tm\n",
            r#"{a: {b: {c: "it's } d", e: "it's '", f: ["g# h"], i'}: "j"}}, k: "l\n\tm\n"}"#,
        ),
        ("a: |\n  b\n  \tc\n", r#"{a: "b\n\tc\n"}"#),
        ("a:\n  - b\n   \t# c\n", r#"{a: ["b"]}"#),
        ("a: |2\n  \tb\n", r#"{a: "\tb\n"}"#),
        ("a: |2\n    b\n  \tc\n", r#"{a: "  b\n\tc\n"}"#),
    ] {
        assert_eq!(show(&one(text)), expected, "{text:?}");
    }
    for text in [
        "\t\na: b\n",
        " \t# c\na: b\n",
        "a: b\n\t\n",
        "a:\n  b: c\n  \t\n",
        "a: 'b'\n  \t\nc: d\n",
        "a: [b]\n    \t# c\n",
        "a:\n  \tb\n",
        "a:\n-\tb\n",
        "? \ta\n: b\n",
        "a: |\n  b\n \t\n",
        "a: |\n  \tb\n",
        "a: b # c\n    \t\n",
    ] {
        assert!(errors(text).concat().contains("a tab stands where a space is wanted"), "{text:?}");
    }
}

#[test]
fn details_are_those_of_go_yaml() {
    assert_eq!(show(&one("{x:}")), r"{x:: n}");
    assert_eq!(show(&one("{x:, y: 1}")), r"{x:: n, y: 1}");
    assert_eq!(show(&one("{x: , \"y\":}")), r"{x: n, y: n}");
    assert_eq!(show(&one("<<: !reset null\na: 1")), "{a: 1}");
    assert_eq!(errors(r#"a: "x\/y""#), [r"E0103 the YAML is not well formed: `\/` is no escape"]);
    assert_eq!(show(&one(r#"a: "x\\/y""#)), r#"{a: "x\\/y"}"#);
}

#[test]
fn directives_that_do_not_exist_are_refused() {
    for text in ["%FOO x\n---\na: 1\n", "# c\n\n%YAML 1.1\n%FOO\n---\na: 1\n"] {
        let found = errors(text);
        assert!(found.iter().any(|found| found.contains("there is no directive `%FOO`")), "{found:?}");
    }
    for text in ["%YAML 1.1\n---\na: 1\n", "a: |\n  %FOO\n", "---\na: '%FOO'\n"] {
        assert!(documents(SourceId(0), text).is_ok(), "{text}");
    }
}

#[test]
fn a_document_does_not_end_before_it_begins() {
    for text in ["...\na: 1\n", "# c\n\n... # d\na: 1\n", "\u{feff}...\n"] {
        assert_eq!(errors(text), ["E0103 a document ends here, but none has begun"], "{text:?}");
    }
    for text in ["---\n...\n", "a: 1\n...\n", "....: 1\n", "a: |\n  ...\n"] {
        assert!(documents(SourceId(0), text).is_ok(), "{text:?}");
    }
}

#[test]
fn byte_order_marks_between_tokens_are_text() {
    let text = "a: \u{feff}1\nb: [\u{feff}]\n\u{feff}c: 1\n";
    let expected = "{a: \"\\u{feff}1\", b: [\"\\u{feff}\"], \u{feff}c: 1}";
    assert_eq!(show(&one(text)), expected);
    assert!(documents(SourceId(0), "a: {b: c} \u{feff}\n").is_err());
}

#[test]
fn ends_of_lines_that_only_go_yaml_knows_are_cut_off() {
    assert_eq!(show(&one("a: x\u{85}\nb: 8\u{2028}\n")), show(&one("a: x\nb: 8\n")));
}

#[test]
fn documents_tags_and_line_ends() {
    let found = documents(SourceId(0), "a: 1\r\n---\r\nb: !reset null\nc: !override [x]\n---\n").unwrap();
    assert_eq!(found.iter().map(show).collect::<Vec<_>>(), ["{a: 1}", "{b: \"null\", c: [\"x\"]}", "n"]);
    assert_eq!(found.get(1).unwrap().get("b").unwrap().tag, Some(Tag::Reset));
    assert_eq!(found.get(1).unwrap().get("c").unwrap().tag, Some(Tag::Override));
    assert!(documents(SourceId(0), "# nothing\n").unwrap().is_empty());
    assert_eq!(errors("%YAML 1.2\n---\na: 1\n"), ["E0103 YAML 1.2 is declared, compose files are YAML 1.1"]);
}

#[test]
fn spans_are_those_of_the_text() {
    let text = "services:\n  app: {image: 'x'}\n";
    let root = one(text);
    let image = root.at(&["services", "app", "image"]).unwrap();
    assert_eq!(text.get(image.span.range()), Some("'x'"));
    assert_eq!(text.get(root.place(&["services", "app"]).unwrap().range()), Some("app"));
    assert_eq!(text.get(root.at(&["services", "app"]).unwrap().span.range()), Some("{image: 'x'}"));
}

/// Hostile texts are refused or read quickly; the bounds leave room for slow machines.
#[test]
fn hostile_texts_cost_little() {
    let laughs: String = (0..9)
        .map(|n| {
            format!(
                "a{n}: &a{n} [{}]\n",
                vec![if n == 0 { "x".to_owned() } else { format!("*a{}", n - 1) }; 9].join(",")
            )
        })
        .collect();
    let doubling: String = (0..22)
        .map(|n| {
            if n == 0 { "m0: &m0 {k: v}\n".to_owned() } else { format!("m{n}: &m{n} {{a: *m{0}, b: *m{0}}}\n", n - 1) }
        })
        .collect();
    let nested_anchors = format!("{}{}", (0..90).map(|n| format!("&n{n} [")).collect::<String>(), "x, ".repeat(50_000));
    let refused = [
        laughs,
        doubling,
        nested_anchors,
        "[".repeat(20_000),
        "{a: ".repeat(20_000),
        "- ".repeat(200_000),
        (0..2_000).map(|n| format!("{}k:\n", " ".repeat(n))).collect(),
        "a: &a [*a]\n".to_owned(),
        format!("a: |2\n{}\n{}\n\t\n", "     \t\n".repeat(150_000), " \t".repeat(200_000)),
        format!("a:\n  b: {{\n{}{}", "\t[\n".repeat(90), "\tb,\n".repeat(400_000)),
    ];
    for text in refused {
        let started = Instant::now();
        assert!(documents(SourceId(0), &text).is_err());
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{} took {:?}",
            text.get(..20).unwrap(),
            started.elapsed()
        );
    }
    let read = [
        format!("a: {}\n", "x".repeat(2_000_000)),
        (0..20_000).map(|n| format!("k{n}: &a{n} v\n")).collect(),
        format!("#{}\na: 1\n", "c".repeat(2_000_000)),
        (0..20_000).map(|n| format!("s{n}: {{image: x}}\n")).collect(),
        format!("a: b #{}\n", "\t".repeat(1_000_000)),
        format!("a:\n  b:\n    c: d\n{}", "     \t\n".repeat(150_000)),
        format!("a: |2\n{}", "     \t\n".repeat(150_000)),
        format!("a: [{}]\nb: c #\t\n", "[d],".repeat(150_000)),
        format!("a:\n  b: {{\n{}\t}}\n", (0..20_000).map(|n| format!("\tk{n}: v,\n")).collect::<String>()),
    ];
    for text in read {
        let started = Instant::now();
        assert!(documents(SourceId(0), &text).is_ok());
        assert!(started.elapsed() < Duration::from_secs(10), "took {:?}", started.elapsed());
    }
}
