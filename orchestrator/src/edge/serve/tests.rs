#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use futures_util::poll;

use super::*;

#[tokio::test]
async fn a_reading_that_was_broken_off_is_made_up_for() {
    let root = tempfile::tempdir().unwrap();
    let edge = state::edge_path(root.path());
    fs::create_dir_all(edge.parent().unwrap()).unwrap();
    fs::write(&edge, serde_json::to_vec(&EdgeConfiguration::default()).unwrap()).unwrap();
    let gateway = Gateway::start(Options::default()).await.unwrap();
    let (view, mut viewed) = watch::channel(None);
    let known = ConfigurationFiles::default();
    let mut serving = Serving {
        api: Api::new("", "", true),
        view,
        listening: gateway.subscribe(),
        status_line: watch::channel(String::new()).0,
        access_log: None,
        metrics: statics::Metrics::default(),
        tracing: None,
        status: Status::default(),
        files: known,
        unread: false,
        status_file: root.path().join("status.json"),
    };
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
