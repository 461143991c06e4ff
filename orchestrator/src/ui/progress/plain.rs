use std::io::Write;

use super::{Renderer, Update};
use crate::backend::Progress;
use crate::ui::style::printable;

/// One line per change: ` Container web-app-1  Started`. Quiet: messages only.
pub(super) struct Plain {
    out: Box<dyn Write + Send>,
    quiet: bool,
}

impl Plain {
    pub(super) fn new(out: Box<dyn Write + Send>, quiet: bool) -> Self {
        Self { out, quiet }
    }

    fn line(&mut self, line: &str) {
        // One write a line: lines of several processes on one stream stay whole.
        let _ = self.out.write_all(format!("{line}\n").as_bytes());
        let _ = self.out.flush();
    }
}

impl Renderer for Plain {
    fn update(&mut self, update: Update<'_>) {
        if !self.quiet {
            let Update { id, text, details, .. } = update;
            self.line(format!(" {}  {text} {}", printable(id), printable(details)).trim_end());
        }
    }

    /// Lines of builds are shown; the many small steps of a pull are not.
    fn progress(&mut self, id: &str, progress: &Progress) {
        match progress {
            Progress::Line(line) if !self.quiet => {
                for line in line.lines().filter(|line| !line.trim().is_empty()) {
                    self.line(&format!(" {} | {}", printable(id), printable(line.trim_end())));
                }
            }
            Progress::Warning(text) => self.message(&format!("warning: {text}")),
            Progress::Line(_) | Progress::Part { .. } => {}
        }
    }

    fn message(&mut self, text: &str) {
        self.line(text.trim_end());
    }

    fn finish(&mut self) {}
}
