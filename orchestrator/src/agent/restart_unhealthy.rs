//! Restarting containers that have become unhealthy, where their service asks for it (`x-stack: {restart-unhealthy: true}`).
//!
//! The engine's own restart policies know of processes that end, not of those that hang. What is due is decided from one
//! look at all containers, so an event that was missed costs time, no restart.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::{Container, Health, State};
use crate::edge::state::ProjectFile;
use crate::labels;
use crate::reconcile::observed::{is_oneoff, service_of};

/// Pause after the first restart; it doubles with each.
const FIRST: Duration = Duration::from_secs(10);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(600);
/// Restarts of one container before it is left as it is, until it has been well for [`WELL`].
const MOST: u32 = 10;
/// A container that has not been unhealthy for so long has a clean slate.
const WELL: Duration = Duration::from_secs(900);

/// What is known of each container.
#[derive(Debug, Default)]
pub(super) struct Healer {
    records: BTreeMap<String, Record>,
}

#[derive(Debug, Clone, Copy)]
struct Record {
    restarts: u32,
    /// When it was last seen unhealthy.
    last: Instant,
    /// Not before this time.
    next: Instant,
}

/// A restart that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Restart {
    /// Which container.
    pub(super) id: String,
    /// Its name.
    pub(super) name: String,
    /// Its number among those that follow each other, from 1.
    pub(super) count: u32,
    /// There will be no further one.
    pub(super) last: bool,
}

impl Healer {
    /// What is to be restarted now, and when to look again without being woken.
    pub(super) fn due(
        &mut self,
        projects: &BTreeMap<String, ProjectFile>,
        containers: &[Container],
        now: Instant,
    ) -> (Vec<Restart>, Option<Duration>) {
        let (mut due, mut again) = (Vec::new(), None::<Duration>);
        self.records.retain(|_, record| now.duration_since(record.last) < WELL);
        for container in containers.iter().filter(|container| is_wanted(projects, container)) {
            let record =
                self.records.entry(container.id.clone()).or_insert(Record { restarts: 0, last: now, next: now });
            record.last = now;
            if record.restarts >= MOST {
                continue;
            }
            if record.next > now {
                let pause = record.next.duration_since(now);
                again = Some(again.map_or(pause, |other| other.min(pause)));
                continue;
            }
            let doubled = FIRST.saturating_mul(1 << record.restarts.min(16));
            record.restarts += 1;
            record.next = now + doubled.min(LONGEST);
            due.push(Restart {
                id: container.id.clone(),
                name: container.name.clone(),
                count: record.restarts,
                last: record.restarts == MOST,
            });
        }
        (due, again)
    }
}

/// Whether a container runs, is unhealthy, and its service wants it restarted. One that is leaving is about to end anyway.
fn is_wanted(projects: &BTreeMap<String, ProjectFile>, container: &Container) -> bool {
    let Some(file) = container.labels.get(labels::PROJECT).and_then(|project| projects.get(project)) else {
        return false;
    };
    container.state == State::Running
        && container.health() == Some(Health::Unhealthy)
        && file.restart_unhealthy.contains(service_of(container))
        && !file.leaving.contains(&container.id)
        && !is_oneoff(container)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;

    fn container(id: &str, status: &str) -> Container {
        let labels = [(labels::PROJECT, "p"), (labels::SERVICE, "app")];
        Container {
            id: id.to_owned(),
            name: format!("p-app-{id}"),
            state: State::Running,
            status: status.to_owned(),
            labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            ..Container::default()
        }
    }

    fn projects() -> BTreeMap<String, ProjectFile> {
        let file = ProjectFile { restart_unhealthy: ["app".to_owned()].into(), ..ProjectFile::default() };
        BTreeMap::from([("p".to_owned(), file)])
    }

    fn ids(due: &[Restart]) -> Vec<&str> {
        due.iter().map(|restart| restart.id.as_str()).collect()
    }

    #[test]
    fn only_what_is_unhealthy_and_wanted_is_restarted() {
        let now = Instant::now();
        let other = |change: &dyn Fn(&mut Container)| {
            let mut other = container("2", "Up 2 minutes (unhealthy)");
            change(&mut other);
            other
        };
        let containers = [
            container("1", "Up 2 minutes (unhealthy)"),
            container("3", "Up 2 minutes (healthy)"),
            container("4", "Up 2 seconds (health: starting)"),
            other(&|other| other.state = State::Paused),
            other(&|other| drop(other.labels.insert(labels::SERVICE.to_owned(), "db".to_owned()))),
            other(&|other| drop(other.labels.insert(labels::PROJECT.to_owned(), "q".to_owned()))),
            other(&|other| drop(other.labels.insert(labels::ONEOFF.to_owned(), "True".to_owned()))),
        ];
        let (due, again) = Healer::default().due(&projects(), &containers, now);
        assert_eq!((ids(&due), again), (vec!["1"], None));
        let mut leaving = projects();
        leaving.values_mut().for_each(|file| file.leaving = ["1".to_owned()].into());
        assert_eq!(Healer::default().due(&leaving, &containers, now).0, []);
    }

    #[test]
    fn pauses_grow_and_restarts_have_an_end() {
        let containers = [container("1", "Up 2 minutes (unhealthy)")];
        let (mut healer, begun) = (Healer::default(), Instant::now());
        let mut times = Vec::new();
        for second in 0..24 * 3600 {
            let (due, _) = healer.due(&projects(), &containers, begun + Duration::from_secs(second));
            times.extend(due.iter().map(|restart| (second, restart.last)));
        }
        let pauses: Vec<u64> = times.iter().zip(times.iter().skip(1)).map(|(one, next)| next.0 - one.0).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600, 600]);
        assert_eq!(times.iter().filter(|(_, last)| *last).count(), 1);
    }

    #[test]
    fn who_has_been_well_for_long_has_a_clean_slate() {
        let (ill, well) = ([container("1", "Up (unhealthy)")], [container("1", "Up (healthy)")]);
        let (mut healer, begun) = (Healer::default(), Instant::now());
        assert_eq!(healer.due(&projects(), &ill, begun).0.len(), 1);
        let (due, again) = healer.due(&projects(), &ill, begun + Duration::from_secs(4));
        assert_eq!((due, again), (Vec::new(), Some(Duration::from_secs(6))));
        assert_eq!(healer.due(&projects(), &ill, begun + Duration::from_secs(10)).0[0].count, 2);
        let later = begun + Duration::from_secs(10) + WELL;
        assert_eq!(healer.due(&projects(), &well, later).0, []);
        assert_eq!(healer.due(&projects(), &ill, later).0[0].count, 1);
    }
}
