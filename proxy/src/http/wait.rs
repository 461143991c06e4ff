//! A request that finds no server waits a moment for one, so that a container that restarts costs no 502 or 503.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use http::Response;
use tokio::time::Instant;

use crate::middleware::After;
use crate::snapshot::View;

use super::body::Body;
use super::exchange::Exchange;
use super::forward::NoAnswer;

/// Pauses between two tries: a server may come without a change of the configuration.
const SHORTEST: Duration = Duration::from_millis(25);
const LONGEST: Duration = Duration::from_millis(400);
/// Requests of one worker that may wait at once; those beyond fail as they are.
const MOST_WAITING: usize = 1024;

/// One more that waits, until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(count: &'a AtomicUsize) -> Option<Self> {
        let waiting = Self(count);
        (count.fetch_add(1, Relaxed) < MOST_WAITING).then_some(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Tries the service of the router `name` again and again, at each change of the configuration and in between, until it
/// answers, fails for another reason, or the time for that is over.
pub(crate) async fn for_server(
    exchange: &mut Exchange,
    name: &str,
    mut no_answer: NoAnswer,
    after: &mut After,
) -> Result<Response<Body>, NoAnswer> {
    let worker = Arc::clone(&exchange.client.worker);
    let deadline = Instant::now() + worker.shared.wait_for_server;
    let Some(_waiting) = Waiting::begin(&worker.waiting) else { return Err(no_answer) };
    let mut pause = SHORTEST;
    while no_answer.may_pass() && Instant::now() < deadline {
        let changed = worker.changed.notified();
        let next = deadline.min(Instant::now() + pause);
        tokio::select! {
            () = changed => {}
            () = tokio::time::sleep_until(next) => pause = LONGEST.min(pause * 2),
        }
        let view: Arc<View> = worker.view.load_full();
        let Some(route) = view.snapshot.routes.iter().flatten().find(|route| *route.name == *name) else {
            return Err(no_answer);
        };
        match route.service.answer(exchange, &view, after).await {
            Ok(response) => return Ok(response),
            Err(error) => no_answer = error,
        }
    }
    Err(no_answer)
}
