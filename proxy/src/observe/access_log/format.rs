//! The text of a line.

use std::io::Write as _;

use http::{HeaderValue, Version};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime};

use super::{Format, Record};

#[cfg(test)]
mod tests;

/// Appends the line for `record`, the `count`-th.
pub(super) fn line(out: &mut Vec<u8>, format: Format, record: &Record, count: u64) {
    match format {
        Format::Common => common(out, record, Some(count)),
        Format::GenericClf => common(out, record, None),
        Format::Json => json(out, record, count),
    }
    out.push(b'\n');
}

fn common(out: &mut Vec<u8>, record: &Record, count: Option<u64>) {
    let time = local(Timestamp::try_from(record.started_at).unwrap_or_default());
    // Writing to a vector cannot fail.
    let _ = write!(
        out,
        "{} - {} [{}] \"{} {} {}\" {} {} ",
        record.client.ip().to_canonical(),
        escaped(record.username.as_deref().unwrap_or("-")),
        time.strftime("%d/%b/%Y:%H:%M:%S %z"),
        record.method,
        escaped(&record.path),
        protocol(record.version),
        record.status.as_u16(),
        record.downstream_size,
    );
    let _ = write!(out, "\"{}\" \"{}\"", header(record.referer.as_ref()), header(record.user_agent.as_ref()));
    if let Some(count) = count {
        let _ = write!(
            out,
            " {count} \"{}\" \"{}\" {}ms",
            record.router.as_deref().unwrap_or("-"),
            record.server_url.as_deref().unwrap_or("-"),
            record.duration.as_millis()
        );
    }
}

fn json(out: &mut Vec<u8>, record: &Record, count: u64) {
    let started = Timestamp::try_from(record.started_at).unwrap_or_default();
    let host = record.host.to_str().unwrap_or_default();
    let (request_host, port) = crate::http::host::split_port(host);
    let ip = record.client.ip().to_canonical().to_string();
    let mut fields = serde_json::json!({
        "ClientAddr": std::net::SocketAddr::new(record.client.ip().to_canonical(), record.client.port()).to_string(),
        "ClientHost": ip,
        "ClientPort": record.client.port().to_string(),
        "ClientUsername": record.username.as_deref().unwrap_or("-"),
        "DownstreamContentSize": record.downstream_size,
        "DownstreamStatus": record.status.as_u16(),
        "Duration": nanos(record.duration),
        "OriginContentSize": if record.origin_status.is_some() { record.downstream_size } else { 0 },
        "OriginDuration": nanos(record.origin_duration),
        "OriginStatus": record.origin_status.map_or(0, |status| status.as_u16()),
        "Overhead": nanos(record.duration.saturating_sub(record.origin_duration)),
        "RequestAddr": host,
        "RequestContentSize": record.request_size,
        "RequestCount": count,
        "RequestHost": request_host,
        "RequestMethod": record.method.as_str(),
        "RequestPath": record.path,
        "RequestPort": port.map_or_else(|| "-".to_owned(), |port| port.to_string()),
        "RequestProtocol": protocol(record.version),
        "RequestScheme": record.scheme,
        "RetryAttempts": record.retries,
        "StartLocal": local(started).strftime("%Y-%m-%dT%H:%M:%S.%f%:z").to_string(),
        "StartUTC": started.to_string(),
        "entryPointName": &*record.entry_point,
        "level": "info",
        "msg": "",
        "time": local(Timestamp::now()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string(),
    });
    let mut set = |name: &str, value: Option<&str>| {
        if let (Some(object), Some(value)) = (fields.as_object_mut(), value) {
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
    if let Some((version, cipher)) = &record.tls {
        set("TLSVersion", Some(version));
        set("TLSCipher", Some(cipher));
    }
    let _ = serde_json::to_writer(out, &fields);
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

fn header(value: Option<&HeaderValue>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| escaped(&String::from_utf8_lossy(value.as_bytes())))
}

/// Text from a client as it may stand in a line: quotes and control characters cannot end it or add another.
fn escaped(text: &str) -> String {
    let plain = |c: char| !c.is_control() && c != '"' && c != '\\';
    if text.chars().all(plain) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if plain(c) { vec![c] } else { c.escape_default().collect() }).collect()
}
