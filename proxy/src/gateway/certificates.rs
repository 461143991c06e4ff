//! Certificates that are not in the configuration: those that authorities give, and those of our own for local names.

use std::path::PathBuf;
use std::sync::Arc;

use crate::acme::challenges::Challenges;
use crate::acme::manager::Manager;
use crate::acme::wanted::Wanted;
use crate::tls::local::LocalCertificates;
use crate::tls::resolver::Obtained;

/// What is had of them, and who gets more.
#[derive(Debug)]
pub(super) struct Certificates {
    obtained: Arc<Obtained>,
    challenges: Arc<Challenges>,
    manager: Obtaining,
    /// Folder of the local authority, where the configuration in force has one.
    pub(super) authority: Option<PathBuf>,
}

/// Whether certificates are asked for.
#[derive(Debug)]
enum Obtaining {
    /// No configuration so far has a resolver.
    Unneeded,
    /// By this thread.
    Running(Manager),
    /// No longer: another gateway does.
    Retired,
}

impl Certificates {
    pub(super) fn new(obtained: Arc<Obtained>, challenges: Arc<Challenges>) -> Self {
        Self { obtained, challenges, manager: Obtaining::Unneeded, authority: None }
    }

    /// Where handshakes find them.
    pub(super) fn obtained(&self) -> &Arc<Obtained> {
        &self.obtained
    }

    /// Handshakes see these for local names from now on.
    pub(super) fn show_local(&self, certificates: LocalCertificates) {
        self.obtained.local.store(Arc::new(certificates));
    }

    /// Has those obtained that a configuration asks for.
    pub(super) fn obtain(&mut self, wanted: Wanted) {
        match &self.manager {
            Obtaining::Running(manager) => manager.tell(wanted),
            Obtaining::Unneeded if !wanted.resolvers.is_empty() => {
                match Manager::start(wanted, Arc::clone(&self.challenges), Arc::clone(&self.obtained)) {
                    Ok(manager) => self.manager = Obtaining::Running(manager),
                    Err(error) => {
                        tracing::error!(%error, "no certificates are obtained: their thread cannot be started");
                    }
                }
            }
            Obtaining::Unneeded | Obtaining::Retired => {}
        }
    }

    /// Has no more of them obtained; those that are there go on being shown.
    pub(super) fn retire(&mut self) {
        self.manager = Obtaining::Retired;
    }
}
