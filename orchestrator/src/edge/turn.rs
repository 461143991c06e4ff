//! One command at a time changes what all projects of an engine share: gateway, agent, their volumes and files.
//!
//! A turn is a name that a socket of this host is bound to (unix(7), "abstract"), made of the engine's own id: whoever
//! works with the same engine finds it taken, whatever user they are, wherever they keep their files and whichever of the
//! engine's addresses they use. The kernel lets go of it however the process ends. Who shares neither this host nor its
//! network is met by looking again (see [`super::deploy::Setback`]).

use std::io::{self, ErrorKind, Read as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::backend::Engine;
use crate::error::{CommandError, Result};
use crate::ui::output;

/// A turn takes moments; whoever waits longer wants to know for whom.
const SILENCE: Duration = Duration::from_secs(2);
/// The longest turn replaces a gateway that has requests under way; one that takes longer has been stopped or is not one
/// of ours.
const PATIENCE: Duration = Duration::from_secs(180);
/// Until the next try where nobody can be asked.
const UNASKED: Duration = Duration::from_millis(20);

/// A turn; dropping it lets the next one go on.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "it is bound as long as it lives")] UnixListener);

impl Turn {
    /// Waits for the turn at an engine.
    ///
    /// # Errors
    /// An engine that does not say which it is; another command that does not come to its end.
    pub async fn at(engine: &Engine) -> Result<Self> {
        let id = engine.id().await?;
        tokio::task::spawn_blocking(move || Self::take(&id, PATIENCE))
            .await
            .map_err(|error| CommandError::new(format!("waiting for other commands was cut off: {error}")))?
    }

    fn take(engine: &str, patience: Duration) -> Result<Self> {
        let fail = |error: io::Error| CommandError::new(format!("cannot wait for other commands: {error}"));
        let address = SocketAddr::from_abstract_name(name(engine)).map_err(fail)?;
        let began = Instant::now();
        let mut said = false;
        loop {
            match UnixListener::bind_addr(&address) {
                Ok(listener) => return Ok(Self(listener)),
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                Err(error) => return Err(fail(error)),
            }
            // Whoever has just let go of it cannot be asked, nor can what is none of ours.
            let holder = UnixStream::connect_addr(&address).ok();
            let id = holder.as_ref().and_then(|holder| process(holder).ok());
            let who = id.map_or_else(String::new, |id| format!(" (process {id})"));
            let left = patience.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(CommandError::new(format!(
                    "another `stack`{who} has been changing the gateway for {} s",
                    patience.as_secs()
                ))
                .hint("end it if it is stuck, and try again"));
            }
            let Some(mut holder) = holder else {
                std::thread::sleep(UNASKED.min(left));
                continue;
            };
            let wait = if said { left } else { SILENCE.min(left) };
            holder.set_read_timeout(Some(wait)).map_err(fail)?;
            // It never says anything: this ends when the turn does, or the time.
            let ended = holder.read(&mut [0]);
            let waits = ended.is_err_and(|error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut));
            if waits && !said {
                output::stderr(&format!("waiting for another `stack`{who} that changes the gateway\n"));
                said = true;
            }
        }
    }
}

fn process(holder: &UnixStream) -> io::Result<i32> {
    Ok(rustix::net::sockopt::socket_peercred(holder)?.pid.as_raw_nonzero().get())
}

fn name(engine: &str) -> String {
    let digest = Sha256::digest(engine.as_bytes());
    format!("stack-edge-{}", digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[cfg(test)]
mod tests {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, socket};

    use super::*;

    #[test]
    fn a_name_that_nobody_answers_for_is_not_waited_for_without_end() -> std::result::Result<(), String> {
        let engine = format!("turn-test-mute-{}", std::process::id());
        // Bound, and deaf.
        let address = SocketAddrUnix::new_abstract_name(name(&engine).as_bytes()).map_err(|error| error.to_string())?;
        let deaf = socket(AddressFamily::UNIX, SocketType::STREAM, None).map_err(|error| error.to_string())?;
        bind(&deaf, &address).map_err(|error| error.to_string())?;
        let refused = Turn::take(&engine, Duration::from_millis(50)).map_err(|error| error.message);
        assert_eq!(refused.err(), Some("another `stack` has been changing the gateway for 0 s".to_owned()));
        Ok(())
    }

    #[test]
    fn turns_follow_one_another_and_whoever_waits_too_long_learns_for_whom() -> std::result::Result<(), String> {
        let engine = format!("turn-test-{}", std::process::id());
        let take = |patience: Duration| Turn::take(&engine, patience).map_err(|error| error.message);
        let first = take(PATIENCE)?;
        let _other = Turn::take("another engine", PATIENCE).map_err(|error| error.message)?;
        let expected =
            format!("another `stack` (process {}) has been changing the gateway for 0 s", std::process::id());
        assert_eq!(take(Duration::from_millis(50)).err(), Some(expected));
        std::thread::scope(|scope| {
            let (sender, taken) = std::sync::mpsc::channel();
            scope.spawn(move || sender.send(take(PATIENCE).is_ok()));
            assert!(taken.recv_timeout(Duration::from_millis(100)).is_err(), "it had to wait");
            drop(first);
            assert_eq!(taken.recv_timeout(Duration::from_secs(10)), Ok(true));
        });
        Ok(())
    }
}
