#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::time::{Duration, Instant, SystemTime};

use http::{HeaderValue, Method, StatusCode};
use serde_json::json;

use crate::config::statics;

use super::*;

fn record() -> Record {
    Record {
        started: Instant::now(),
        started_at: SystemTime::UNIX_EPOCH,
        duration: Duration::from_millis(12),
        entry_point: "web".into(),
        client: "[::ffff:10.0.0.9]:4711".parse().unwrap(),
        forwarded_for: None,
        username: None,
        method: Method::GET,
        version: Version::HTTP_11,
        scheme: "http",
        host: HeaderValue::from_static("a.test:8080"),
        path: "/a?b=c".to_owned(),
        headers: None,
        tls: None,
        request_size: None,
        router: Some("app@docker".into()),
        service: Some("app@docker".into()),
        server_url: Some("http://10.0.0.2:80".to_owned()),
        origin_status: Some(StatusCode::OK),
        origin_size: None,
        origin_duration: Duration::from_millis(10),
        status: StatusCode::OK,
        downstream_size: 5,
        retries: 0,
        internals: false,
        count: 7,
    }
}

/// A line with these options of `fields`.
fn shown(format: Format, record: &Record, options: serde_json::Value) -> String {
    let options: statics::AccessLogFields = serde_json::from_value(options).unwrap();
    let mut out = Vec::new();
    line(&mut out, format, &Fields::from(&options), record);
    String::from_utf8(out).unwrap()
}

fn text(format: Format, record: &Record) -> String {
    shown(format, record, json!({}))
}

/// A record of headers too.
fn with_headers() -> Record {
    let mut request = HeaderMap::new();
    for (name, value) in [
        ("host", "a.test"),
        ("user-agent", "curl/8 \"x\""),
        ("authorization", "Basic c2VjcmV0"),
        ("x-one", "1"),
        ("x-one", "2"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-for", "192.0.2.2, 192.0.2.3"),
    ] {
        request.append(name, HeaderValue::from_static(value));
    }
    let response = HeaderMap::from_iter([(http::header::SERVER, HeaderValue::from_static("s"))]);
    Record { headers: Some(Box::new(super::super::Headers { request: Some(request), response })), ..record() }
}

#[test]
fn headers_stand_in_a_line_only_where_that_is_asked_for() {
    let record = with_headers();
    let names = |line: String| {
        let line: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&line).unwrap();
        let headers = line.into_iter().filter(|(name, _)| name.contains('_'));
        headers.map(|(name, value)| format!("{name}={}", value.as_str().unwrap())).collect::<Vec<_>>()
    };
    assert_eq!(names(text(Format::Json, &record)), Vec::<String>::new());
    assert!(text(Format::Common, &record).contains(" \"-\" \"-\" 7 "));
    let some = json!({"headers": {"names": {"X-one": "keep", "user-agent": "keep", "Authorization": "redact"}}});
    assert_eq!(
        names(shown(Format::Json, &record, some.clone())),
        ["request_Authorization=REDACTED", "request_User-Agent=curl/8 \"x\"", "request_X-One=1,2"]
    );
    assert!(shown(Format::Common, &record, some).contains(" \"-\" \"curl/8 \\\"x\\\"\" 7 "));
    let all = json!({"headers": {"defaultMode": "keep", "names": {"Authorization": "drop", "User-Agent": "drop"}}});
    assert_eq!(
        names(shown(Format::Json, &record, all)),
        [
            "downstream_Content-Type=",
            "downstream_Server=s",
            "origin_Content-Type=",
            "origin_Server=s",
            "request_X-Forwarded-For=192.0.2.1, 192.0.2.2, 192.0.2.3",
            "request_X-One=1,2"
        ]
    );
    let line = shown(Format::Common, &record, json!({"headers": {"defaultMode": "redact"}}));
    assert!(line.contains(" \"-\" \"REDACTED\" 7 "), "{line}");
}

