#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, Read as _};

use super::*;
use crate::backend::{Attachment, BuildSpec};

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

/// What an engine of a test says to a request.
enum Reply {
    /// An answer with this status and body.
    Answer(u16, &'static str),
    /// These bytes, and nothing more for as long as the connection is held.
    Silence(&'static [u8]),
}

/// The first line of a request, the rest of which is taken.
fn request_line(reader: &mut impl std::io::BufRead) -> Option<String> {
    let mut lines = reader.by_ref().lines().map_while(std::result::Result::ok);
    let request = lines.next()?;
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let length = head.iter().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    std::io::copy(&mut reader.take(length.unwrap_or(0)), &mut std::io::sink()).ok()?;
    Some(request)
}

/// An engine that says to each call what `says` has for its path, and its client with these variables.
fn serving(
    says: impl Fn(&str) -> Reply + Copy + Send + 'static,
    variables: &[(&str, &str)],
) -> (tempfile::TempDir, Engine) {
    use std::io::{BufReader, Write as _};
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(std::result::Result::ok) {
            std::thread::spawn(move || {
                let mut reader = BufReader::new(&stream);
                while let Some(request) = request_line(&mut reader) {
                    match says(request.split(' ').nth(1).unwrap_or_default()) {
                        Reply::Answer(status, body) => {
                            let length = body.len();
                            let head =
                                format!("HTTP/1.1 {status} x\r\nApi-Version: 1.41\r\ncontent-length: {length}\r\n\r\n");
                            (&stream).write_all(format!("{head}{body}").as_bytes()).unwrap();
                        }
                        Reply::Silence(first) => {
                            (&stream).write_all(first).unwrap();
                            let _ = std::io::copy(&mut &stream, &mut std::io::sink());
                            return;
                        }
                    }
                }
            });
        }
    });
    let host = ("DOCKER_HOST".to_owned(), format!("unix://{}", socket.display()));
    let others = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    (folder, connect(&others.chain([host]).collect()).unwrap())
}

/// An engine that has a builder, and never answers whoever wants to speak to it: not at all, or once it has handed the
/// connection over.
fn mute_builder(hands_over: bool) -> (tempfile::TempDir, Engine) {
    let says = move |path: &str| match path.contains("/session") || path.contains("/grpc") {
        true if hands_over => Reply::Silence(b"HTTP/1.1 101 x\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n"),
        true => Reply::Silence(b""),
        false => Reply::Answer(200, "{}"),
    };
    serving(says, &[(LIMIT_VARIABLE, "1")])
}

#[tokio::test]
async fn a_builder_that_never_answers_is_given_up() {
    let context = tempfile::tempdir().unwrap();
    let spec = BuildSpec {
        build: compose_schema::model::Build {
            context: context.path().display().to_string(),
            dockerfile_inline: "FROM x".to_owned(),
            ..Default::default()
        },
        tag: "app".to_owned(),
        ..BuildSpec::default()
    };
    for hands_over in [false, true] {
        let (_folder, engine) = mute_builder(hands_over);
        let build = engine.build(&spec, Arc::new(|_| {}));
        let ended = tokio::time::timeout(Duration::from_secs(30), build).await;
        let error = ended.unwrap().unwrap_err();
        assert_eq!(error.kind, ErrorKind::Timeout);
        assert_eq!(error.message, format!("the engine at {} did not answer within 1 seconds", engine.address()));
    }
}

/// An engine that answers each call with the body that `answer` has for its path; 404 for none.
fn answering(answer: fn(&str) -> Option<&'static str>) -> (tempfile::TempDir, Engine) {
    serving(move |path| answer(path).map_or(Reply::Answer(404, "{}"), |body| Reply::Answer(200, body)), &[])
}

