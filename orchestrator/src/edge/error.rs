//! What goes wrong with gateway and agent.

use crate::backend::{self, ErrorKind};
use crate::error::CommandError;

/// Why gateway and agent are not as they shall be.
#[derive(Debug)]
pub enum EdgeError {
    /// What was found has been changed by somebody else meanwhile: it is worth looking again.
    Conflict(CommandError),
    /// Looking again would not help.
    Failed(CommandError),
}

impl From<backend::Error> for EdgeError {
    fn from(error: backend::Error) -> Self {
        match error.kind {
            ErrorKind::NotFound | ErrorKind::Conflict => Self::Conflict(error.into()),
            _ => Self::Failed(error.into()),
        }
    }
}

impl From<CommandError> for EdgeError {
    fn from(error: CommandError) -> Self {
        Self::Failed(error)
    }
}

impl From<EdgeError> for CommandError {
    fn from(setback: EdgeError) -> Self {
        match setback {
            EdgeError::Conflict(error) | EdgeError::Failed(error) => error,
        }
    }
}
