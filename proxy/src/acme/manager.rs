//! The thread that gets certificates: one order at a time for each resolver.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use instant_acme::CertificateIdentifier;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use super::certificate::Certificate;
use super::certificate_store::{CertificateStore, StoredCertificate};
use super::challenges::Challenges;
use super::due::{Order, View, due};
use super::failure::{Failure, Kind};
use super::storage::Stored;
use super::wanted::Wanted;
use super::work::{Done, Job, Outcome, Session, Suggestion, Task};
use super::{Resolver, now, random, shown, trial};
use crate::tls::resolver::Obtained;
use crate::tls::store::ByName;

#[cfg(test)]
mod tests;

/// Changes come in groups; it also gives listeners the time to be there.
const SETTLE: Duration = Duration::from_millis(300);
/// The longest sleep: clocks are set, and files become writable again.
const LONGEST_SLEEP: i64 = 600;
/// After this time the authority is asked for the first time when a certificate is to be renewed. Whatever is missing is had
/// by then, or on its way.
const FIRST_QUESTION: i64 = 10;
/// How long it is left alone that has asked for it without saying how long.
const LEFT_ALONE: i64 = 3600;

/// The thread, from outside. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Manager {
    wanted: watch::Sender<Arc<Wanted>>,
}

impl Manager {
    /// Starts the thread; what it gets is put into `obtained`.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn start(first: Wanted, challenges: Arc<Challenges>, obtained: Arc<Obtained>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (wanted, watched) = watch::channel(Arc::new(first));
        std::thread::Builder::new()
            .name("certificates".to_owned())
            .spawn(move || runtime.block_on(State::new(challenges, obtained, &watched).run(watched)))?;
        Ok(Self { wanted })
    }

    /// Tells what is asked for from now on.
    pub(crate) fn tell(&self, wanted: Wanted) {
        self.wanted.send_replace(Arc::new(wanted));
    }
}

struct State {
    challenges: Arc<Challenges>,
    obtained: Arc<Obtained>,
    wanted: Arc<Wanted>,
    /// By path.
    stores: BTreeMap<PathBuf, CertificateStore>,
    /// By name of the resolver.
    sessions: HashMap<String, Session>,
    /// By certificate (DER).
    suggestions: HashMap<Vec<u8>, Suggestion>,
    running: JoinSet<Done>,
    jobs: HashMap<Id, Job>,
    started: i64,
}

impl State {
    fn new(challenges: Arc<Challenges>, obtained: Arc<Obtained>, watched: &watch::Receiver<Arc<Wanted>>) -> Self {
        Self {
            challenges,
            obtained,
            wanted: Arc::clone(&watched.borrow()),
            stores: BTreeMap::new(),
            sessions: HashMap::new(),
            suggestions: HashMap::new(),
            running: JoinSet::new(),
            jobs: HashMap::new(),
            started: now(),
        }
    }

