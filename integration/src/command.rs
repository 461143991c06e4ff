//! Running programs with a time limit, and keeping what they print.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::wait::holds_within;

/// No command of a scenario takes longer, first builds included.
const LIMIT: Duration = Duration::from_secs(300);

/// A program that has ended.
#[derive(Debug)]
pub struct Run {
    /// The command line, for messages.
    pub line: String,
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed.
    pub stdout: String,
    /// What it said.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Run {
    /// Exit code; 128 and the signal's number if a signal ended it.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().unwrap_or_default())
    }

    /// Both streams, output first.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Fails unless the program ended well.
    #[must_use]
    pub fn ok(self) -> Self {
        self.exits(0)
    }

    /// Fails unless the program ended with this code.
    #[must_use]
    pub fn exits(self, code: i32) -> Self {
        assert!(self.code() == code, "expected exit code {code}\n{self}");
        self
    }

    /// Fails unless one of both streams has this text.
    #[must_use]
    pub fn says(self, text: &str) -> Self {
        assert!(self.text().contains(text), "expected to read `{text}`\n{self}");
        self
    }

    /// Fails if one of both streams has this text.
    #[must_use]
    pub fn never_says(self, text: &str) -> Self {
        assert!(!self.text().contains(text), "did not expect to read `{text}`\n{self}");
        self
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(out, "$ {}\nexit code {} after {:?}", self.line, self.code(), self.took)?;
        write!(out, "--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}

fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Runs a program to its end, without standard input.
pub fn run(command: &mut Command) -> Run {
    let background = Background::start(command);
    background.wait(LIMIT)
}

/// A program that goes on while the scenario does.
#[derive(Debug)]
pub struct Background {
    line: String,
    child: Child,
    began: Instant,
    streams: [Arc<Mutex<String>>; 2],
    readers: Vec<JoinHandle<()>>,
}

impl Background {
    /// Starts it, without standard input.
    pub fn start(command: &mut Command) -> Self {
        let line = line(command);
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run `{line}`: {error}"));
        let streams = [Arc::<Mutex<String>>::default(), Arc::default()];
        let [stdout, stderr] = streams.clone();
        let readers = vec![
            child.stdout.take().map(|stream| thread::spawn(move || keep(stream, &stdout))),
            child.stderr.take().map(|stream| thread::spawn(move || keep(stream, &stderr))),
        ];
        Self { line, child, began: Instant::now(), streams, readers: readers.into_iter().flatten().collect() }
    }

    /// What it has printed so far, output first.
    #[must_use]
    pub fn text(&self) -> String {
        self.streams.iter().map(|stream| stream.lock().map(|text| text.clone()).unwrap_or_default()).collect()
    }

    /// Waits until it has printed this text.
    pub fn until_it_says(&mut self, text: &str) {
        let said = holds_within(Duration::from_secs(120), || {
            let found = self.text().contains(text);
            (found || self.child.try_wait().ok().flatten().is_some()).then_some(found)
        });
        // It may have said so with its last words.
        assert!(
            said == Some(true) || self.text().contains(text),
            "`{}` did not say `{text}` but:\n{}",
            self.line,
            self.text()
        );
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal by its name (`INT`).
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "cannot send {name} to `{}`", self.line);
    }

    /// Waits for its end; kills it and fails when that does not come within `limit`.
    #[must_use]
    pub fn wait(mut self, limit: Duration) -> Run {
        let status = wait_for(&mut self.child, limit);
        let took = self.began.elapsed();
        if status.is_none() {
            let _ = self.child.kill();
        }
        // A grandchild may keep the pipes open: what is read by now is what there is.
        let _ = holds_within(Duration::from_secs(2), || self.readers.iter().all(JoinHandle::is_finished).then_some(()));
        let [stdout, stderr] =
            self.streams.each_ref().map(|stream| stream.lock().map(|text| text.clone()).unwrap_or_default());
        let Some(status) = status else {
            panic!("`{}` has not ended after {limit:?}\n--- stdout\n{stdout}--- stderr\n{stderr}", self.line);
        };
        Run { line: std::mem::take(&mut self.line), status, stdout, stderr, took }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A scenario that failed half-way leaves nothing running.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait_for(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(1);
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
}

fn keep(stream: impl Read, into: &Mutex<String>) {
    let mut reader = BufReader::new(stream);
    let mut bytes = Vec::new();
    while reader.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
        if let Ok(mut text) = into.lock() {
            text.push_str(&String::from_utf8_lossy(&bytes));
        }
        bytes.clear();
    }
}
