//! Traces as OTLP's protobuf messages (opentelemetry/proto/trace/v1/trace.proto), written by hand.

use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{HeaderName, HeaderValue};
use http::{StatusCode, Version};

use crate::config::statics::Tracing;

use super::{Call, Trace};

/// Kinds of spans.
const SERVER: u64 = 2;
const CLIENT: u64 = 3;
/// Status of spans.
const ERROR: u64 = 2;
/// Flags of spans: it is recorded; whether its parent is elsewhere is known; it is.
const SAMPLED: u32 = 0x1;
const KNOWS_REMOTE: u32 = 0x100;
const REMOTE: u32 = 0x200;

/// A protobuf message that is being written.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while let low @ 0x80.. = number {
            self.0.push(u8::try_from(low & 0x7f).unwrap_or_default() | 0x80);
            number >>= 7;
        }
        self.0.push(u8::try_from(number).unwrap_or_default());
    }

    fn number(&mut self, field: u64, number: u64) -> &mut Self {
        self.varint(field << 3);
        self.varint(number);
        self
    }

    fn fixed64(&mut self, field: u64, number: u64) -> &mut Self {
        self.varint(field << 3 | 1);
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn fixed32(&mut self, field: u64, number: u32) -> &mut Self {
        self.varint(field << 3 | 5);
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) -> &mut Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    /// An attribute whose value is a text, in `field`.
    fn text(&mut self, field: u64, name: &str, text: &str) -> &mut Self {
        let mut value = Self::default();
        value.bytes(1, text.as_bytes());
        self.attribute(field, name, &value)
    }

    /// One whose value is a whole number.
    fn integer(&mut self, field: u64, name: &str, number: u64) -> &mut Self {
        let mut value = Self::default();
        value.number(3, number);
        self.attribute(field, name, &value)
    }

    /// One whose value is a list of texts.
    fn texts(&mut self, field: u64, name: &str, texts: &[String]) -> &mut Self {
        let (mut list, mut value) = (Self::default(), Self::default());
        for text in texts {
            let mut one = Self::default();
            one.bytes(1, text.as_bytes());
            list.bytes(1, &one.0);
        }
        value.bytes(5, &list.0);
        self.attribute(field, name, &value)
    }

    fn attribute(&mut self, field: u64, name: &str, value: &Self) -> &mut Self {
        let mut attribute = Self::default();
        attribute.bytes(1, name.as_bytes()).bytes(2, &value.0);
        self.bytes(field, &attribute.0)
    }
}

/// What all traces of this gateway have in common (`Resource`).
pub(super) fn resource(options: &Tracing, hostname: &str) -> Vec<u8> {
    let mut resource = Message::default();
    resource
        .text(1, "service.name", &options.service_name)
        .text(1, "service.version", env!("CARGO_PKG_VERSION"))
        .text(1, "host.name", hostname)
        .text(1, "telemetry.sdk.language", "rust")
        .text(1, "telemetry.sdk.name", "stack");
    for (name, value) in &options.resource_attributes {
        resource.text(1, name, value);
    }
    resource.0
}

/// `ExportTraceServiceRequest` with these spans.
pub(super) fn request(resource: &[u8], spans: &[Vec<u8>]) -> Vec<u8> {
    let (mut scope, mut scoped, mut all, mut request) =
        (Message::default(), Message::default(), Message::default(), Message::default());
    scope.bytes(1, b"stack").bytes(2, env!("CARGO_PKG_VERSION").as_bytes());
    scoped.bytes(1, &scope.0);
    for span in spans {
        scoped.bytes(2, span);
    }
    all.bytes(1, resource).bytes(2, &scoped.0);
    request.bytes(1, &all.0);
    request.0
}

/// The spans of a trace, each a message (`Span`).
pub(super) fn spans(trace: &Trace) -> Vec<Vec<u8>> {
    let calls = trace.calls.iter().map(|call| client(trace, call));
    calls.chain(std::iter::once(server(trace))).collect()
}

