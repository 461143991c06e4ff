//! Lines on the terminal: prefixes, colours, times. Writing happens on a thread of its own, since a reader may be slow.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};

use anstyle::{AnsiColor, Style};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Item, Source};
use crate::backend::Stream;
use crate::ui::style::paint;

/// Colours in the order they are handed out.
const COLORS: [AnsiColor; 10] = [
    AnsiColor::Cyan,
    AnsiColor::Yellow,
    AnsiColor::Green,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::BrightCyan,
    AnsiColor::BrightYellow,
    AnsiColor::BrightGreen,
    AnsiColor::BrightMagenta,
    AnsiColor::BrightBlue,
];
/// Colour of notes.
const NOTE: AnsiColor = AnsiColor::BrightGreen;
/// Items that may wait for the terminal.
const WAITING: usize = 256;

/// Which time a line is headed with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Time {
    /// None.
    #[default]
    None,
    /// The engine's, of when it was logged (`logs -t`).
    Engine,
    /// Ours, of when it is shown (`up --timestamps`).
    Local,
}

/// How lines look.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// Coloured prefixes.
    pub color: bool,
    /// Prefixes.
    pub prefix: bool,
    /// Times.
    pub time: Time,
    /// What containers print to standard error goes to ours (attached `up`); else everything to standard output.
    pub split: bool,
}

/// Turns items into text.
#[derive(Debug)]
struct Formatter {
    look: Look,
    width: usize,
    /// By prefix, so that a recreated container keeps its colour.
    styles: HashMap<String, Style>,
}

impl Formatter {
    fn new<'a>(look: Look, sources: impl Iterator<Item = &'a Source>) -> Self {
        let mut formatter = Self { look, width: 0, styles: HashMap::new() };
        for source in sources {
            formatter.style(source);
        }
        formatter
    }

    fn style(&mut self, source: &Source) -> Style {
        if let Some(style) = self.styles.get(&source.label) {
            return *style;
        }
        self.width = self.width.max(source.label.chars().count());
        let color = COLORS.get(self.styles.len() % COLORS.len()).copied();
        let style = color.filter(|_| self.look.color).map_or_else(Style::new, AnsiColor::on_default);
        self.styles.insert(source.label.clone(), style);
        style
    }

    fn write(&mut self, item: &Item, stdout: &mut impl Write, stderr: &mut impl Write) -> io::Result<()> {
        match item {
            Item::Line { source, stream, time, text } => {
                let mut head = String::new();
                if self.look.prefix {
                    let style = self.style(source);
                    let padded = format!("{:width$}  | ", source.label, width = self.width);
                    head = if self.look.color { paint(style, &padded) } else { padded };
                }
                match self.look.time {
                    Time::None => {}
                    Time::Engine => head.push_str(&format!("{time} ")),
                    Time::Local => head.push_str(&format!("{:.9} ", jiff::Timestamp::now())),
                }
                let split = self.look.split && *stream == Stream::Stderr;
                let out: &mut dyn Write = if split { stderr } else { stdout };
                out.write_all(head.as_bytes())?;
                out.write_all(text)?;
                out.write_all(b"\n")
            }
            Item::Exited { source, code, restarting } => {
                let again = if *restarting { " (restarting)" } else { "" };
                let style = self.style(source);
                let name = if self.look.color { paint(style, &source.label) } else { source.label.clone() };
                writeln!(stdout, "{name} exited with code {code}{again}")
            }
            Item::Warning(text) => writeln!(stderr, "warning: {text}"),
            Item::Note(text) if self.look.prefix => {
                let padded = format!("{:width$} ⦿ ", "", width = self.width);
                let head = if self.look.color { paint(NOTE.on_default(), &padded) } else { padded };
                writeln!(stdout, "{head}{text}")
            }
            Item::Note(text) => writeln!(stdout, "{text}"),
        }
    }
}

/// Writes items to standard output and standard error.
#[derive(Debug)]
pub struct Printer {
    items: mpsc::Sender<Item>,
    writer: JoinHandle<io::Result<()>>,
}

impl Printer {
    /// Begins; `sources` are the containers known so far (for the width of the prefixes).
    pub fn start<'a>(look: Look, sources: impl Iterator<Item = &'a Source>) -> Self {
        let formatter = Formatter::new(look, sources);
        let (sender, items) = mpsc::channel(WAITING);
        let writer = tokio::task::spawn_blocking(move || write_all(formatter, items));
        Self { items: sender, writer }
    }

    /// Hands one item over; false when the reader of our output has gone away.
    pub async fn print(&self, item: Item) -> bool {
        self.items.send(item).await.is_ok()
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// Whatever writing failed with.
    pub async fn finish(self) -> io::Result<()> {
        drop(self.items);
        self.writer.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// Flushes whenever nothing more is waiting.
fn write_all(mut formatter: Formatter, mut items: mpsc::Receiver<Item>) -> io::Result<()> {
    let mut stdout = BufWriter::new(io::stdout().lock());
    while let Some(item) = items.blocking_recv() {
        let mut stderr = io::stderr().lock();
        formatter.write(&item, &mut stdout, &mut stderr)?;
        while let Ok(item) = items.try_recv() {
            formatter.write(&item, &mut stdout, &mut stderr)?;
        }
        stdout.flush()?;
    }
    stdout.flush()
}

/// Whether prefixes on standard output are to be coloured, as far as terminal and environment decide.
pub fn stdout_color() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}
