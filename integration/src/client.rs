//! Real clients: curl, and ports for them.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

use crate::command::run;

/// A port of this host that nothing listens on.
#[must_use]
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
    listener.local_addr().expect("the address of a bound socket").port()
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
