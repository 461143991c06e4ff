//! Work beside the control thread, one piece at a time.

use tokio::task::JoinHandle;

/// At most one task that is under way.
#[derive(Debug)]
pub(super) struct Stage<T>(Option<JoinHandle<T>>);

impl<T> Default for Stage<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Send + 'static> Stage<T> {
    /// Whether nothing is under way.
    pub(super) fn is_free(&self) -> bool {
        self.0.is_none()
    }

    /// Does `work` on a thread that may block.
    pub(super) fn begin(&mut self, work: impl FnOnce() -> T + Send + 'static) {
        self.0 = Some(tokio::task::spawn_blocking(work));
    }

    /// What came of the work that is under way; never ready while there is none. Nothing is lost when this is given up.
    pub(super) async fn finished(&mut self) -> T {
        let Some(task) = &mut self.0 else { return std::future::pending().await };
        let result = task.await;
        self.0 = None;
        match result {
            Ok(done) => done,
            // What breaks down there breaks down here: the gateway ends, and whoever started it starts it anew.
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is about to end.
                Err(_) => std::future::pending().await,
            },
        }
    }
}
