//! Containers of the project that the files do not know.

use super::Planner;
use super::stop::Removal;
use crate::backend::{Container, State};
use crate::labels;
use crate::reconcile::observed::{is_oneoff, service_of};

impl<'a> Planner<'a> {
    /// Another folder's project of the same name: its containers are taken over service by service, as Docker Compose
    /// does, but not without a word.
    pub(super) fn notice_other_folder(&mut self) {
        let Some(other) = self.observed.containers.iter().find_map(|container| self.other_folder(container)) else {
            return;
        };
        let project = &self.desired.project;
        self.plan.notices.push(format!(
            "project `{project}` has containers from another folder, `{other}`; services of the same name are taken \
             over, others are left alone; `-p NAME` gives this project a name of its own"
        ));
    }

    fn other_folder(&self, container: &'a Container) -> Option<&'a str> {
        let folder = container.labels.get(labels::WORKING_DIR)?;
        (!folder.is_empty() && *folder != self.desired.working_dir).then_some(folder.as_str())
    }

    /// Removes orphans, or says that they are there; stops what the gateway stands in for.
    pub(super) fn orphans(&mut self) {
        let mut named = Vec::new();
        for container in &self.observed.containers {
            let service = service_of(container);
            if self.desired.adopted.contains(service) && !is_oneoff(container) {
                let cause = format!("the built-in gateway stands in for `{service}`");
                self.remove(service, container, &cause, &[], Removal::Surplus);
            } else if self.is_orphan(container) && self.other_folder(container).is_none() {
                if self.options.remove_orphans {
                    self.remove(service, container, "no service of the files owns it", &[], Removal::Surplus);
                } else {
                    named.push(container.name.as_str());
                }
            }
        }
        if !named.is_empty() && !self.options.ignore_orphans {
            self.plan.notices.push(format!(
                "found orphan containers ([{}]) for this project; if a service was removed or renamed in the compose \
                 file, `--remove-orphans` cleans them up",
                named.join(" ")
            ));
        }
    }

    fn is_orphan(&self, container: &Container) -> bool {
        if is_oneoff(container) {
            return matches!(container.state, State::Exited | State::Dead);
        }
        !self.desired.known.contains(service_of(container))
    }
}
