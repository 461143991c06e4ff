#![expect(clippy::panic, clippy::unwrap_used, reason = "tests")]

use tempfile::TempDir;

use super::*;
use crate::acme::certificate::tests::made;
use crate::acme::order::Issued;
use crate::acme::storage::{Account, Domain};
use crate::acme::wanted::Want;
use crate::config::statics::{Acme, TlsChallenge};
use crate::tls::store::{Store, self_made};

const DAY: i64 = 86_400;
const HOST: &str = "a.example";

/// A state for one name and one resolver, whose storage is in a folder.
struct Scene {
    state: State,
    resolver: Resolver,
    folder: TempDir,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let resolver = Resolver {
            name: "le".to_owned(),
            storage: folder.path().join("acme.json"),
            // Nobody answers there.
            options: Acme {
                ca_server: "https://127.0.0.1:1/dir".to_owned(),
                tls_challenge: Some(TlsChallenge::default()),
                ..Acme::default()
            },
            ..Resolver::default()
        };
        let (_, watched) = watch::channel(Arc::new(wanted(None)));
        let mut state = State::new(Arc::default(), Arc::default(), &watched);
        state.adopt(Arc::new(wanted(Some(&resolver)))).await;
        Self { state, resolver, folder }
    }

    fn job(&self, replaces: Option<Domain>, task: Task) -> Job {
        let names = if task == Task::Question { Vec::new() } else { vec![HOST.to_owned()] };
        let renewal = replaces.is_some();
        let replaced = self.book().kept.first().and_then(|one| der(&one.certificate)).map(<[u8]>::to_vec);
        let order = Order { resolver: "le".to_owned(), names, replaces, renewal };
        let storage = self.resolver.storage.clone();
        Job { order, resolver: self.resolver.clone(), storage, replaced, identifier: None, task }
    }

    /// Ends a job with this outcome.
    async fn end(&mut self, job: Job, outcome: Outcome, account: Option<Account>) {
        let handle = self.state.running.spawn(async { Done { outcome, session: None, account } });
        self.state.jobs.insert(handle.id(), job);
        let done = self.state.running.join_next_with_id().await.unwrap();
        self.state.finish(done).await;
        assert!(self.state.jobs.is_empty());
    }

    async fn issue(&mut self, from: i64, replaces: Option<Domain>) {
        let (chain, key) = made(&[HOST], from, 90 * DAY);
        let certificate = Certificate::parse(chain.as_bytes(), key.as_bytes()).unwrap();
        let job = self.job(replaces, Task::Order { trial: None });
        self.end(job, Outcome::Issued(Ok((Issued { chain, key }, certificate))), Some(Account::default())).await;
    }

    async fn fail(&mut self, kind: Kind) {
        let failure = Failure { kind, reason: "a reason".to_owned(), hint: "a way out".into() };
        let job = self.job(None, Task::Order { trial: None });
        self.end(job, Outcome::Issued(Err(failure)), None).await;
    }

    fn book(&self) -> &CertificateStore {
        self.state.stores.get(&self.resolver.storage).unwrap()
    }

    /// Seconds until the name may be asked for again.
    fn pause(&self) -> i64 {
        let authority = &self.resolver.options.ca_server;
        self.book().attempts.earliest(authority, &[HOST.to_owned()], false, now()).saturating_sub(now())
    }

    /// When what is shown for the name expires.
    fn shown_until(&self) -> Option<i64> {
        let shown = self.state.obtained.acme.load();
        let key = shown.find(HOST)?;
        self.book().kept.iter().find(|one| Arc::ptr_eq(key, &one.certificate.key)).map(|one| one.certificate.not_after)
    }
}

fn wanted(resolver: Option<&Resolver>) -> Wanted {
    let resolvers: BTreeMap<_, _> = resolver.into_iter().map(|one| (one.name.clone(), one.clone())).collect();
    let want = |name: &String| Want { resolver: name.clone(), names: vec![HOST.to_owned()] };
    let wants = resolvers.keys().map(want).collect();
    Wanted { resolvers, wants, store: Arc::new(Store::new(Vec::new(), self_made().unwrap())) }
}

#[tokio::test]
async fn what_is_missing_is_asked_for_once_and_kept_when_it_comes() {
    let mut scene = Scene::new().await;
    let (orders, _) = scene.state.due(now());
    assert_eq!(orders.len(), 1);
    scene.state.start_due().await;
    scene.state.start_due().await;
    assert_eq!(scene.state.jobs.len(), 1, "it is under way");
    scene.state.running.shutdown().await;
    scene.state.jobs.clear();
    assert!(scene.pause() > 0, "an attempt that was cut off counts");

    let from = now() - DAY;
    scene.issue(from, None).await;
    assert_eq!(scene.shown_until(), Some(from + 90 * DAY));
    assert!(scene.state.due(now()).0.is_empty());
    let again = CertificateStore::open(&scene.resolver.storage, now());
    assert_eq!((again.kept.len(), again.storage.entry("le").unwrap().account.is_some()), (1, true), "it is stored");
}

