//! The output of a build, cut into lines, and the end of it for the message of a failure.

use std::collections::VecDeque;

/// Lines of a failing step that its message shows.
const SHOWN: usize = 20;

/// The last lines of the current step.
#[derive(Debug, Default)]
pub(super) struct Tail {
    partial: String,
    step: String,
    lines: VecDeque<String>,
}

impl Tail {
    /// Takes a piece of output; the lines that are complete now.
    pub(super) fn push(&mut self, text: &str) -> Vec<String> {
        self.partial.push_str(text);
        let mut complete = Vec::new();
        while let Some(end) = self.partial.find('\n') {
            let line: String = self.partial.drain(..=end).collect();
            let line = line.trim_end().to_owned();
            if !line.is_empty() {
                self.remember(&line);
                complete.push(line);
            }
        }
        complete
    }

    fn remember(&mut self, line: &str) {
        if line.starts_with("Step ") {
            line.clone_into(&mut self.step);
            self.lines.clear();
            return;
        }
        // Names of intermediate containers and layers say nothing about a failure.
        if line.starts_with(" --->") || line.starts_with("Removing intermediate container") {
            return;
        }
        if self.lines.len() == SHOWN {
            self.lines.pop_front();
        }
        self.lines.push_back(line.to_owned());
    }

    /// The engine's words, with the failing step and the end of its output.
    pub(super) fn explain(&mut self, error: &str) -> String {
        let rest = std::mem::take(&mut self.partial);
        self.push(&format!("{rest}\n"));
        let mut text = error.trim_end().to_owned();
        if !self.step.is_empty() {
            text.push_str(&format!("\n  {}", self.step));
        }
        for line in &self.lines {
            text.push_str(&format!("\n  | {line}"));
        }
        text
    }
}
