//! Hostile compose files against the built `stack config -q`: whatever they hold, it ends soon, in little memory, with a
//! code and a message that is short, holds no raw control characters, and quotes no file that is not a compose file.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod encoding;
mod files;
mod secrets;
mod size;
mod variables;
mod yaml;

use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A debug build, beside other tests on a busy machine, is many times slower than what users have.
const SLOWER: u32 = if cfg!(debug_assertions) { 15 } else { 3 };
/// Messages may be this long, in bytes.
const MESSAGE: usize = 64 << 10;
/// What no message may hold: files with secrets hold it.
const SECRET: &str = "hunter2";

/// A folder that `stack config -q` is run in.
struct Case {
    folder: TempDir,
    arguments: Vec<String>,
    megabytes: u64,
    time: Duration,
}

/// How it ended.
#[derive(Debug)]
struct Outcome {
    code: i32,
    message: String,
}

impl Case {
    /// A folder with a `compose.yaml`.
    fn new(compose: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let case = Self { folder, arguments: Vec::new(), megabytes: 64, time: Duration::from_secs(1) };
        case.file("compose.yaml", compose)
    }

    /// A service with more attributes, in flow style.
    fn service(attributes: &str) -> Self {
        Self::new(format!("services: {{a: {{image: x, {attributes}}}}}\n"))
    }

    fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
        self
    }

    fn link(self, name: &str, target: impl AsRef<Path>) -> Self {
        std::os::unix::fs::symlink(target, self.path(name)).unwrap();
        self
    }

    fn pipe(self, name: &str) -> Self {
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(rustix::fs::CWD, self.path(name), rustix::fs::FileType::Fifo, mode, 0).unwrap();
        self
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// For inputs that are large themselves.
    fn within(mut self, megabytes: u64, seconds: u64) -> Self {
        self.megabytes = megabytes;
        self.time = Duration::from_secs(seconds);
        self
    }

    /// Runs it. The kernel refuses more memory than is allowed, which ends the process with a signal.
    fn run(&self) -> Outcome {
        let mut child = Command::new("/bin/sh")
            .args(["-c", "ulimit -d \"$1\"; shift; exec \"$@\"", "sh", &(self.megabytes * 1024).to_string()])
            .args([env!("CARGO_BIN_EXE_stack"), "config", "-q"])
            .args(&self.arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut pipe = child.stderr.take().unwrap();
        let reader = std::thread::spawn(move || {
            let mut message = Vec::new();
            pipe.read_to_end(&mut message).unwrap();
            message
        });
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if started.elapsed() > self.time * SLOWER {
                child.kill().unwrap();
                child.wait().unwrap();
                panic!("still running after {:?}", started.elapsed());
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "between two looks at a process, by a thread that does nothing else"
            )]
            std::thread::sleep(Duration::from_millis(2));
        };
        let message = String::from_utf8(reader.join().unwrap()).unwrap();
        let shown: String = message.chars().take(2000).collect();
        assert!(status.signal().is_none(), "ended by a signal: {status}\n{shown}");
        assert!(!message.contains("panicked"), "{shown}");
        assert!(message.len() <= MESSAGE, "{} bytes of message: {shown}", message.len());
        assert!(!message.contains(SECRET), "a secret is shown: {shown}");
        let raw = |c: char| (c.is_control() && c != '\n') || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!message.contains(raw), "raw control characters: {shown:?}");
        Outcome { code: status.code().unwrap(), message }
    }

    /// Is taken.
    fn passes(&self) {
        let outcome = self.run();
        assert_eq!(outcome.code, 0, "{}", outcome.message);
    }

    /// Is refused with this code.
    fn fails(&self, code: &str) {
        let outcome = self.run();
        assert_ne!(outcome.code, 0, "it was taken");
        assert!(outcome.message.contains(&format!("error[{code}]")), "{}", outcome.message);
    }
}
