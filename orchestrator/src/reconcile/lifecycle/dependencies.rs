//! Which services need which others, and the order that follows.

use std::collections::{BTreeMap, BTreeSet};

use compose_schema::model::Project;

use crate::reconcile::observed::{Observed, dependencies_of, service_of};

/// Services by name with those they depend on and whether they restart with them: from the labels of their
/// containers and from the files.
#[derive(Debug, Default)]
pub(super) struct Dependencies<'a>(pub(super) BTreeMap<&'a str, BTreeMap<&'a str, bool>>);

impl<'a> Dependencies<'a> {
    pub(super) fn new(observed: &'a Observed, project: Option<&'a Project>) -> Self {
        let mut all = BTreeMap::<_, BTreeMap<_, bool>>::new();
        for container in &observed.containers {
            all.entry(service_of(container)).or_default().extend(dependencies_of(container));
        }
        for (name, service) in project.iter().flat_map(|project| &project.services) {
            let own = service.depends_on.iter().map(|(other, dependency)| (other.as_str(), dependency.restart));
            all.entry(name).or_default().extend(own);
        }
        Self(all)
    }

    /// The services with all that are restarted with them (`restart: true`), directly or not.
    pub(super) fn restarted_with(&self, services: &[&'a str]) -> BTreeSet<&'a str> {
        let mut found: BTreeSet<&str> = services.iter().copied().collect();
        loop {
            let more: Vec<&str> = self
                .0
                .iter()
                .filter(|(name, _)| !found.contains(**name))
                .filter(|(_, on)| on.iter().any(|(other, restart)| found.contains(other) && *restart))
                .map(|(name, _)| *name)
                .collect();
            if more.is_empty() {
                return found;
            }
            found.extend(more);
        }
    }

    /// Names, each after those that depend on it. Labels may lie: a cycle is cut where it is met.
    pub(super) fn dependents_first(&self, services: &BTreeSet<&'a str>) -> Vec<&'a str> {
        fn visit<'a>(
            all: &Dependencies<'a>,
            name: &'a str,
            services: &BTreeSet<&'a str>,
            seen: &mut BTreeSet<&'a str>,
            order: &mut Vec<&'a str>,
        ) {
            if !services.contains(name) || !seen.insert(name) {
                return;
            }
            for dependent in all.dependents(name) {
                visit(all, dependent, services, seen, order);
            }
            order.push(name);
        }
        let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
        for name in services {
            visit(self, name, services, &mut seen, &mut order);
        }
        order
    }

    pub(super) fn dependents<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'a str> + 'b {
        self.0.iter().filter(move |(_, on)| on.contains_key(name)).map(|(dependent, _)| *dependent)
    }
}
