#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use bollard_buildkit_proto::google::protobuf::{Any, Timestamp};
use bollard_buildkit_proto::google::rpc;
use bollard_buildkit_proto::moby::buildkit::v1::{StatusResponse, Vertex, VertexLog, VertexStatus, VertexWarning};
use bollard_buildkit_proto::pb;
use prost::Message as _;

use super::{Display, Status, plain};
use crate::backend::Progress;

fn vertex(digest: &str, times: (Option<i64>, Option<i64>), error: &str) -> Vertex {
    let time = |seconds: i64| Timestamp { seconds, nanos: 500_000_000 };
    Vertex {
        digest: digest.to_owned(),
        name: format!("[{digest}]  RUN   make"),
        started: times.0.map(time),
        completed: times.1.map(time),
        error: error.to_owned(),
        ..Vertex::default()
    }
}

fn log(digest: &str, text: &str) -> VertexLog {
    VertexLog { vertex: digest.to_owned(), msg: text.as_bytes().to_vec(), ..VertexLog::default() }
}

fn display() -> (Display, Arc<Mutex<Vec<String>>>) {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&lines);
    let display = Display::new(Arc::new(move |progress| {
        sink.lock().unwrap().push(match progress {
            Progress::Line(text) | Progress::Warning(text) => text,
            Progress::Part { id, status, current, total } => format!("{id}: {status} {current}/{total}"),
        });
    }));
    (display, lines)
}

fn failing() -> Vec<StatusResponse> {
    let warning = VertexWarning {
        short: b"old style".to_vec(),
        info: Some(pb::SourceInfo { filename: "Dockerfile".to_owned(), ..Default::default() }),
        ranges: vec![pb::Range { start: Some(pb::Position { line: 4, character: 0 }), end: None }],
        ..VertexWarning::default()
    };
    vec![
        // Announced, not begun.
        StatusResponse {
            vertexes: vec![vertex("a", (None, None), ""), vertex("b", (None, None), "")],
            ..Default::default()
        },
        StatusResponse {
            vertexes: vec![vertex("b", (Some(1), None), "")],
            logs: vec![log("b", "one\ntw")],
            statuses: vec![VertexStatus {
                id: "transferring".to_owned(),
                vertex: "b".to_owned(),
                current: 1,
                total: 2,
                ..VertexStatus::default()
            }],
            warnings: vec![warning],
        },
        StatusResponse {
            vertexes: vec![Vertex { cached: true, ..vertex("a", (Some(1), Some(1)), "") }],
            logs: vec![log("b", "o\r\n10%\r100%\nrest")],
            ..Default::default()
        },
        StatusResponse { vertexes: vec![vertex("b", (Some(1), Some(3)), "exit code: 2")], ..Default::default() },
    ]
}

#[test]
fn steps_are_numbered_as_they_begin() {
    let (mut display, lines) = display();
    for response in failing() {
        display.show(&response);
    }
    assert_eq!(
        *lines.lock().unwrap(),
        [
            "#1 [b] RUN make",
            "#1 transferring: transferring 1/2",
            "#1 one",
            "warning: Dockerfile:4: old style",
            "#2 [a] RUN make",
            "#1 two",
            "#1 100%",
            "#2 CACHED",
            "#1 rest",
            "#1 ERROR: exit code: 2",
        ]
    );
}

#[test]
fn a_failure_shows_the_line_of_the_dockerfile() {
    let (mut display, _) = display();
    for response in failing() {
        display.show(&response);
    }
    let text = base64::engine::general_purpose::STANDARD.encode("FROM x\n\nRUN make \\\n  all\n");
    let source = serde_json::json!({
        "info": { "filename": "Dockerfile", "data": text },
        "ranges": [{ "start": { "line": 3 }, "end": { "line": 4 } }],
    });
    let detail = Any {
        type_url: "github.com/moby/buildkit/errdefs.Source+json".to_owned(),
        value: source.to_string().into_bytes(),
    };
    let details = rpc::Status { details: vec![detail], ..Default::default() }.encode_to_vec();
    let status = Status { code: 2, message: "failed to solve: exit code: 2".to_owned(), details };
    assert_eq!(
        display.explain(&status),
        "exit code: 2\n  Dockerfile:3: RUN make \\\n  Dockerfile:4:   all\n  | one\n  | two\n  | 100%\n  | rest"
    );
    // An old builder tells no place.
    let status = Status::new(2, "exit code: 2");
    assert_eq!(display.explain(&status), "exit code: 2\n  [b] RUN make\n  | one\n  | two\n  | 100%\n  | rest");
}

#[test]
fn a_line_without_an_end_is_cut() {
    let (mut display, lines) = display();
    let vertexes = vec![vertex("a", (Some(1), None), "")];
    let logs = vec![log("a", &"x".repeat(super::LONGEST + 10))];
    display.show(&StatusResponse { vertexes, logs, ..Default::default() });
    assert_eq!(lines.lock().unwrap().len(), 2);
}

#[test]
fn errors_lose_what_their_way_has_added() {
    assert_eq!(plain("a: rpc error: code = Unknown desc = b: rpc error: code = NotFound desc = c\n"), "a: b: c");
    assert_eq!(plain("rpc error: code = nothing"), "rpc error: code = nothing");
}
