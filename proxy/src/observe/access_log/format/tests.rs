#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, Instant, SystemTime};

use http::{Method, StatusCode};

use super::*;

fn record() -> Record {
    Record {
        started: Instant::now(),
        started_at: SystemTime::UNIX_EPOCH,
        duration: Duration::from_millis(12),
        entry_point: "web".into(),
        client: "[::ffff:10.0.0.9]:4711".parse().unwrap(),
        username: None,
        method: Method::GET,
        version: Version::HTTP_11,
        scheme: "http",
        host: HeaderValue::from_static("a.test:8080"),
        path: "/a?b=c".to_owned(),
        referer: None,
        user_agent: Some(HeaderValue::from_static("curl/8 \"x\"")),
        tls: None,
        request_size: 0,
        router: Some("app@docker".into()),
        service: Some("app@docker".into()),
        server_url: Some("http://10.0.0.2:80".to_owned()),
        origin_status: Some(StatusCode::OK),
        origin_duration: Duration::from_millis(10),
        status: StatusCode::OK,
        downstream_size: 5,
        retries: 0,
    }
}

fn text(format: Format, record: &Record) -> String {
    let mut out = Vec::new();
    line(&mut out, format, record, 7);
    String::from_utf8(out).unwrap()
}

#[test]
fn common_has_the_client_without_port_and_four_additions() {
    let line = text(Format::Common, &record());
    let (before, rest) = line.split_once('[').unwrap();
    let (_, after) = rest.split_once(']').unwrap();
    assert_eq!(before, "10.0.0.9 - - ");
    assert_eq!(
        after,
        " \"GET /a?b=c HTTP/1.1\" 200 5 \"-\" \"curl/8 \\\"x\\\"\" 7 \"app@docker\" \"http://10.0.0.2:80\" 12ms\n"
    );
}

#[test]
fn generic_ends_after_the_user_agent() {
    assert!(text(Format::GenericClf, &record()).ends_with("200 5 \"-\" \"curl/8 \\\"x\\\"\"\n"));
}

#[test]
fn nothing_a_client_sends_can_start_a_line() {
    let mut record = record();
    record.username = Some("a\nb".to_owned());
    record.path = "/\u{1b}[2J".to_owned();
    for format in [Format::Common, Format::Json] {
        let line = text(format, &record);
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
    }
}

#[test]
fn json_has_traefiks_names() {
    let value: serde_json::Value = serde_json::from_str(&text(Format::Json, &record())).unwrap();
    for (name, expected) in [
        ("ClientHost", serde_json::json!("10.0.0.9")),
        ("ClientAddr", serde_json::json!("10.0.0.9:4711")),
        ("RequestHost", serde_json::json!("a.test")),
        ("RequestPort", serde_json::json!("8080")),
        ("DownstreamStatus", serde_json::json!(200)),
        ("Duration", serde_json::json!(12_000_000)),
        ("Overhead", serde_json::json!(2_000_000)),
        ("RouterName", serde_json::json!("app@docker")),
        ("ServiceAddr", serde_json::json!("10.0.0.2:80")),
        ("RequestCount", serde_json::json!(7)),
        ("StartUTC", serde_json::json!("1970-01-01T00:00:00Z")),
    ] {
        assert_eq!(value[name], expected, "{name}");
    }
}
