//! Real clients: curl, and ports for them.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use crate::command::run;

/// Ports that the system gives to nobody who asks for any (Linux begins with 32768): who connects somewhere meanwhile does
/// not get one.
const PORTS: std::ops::Range<u16> = 10_000..32_000;
/// As many of them as a test takes, and more; each process begins with others.
const BLOCK: u32 = 20;

/// A port of this host that nothing listens on, another one each time.
#[must_use]
pub fn free_port() -> u16 {
    static TAKEN: AtomicU32 = AtomicU32::new(0);
    let first = std::process::id().wrapping_mul(BLOCK);
    let count = u32::from(PORTS.end - PORTS.start);
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok();
    (0..count)
        .map(|_| first.wrapping_add(TAKEN.fetch_add(1, Relaxed)) % count)
        .filter_map(|at| u16::try_from(at).ok().map(|at| PORTS.start + at))
        .find(is_free)
        .expect("a free port")
}

/// A request as curl sends it.
#[derive(Debug, Clone)]
pub struct Curl {
    arguments: Vec<String>,
}

/// What curl got.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    /// Status code; 0 if there was no answer at all.
    pub status: u16,
    /// HTTP version (`1.1`, `2`).
    pub version: String,
    /// Response headers as received.
    pub head: String,
    /// Response body.
    pub body: String,
    /// What curl said, if anything.
    pub error: String,
}

impl Curl {
    /// A request to a name that is resolved to this host.
    #[must_use]
    pub fn to(scheme: &str, name: &str, port: u16, path: &str) -> Self {
        let arguments = ["--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--resolve"];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).into();
        arguments.push(format!("{name}:{port}:127.0.0.1"));
        arguments.push(format!("{scheme}://{name}:{port}{path}"));
        Self { arguments }
    }

    /// A further argument of curl.
    #[must_use]
    pub fn with(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// Trusts only the authority in this file.
    #[must_use]
    pub fn trusting(self, certificate: &Path) -> Self {
        self.with("--cacert").with(&certificate.to_string_lossy())
    }

    /// Sends it.
    #[must_use]
    pub fn send(&self) -> Answer {
        let mut command = Command::new("curl");
        // The head goes to standard error through a file of its own, so that bodies stay as they are.
        command.args(&self.arguments).args([
            "--dump-header",
            "/dev/stderr",
            "--write-out",
            "\n%{http_code} %{http_version}",
        ]);
        let run = run(&mut command);
        let (body, numbers) = run.stdout.rsplit_once('\n').unwrap_or_default();
        let (status, version) = numbers.split_once(' ').unwrap_or_default();
        let (error, head): (Vec<&str>, Vec<&str>) = run.stderr.lines().partition(|line| line.starts_with("curl: "));
        Answer {
            status: status.parse().unwrap_or_default(),
            version: version.to_owned(),
            head: head.join("\n"),
            body: body.to_owned(),
            error: error.join("\n"),
        }
    }
}
