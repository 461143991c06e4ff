//! How long a server may take for the head of its answer.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Sleep;

use super::failure::Failure;

/// Time for an answer's head. It runs from when the request is sent, its body included: how long a client takes for an upload
/// says nothing about the server.
#[derive(Debug)]
pub(crate) struct HeadTimeout {
    limit: Duration,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl HeadTimeout {
    /// So long; zero means without limit.
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, alarm: None }
    }

    /// Ready, with what is to be said about it, when the time is over, which begins when this is first asked.
    pub(crate) fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        if self.limit.is_zero() {
            return Poll::Pending;
        }
        let limit = self.limit;
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        alarm.as_mut().poll(cx).map(|()| Failure::HeaderTimeout(limit))
    }
}
