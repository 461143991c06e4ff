//! A request that finds no server waits a moment for one, so that a container that restarts costs no 502 or 503.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use http::Response;
use tokio::time::Instant;

use crate::middleware::After;
use crate::route;
use crate::snapshot::{Route, View};

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

/// Tries the service of `route` again and again, at each change of the configuration and in between, until it answers,
/// fails for another reason, or the time for that is over.
pub(crate) async fn for_server(
    exchange: &mut Exchange,
    view: &View,
    route: &Route,
    mut no_answer: NoAnswer,
    after: &mut After,
) -> Result<Response<Body>, NoAnswer> {
    let worker = Arc::clone(&exchange.client.worker);
    let Some(router) = view.snapshot.table.routes().iter().find(|router| *router.name == *route.name) else {
        return Err(no_answer);
    };
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
        let Some(route) = successor(router, &exchange.host.name, &view) else { return Err(no_answer) };
        match route.service.answer(exchange, &view, after).await {
            Ok(response) => return Ok(response),
            Err(error) => no_answer = error,
        }
    }
    Err(no_answer)
}

/// What stands for the route of `router` in another configuration. A request that waits has been through the middlewares,
/// which may have changed what the rule is about, so rules are not asked again. A router may get another name without being
/// another one, when another project comes to have, or ceases to have, one of the same name.
fn successor<'a>(router: &route::Route, host: &str, view: &'a View) -> Option<&'a Route> {
    let same = |other: &route::Route| {
        other.router.rule == router.router.rule
            && other.using == router.using
            && other.tls.is_some() == router.tls.is_some()
    };
    let its_own = |other: &route::Route| {
        let hosts = other.hosts();
        other.name == router.name && (same(other) || hosts.is_empty() || hosts.iter().any(|name| name == host))
    };
    let table = view.snapshot.table.routes();
    let position = table.iter().position(its_own).or_else(|| table.iter().position(same))?;
    view.snapshot.routes.get(position)?.as_ref()
}
