//! What is served, from the file that the agent writes.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures_util::poll;

use super::*;

/// A gateway that serves nothing yet, and what it is told by.
async fn serving(root: &Path) -> (Serving, Gateway) {
    let gateway = Gateway::start(Options::default()).await.unwrap();
    let serving = Serving {
        api: Api::new("0", "", true),
        view: watch::channel(None).0,
        listening: gateway.subscribe(),
        status_line: watch::channel(String::new()).0,
        access_log: None,
        metrics: statics::Metrics::default(),
        tracing: None,
        status: Status::default(),
        files: ConfigurationFiles::default(),
        unread: false,
        status_file: root.join("status.json"),
    };
    (serving, gateway)
}

fn edge(revision: &str) -> EdgeConfiguration {
    let mut edge = EdgeConfiguration::default();
    edge.revisions.insert("p".to_owned(), revision.to_owned());
    edge.problems.insert("p".to_owned(), vec!["the agent's".to_owned()]);
    let point = statics::EntryPoint { address: "127.0.0.1:0".to_owned(), ..statics::EntryPoint::default() };
    edge.entry_points.insert("web".to_owned(), point);
    let router = proxy::config::dynamic::Router { rule: "Host(".to_owned(), ..Default::default() };
    edge.dynamic.http.routers.insert("r@docker".to_owned(), router);
    edge
}

#[tokio::test]
async fn what_cannot_be_read_leaves_the_last_configuration_in_force() {
    let root = tempfile::tempdir().unwrap();
    let path = state::edge_path(root.path());
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let (mut serving, gateway) = serving(root.path()).await;
    serving.read(root.path(), &gateway, Inherited::default()).await.unwrap();
    assert_eq!(serving.status, Status::default(), "there is nothing yet");

    fs::write(&path, serde_json::to_vec(&edge("1")).unwrap()).unwrap();
    serving.read(root.path(), &gateway, Inherited::default()).await.unwrap();
    assert_eq!(serving.status.revisions.get("p").map(String::as_str), Some("1"));
    assert!(serving.status.problems.iter().any(|line| line.contains("r@docker")), "{:?}", serving.status.problems);
    assert_eq!(serving.status.project_problems.len(), 1);
    let listening = serving.listening.wait_for(|status| status.listeners.contains_key("web")).await.unwrap().clone();
    assert!(matches!(listening.listeners.get("web"), Some(Listener::Bound(_))), "{listening:?}");
    let view = serving.view.borrow().clone().unwrap();
    assert!(view.background.problems.contains_key("") && view.background.problems.contains_key("p"));

    let before = serving.status.clone();
    fs::write(&path, "{").unwrap();
    serving.read(root.path(), &gateway, Inherited::default()).await.unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    serving.read(root.path(), &gateway, Inherited::default()).await.unwrap();
    assert_eq!(serving.status, before);
    gateway.shutdown(Duration::ZERO, Duration::ZERO).await;
}

#[tokio::test]
async fn nobody_to_take_over_from_is_no_mistake() {
    assert!(inherit(None).await.is_none());
    assert!(inherit(Some("stack-test-nobody-is-here")).await.is_none());
}

#[tokio::test]
async fn a_reading_that_was_broken_off_is_made_up_for() {
    let root = tempfile::tempdir().unwrap();
    let edge = state::edge_path(root.path());
    fs::create_dir_all(edge.parent().unwrap()).unwrap();
    fs::write(&edge, serde_json::to_vec(&EdgeConfiguration::default()).unwrap()).unwrap();
    let (mut serving, gateway) = serving(root.path()).await;
    let mut viewed = serving.view.subscribe();
    {
        let read = std::pin::pin!(serving.read(root.path(), &gateway, Inherited::default()));
        assert!(poll!(read).is_pending());
    }
    assert!(viewed.borrow_and_update().is_none(), "it was broken off");
    // None of its folders is watched: no change is told of.
    let mut files = FileWatch::new(|_| false).unwrap();
    {
        let mut follow = std::pin::pin!(serving.follow(root.path(), &gateway, &mut files));
        tokio::select! {
            error = &mut follow => panic!("{error}"),
            changed = viewed.changed() => changed.unwrap(),
            () = tokio::time::sleep(Duration::from_secs(20)) => {}
        }
    }
    assert!(viewed.borrow().is_some() && !serving.unread);
    gateway.shutdown(Duration::ZERO, Duration::ZERO).await;
}
