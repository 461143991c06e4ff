#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;
use std::sync::{Arc, Mutex};

use super::{Mode, Reporter, json};
use crate::backend::Progress;

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A reporter of plain lines, and what it has been told so far.
pub(crate) fn captured() -> (Reporter, impl Fn() -> String) {
    let out = Shared::default();
    let reporter = Reporter::into_writer(Mode::Plain, Box::new(out.clone()));
    (reporter, move || String::from_utf8(out.0.lock().unwrap().clone()).unwrap())
}

fn shown(mode: Mode) -> String {
    let out = Shared::default();
    let reporter = Reporter::into_writer(mode, Box::new(out.clone()));
    reporter.working("Container web-app-1", "Starting");
    reporter.done("Container web-app-1", "Started");
    reporter.error("Container web-db-1", "Error", "port is taken\u{7}");
    reporter.message("warning: something\n");
    let sink = reporter.sink("Image app");
    sink(Progress::Line("Step 1/2 : FROM scratch\n".to_owned()));
    sink(Progress::Warning("no cache".to_owned()));
    for current in [1, 2, 100] {
        sink(Progress::Part { id: "4f2a".to_owned(), status: "Downloading".to_owned(), current, total: 200 });
    }
    reporter.finish();
    let bytes = out.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn plain_lines() {
    insta::assert_snapshot!(shown(Mode::Plain), @r"
     Container web-app-1  Starting
     Container web-app-1  Started
     Container web-db-1  Error port is taken\u{7}
    warning: something
     Image app | Step 1/2 : FROM scratch
    warning: no cache
    ");
}

#[test]
fn json_lines() {
    let times = regex::Regex::new(r#""time":"[-0-9T:Z]+""#).unwrap();
    insta::assert_snapshot!(times.replace_all(&shown(Mode::Json), r#""time":"NOW""#), @r#"
    {"id":"Container web-app-1","status":"Starting"}
    {"id":"Container web-app-1","status":"Started"}
    {"id":"Container web-db-1","text":"Error","status":"port is taken\u0007"}
    {"level":"warning","msg":"something","time":"NOW"}
    {"id":"Image app","status":"Step 1/2 : FROM scratch"}
    {"level":"warning","msg":"no cache","time":"NOW"}
    {"id":"4f2a","parent_id":"Image app","text":"Downloading","current":1,"total":200}
    {"id":"4f2a","parent_id":"Image app","text":"Downloading","current":2,"total":200,"percent":1}
    {"id":"4f2a","parent_id":"Image app","text":"Downloading","current":100,"total":200,"percent":50}
    "#);
}

#[test]
fn a_failure_is_a_line_of_json() {
    let error = crate::error::CommandError::new("\u{1b}[31merror[E0101]\u{1b}[0m: a\n  | b\n").hint("c");
    assert_eq!(json::failure(&error), "{\"error\":true,\"message\":\"error[E0101]: a\\n  | b\",\"hints\":[\"c\"]}\n");
    let error = crate::error::CommandError::new("no such service: nope");
    assert_eq!(json::failure(&error), "{\"error\":true,\"message\":\"no such service: nope\"}\n");
}

#[test]
fn quiet_keeps_warnings() {
    assert_eq!(shown(Mode::Quiet), "warning: something\nwarning: no cache\n");
}

#[test]
fn mode_follows_flags_and_terminal() {
    assert_eq!(Mode::choose("auto", "auto", true).unwrap(), Mode::Tty);
    assert_eq!(Mode::choose("auto", "auto", false).unwrap(), Mode::Plain);
    assert_eq!(Mode::choose("auto", "never", true).unwrap(), Mode::Plain);
    assert_eq!(Mode::choose("json", "auto", true).unwrap(), Mode::Json);
    assert!(Mode::choose("tty", "never", true).is_err());
    assert!(Mode::choose("plain", "always", true).is_err());
    assert!(Mode::choose("fancy", "auto", true).is_err());
}
