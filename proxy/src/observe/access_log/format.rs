//! The text of a line.

use std::fmt::Display;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Version};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use super::fields::Fields;
use super::{Format, Record};

mod subject;
#[cfg(test)]
mod tests;

/// Appends the line for `record`.
pub(super) fn line(out: &mut Vec<u8>, format: Format, fields: &Fields, record: &Record) {
    match format {
        Format::Common => common(out, fields, record, true),
        Format::GenericClf => common(out, fields, record, false),
        Format::Json => json(out, fields, record),
    }
    out.push(b'\n');
}

fn common(out: &mut Vec<u8>, fields: &Fields, record: &Record, additions: bool) {
    let started = Timestamp::try_from(record.started_at).unwrap_or_default();
    // Traefik's way to local time is to drop the other one.
    let time = match (fields.keeps("StartUTC"), fields.keeps("StartLocal")) {
        (true, _) => stamp(&started.to_zoned_datetime(TimeZone::UTC)),
        (false, true) => stamp(&local(started)),
        (false, false) => "-".to_owned(),
    };
    let kept = |name: &str, value: &dyn Display| {
        if fields.keeps(name) { value.to_string() } else { "-".to_owned() }
    };
    let header = |name: &str| {
        let headers = record.headers.as_ref().and_then(|headers| headers.request.as_ref());
        headers.and_then(|headers| fields.header(headers, name)).map_or_else(|| "-".to_owned(), |value| escaped(&value))
    };
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "{} - {} [{}] \"{} {} {}\" {} {} \"{}\" \"{}\"",
        kept("ClientHost", &escaped(&client_host(record))),
        kept("ClientUsername", &escaped(record.username.as_deref().filter(|name| !name.is_empty()).unwrap_or("-"))),
        time,
        kept("RequestMethod", &record.method),
        kept("RequestPath", &escaped(fields.path(&record.path))),
        kept("RequestProtocol", &protocol(record.version)),
        kept("DownstreamStatus", &record.status.as_u16()),
        kept("DownstreamContentSize", &record.downstream_size),
        header("referer"),
        header("user-agent"),
    );
    if additions {
        let _ = write!(
            out,
            " {} \"{}\" \"{}\" {}ms",
            kept("RequestCount", &record.count),
            kept("RouterName", &record.router.as_deref().unwrap_or("-")),
            kept("ServiceURL", &record.server_url.as_deref().unwrap_or("-")),
            if fields.keeps("Duration") { record.duration.as_millis() } else { 0 },
        );
    }
}

