#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use bytes::Bytes;

use super::{Formatter, Look, Time};
use crate::backend::Stream;
use crate::logs::{Item, Source};

fn source(label: &str) -> Source {
    Source {
        id: label.to_owned(),
        name: label.to_owned(),
        service: String::new(),
        number: String::new(),
        label: label.to_owned(),
    }
}

fn line(label: &str, stream: Stream, text: &str) -> Item {
    let time = "2026-01-02T03:04:05.000000006Z".to_owned();
    Item::Line { source: Arc::new(source(label)), stream, time, text: Bytes::copy_from_slice(text.as_bytes()) }
}

fn written(look: Look, known: &[&str], items: &[Item]) -> (String, String) {
    let sources: Vec<Source> = known.iter().map(|label| source(label)).collect();
    let mut formatter = Formatter::new(look, sources.iter());
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    for item in items {
        formatter.write(item, &mut stdout, &mut stderr).unwrap();
    }
    (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn prefixes_are_as_wide_as_the_widest() {
    let look = Look { prefix: true, ..Look::default() };
    let items = [
        line("db-1", Stream::Stdout, "ready"),
        line("web-1", Stream::Stderr, "oops"),
        line("latecomer-1", Stream::Stdout, "hello"),
        line("db-1", Stream::Stdout, ""),
        Item::Exited { source: Arc::new(source("web-1")), code: 1, restarting: true },
        Item::Warning("cannot".to_owned()),
    ];
    let (stdout, stderr) = written(look, &["db-1", "web-1"], &items);
    assert_eq!(
        stdout,
        "db-1   | ready\nweb-1  | oops\nlatecomer-1  | hello\ndb-1         | \nweb-1 exited with code 1 (restarting)\n"
    );
    assert_eq!(stderr, "warning: cannot\n");
}

#[test]
fn notes_stand_beside_the_prefixes() {
    let items = [Item::Note("Watch enabled".to_owned())];
    let look = Look { prefix: true, ..Look::default() };
    assert_eq!(written(look, &["db-1"], &items).0, "     ⦿ Watch enabled\n");
    assert_eq!(written(Look { color: true, ..look }, &["a"], &items).0, "\u{1b}[92m  ⦿ \u{1b}[0mWatch enabled\n");
    assert_eq!(written(Look::default(), &["a"], &items).0, "Watch enabled\n");
}

#[test]
fn colours_times_and_streams() {
    let look = Look { color: true, prefix: true, time: Time::Engine, split: true, json: false };
    let items = [line("a", Stream::Stdout, "x"), line("b", Stream::Stderr, "y")];
    let (stdout, stderr) = written(look, &["a", "b"], &items);
    assert_eq!(stdout, "\u{1b}[36ma  | \u{1b}[0m2026-01-02T03:04:05.000000006Z x\n");
    assert_eq!(stderr, "\u{1b}[33mb  | \u{1b}[0m2026-01-02T03:04:05.000000006Z y\n");
    let plain = written(Look::default(), &[], &[line("a", Stream::Stdout, "x")]);
    assert_eq!(plain.0, "x\n");
}

#[test]
fn json_keeps_control_characters_to_itself() {
    let look = Look { json: true, ..Look::default() };
    let items = [
        line("web-1", Stream::Stderr, "a \u{1b}[31m\"b\""),
        Item::Exited { source: Arc::new(source("web-1")), code: 3, restarting: false },
    ];
    let (stdout, stderr) = written(look, &[], &items);
    assert_eq!(
        stdout,
        concat!(
            r#"{"time":"2026-01-02T03:04:05.000000006Z","service":"","container":"web-1","stream":"stderr","message":"a \u001b[31m\"b\""}"#,
            "\n",
            r#"{"service":"","container":"web-1","exit_code":3,"restarting":false}"#,
            "\n"
        )
    );
    assert_eq!(stderr, "");
}
