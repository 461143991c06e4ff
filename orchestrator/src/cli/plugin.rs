//! `stack` as a plugin of the `docker` command: installed as `docker-compose` in a folder of plugins (such as
//! `~/.docker/cli-plugins`), it is what `docker compose` runs.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::Path;

use crate::error::{CommandError, Result};

/// What the `docker` command asks a plugin first.
const METADATA: &str = "docker-cli-plugin-metadata";
/// The command that the plugin is.
const COMMAND: &str = "compose";
/// Names of the program that make it the plugin.
const NAMES: [&str; 2] = ["docker-compose", "docker-compose.exe"];
/// A socket of the `docker` command that is closed when the plugin is to end.
const SOCKET: &str = "DOCKER_CLI_PLUGIN_SOCKET";

/// What the program is called with, seen as `stack`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// With these arguments, the program's name first.
    With(Vec<OsString>),
    /// To say who it is.
    ForMetadata,
}

fn is_name(program: &OsStr) -> bool {
    Path::new(program).file_name().is_some_and(|name| NAMES.iter().any(|known| name == OsStr::new(known)))
}

/// Whether this process runs under the plugin's name.
pub(super) fn is_called() -> bool {
    std::env::args_os().next().is_some_and(|name| is_name(&name))
}

/// Reads the arguments of the process. `docker --context far compose up` runs a plugin with all of that: the flags of the
/// `docker` command are taken over, and its `compose` left out.
///
/// # Errors
/// Flags of the `docker` command that have no equal here.
pub(super) fn called(arguments: Vec<OsString>) -> Result<Called> {
    if !arguments.first().is_some_and(|name| is_name(name)) {
        return Ok(Called::With(arguments));
    }
    if arguments.get(1).is_some_and(|first| first == METADATA) {
        return Ok(Called::ForMetadata);
    }
    let mut taken: Vec<OsString> = arguments.first().cloned().into_iter().collect();
    let mut rest = arguments.iter().skip(1);
    while let Some(word) = rest.next() {
        if word == COMMAND {
            taken.extend(rest.cloned());
            return Ok(Called::With(taken));
        }
        let text = word.to_string_lossy();
        let (flag, value) = match text.split_once('=') {
            Some((flag, value)) if flag.starts_with("--") => (flag.to_owned(), Some(OsString::from(value))),
            _ => (text.into_owned(), None),
        };
        let mut value = || value.clone().or_else(|| rest.next().cloned()).unwrap_or_default();
        match flag.as_str() {
            "-c" | "--context" => taken.extend(["--context".into(), value()]),
            "-H" | "--host" => taken.extend(["--host".into(), value()]),
            "--config" => taken.extend(["--docker-config".into(), value()]),
            "-D" | "--debug" => taken.push("-D".into()),
            "-l" | "--log-level" => {
                if value() == "debug" {
                    taken.push("-D".into());
                }
            }
            "--tls" | "--tlsverify" | "--tlscacert" | "--tlscert" | "--tlskey" => {
                return Err(CommandError::new(format!("`docker {flag}` is not handed on to `stack`"))
                    .hint("use DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or a context with certificates"));
            }
            // Called by hand under that name, without the `docker` command in between.
            _ => return Ok(Called::With(arguments)),
        }
    }
    Ok(Called::With(arguments))
}

/// What the `docker` command wants to know of a plugin.
pub(super) fn metadata() -> String {
    let text = serde_json::json!({
        "SchemaVersion": "0.1.0",
        "Vendor": "stack",
        "Version": concat!("v", env!("CARGO_PKG_VERSION")),
        "ShortDescription": "Docker Compose's commands, by stack",
    });
    format!("{text}\n")
}

/// Ends this process, as a signal to end would, once the `docker` command says so: on a signal to itself it closes a socket
/// that its plugins are connected to.
pub(super) fn follow_docker() {
    #[expect(
        clippy::disallowed_methods,
        reason = "said by the `docker` command to this process, before anything else is known"
    )]
    let Some(name) = std::env::var_os(SOCKET) else { return };
    let address = match name.as_encoded_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(&name),
    };
    let Ok(mut docker) = address.and_then(|address| UnixStream::connect_addr(&address)) else { return };
    std::thread::spawn(move || {
        let mut said = [0; 64];
        while matches!(docker.read(&mut said), Ok(1..)) {}
        // Nothing is left to be done where that fails.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TERM);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn what_docker_puts_before_is_taken_over() {
        let cases = [
            ("stack compose up", "stack compose up"),
            ("docker-compose up -d", "docker-compose up -d"),
            ("/usr/lib/docker/cli-plugins/docker-compose compose up", "/usr/lib/docker/cli-plugins/docker-compose up"),
            ("docker-compose --context far compose -f a.yml ps", "docker-compose --context far -f a.yml ps"),
            ("docker-compose -c far compose ps", "docker-compose --context far ps"),
            ("docker-compose --context=far compose ps", "docker-compose --context far ps"),
            (
                "docker-compose -H tcp://x -l debug --config /c compose ps",
                "docker-compose --host tcp://x -D --docker-config /c ps",
            ),
            ("docker-compose -l info compose", "docker-compose"),
            // A file of that name, not the command.
            ("docker-compose -f compose up", "docker-compose -f compose up"),
            ("docker-compose run compose", "docker-compose run compose"),
        ];
        for (given, expected) in cases {
            let found = called(words(given)).map_err(|error| error.message);
            assert_eq!(found, Ok(Called::With(words(expected))), "{given}");
        }
        let metadata = called(words("/x/docker-compose docker-cli-plugin-metadata")).map_err(|error| error.message);
        assert_eq!(metadata, Ok(Called::ForMetadata));
        assert!(called(words("docker-compose --tlsverify compose ps")).is_err());
    }
}
