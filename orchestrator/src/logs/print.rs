//! Lines on the terminal: prefixes, colours, times. Writing happens on a thread of its own, since a reader may be slow.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io::{self, BufWriter, LineWriter, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;
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
/// Batches that may wait for the terminal.
const WAITING: usize = 4;

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
    /// A JSON object a line, instead of all that.
    pub json: bool,
}

/// A line as JSON (`logs --format json`).
#[derive(Debug, Serialize)]
struct Record<'a> {
    /// RFC 3339; empty where the log driver keeps none.
    time: &'a str,
    service: &'a str,
    container: &'a str,
    stream: &'a str,
    /// Bytes that are no UTF-8 are replaced.
    message: &'a str,
}

/// The end of a container as JSON.
#[derive(Debug, Serialize)]
struct End<'a> {
    service: &'a str,
    container: &'a str,
    exit_code: i64,
    restarting: bool,
}

fn json_line(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// Turns items into text.
#[derive(Debug)]
struct Formatter {
    look: Look,
    width: usize,
    /// By prefix, so that a recreated container keeps its colour.
    heads: HashMap<String, Head>,
}

/// What the lines of a container begin with.
#[derive(Debug)]
struct Head {
    style: Style,
    /// Padded to the common width, coloured.
    text: String,
}

impl Formatter {
    fn new<'a>(look: Look, sources: impl Iterator<Item = &'a Source>) -> Self {
        let mut formatter = Self { look, width: 0, heads: HashMap::new() };
        for source in sources {
            formatter.meet(source);
        }
        formatter
    }

    /// Takes a container in, if it is new.
    fn meet(&mut self, source: &Source) {
        if self.heads.contains_key(&source.label) {
            return;
        }
        let color = COLORS.get(self.heads.len() % COLORS.len()).copied();
        let style = color.filter(|_| self.look.color).map_or_else(Style::new, AnsiColor::on_default);
        self.width = self.width.max(source.label.chars().count());
        self.heads.insert(source.label.clone(), Head { style, text: String::new() });
        for (label, head) in &mut self.heads {
            let padded = format!("{label:width$}  | ", width = self.width);
            head.text = if self.look.color { paint(head.style, &padded) } else { padded };
        }
    }

    fn json(item: &Item, stdout: &mut impl Write, stderr: &mut impl Write) -> io::Result<()> {
        match item {
            Item::Line { source, stream, time, text } => json_line(
                stdout,
                &Record {
                    time,
                    service: &source.service,
                    container: &source.name,
                    stream: if *stream == Stream::Stderr { "stderr" } else { "stdout" },
                    message: &String::from_utf8_lossy(text),
                },
            ),
            Item::Exited { source, code, restarting } => json_line(
                stdout,
                &End { service: &source.service, container: &source.name, exit_code: *code, restarting: *restarting },
            ),
            Item::Warning(text) => writeln!(stderr, "warning: {text}"),
            Item::Note(text) => writeln!(stderr, "{text}"),
        }
    }

    fn write(&mut self, item: &Item, stdout: &mut impl Write, stderr: &mut impl Write) -> io::Result<()> {
        if self.look.json {
            return Self::json(item, stdout, stderr);
        }
        match item {
            Item::Line { source, stream, time, text } => {
                let split = self.look.split && *stream == Stream::Stderr;
                if self.look.prefix {
                    self.meet(source);
                }
                let out: &mut dyn Write = if split { stderr } else { stdout };
                if self.look.prefix
                    && let Some(head) = self.heads.get(&source.label)
                {
                    out.write_all(head.text.as_bytes())?;
                }
                match self.look.time {
                    Time::None => {}
                    Time::Engine => write!(out, "{time} ")?,
                    Time::Local => write!(out, "{:.9} ", jiff::Timestamp::now())?,
                }
                out.write_all(text)?;
                out.write_all(b"\n")
            }
            Item::Exited { source, code, restarting } => {
                let again = if *restarting { " (restarting)" } else { "" };
                self.meet(source);
                let style = self.heads.get(&source.label).map(|head| head.style).unwrap_or_default();
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
    items: mpsc::Sender<Vec<Item>>,
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
        self.print_all(vec![item]).await
    }

    /// [`Printer::print`] for several.
    pub async fn print_all(&self, items: Vec<Item>) -> bool {
        self.items.send(items).await.is_ok()
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
fn write_all(mut formatter: Formatter, mut batches: mpsc::Receiver<Vec<Item>>) -> io::Result<()> {
    let mut stdout = BufWriter::with_capacity(64 * 1024, io::stdout().lock());
    while let Some(mut batch) = batches.blocking_recv() {
        // One line of a container is one write.
        let mut stderr = LineWriter::new(io::stderr().lock());
        loop {
            for item in &batch {
                formatter.write(item, &mut stdout, &mut stderr)?;
            }
            match batches.try_recv() {
                Ok(next) => batch = next,
                Err(_) => break,
            }
        }
        stderr.flush()?;
        stdout.flush()?;
    }
    stdout.flush()
}

/// Whether prefixes on standard output are to be coloured, as far as terminal and environment decide.
pub fn stdout_color() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}