fn server(trace: &Trace) -> Vec<u8> {
    let context = &trace.context;
    let mut span = begin(trace, context.span, context.parent);
    let peer = trace.client.peer;
    let address = trace.client.ip().to_string();
    span.bytes(5, trace.method.as_str().as_bytes())
        .number(6, SERVER)
        .fixed64(7, nanoseconds(trace.began))
        .fixed64(8, nanoseconds(trace.ended))
        .text(9, "entry_point", &trace.client.entry.name)
        .text(9, "http.request.method", trace.method.as_str())
        .text(9, "network.protocol.version", version(trace.version))
        .integer(9, "http.request.body.size", trace.body_size)
        .text(9, "url.path", &trace.path)
        .text(9, "url.query", &trace.query)
        .text(9, "url.scheme", if trace.client.tls.is_some() { "https" } else { "http" });
    if let Some(agent) = &trace.user_agent {
        span.text(9, "user_agent.original", &shown(agent));
    }
    span.text(9, "server.address", &shown(&trace.host))
        .text(9, "network.peer.address", &address)
        .text(9, "client.address", &address)
        .integer(9, "client.port", u64::from(peer.port()))
        .integer(9, "network.peer.port", u64::from(peer.port()));
    push_headers(&mut span, "http.request.header", &trace.request_headers);
    push_headers(&mut span, "http.response.header", &trace.response_headers);
    span.integer(9, "http.response.status_code", u64::from(trace.status.as_u16()));
    let failed = trace.status.is_server_error() || trace.status.as_u16() >= 600;
    end(span, failed, if context.parent.is_some() { REMOTE } else { 0 })
}

fn client(trace: &Trace, call: &Call) -> Vec<u8> {
    let mut span = begin(trace, call.span, Some(trace.context.span));
    span.bytes(5, call.name.as_bytes())
        .number(6, CLIENT)
        .fixed64(7, nanoseconds(call.began))
        .fixed64(8, nanoseconds(call.ended))
        .text(9, "http.request.method", call.method.as_str())
        .text(9, "url.full", &call.url)
        .text(9, "url.scheme", if call.url.starts_with("https:") { "https" } else { "http" });
    if let Some(agent) = &call.user_agent {
        span.text(9, "user_agent.original", &shown(agent));
    }
    span.text(9, "network.peer.address", &call.host)
        .integer(9, "network.peer.port", u64::from(call.port))
        .text(9, "server.address", &call.host)
        .integer(9, "server.port", u64::from(call.port));
    if let Some(status) = call.status {
        span.integer(9, "http.response.status_code", u64::from(status.as_u16()));
    }
    end(span, call.status.is_none_or(|status| status >= StatusCode::BAD_REQUEST), 0)
}

fn begin(trace: &Trace, span: [u8; 8], parent: Option<[u8; 8]>) -> Message {
    let mut message = Message::default();
    message.bytes(1, &trace.context.trace).bytes(2, &span);
    if !trace.context.state.is_empty() {
        message.bytes(3, trace.context.state.as_bytes());
    }
    if let Some(parent) = parent {
        message.bytes(4, &parent);
    }
    message
}

fn end(mut span: Message, failed: bool, remote: u32) -> Vec<u8> {
    if failed {
        let mut status = Message::default();
        status.number(3, ERROR);
        span.bytes(15, &status.0);
    }
    span.fixed32(16, SAMPLED | KNOWS_REMOTE | remote);
    span.0
}

/// Attributes of headers: one for each name, with all its values.
fn push_headers(span: &mut Message, prefix: &str, headers: &[(HeaderName, HeaderValue)]) {
    for lines in headers.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((name, _)) = lines.first() else { continue };
        let values: Vec<String> = lines.iter().map(|(_, value)| shown(value)).collect();
        span.texts(9, &format!("{prefix}.{name}"), &values);
    }
}

/// Protobuf's texts are UTF-8.
fn shown(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

fn version(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        Version::HTTP_3 => "3",
        _ => "1.1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_attributes_are_protobuf() {
        let mut message = Message::default();
        message.number(6, 300).fixed32(16, 1).text(9, "a", "b").integer(9, "n", 1).texts(9, "l", &["x".to_owned()]);
        let expected: &[&[u8]] = &[
            &[0x30, 0xac, 0x02],
            &[0x85, 0x01, 1, 0, 0, 0],
            &[0x4a, 8, 0x0a, 1, b'a', 0x12, 3, 0x0a, 1, b'b'],
            &[0x4a, 7, 0x0a, 1, b'n', 0x12, 2, 0x18, 1],
            &[0x4a, 12, 0x0a, 1, b'l', 0x12, 7, 0x2a, 5, 0x0a, 3, 0x0a, 1, b'x'],
        ];
        assert_eq!(message.0, expected.concat());
    }
}
