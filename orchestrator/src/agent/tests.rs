#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures_util::stream;

use super::*;
use crate::backend::memory::Memory;
use crate::edge::adopt::{HostMount, Traefik};

fn event(kind: &str, action: &str) -> Event {
    let (kind, action, id) = (kind.to_owned(), action.to_owned(), "c".to_owned());
    Event { kind, action, id, attributes: BTreeMap::new(), time: 0 }
}

fn agent(root: &Path) -> Agent {
    Agent {
        engine: Memory::new(),
        root: root.to_owned(),
        files: None,
        known: ConfigurationFiles::default(),
        dying: watch::channel(Dying::default()).1,
        problems: BTreeSet::new(),
        healer: Healer::default(),
        restarts: JoinSet::new(),
    }
}

fn routed(project: &str) -> ProjectFile {
    let labels = [
        ("traefik.http.routers.web.rule", "Host(`a.test`)"),
        ("traefik.http.services.web.loadbalancer.server.port", "80"),
    ];
    let labels: BTreeMap<_, _> = labels.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    ProjectFile {
        project: project.to_owned(),
        revision: "1".to_owned(),
        services: [("web".to_owned(), labels)].into(),
        ..ProjectFile::default()
    }
}

#[tokio::test]
async fn what_cannot_be_read_leaves_the_gateway_what_it_has() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join(projects::FOLDER);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("a@1.json"), serde_json::to_vec(&routed("a")).unwrap()).unwrap();
    let mut agent = agent(root.path());
    agent.rebuild().await.unwrap();
    let before = fs::read(state::edge_path(root.path())).unwrap();
    let edge: EdgeConfiguration = serde_json::from_slice(&before).unwrap();
    assert!(!edge.entry_points.is_empty() && edge.revisions.contains_key("a"), "{edge:?}");

    fs::rename(folder.join("a@1.json"), root.path().join("kept")).unwrap();
    fs::create_dir(folder.join("a@1.json")).unwrap();
    let error = agent.rebuild().await.unwrap_err();
    assert!(error.message.contains("a@1.json"), "{error}");
    assert_eq!(fs::read(state::edge_path(root.path())).unwrap(), before);

    fs::remove_dir(folder.join("a@1.json")).unwrap();
    agent.rebuild().await.unwrap();
    assert_ne!(fs::read(state::edge_path(root.path())).unwrap(), before, "now it is gone");
}

#[tokio::test]
async fn why_the_events_ended_is_known() {
    let broken = backend::Error {
        kind: ErrorKind::Unreachable,
        call: "events",
        object: String::new(),
        message: "connection reset".to_owned(),
    };
    let (wake, mut woken) = mpsc::channel(1);
    let (tell, _told) = watch::channel(Dying::default());
    let mut pause = LONGEST_PAUSE;
    let events = vec![Ok(event("container", "start")), Ok(event("image", "pull")), Err(broken)];
    let reason = hand_on(&mut stream::iter(events).boxed(), &wake, &tell, &mut pause).await;
    assert!(reason.contains("connection reset"), "{reason}");
    assert_eq!((woken.try_recv(), pause), (Ok(()), FIRST_PAUSE));
    let reason = hand_on(&mut stream::empty().boxed(), &wake, &tell, &mut pause).await;
    assert!(reason.contains("no more"), "{reason}");
}

#[test]
fn events_that_routes_depend_on() {
    let cases = [
        ("container", "health_status: healthy", true),
        ("container", "die", true),
        ("container", "exec_start: sh", false),
        ("network", "connect", true),
        ("network", "create", false),
        ("volume", "start", false),
    ];
    for (kind, action, concerns) in cases {
        assert_eq!(concerns_routes(&event(kind, action)), concerns, "{kind} {action}");
    }
}

#[tokio::test]
async fn however_many_events_come_nobody_who_is_told_to_end_is_forgotten() {
    let kill = |id: String| {
        let attributes = BTreeMap::from([("signal".to_owned(), "15".to_owned())]);
        Event { id, attributes, ..event("container", "kill") }
    };
    let others = (0..5000).flat_map(move |number| {
        let id = format!("other {number}");
        [kill(id.clone()), Event { id, ..event("container", "die") }]
    });
    let events = [kill("a".to_owned()), kill("b".to_owned())].into_iter().chain(others);
    let events = events.chain([Event { id: "b".to_owned(), ..event("container", "start") }]);
    let (wake, _woken) = mpsc::channel(1);
    // Nobody looks while they come.
    let (tell, told) = watch::channel(Dying::default());
    hand_on(&mut stream::iter(events.map(Ok)).boxed(), &wake, &tell, &mut LONGEST_PAUSE.clone()).await;
    let dying = told.borrow();
    assert_eq!(["a", "b", "other 0", "other 4999"].map(|id| dying.contains(id)), [true, false, false, false]);
}

#[tokio::test(start_paused = true)]
async fn restarts_under_way_come_to_their_end() {
    let mut agent = agent(Path::new("/nowhere"));
    let (done, mut ended) = mpsc::channel(2);
    for seconds in [10, 60] {
        let done = done.clone();
        agent.restarts.spawn(async move {
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            let _ = done.send(seconds).await;
        });
    }
    let start = Instant::now();
    agent.end().await;
    assert_eq!((ended.try_recv(), start.elapsed()), (Ok(10), LAST_RESTARTS));
    agent.restart(Restart { id: "none".to_owned(), name: "none".to_owned(), count: 1, last: false });
    assert_eq!(agent.restarts.len(), 2, "the agent has it");
}

#[test]
fn host_files_that_matter() {
    let mount = |container: &str| HostMount { host: "/srv/x".into(), container: container.into(), writable: false };
    let traefik = Traefik { mounts: vec![mount("/certs"), mount("/users")], ..Traefik::default() };
    let projects = BTreeMap::from([("p".to_owned(), ProjectFile { traefik: Some(traefik), ..ProjectFile::default() })]);
    let named = host_files(Path::new("/state"), &projects, &EdgeConfiguration::default());
    assert_eq!(named, ["/host/p/certs", "/host/p/users"].map(PathBuf::from).into());
}
