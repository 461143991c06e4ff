//! The edge as it is before anything is touched.

use std::time::Duration;

use super::containers::EdgeContainers;
use super::state::Status;
use super::status::StatusStream;
use crate::backend::Engine;
use crate::error::Result;

/// The gateway answers at once or cannot be asked this way.
const QUICK: Duration = Duration::from_millis(500);

/// The edge as it was before anything was touched.
#[derive(Debug, Default)]
pub struct EdgeSnapshot {
    pub(super) pair: EdgeContainers,
    /// What the gateway tells, where it can be asked quickly.
    pub(super) status: Option<Status>,
}

impl EdgeSnapshot {
    /// Whether a gateway is at work.
    #[must_use]
    pub fn has_gateway(&self) -> bool {
        self.pair.works()
    }

    /// Gateway and agent.
    #[must_use]
    pub const fn pair(&self) -> &EdgeContainers {
        &self.pair
    }

    /// What the gateway tells, where it can be asked quickly.
    #[must_use]
    pub const fn status(&self) -> Option<&Status> {
        self.status.as_ref()
    }

    /// Looks: one call to the engine.
    ///
    /// # Errors
    /// Whatever the engine answers.
    pub async fn take(engine: &Engine) -> Result<Self> {
        let pair = EdgeContainers::observe(engine.as_ref()).await?;
        let told = pair.socket().filter(|_| engine.is_local()).and_then(|socket| StatusStream::connect(socket).ok());
        let status = match told {
            Some(mut told) => tokio::time::timeout(QUICK, told.next()).await.ok().and_then(std::result::Result::ok),
            None => None,
        };
        Ok(Self { pair, status })
    }
}
