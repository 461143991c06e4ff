use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::{Renderer, Status, Update};
use crate::backend::Progress;
use crate::ui::output;
use crate::ui::style::{BAD, BUSY, GOOD, WARN, paint, printable};

/// Redraws a second, at most.
const REDRAWS: u8 = 10;

/// A live table: a header with the count, one row per resource.
pub(super) struct Tty {
    screen: MultiProgress,
    header: Option<ProgressBar>,
    rows: BTreeMap<String, Row>,
}

struct Row {
    bar: ProgressBar,
    settled: bool,
    text: String,
    /// Bytes done and in all, by part of a pull.
    parts: BTreeMap<String, (u64, u64)>,
}

impl Tty {
    pub(super) fn new() -> Self {
        let target = match output::progress_is_on_stdout() {
            true => ProgressDrawTarget::stdout_with_hz(REDRAWS),
            false => ProgressDrawTarget::stderr_with_hz(REDRAWS),
        };
        let screen = MultiProgress::with_draw_target(target);
        Self { screen, header: None, rows: BTreeMap::new() }
    }

    /// The header ticks for the whole table: one thread, whatever the number of rows.
    fn header(&mut self) -> &ProgressBar {
        self.header.get_or_insert_with(|| {
            let header = self.screen.add(ProgressBar::new(0));
            header.set_style(style("[+] {msg}"));
            header.enable_steady_tick(Duration::from_millis(1000 / u64::from(REDRAWS)));
            header
        })
    }

    fn row(&mut self, id: &str) -> &mut Row {
        self.header();
        let screen = &self.screen;
        self.rows.entry(id.to_owned()).or_insert_with(|| {
            let bar = screen.add(ProgressBar::new(0));
            bar.set_style(style(" {prefix} {wide_msg} {elapsed:>4}"));
            Row { bar, settled: false, text: String::new(), parts: BTreeMap::new() }
        })
    }

    fn count(&mut self) {
        let done = self.rows.values().filter(|row| row.settled).count();
        let text = format!("{done}/{}", self.rows.len());
        self.header().set_message(text);
    }
}

/// The templates are constants that parse; should one not, the bar keeps its own.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn mark(status: Status) -> String {
    match status {
        Status::Working => paint(BUSY, "⠿"),
        Status::Done => paint(GOOD, "✔"),
        Status::Warning => paint(WARN, "!"),
        Status::Error => paint(BAD, "✘"),
    }
}

fn message(id: &str, text: &str, details: &str) -> String {
    format!("{}  {text} {}", printable(id), printable(details)).trim_end().to_owned()
}

impl Renderer for Tty {
    fn update(&mut self, update: Update<'_>) {
        let Update { id, status, text, details } = update;
        let row = self.row(id);
        row.bar.set_prefix(mark(status));
        text.clone_into(&mut row.text);
        let line = message(id, text, details);
        if status == Status::Working {
            row.settled = false;
            row.bar.set_message(line);
            row.bar.tick();
        } else {
            row.settled = true;
            // Abandoned rows keep their place and their time.
            row.bar.abandon_with_message(line);
        }
        self.count();
    }

    fn progress(&mut self, id: &str, progress: &Progress) {
        if let Progress::Warning(text) = progress {
            return self.message(&format!("warning: {text}"));
        }
        let row = self.row(id);
        let details = match progress {
            Progress::Line(line) => {
                line.lines().rfind(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
            }
            Progress::Warning(_) => None,
            Progress::Part { id: part, current, total, .. } => {
                if *total > 0 {
                    row.parts.insert(part.clone(), (*current, *total));
                }
                let (done, all) = row
                    .parts
                    .values()
                    .fold((0u64, 0u64), |(d, a), (c, t)| (d.saturating_add(*c), a.saturating_add(*t)));
                (all > 0)
                    .then(|| format!("{} of {}", indicatif::DecimalBytes(done.min(all)), indicatif::DecimalBytes(all)))
            }
        };
        if let Some(details) = details {
            let line = message(id, &row.text, &details);
            row.bar.set_message(line);
        }
    }

    fn message(&mut self, text: &str) {
        let _ = self.screen.println(text.trim_end());
    }

    fn finish(&mut self) {
        for row in self.rows.values().filter(|row| !row.bar.is_finished()) {
            row.bar.abandon();
        }
        self.rows.clear();
        if let Some(header) = self.header.take() {
            header.disable_steady_tick();
            header.abandon();
        }
        self.screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(REDRAWS));
    }
}
