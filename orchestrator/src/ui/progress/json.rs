use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use super::{Renderer, Status, Update};
use crate::backend::Progress;

/// JSON lines in Docker Compose's form.
pub(super) struct Json {
    out: Box<dyn Write + Send>,
    /// What was last said about a part of a pull: status and percentage. Only changes are worth a line.
    parts: BTreeMap<(String, String), (String, u64)>,
}

#[derive(Default, Serialize)]
struct Line<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    parent_id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    status: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    text: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    details: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    current: u64,
    #[serde(skip_serializing_if = "is_zero")]
    total: u64,
    #[serde(skip_serializing_if = "is_zero")]
    percent: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

impl Json {
    pub(super) fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out, parts: BTreeMap::new() }
    }

    fn line(&mut self, line: &impl Serialize) {
        if let Ok(mut text) = serde_json::to_string(line) {
            text.push('\n');
            let _ = self.out.write_all(text.as_bytes());
            let _ = self.out.flush();
        }
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Working => "Working",
        Status::Done => "Done",
        Status::Warning => "Warning",
        Status::Error => "Error",
    }
}

impl Renderer for Json {
    fn update(&mut self, update: Update<'_>) {
        let Update { id, status, text, details } = update;
        self.line(&Line { id, status: word(status), text, details, ..Line::default() });
    }

    fn progress(&mut self, id: &str, progress: &Progress) {
        match progress {
            Progress::Line(line) => {
                for line in line.lines().filter(|line| !line.trim().is_empty()) {
                    self.line(&Line { id, status: "Working", details: line.trim_end(), ..Line::default() });
                }
            }
            Progress::Warning(text) => self.message(&format!("warning: {text}")),
            Progress::Part { id: part, status, current, total } => {
                let percent = current.saturating_mul(100).checked_div(*total).unwrap_or(0).min(100);
                let news = (status.clone(), percent);
                let last = self.parts.insert((id.to_owned(), part.clone()), news.clone());
                if last.as_ref() != Some(&news) {
                    self.line(&Line {
                        id: part,
                        parent_id: id,
                        status: "Working",
                        text: status,
                        current: *current,
                        total: *total,
                        percent,
                        ..Line::default()
                    });
                }
            }
        }
    }

    fn message(&mut self, text: &str) {
        for line in text.lines() {
            self.line(&Line { status: "Warning", details: line, ..Line::default() });
        }
    }

    fn finish(&mut self) {}
}