#[tokio::test]
async fn an_engine_is_known_by_its_network_none_or_else_by_its_socket() {
    let docker = |path: &str| match path {
        "/_ping" => Some("OK"),
        "/networks/none" => Some(r#"{"Name": "none", "Id": "0fd6"}"#),
        _ => None,
    };
    let (_folder, engine) = answering(docker);
    assert_eq!(engine.id().await.unwrap(), "0fd6");
    let (folder, engine) = answering(|path| (path == "/_ping").then_some("OK"));
    let socket = folder.path().join("engine.sock");
    let expected = format!("unix://{}", socket.canonicalize().unwrap().display());
    assert_eq!(engine.id().await.unwrap(), expected);
    // By whichever name its socket is reached.
    let other = folder.path().join("other.sock");
    std::os::unix::fs::symlink(&socket, &other).unwrap();
    let host = ("DOCKER_HOST".to_owned(), format!("unix://{}", other.display()));
    assert_eq!(connect(&BTreeMap::from([host])).unwrap().id().await.unwrap(), expected);
}

#[tokio::test]
async fn what_happened_after_a_kill_is_asked_for_by_the_engines_own_clock() {
    let (_folder, engine) = answering(|path| {
        let past = path.contains("since=1577836740.000000000") && path.contains("until=1577836800.000000000");
        match path.split('?').next().unwrap_or_default() {
            "/_ping" => Some("OK"),
            "/v1.41/info" => Some(r#"{"SystemTime": "2020-01-01T00:00:00Z"}"#),
            "/v1.41/events" if past || !path.contains("since=") => Some(""),
            _ => None,
        }
    });
    crate::reconcile::settle::settle(&*engine, "demo").await.unwrap();
}

#[tokio::test]
async fn what_is_so_already_is_no_failure() {
    const JOINED: &str = r#"{"message": "endpoint with name web already exists in network front"}"#;
    const LEFT: &str = r#"{"message": "container 12 is not connected to the network front"}"#;
    let (_folder, engine) = serving(
        |path| match path.trim_start_matches("/v1.41").trim_end_matches('?') {
            "/_ping" => Reply::Answer(200, "OK"),
            "/networks/front/connect" => Reply::Answer(403, JOINED),
            "/networks/front/disconnect" => Reply::Answer(500, LEFT),
            "/networks/broken/disconnect" => Reply::Answer(500, r#"{"message": "out of memory"}"#),
            _ => Reply::Answer(404, r#"{"message": "network gone not found"}"#),
        },
        &[],
    );
    let attachment = |network: &str| Attachment { network: network.to_owned(), ..Attachment::default() };
    engine.connect_network("web", &attachment("front")).await.unwrap();
    assert_eq!(engine.connect_network("web", &attachment("gone")).await.unwrap_err().kind, ErrorKind::NotFound);
    engine.disconnect_network("web", "front").await.unwrap();
    engine.disconnect_network("web", "gone").await.unwrap();
    assert_eq!(engine.disconnect_network("web", "broken").await.unwrap_err().message, "out of memory");
}

#[test]
fn refusals_are_told_apart_by_the_engines_words() {
    let bound =
        "driver failed programming external connectivity: Bind for 0.0.0.0:80 failed: port is already allocated";
    assert_eq!(transport::kind_of(http::StatusCode::INTERNAL_SERVER_ERROR, bound), ErrorKind::PortTaken);
    assert_eq!(transport::kind_of(http::StatusCode::INTERNAL_SERVER_ERROR, "no"), ErrorKind::Engine);
    let missing = "invalid mount config for type \"bind\": bind source path does not exist: /x";
    assert_eq!(create::kind_of(ErrorKind::Invalid, missing), ErrorKind::MissingSource);
    let foreign = "image with reference a was found but does not match the specified platform";
    assert_eq!(create::kind_of(ErrorKind::NotFound, foreign), ErrorKind::Invalid);
    assert_eq!(create::kind_of(ErrorKind::NotFound, "repository a does not exist"), ErrorKind::NotFound);
}