#[test]
fn fields_are_left_out_as_asked_for() {
    let without_query = json!({"queryParameters": {"defaultMode": "drop"}});
    assert!(shown(Format::Common, &record(), without_query.clone()).contains("\"GET /a HTTP/1.1\""));
    assert!(shown(Format::Json, &record(), without_query).contains("\"RequestPath\":\"/a\""));
    let options =
        json!({"defaultMode": "drop", "names": {"clienthost": "keep", "RequestPath": "redact", "RouterName": "keep"}});
    let line = shown(Format::Common, &record(), options.clone());
    assert_eq!(line, "10.0.0.9 - - [-] \"- - -\" - - \"-\" \"-\" - \"app@docker\" \"-\" 0ms\n");
    let line: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&shown(Format::Json, &record(), options)).unwrap();
    assert_eq!(line.keys().collect::<Vec<_>>(), ["ClientHost", "RouterName", "level", "msg", "time"]);
}

#[test]
fn common_has_the_client_without_port_and_four_additions() {
    let line = text(Format::Common, &record());
    let (before, rest) = line.split_once('[').unwrap();
    let (_, after) = rest.split_once(']').unwrap();
    assert_eq!(before, "10.0.0.9 - - ");
    assert_eq!(after, " \"GET /a?b=c HTTP/1.1\" 200 5 \"-\" \"-\" 7 \"app@docker\" \"http://10.0.0.2:80\" 12ms\n");
}

#[test]
fn generic_ends_after_the_user_agent() {
    assert!(text(Format::GenericClf, &record()).ends_with("200 5 \"-\" \"-\"\n"));
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
fn the_client_is_who_a_trusted_peer_says() {
    let value = HeaderValue::from_bytes(b"1.2.3.4, \"x\t\xe9").unwrap();
    let record = Record { forwarded_for: Some(value), ..record() };
    assert!(text(Format::Common, &record).starts_with("1.2.3.4, \\\"x\\t\u{fffd} - - ["));
    let line: serde_json::Value = serde_json::from_str(&text(Format::Json, &record)).unwrap();
    assert_eq!(line["ClientHost"], "1.2.3.4, \"x\t\u{fffd}");
    assert_eq!((&line["ClientAddr"], &line["ClientPort"]), (&json!("10.0.0.9:4711"), &json!("4711")));
}

#[test]
fn times_are_utc_unless_that_is_dropped() {
    let stamp = |names: serde_json::Value| {
        let line = shown(Format::Common, &record(), json!({"names": names}));
        line.split(['[', ']']).nth(1).unwrap().to_owned()
    };
    assert_eq!(stamp(json!({})), "01/Jan/1970:00:00:00 +0000");
    assert_eq!(stamp(json!({"StartUTC": "drop"})), super::stamp(&local(Timestamp::UNIX_EPOCH)));
    assert_eq!(stamp(json!({"StartUTC": "drop", "StartLocal": "drop"})), "-");
    let (zero, half) = (Timestamp::UNIX_EPOCH, Timestamp::from_millisecond(500).unwrap());
    let format = "%Y-%m-%dT%H:%M:%S%.f";
    assert_eq!(rfc3339(&half.to_zoned_datetime(TimeZone::UTC), format), "1970-01-01T00:00:00.5Z");
    let east = TimeZone::fixed(jiff::tz::offset(9));
    assert_eq!(rfc3339(&zero.to_zoned_datetime(east), format), "1970-01-01T09:00:00+09:00");
}

#[test]
fn brackets_go_with_the_port() {
    for (host, name, port) in [("[::1]:99", "::1", "99"), ("[::1]", "[::1]", "-"), ("a.test", "a.test", "-")] {
        let record = Record { host: HeaderValue::from_static(host), ..record() };
        let line: serde_json::Value = serde_json::from_str(&text(Format::Json, &record)).unwrap();
        assert_eq!((&line["RequestHost"], &line["RequestPort"]), (&json!(name), &json!(port)));
    }
}

#[test]
fn what_the_gateway_does_for_itself_is_no_record_of_interest() {
    let record = record();
    assert!(record.is_wanted("app@docker", "app@docker"));
    assert!(!record.is_wanted("mine@file", "api@internal") && !record.is_wanted("web-to-websecure@internal", "x@file"));
    assert!(Record { internals: true, ..record }.is_wanted("ping@internal", "ping@internal"));
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
