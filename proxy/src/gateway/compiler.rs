//! From an update to what can be put into force: files are read, keys made and certificates written, on a thread that may block.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::sign::CertifiedKey;

use crate::snapshot::Snapshot;
use crate::snapshot::compile::{Inputs, Problem, compile};
use crate::snapshot::internal::InternalServices;
use crate::tls::local::{LocalAuthority, LocalCertificates};
use crate::tls::options::Tickets;
use crate::tls::resolver::Obtained;
use crate::tls::store::self_made;

use super::{StartError, Update};

/// What is the same for every configuration that is compiled.
#[derive(Debug)]
pub(super) struct Compiler {
    /// The certificate where there is no other.
    own: Arc<CertifiedKey>,
    obtained: Arc<Obtained>,
    tickets: Tickets,
    internal: InternalServices,
    /// Nobody waits for it: one piece of work at a time is under way.
    authority: Mutex<LocalAuthority>,
}

/// A configuration that can be put into force.
#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) update: Update,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) problems: Vec<Problem>,
    /// Certificates for local names; none where they cannot be had, and those from before stay.
    pub(super) local: Option<LocalCertificates>,
    /// Tells it from one that is the same. `None` where it cannot be written down, which counts as another one.
    pub(super) fingerprint: Option<u64>,
}

impl Compiler {
    pub(super) fn new(obtained: Arc<Obtained>, internal: InternalServices) -> Result<Self, StartError> {
        Ok(Self { own: self_made()?, obtained, tickets: Tickets::default(), internal, authority: Mutex::default() })
    }

    /// Compiles an update; servers, connections and health known from `before` are kept.
    pub(super) fn compile(&self, update: Update, before: Option<&Snapshot>) -> Compiled {
        let inputs = Inputs {
            config: &update.configuration,
            entry_points: &update.models,
            udp_entry_points: &update.udp_entry_points,
            folders: &update.certificate_folders,
            own: &self.own,
            obtained: &self.obtained,
            resolvers: &update.resolvers,
            tickets: &self.tickets,
            internal: &|name| self.internal.find(name),
        };
        let (snapshot, mut problems) = compile(&inputs, before);
        let local = update.local_authority.as_deref().map(|folder| self.local_certificates(folder, &snapshot));
        let local = local.and_then(|given| given.map_err(|problem| problems.push(problem)).ok());
        let fingerprint = fingerprint(&update);
        Compiled { update, snapshot: Arc::new(snapshot), problems, local, fingerprint }
    }

    /// Certificates for the local names of a configuration, new ones where it is time.
    ///
    /// # Errors
    /// The authority's files cannot be read or written, or there is no randomness for keys.
    pub(super) fn local_certificates(&self, folder: &Path, snapshot: &Snapshot) -> Result<LocalCertificates, Problem> {
        let mut authority = self.authority.lock().unwrap_or_else(PoisonError::into_inner);
        let given = authority.certificates_for(folder, &snapshot.local);
        given.map_err(|reason| Problem { object: "local certificate authority".to_owned(), reason })
    }
}

fn fingerprint(update: &Update) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    serde_json::to_vec(&update.configuration).ok()?.hash(&mut hasher);
    Some(hasher.finish())
}
