//! After a `stack` that was killed: the engine goes on with what it had been asked for.
//!
//! A container that is being stopped looks like a running one until it has ended, and a request that waits for its turn
//! does not show at all. Whoever plans waits until nothing happens to the project any more.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use tokio::time::Instant;

use crate::backend::{self, Backend, Event, Result};
use crate::reconcile::observed::of_project;

/// Without an event for so long, no request of the one that was killed is left.
const QUIET: Duration = Duration::from_millis(500);
/// How far back a stop may have begun.
const BACK: Duration = Duration::from_secs(60);
/// A container that takes longer to end is planned with as it is.
const LIMIT: Duration = Duration::from_secs(30);

/// Waits until the engine is done with what it was asked to do to a project's containers.
///
/// # Errors
/// The engine's.
pub async fn settle(engine: &dyn Backend, project: &str) -> Result<()> {
    let filter = of_project(project);
    let mut coming = engine.events(&filter).await?;
    let mut ending = BTreeSet::new();
    let now = backend::now(engine).await?;
    let since = now.checked_sub(BACK).unwrap_or(now).to_string();
    let mut past = engine.events_between(&filter, Some(&since), Some(&now.to_string())).await?;
    let settled = async {
        while let Some(event) = past.next().await {
            note(&mut ending, &event?);
        }
        quiet(&mut coming, ending).await
    };
    tokio::time::timeout(LIMIT, settled).await.unwrap_or(Ok(()))
}

/// Waits until nothing happens that somebody may have asked for, and no container is about to end.
async fn quiet(coming: &mut (impl Stream<Item = Result<Event>> + Unpin), mut ending: BTreeSet<String>) -> Result<()> {
    let mut until = Instant::now() + QUIET;
    loop {
        match tokio::time::timeout_at(until, coming.next()).await {
            Ok(Some(event)) => {
                let event = event?;
                note(&mut ending, &event);
                if !happens_anyway(&event.action) {
                    until = Instant::now() + QUIET;
                }
            }
            Ok(None) => return Ok(()),
            Err(_) if ending.is_empty() => return Ok(()),
            Err(_) => until = Instant::now() + QUIET,
        }
    }
}

/// What health checks bring about, every second if they like, and people who look: it changes no container.
fn happens_anyway(action: &str) -> bool {
    ["exec_", "health_status", "attach", "detach", "resize", "top"].iter().any(|start| action.starts_with(start))
}

fn note(ending: &mut BTreeSet<String>, event: &Event) {
    if event.kind != "container" {
        return;
    }
    match event.action.as_str() {
        "kill" => {
            ending.insert(event.id.clone());
        }
        "die" | "start" | "destroy" => {
            ending.remove(&event.id);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str, id: &str) -> Event {
        Event {
            kind: "container".to_owned(),
            action: action.to_owned(),
            id: id.to_owned(),
            attributes: backend::Labels::new(),
            time: 0,
        }
    }

    /// Containers whose health is looked at all the time are quiet; one that is about to end is not.
    #[tokio::test(start_paused = true)]
    async fn health_checks_are_no_noise() {
        let steady = |action: &'static str| {
            let pause = Duration::from_millis(100);
            futures_util::stream::unfold((), move |()| async move {
                tokio::time::sleep(pause).await;
                Some((Ok(event(action, "a")), ()))
            })
            .boxed()
        };
        let long = Duration::from_secs(20);
        for (action, ends) in [
            ("exec_create: /bin/check", true),
            ("exec_die", true),
            ("health_status: healthy", true),
            ("create", false),
            ("kill", false),
        ] {
            let ended = tokio::time::timeout(long, quiet(&mut steady(action), BTreeSet::new())).await;
            assert_eq!(ended.is_ok(), ends, "{action}");
        }
        let ending = BTreeSet::from(["b".to_owned()]);
        assert!(tokio::time::timeout(long, quiet(&mut steady("exec_die"), ending)).await.is_err());
    }

    #[test]
    fn only_what_has_not_ended_is_waited_for() {
        let mut ending = BTreeSet::new();
        for (action, id) in [("kill", "a"), ("kill", "b"), ("die", "a"), ("stop", "a"), ("kill", "c"), ("start", "c")] {
            note(&mut ending, &event(action, id));
        }
        assert_eq!(ending.into_iter().collect::<Vec<_>>(), ["b"]);
    }
}
