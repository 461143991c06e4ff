//! Commands in containers: their output and their end.

use std::time::Duration;

use futures_util::StreamExt as _;

use crate::backend::{Backend, ExecSpec, Result};

/// Looks at a command that has closed its output until its exit code is there; the engine is a moment behind.
const EXIT_CODE_LOOKS: u32 = 60;
/// Bytes of a line that are kept; a longer one is told in pieces.
const MAX_LINE: usize = 64 * 1024;

/// Runs a command to its end and hands its output on, line by line. The exit code; none where the engine never tells.
///
/// # Errors
/// The engine's.
pub async fn run(
    engine: &dyn Backend,
    container: &str,
    spec: &ExecSpec,
    mut line: impl AsyncFnMut(&str),
) -> Result<Option<i64>> {
    let mut session = engine.exec(container, spec).await?;
    let mut begun: Vec<u8> = Vec::new();
    while let Some(piece) = session.output.next().await {
        let (_, bytes) = piece?;
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            begun.extend_from_slice(part);
            if part.ends_with(b"\n") || begun.len() > MAX_LINE {
                line(String::from_utf8_lossy(&begun).trim_end_matches(['\n', '\r'])).await;
                begun.clear();
            }
        }
    }
    if !begun.is_empty() {
        line(&String::from_utf8_lossy(&begun)).await;
    }
    for look in 0..EXIT_CODE_LOOKS {
        if let Some(code) = engine.exec_exit_code(&session.id).await? {
            return Ok(Some(code));
        }
        tokio::time::sleep(Duration::from_millis(u64::from(look))).await;
    }
    Ok(None)
}
