//! `Expect: 100-continue` (RFC 9110 section 10.1.1): the body is asked for when the server asks for it, or has said nothing for
//! a while.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Sleep;

/// How long a server may leave it open whether it wants the body.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is known about a body that the client sends when it is told to.
#[derive(Debug, Default)]
pub(crate) struct Expectation {
    complete: AtomicBool,
    wanted: AtomicBool,
    waiting: AtomicWaker,
}

impl Expectation {
    /// The client has sent all of it.
    pub(crate) fn completed(&self) {
        self.complete.store(true, Relaxed);
    }

    /// Whether the client has sent all of it.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete.load(Relaxed)
    }

    /// The server wants it.
    pub(crate) fn want(&self) {
        self.wanted.store(true, Relaxed);
        self.waiting.wake();
    }

    /// Waits until the server wants the body or has had its time, which `timer` measures from the first call on.
    pub(crate) fn poll_wanted(&self, cx: &mut Context<'_>, timer: &mut Option<Pin<Box<Sleep>>>) -> Poll<()> {
        self.waiting.register(cx.waker());
        if self.wanted.load(Relaxed) {
            return Poll::Ready(());
        }
        timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(PATIENCE))).as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_body_is_wanted_when_the_server_says_so_or_says_nothing() {
        let expectation = Expectation::default();
        let started = tokio::time::Instant::now();
        let mut timer = None;
        poll_fn(|cx| expectation.poll_wanted(cx, &mut timer)).await;
        assert_eq!(started.elapsed().as_secs(), 1);
        let expectation = Expectation::default();
        let mut timer = None;
        let cx = &mut Context::from_waker(std::task::Waker::noop());
        assert!(expectation.poll_wanted(cx, &mut timer).is_pending());
        expectation.want();
        assert!(expectation.poll_wanted(cx, &mut timer).is_ready());
    }
}
