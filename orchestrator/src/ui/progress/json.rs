use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use super::{Renderer, Update};
use crate::backend::Progress;
use crate::error::CommandError;

/// JSON lines in the form of Docker Compose 2.40.
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
    text: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    status: &'a str,
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

#[derive(Serialize)]
struct Warning<'a> {
    level: &'static str,
    msg: &'a str,
    time: String,
}

#[derive(Serialize)]
struct Failure<'a> {
    error: bool,
    message: &'a str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    hints: &'a [String],
}

/// A value as a line.
fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).map(|text| text + "\n").unwrap_or_default()
}

/// A warning as a line.
pub(crate) fn warning(text: &str) -> String {
    let msg = text.strip_prefix("warning: ").unwrap_or(text);
    let now = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second()).unwrap_or_default();
    line(&Warning { level: "warning", msg, time: now.to_string() })
}

/// What a command has failed of, as a line.
pub(crate) fn failure(error: &CommandError) -> String {
    let message = anstream::adapter::strip_str(error.message.trim_end()).to_string();
    line(&Failure { error: true, message: &message, hints: &error.hints })
}

impl Json {
    pub(super) fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out, parts: BTreeMap::new() }
    }

    fn line(&mut self, value: &impl Serialize) {
        let _ = self.out.write_all(line(value).as_bytes());
        let _ = self.out.flush();
    }
}

impl Renderer for Json {
    fn update(&mut self, update: Update<'_>) {
        let Update { id, text, details, .. } = update;
        // More than a word comes where the word would be.
        let (text, status) = if details.is_empty() { ("", text) } else { (text, details) };
        self.line(&Line { id, text, status, ..Line::default() });
    }

    fn progress(&mut self, id: &str, progress: &Progress) {
        match progress {
            Progress::Line(line) => {
                for line in line.lines().filter(|line| !line.trim().is_empty()) {
                    self.line(&Line { id, status: line.trim_end(), ..Line::default() });
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
            let _ = self.out.write_all(warning(line).as_bytes());
        }
        let _ = self.out.flush();
    }

    fn finish(&mut self) {}
}
