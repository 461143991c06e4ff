//! Who is about to go: requests must not be sent there any more.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::Event;

/// A container that was told to end and still runs after this time has taken the signal for something else.
pub(super) const DYING: Duration = Duration::from_secs(30);

/// Containers that were told to end and have not ended, with the time when they were told. The engine lists them as running.
///
/// One entry for each, so that however many events come while the engine is asked, none has to be forgotten.
#[derive(Debug, Clone, Default)]
pub(super) struct Dying(BTreeMap<String, Instant>);

impl Dying {
    /// Takes an event in; whether it made a difference.
    pub(super) fn note(&mut self, event: &Event) -> bool {
        match event.action.as_str() {
            "kill" if event.attributes.get("signal").is_some_and(|signal| ends(signal)) => {
                self.0.retain(|_, since| since.elapsed() < DYING);
                self.0.insert(event.id.clone(), Instant::now());
                true
            }
            "die" | "start" | "destroy" => self.0.remove(&event.id).is_some(),
            _ => false,
        }
    }

    /// Whether a container is about to go.
    pub(super) fn contains(&self, container: &str) -> bool {
        self.0.get(container).is_some_and(|since| since.elapsed() < DYING)
    }

    /// When to look again at one that may have outlived its signal.
    pub(super) fn look_again(&self) -> Option<Duration> {
        self.0.values().any(|since| since.elapsed() < DYING).then_some(DYING)
    }
}

/// Signals that ask a process to end; `WINCH` is how Apache is asked.
fn ends(signal: &str) -> bool {
    matches!(signal, "2" | "3" | "9" | "15" | "28" | "SIGINT" | "SIGQUIT" | "SIGKILL" | "SIGTERM" | "SIGWINCH")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str, signal: &str) -> Event {
        let attributes = BTreeMap::from([("signal".to_owned(), signal.to_owned())]);
        Event { kind: "container".to_owned(), action: action.to_owned(), id: "c".to_owned(), attributes, time: 0 }
    }

    #[test]
    fn who_was_told_to_end_gets_no_more_requests() {
        let mut dying = Dying::default();
        for (signal, dies) in [("1", false), ("SIGHUP", false), ("15", true), ("SIGWINCH", true)] {
            assert_eq!(dying.note(&event("kill", signal)), dies, "{signal}");
            assert_eq!((dying.contains("c"), dying.look_again().is_some()), (dies, dies), "{signal}");
            dying.note(&event("start", ""));
            assert!(!dying.contains("c"), "{signal}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_outlives_a_signal_gets_requests_again() {
        let mut dying = Dying::default();
        dying.note(&event("kill", "15"));
        tokio::time::advance(DYING).await;
        assert!(!dying.contains("c") && dying.look_again().is_none());
    }
}