fn json(out: &mut Vec<u8>, fields: &Fields, record: &Record) {
    let started = Timestamp::try_from(record.started_at).unwrap_or_default();
    let host = record.host.to_str().unwrap_or_default();
    let (request_host, port) = match crate::http::host::split_port(host) {
        // As in Traefik, an address of IPv6 without port keeps its brackets.
        (name, Some(port)) => (name.trim_start_matches('[').trim_end_matches(']'), Some(port)),
        whole => whole,
    };
    let read = |counter: &Option<Arc<AtomicU64>>| counter.as_ref().map(|counter| counter.load(Relaxed));
    let origin_size = match record.origin_status {
        Some(_) => read(&record.origin_size).unwrap_or(record.downstream_size),
        None => 0,
    };
    let mut line = serde_json::json!({
        "ClientAddr": std::net::SocketAddr::new(record.client.ip().to_canonical(), record.client.port()).to_string(),
        "ClientHost": client_host(record),
        "ClientPort": record.client.port().to_string(),
        "ClientUsername": record.username.as_deref().unwrap_or("-"),
        "DownstreamContentSize": record.downstream_size,
        "DownstreamStatus": record.status.as_u16(),
        "Duration": nanos(record.duration),
        "OriginContentSize": origin_size,
        "OriginDuration": nanos(record.origin_duration),
        "OriginStatus": record.origin_status.map_or(0, |status| status.as_u16()),
        "Overhead": nanos(record.duration.saturating_sub(record.origin_duration)),
        "RequestAddr": host,
        "RequestContentSize": read(&record.request_size).unwrap_or(0),
        "RequestCount": record.count,
        "RequestHost": request_host,
        "RequestMethod": record.method.as_str(),
        "RequestPath": fields.path(&record.path),
        "RequestPort": port.map_or_else(|| "-".to_owned(), |port| port.to_string()),
        "RequestProtocol": protocol(record.version),
        "RequestScheme": record.scheme,
        "RetryAttempts": record.retries,
        "StartLocal": rfc3339(&local(started), "%Y-%m-%dT%H:%M:%S%.f"),
        "StartUTC": started.to_string(),
        "entryPointName": &*record.entry_point,
    });
    let Some(object) = line.as_object_mut() else { return };
    let mut set = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            object.insert(name.to_owned(), value.into());
        }
    };
    set("RouterName", record.router.as_deref());
    set("ServiceName", record.service.as_deref());
    set("ServiceURL", record.server_url.as_deref());
    set(
        "ServiceAddr",
        record.server_url.as_deref().and_then(|url| url.split_once("://")).map(|(_, rest)| rest.trim_end_matches('/')),
    );
    if let Some(session) = &record.tls {
        set("TLSVersion", Some(session.version));
        set("TLSCipher", Some(&session.cipher));
        set("TLSClientSubject", session.certificates.first().and_then(|der| subject::of(der)).as_deref());
    }
    if record.downstream_size > 0 && origin_size != record.downstream_size {
        let ratio = match origin_size {
            0 => 0.into(),
            // Exact up to petabytes.
            size => (size as f64 / record.downstream_size as f64).into(),
        };
        object.insert("GzipRatio".to_owned(), ratio);
    }
    object.retain(|name, _| fields.keeps(name));
    for (name, value) in [("level", "info"), ("msg", "")] {
        object.insert(name.to_owned(), value.into());
    }
    let now = rfc3339(&local(Timestamp::now()), "%Y-%m-%dT%H:%M:%S");
    object.insert("time".to_owned(), now.into());
    if let Some(headers) = &record.headers {
        let mut put = |kind: &str, headers: &HeaderMap| {
            let picked = fields.pick(headers).map(|(name, value)| (format!("{kind}_{name}"), value.into()));
            object.extend(picked);
        };
        headers.request.iter().for_each(|request| put("request", request));
        // Traefik shows the answer as it is in the end under both names.
        let kinds = if record.origin_status.is_some() { ["downstream", "origin"].as_slice() } else { &["downstream"] };
        kinds.iter().for_each(|kind| put(kind, &headers.response));
        if !headers.response.contains_key(CONTENT_TYPE)
            && let Some(text) = fields.absent(CONTENT_TYPE.as_str())
        {
            object.extend(kinds.iter().map(|kind| (format!("{kind}_Content-Type"), text.into())));
        }
    }
    let _ = serde_json::to_writer(out, &line);
}

/// Who the client is: who a trusted peer says, otherwise the peer.
fn client_host(record: &Record) -> String {
    match &record.forwarded_for {
        Some(value) => String::from_utf8_lossy(value.as_bytes()).into_owned(),
        None => record.client.ip().to_canonical().to_string(),
    }
}

fn stamp(time: &ZonedDateTime) -> String {
    time.strftime("%d/%b/%Y:%H:%M:%S %z").to_string()
}

/// A time with its offset behind it, which for UTC is `Z`.
fn rfc3339(time: &ZonedDateTime, format: &str) -> String {
    let offset = if time.offset().is_zero() { "Z".to_owned() } else { time.strftime("%:z").to_string() };
    format!("{}{offset}", time.strftime(format))
}

fn local(time: Timestamp) -> ZonedDateTime {
    time.to_zoned_datetime(TimeZone::system())
}

fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_3 => "HTTP/3.0",
        _ => "HTTP/1.1",
    }
}

/// Text from a client as it may stand in a line: quotes and control characters cannot end it or add another.
fn escaped(text: &str) -> String {
    let plain = |c: char| !c.is_control() && c != '"' && c != '\\';
    if text.chars().all(plain) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if plain(c) { vec![c] } else { c.escape_default().collect() }).collect()
}
