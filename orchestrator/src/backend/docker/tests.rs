#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

/// An engine at a socket where whoever connects is never answered.
fn silent(seconds: &str) -> (tempfile::TempDir, std::os::unix::net::UnixListener, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let host = ("DOCKER_HOST".to_owned(), format!("unix://{}", socket.display()));
    let engine = connect(&BTreeMap::from([host, (LIMIT_VARIABLE.to_owned(), seconds.to_owned())])).unwrap();
    (folder, listener, engine)
}

#[test]
fn the_time_limit_is_a_number_of_seconds() {
    let set = |text: &str| patience(&BTreeMap::from([(LIMIT_VARIABLE.to_owned(), text.to_owned())]));
    assert_eq!(set("5").unwrap(), Some(Duration::from_secs(5)));
    assert_eq!(set("").unwrap(), None);
    for wrong in ["0", "-1", "soon", "1.5"] {
        let error = set(wrong).unwrap_err();
        assert_eq!(error.message, format!("STACK_ENGINE_TIMEOUT is `{wrong}`, which is no number of seconds"));
    }
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_never_answers_is_given_up() {
    let (_folder, _listener, engine) = silent("3");
    let error = engine.containers(&LabelFilter::default()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
    assert_eq!(error.message, format!("the engine at {} did not answer within 3 seconds", engine.address()));
    // However long a pull may take, an engine that is gone ends it.
    let error = engine.pull("app:1", "", Arc::new(|_| {})).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Timeout);
}