#[tokio::test]
async fn a_renewal_takes_the_place_of_what_was_there() {
    let mut scene = Scene::new().await;
    let from = now() - 80 * DAY;
    scene.issue(from, None).await;
    let (orders, _) = scene.state.due(now());
    let replaces = orders.first().unwrap().replaces.clone();
    assert!(replaces.is_some());
    let suggestion = Suggestion { at: Some(now() + DAY), ask_at: now() + 3600, replaces: true };
    let question = scene.job(replaces.clone(), Task::Question);
    scene.end(question, Outcome::Suggestion(suggestion), None).await;
    assert!(scene.state.due(now()).0.is_empty(), "the authority says: tomorrow");
    assert_eq!(scene.state.suggestions.len(), 1);
    scene.issue(now() - DAY, replaces).await;
    assert_eq!((scene.book().kept.len(), scene.state.suggestions.len()), (1, 0));
    assert!(scene.shown_until() > Some(now() + 80 * DAY));
}

#[tokio::test]
async fn a_failure_is_remembered_by_its_kind() {
    for (kind, least, most) in [(Kind::Unreached, 1, 120), (Kind::TooOften, LEFT_ALONE - 5, LEFT_ALONE + 5)] {
        let mut scene = Scene::new().await;
        scene.fail(kind).await;
        let pause = scene.pause();
        assert!((least..=most).contains(&pause), "{kind:?}: {pause}");
        assert_eq!(
            CertificateStore::open(&scene.resolver.storage, now()).attempts,
            scene.book().attempts,
            "over a restart"
        );
        assert_eq!(scene.state.due(now()).0.len(), 0);
    }
}

#[tokio::test]
async fn after_a_failed_renewal_the_authority_is_not_told_what_is_replaced() {
    let mut scene = Scene::new().await;
    scene.issue(now() - 80 * DAY, None).await;
    let suggestion = Suggestion { at: None, ask_at: now() + 3600, replaces: true };
    let question = scene.job(None, Task::Question);
    scene.end(question, Outcome::Suggestion(suggestion), None).await;
    scene.fail(Kind::Refused).await;
    assert!(scene.state.suggestions.values().all(|found| !found.replaces));
    assert!(scene.shown_until().is_some(), "what is there is shown on");
}

#[tokio::test]
async fn the_question_when_to_renew_waits_for_an_account_and_its_time() {
    let mut scene = Scene::new().await;
    let first = scene.state.started + FIRST_QUESTION;
    assert_eq!(scene.state.ask_when_to_renew(first), i64::MAX, "there is nothing to ask about");
    scene.issue(now() - DAY, None).await;
    assert_eq!(scene.state.ask_when_to_renew(first - 1), first);
    scene.state.ask_when_to_renew(first);
    let asked: Vec<&Task> = scene.state.jobs.values().map(|job| &job.task).collect();
    assert_eq!(asked, [&Task::Question]);
}

#[tokio::test]
async fn nothing_is_asked_for_that_could_not_be_stored() {
    let mut scene = Scene::new().await;
    let blocked = scene.folder.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    scene.resolver.storage = blocked.join("acme.json");
    scene.state.adopt(Arc::new(wanted(Some(&scene.resolver)))).await;
    let wake = scene.state.start_due().await;
    assert!(scene.state.jobs.is_empty() && wake > now(), "{wake}");
}

#[tokio::test]
async fn a_resolver_that_is_gone_takes_its_storage_along() {
    let mut scene = Scene::new().await;
    scene.issue(now() - DAY, None).await;
    scene.state.adopt(Arc::new(wanted(None))).await;
    assert!(scene.state.stores.is_empty() && scene.state.obtained.acme.load().find(HOST).is_none());
    scene.state.adopt(Arc::new(wanted(Some(&scene.resolver)))).await;
    assert!(scene.shown_until().is_some(), "it is read again");
    let wrong = Acme { ca_server: "http://ca.example".to_owned(), ..scene.resolver.options.clone() };
    scene.resolver.options = wrong;
    scene.state.adopt(Arc::new(wanted(Some(&scene.resolver)))).await;
    assert_eq!((scene.state.stores.len(), scene.state.due(now()).0.len()), (0, 0), "one that cannot work does nothing");
}

#[tokio::test]
async fn what_is_known_outlives_a_reading_that_breaks_down() {
    let store = Arc::new(Store::new(Vec::new(), self_made().unwrap()));
    let wanted = Wanted { resolvers: BTreeMap::new(), wants: Vec::new(), store };
    let (_wanted, watched) = watch::channel(Arc::new(wanted));
    let mut state = State::new(Arc::default(), Arc::default(), &watched);
    let path = PathBuf::from("/nowhere/acme.json");
    state.stores.insert(path.clone(), CertificateStore::open(&path, now()));
    let stores = state.stores.clone();
    state
        .read(move || match stores.len() {
            1 => panic!("a book that nobody can read"),
            _ => stores,
        })
        .await;
    assert!(state.stores.contains_key(&path));
    state.read(BTreeMap::new).await;
    assert!(state.stores.is_empty());
}