    async fn run(mut self, mut watched: watch::Receiver<Arc<Wanted>>) {
        let first = Arc::clone(&watched.borrow_and_update());
        self.adopt(first).await;
        tokio::time::sleep(SETTLE).await;
        loop {
            let sleep = self.start_due().await.saturating_sub(now()).clamp(1, LONGEST_SLEEP);
            tokio::select! {
                changed = watched.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    tokio::time::sleep(SETTLE).await;
                    let wanted = Arc::clone(&watched.borrow_and_update());
                    self.adopt(wanted).await;
                }
                Some(done) = self.running.join_next_with_id() => self.finish(done).await,
                () = tokio::time::sleep(Duration::from_secs(sleep.unsigned_abs())) => {}
            }
        }
    }

    /// Takes over what is asked for from now on, with the storages that belong to it.
    async fn adopt(&mut self, wanted: Arc<Wanted>) {
        self.sessions.retain(|name, _| wanted.resolvers.get(name) == self.wanted.resolvers.get(name));
        self.wanted = wanted;
        self.challenges.reserve(self.working().flat_map(|(_, resolver)| resolver.reserved.clone()).collect());
        let files: Vec<_> =
            self.working().map(|(_, resolver)| (resolver.storage.clone(), resolver.import.clone())).collect();
        let used = |path: &PathBuf| {
            files.iter().any(|(storage, _)| storage == path) || self.jobs.values().any(|job| job.storage == *path)
        };
        let mut stores = self.stores.clone();
        // One that could not be read may be readable by now.
        stores.retain(|path, store| used(path) && !store.storage.is_locked());
        self.read(move || {
            for (path, import) in files {
                let store = stores.entry(path.clone()).or_insert_with(|| CertificateStore::open(&path, now()));
                if let Some(import) = import.filter(|import| *import != path) {
                    store.import(&path, &import);
                }
            }
            stores
        })
        .await;
        self.publish();
        self.save().await;
    }

    /// Reads storages, away from this thread; where that breaks down, those that are known stay.
    async fn read(&mut self, read: impl FnOnce() -> BTreeMap<PathBuf, CertificateStore> + Send + 'static) {
        match tokio::task::spawn_blocking(read).await {
            Ok(stores) => self.stores = stores,
            Err(error) => tracing::error!(%error, "the storages of certificates cannot be read; what is known stays"),
        }
    }

    /// The resolvers that can work.
    fn working(&self) -> impl Iterator<Item = (&String, &Resolver)> {
        self.wanted.resolvers.iter().filter(|(_, resolver)| resolver.options.obstacle().is_none())
    }

    /// Shows what is kept from now on; of several certificates for one name the one that lasts longest.
    fn publish(&self) {
        let mut kept: Vec<&StoredCertificate> = self.stores.values().flat_map(|store| &store.kept).collect();
        kept.sort_by_key(|one| std::cmp::Reverse(one.certificate.not_after));
        let mut by_name = ByName::default();
        kept.iter().for_each(|one| by_name.add(&one.certificate.key));
        self.obtained.acme.store(Arc::new(by_name));
    }

    async fn save(&mut self) {
        for (path, store) in &mut self.stores {
            if let Err(error) = store.save().await {
                tracing::error!(%error, file = %path.display(), "certificates cannot be stored; they are served until the gateway ends, and stored as soon as it can be done");
            }
        }
    }

    /// Starts what can be started; returns when to look again.
    async fn start_due(&mut self) -> i64 {
        if self.stores.values().any(|store| store.storage.is_locked()) {
            self.adopt(Arc::clone(&self.wanted)).await;
        }
        if self.stores.values().any(|store| store.unsaved) {
            self.save().await;
        }
        let time = now();
        let (orders, mut wake) = self.due(time);
        for order in orders {
            let resolver = self.wanted.resolvers.get(&order.resolver).cloned();
            let is_busy = |resolver: &Resolver| {
                let mut jobs = self.jobs.values();
                jobs.any(|job| job.order.resolver == order.resolver || job.resolver.takes_turns_with(resolver))
            };
            // Looked at again when the resolver is done with what it does.
            let Some(resolver) = resolver.filter(|resolver| !is_busy(resolver)) else { continue };
            let Some(store) = self.stores.get_mut(&resolver.storage) else { continue };
            let failures = store.attempts.failures(&resolver.options.ca_server, &order.names);
            let trial = trial::server(&resolver.options, &resolver.environment, failures);
            store.attempts.begin(&resolver.options.ca_server, &order.names, time, random());
            if let Err(error) = store.remember().await {
                tracing::error!(
                    %error, file = %resolver.storage.display(), resolver = order.resolver, names = order.names.join(", "),
                    "no certificate is asked for, since it could not be stored; make the folder writable"
                );
                store.attempts.unreached(&resolver.options.ca_server, &order.names, time, random());
                wake =
                    wake.min(store.attempts.earliest(&resolver.options.ca_server, &order.names, order.renewal, time));
                continue;
            }
            self.start(order, resolver, Task::Order { trial });
        }
        if self.jobs.is_empty() {
            wake = wake.min(self.ask_when_to_renew(time));
        }
        wake
    }

    fn due(&self, time: i64) -> (Vec<Order>, i64) {
        let kept: Vec<&StoredCertificate> = self.stores.values().flat_map(|store| &store.kept).collect();
        let busy: BTreeSet<String> = self.jobs.values().flat_map(|job| job.order.names.iter().cloned()).collect();
        let earliest = |resolver: &Resolver, order: &Order| {
            let store = self.stores.get(&resolver.storage);
            let authority = &resolver.options.ca_server;
            store.map_or(i64::MAX, |store| store.attempts.earliest(authority, &order.names, order.renewal, time))
        };
        let view = View {
            wanted: &self.wanted,
            kept: &kept,
            busy: &busy,
            earliest: &earliest,
            renew_at: &|one| self.renew_at(one),
            planned: &|one| self.planned(one),
        };
        due(&view, time)
    }

    fn renew_at(&self, kept: &StoredCertificate) -> i64 {
        let suggested = der(&kept.certificate).and_then(|der| self.suggestions.get(der)).and_then(|found| found.at);
        suggested.map_or_else(|| self.planned(kept), |at| at.min(kept.certificate.not_after))
    }

    fn planned(&self, kept: &StoredCertificate) -> i64 {
        let resolver =
            self.working().find(|(_, resolver)| resolver.storage == kept.storage && resolver.name == kept.resolver);
        kept.certificate.renew_at(resolver.map_or(0, |(_, resolver)| resolver.options.certificates_duration))
    }

    fn start(&mut self, order: Order, resolver: Resolver, task: Task) {
        let storage = resolver.storage.clone();
        let store = self.stores.get(&storage);
        let stored = store.and_then(|store| store.storage.entry(&resolver.name)?.account.clone());
        let replaced = order
            .replaces
            .as_ref()
            .and_then(|domain| store?.kept.iter().find(|one| one.resolver == resolver.name && one.domain == *domain));
        let is_its_own =
            |one: &&StoredCertificate| one.authority.as_ref().is_none_or(|it| *it == resolver.options.ca_server);
        let replaced = replaced.filter(is_its_own).and_then(|one| der(&one.certificate)).map(<[u8]>::to_vec);
        let identifier = replaced.as_ref().and_then(|der| {
            let suggestion = self.suggestions.get(der);
            let wanted = task == Task::Question || suggestion.is_some_and(|found| found.replaces);
            let der = rustls_pki_types::CertificateDer::from(der.as_slice());
            CertificateIdentifier::try_from(&der).ok().filter(|_| wanted).map(CertificateIdentifier::into_owned)
        });
        let job = Job { order, resolver, storage, replaced, identifier, task };
        let session = self.sessions.get(&job.order.resolver).cloned();
        let work = job.clone().run(session, stored, Arc::clone(&self.challenges));
        let handle = self.running.spawn(work);
        self.jobs.insert(handle.id(), job);
    }

    /// Asks an authority when a certificate in use is to be renewed (RFC 9773), where there is an account already;
    /// returns when to ask for the next.
    fn ask_when_to_renew(&mut self, time: i64) -> i64 {
        let mut wake = i64::MAX;
        let mut next = None;
        for (name, resolver) in self.working() {
            let Some(store) = self.stores.get(&resolver.storage) else { continue };
            let has_account = store.storage.entry(&resolver.name).is_some_and(|entry| entry.account.is_some());
            let names = || self.wanted.wants.iter().flat_map(|want| &want.names);
            let own = store.kept.iter().filter(|one| one.resolver == resolver.name && one.certificate.is_good(time));
            for one in own.filter(|_| has_account) {
                let is_used = names().any(|name| {
                    let shown = self.obtained.acme.load();
                    shown.find(name).is_some_and(|key| Arc::ptr_eq(key, &one.certificate.key))
                });
                let Some(der) = der(&one.certificate).filter(|_| is_used) else { continue };
                let ask_at = self.suggestions.get(der).map_or(self.started + FIRST_QUESTION, |found| found.ask_at);
                if ask_at > time {
                    wake = wake.min(ask_at);
                } else if next.is_none() {
                    let replaces = Some(one.domain.clone());
                    let order = Order { resolver: name.clone(), names: Vec::new(), replaces, renewal: false };
                    next = Some((order, resolver.clone()));
                }
            }
        }
        if let Some((order, resolver)) = next {
            self.start(order, resolver, Task::Question);
        }
        wake
    }

    async fn finish(&mut self, done: Result<(Id, Done), JoinError>) {
        let (id, done) = match done {
            Ok((id, done)) => (id, Some(done)),
            Err(error) => {
                tracing::error!(%error, "an order was cut off");
                (error.id(), None)
            }
        };
        let Some(job) = self.jobs.remove(&id) else { return };
        let Some(done) = done else { return };
        let retry_at = done.session.as_ref().map_or(0, |session| session.client.retry_at());
        // A session with options that are not in force any more is of no use.
        let is_current = self.wanted.resolvers.get(&job.order.resolver) == Some(&job.resolver);
        if let Some(session) = done.session.filter(|_| is_current) {
            self.sessions.insert(job.order.resolver.clone(), session);
        }
        let Some(store) = self.stores.get_mut(&job.storage) else { return };
        if let Some(account) = done.account {
            store.storage.set_account(&job.resolver.name, account);
            store.unsaved = true;
        }
        let authority = &job.resolver.options.ca_server;
        match done.outcome {
            Outcome::Suggestion(suggestion) => {
                if let Some(der) = job.replaced {
                    self.suggestions.insert(der, suggestion);
                }
            }
            Outcome::Issued(Ok((issued, certificate))) => {
                store.attempts.succeed(authority, &job.order.names, now());
                let stored = Stored::new(&job.order.names, &issued.chain, &issued.key, authority);
                store.add(&job.storage, &job.resolver.name, stored, job.order.replaces.as_ref());
                let verb = if job.order.replaces.is_some() { "certificate renewed" } else { "certificate obtained" };
                tracing::info!(
                    resolver = job.order.resolver,
                    names = job.order.names.join(", "),
                    expires = shown(certificate.not_after),
                    "{verb}"
                );
                if let Some(der) = job.replaced {
                    self.suggestions.remove(&der);
                }
            }
            Outcome::Issued(Err(failure)) => {
                settle(store, &job, &failure, retry_at);
                let next = store.attempts.earliest(authority, &job.order.names, job.order.renewal, now());
                tracing::error!(
                    resolver = job.order.resolver,
                    names = job.order.names.join(", "),
                    reason = failure.reason,
                    help = &*failure.hint,
                    next_attempt = shown(next),
                    "{}",
                    if job.order.replaces.is_some() { "certificate not renewed" } else { "certificate not obtained" }
                );
                // The authority may be of another mind about what is replaced.
                if let Some(found) = job.replaced.and_then(|der| self.suggestions.get_mut(&der)) {
                    found.replaces = false;
                }
            }
        }
        if job.task != Task::Question
            && let Err(error) = store.remember().await
        {
            tracing::error!(%error, file = %job.storage.display(), "what was tried cannot be remembered");
        }
        self.save().await;
        self.publish();
    }
}

/// What a failure means for the next attempt.
fn settle(store: &mut CertificateStore, job: &Job, failure: &Failure, retry_at: i64) {
    let (authority, names, time) = (&job.resolver.options.ca_server, &job.order.names, now());
    store.attempts.note(authority, names, &failure.reason);
    match failure.kind {
        Kind::Unreached => store.attempts.unreached(authority, names, time, random()),
        Kind::TooOften if retry_at <= time => store.attempts.postpone(authority, names, time + LEFT_ALONE),
        Kind::TooOften | Kind::NoAccount | Kind::Refused => {}
    }
    if retry_at > time {
        store.attempts.postpone(authority, names, retry_at);
    }
}

fn der(certificate: &Certificate) -> Option<&[u8]> {
    certificate.key.cert.first().map(AsRef::as_ref)
}
