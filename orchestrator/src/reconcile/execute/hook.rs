//! Running a hook in a container, and the end of what it says where it fails.

use std::collections::VecDeque;
use std::time::Duration;

use compose_schema::model::Hook;
use futures_util::StreamExt;

use super::{Shared, StepError};
use crate::backend::{ErrorKind, ExecSpec};
use crate::reconcile::action::HookKind;

/// Lines of a failing hook's output that are shown.
const HOOK_LINES: usize = 10;
/// Looks at a command that has closed its output until its exit code is there; the engine is a moment behind.
const EXIT_CODE_LOOKS: u32 = 60;
/// Time between two looks at whether the engine still answers while a hook says nothing.
const STILL_THERE: Duration = Duration::from_secs(60);
/// Longest line that is shown whole.
const LONGEST_LINE: usize = 4096;

/// The last lines of an output, which comes in pieces that may end anywhere.
#[derive(Debug, Default)]
struct Tail {
    lines: VecDeque<Vec<u8>>,
    /// The last line ends with the next piece, or a later one.
    is_open: bool,
}

impl Tail {
    fn push(&mut self, piece: &[u8]) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            if !self.is_open {
                self.lines.push_back(Vec::new());
            }
            if let Some(line) = self.lines.back_mut() {
                let room = LONGEST_LINE.saturating_sub(line.len());
                line.extend_from_slice(text.get(..room).unwrap_or(text));
            }
            self.is_open = text.len() == part.len();
            self.lines.drain(..self.lines.len().saturating_sub(HOOK_LINES));
        }
    }

    fn text(&self) -> String {
        let lines = self.lines.iter().map(|line| String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl Shared<'_> {
    pub(super) async fn hook(&self, id: &str, service: &str, hook: &Hook, kind: HookKind) -> Result<(), StepError> {
        let engine = &self.executor.engine;
        let spec = ExecSpec {
            command: hook.words().to_vec(),
            environment: hook
                .environment
                .iter()
                .map(|(key, value)| value.as_ref().map_or_else(|| key.clone(), |value| format!("{key}={value}")))
                .collect(),
            user: hook.user.clone(),
            working_dir: hook.working_dir.clone(),
            privileged: hook.privileged,
            ..ExecSpec::default()
        };
        let mut session = match engine.exec(id, &spec).await {
            // It has ended meanwhile: there is nothing to prepare for its stop.
            Err(error)
                if kind == HookKind::PreStop && matches!(error.kind, ErrorKind::NotFound | ErrorKind::Conflict) =>
            {
                return Ok(());
            }
            other => other?,
        };
        let mut tail = Tail::default();
        loop {
            let Ok(piece) = tokio::time::timeout(STILL_THERE, session.output.next()).await else {
                // A hook may be silent for long; an engine that does not answer fails here.
                engine.exec_exit_code(&session.id).await?;
                continue;
            };
            let Some(piece) = piece else { break };
            let (_, bytes) = piece?;
            tail.push(&bytes);
        }
        for look in 0..EXIT_CODE_LOOKS {
            match engine.exec_exit_code(&session.id).await? {
                Some(0) => return Ok(()),
                Some(code) => {
                    return Err(StepError::Hook { service: service.to_owned(), kind, code, output: tail.text() });
                }
                None => tokio::time::sleep(Duration::from_millis(u64::from(look))).await,
            }
        }
        let output = "its output has ended, but it has not".to_owned();
        Err(StepError::Hook { service: service.to_owned(), kind, code: -1, output })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_an_output_is_made_of_lines_wherever_its_pieces_end() {
        let text = "one\r\ntwo \u{fc}\u{2014}\n\nlast".as_bytes();
        for at in 0..=text.len() {
            let (before, after) = text.split_at(at);
            let mut tail = Tail::default();
            tail.push(before);
            tail.push(after);
            assert_eq!(tail.text(), "one\ntwo \u{fc}\u{2014}\n\nlast", "{at}");
        }
        let mut tail = Tail::default();
        for number in 0..100 {
            tail.push(format!("{number}\n").as_bytes());
        }
        let expected: Vec<String> = (100 - HOOK_LINES..100).map(|number| number.to_string()).collect();
        assert_eq!(tail.text(), expected.join("\n"));
        tail.push(&vec![b'x'; 10 * LONGEST_LINE]);
        assert_eq!(tail.text().lines().last().map(str::len), Some(LONGEST_LINE));
    }
}
