//! From a request's head to its canonical form, or to the answer that refuses it.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, EXPECT};
use http::uri::PathAndQuery;
use http::{Method, Response, StatusCode, Version};

use crate::http::body::{Body, RequestBody};
use crate::http::error_response::{self, Reason};
use crate::http::exchange::{Client, Exchange, Target, Upgrade};
use crate::http::headers;
use crate::http::host::{self, BadHost};
use crate::http::http1::Fragment;
use crate::http::target::{canonical_path, canonical_query};
use crate::http::tunnel::ClientTunnel;

/// Longest request method; the longest in use has half of it.
const LONGEST_METHOD: usize = 40;

/// A request in canonical form, or the answer that refuses it.
pub(super) fn admit(
    client: &Arc<Client>,
    mut parts: http::request::Parts,
    body: RequestBody,
    connection: Option<ClientTunnel>,
) -> Result<Box<Exchange>, Box<Response<Body>>> {
    let refuse = |reason: Reason| Box::new(client.worker.refusal(reason));
    check(&mut parts).map_err(refuse)?;
    let host = host::of(&parts).map_err(|bad| {
        refuse(match bad {
            BadHost::Missing => Reason::MissingHost,
            BadHost::Malformed => Reason::MalformedHost,
            BadHost::Repeated => Reason::BadRequest,
        })
    })?;
    if !is_form_allowed(&parts) {
        return Err(refuse(Reason::BadRequest));
    }
    if is_about_all(&parts) {
        return Err(Box::new(error_response::text(StatusCode::OK, "")));
    }
    headers::admit(&mut parts.headers, client.trusted, &client.entry)
        .map_err(|_| Box::new(error_response::text(StatusCode::BAD_REQUEST, "Bad Request\n")))?;
    let (target, routing) = target(&parts, client).map_err(refuse)?;
    let upgrade = headers::strip_request(&mut parts.headers, !body.is_empty(), &client.entry.forwarded.connection);
    // Where no body is expected, saying that there is none is saying too much (RFC 9110 section 8.6).
    if body.is_empty() && matches!(parts.method, Method::GET | Method::HEAD) {
        parts.headers.remove(CONTENT_LENGTH);
    }
    let upgrade = upgrade.zip(connection).map(|(protocol, connection)| Upgrade { protocol, connection });
    let websocket = headers::is_websocket(upgrade.as_ref().map(|upgrade| &upgrade.protocol));
    headers::describe_client(&mut parts.headers, client, &host, websocket);
    Ok(Box::new(Exchange {
        client: Arc::clone(client),
        parts,
        body,
        host,
        upstream_host: None,
        target,
        routing,
        upgrade,
        forwarded_for: false,
        outbox: None,
        record: None,
        measure: None,
        trace: None,
        served: false,
    }))
}

/// What can be said against a request before it is known whom it is for.
fn check(parts: &mut http::request::Parts) -> Result<(), Reason> {
    if parts.method.as_str().len() > LONGEST_METHOD {
        return Err(Reason::BadRequest);
    }
    if parts.extensions.remove::<Fragment>().is_some() {
        // It would be seen by nobody but the rules.
        return Err(Reason::DeniedPath);
    }
    if parts.method == Method::CONNECT {
        return Err(Reason::NotImplemented);
    }
    // The framing is decided already; anything but a plain `chunked` is a disguise for something else.
    if headers::is_chunked(&parts.headers).is_err() {
        return Err(Reason::BadRequest);
    }
    if parts.headers.get(EXPECT).is_some_and(|value| !value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(Reason::Expectation);
    }
    Ok(())
}

/// Whether a request is about the gateway as a whole (`OPTIONS *`, RFC 9110 section 9.3.7): as by Traefik, it is none that the
/// access log knows.
pub(super) fn is_about_all(parts: &http::request::Parts) -> bool {
    parts.method == Method::OPTIONS && parts.uri.path() == "*"
}

/// Whether a target has a form that its method may have: the asterisk is `OPTIONS`'s, an authority alone `CONNECT`'s (RFC 9112 section 3.2).
fn is_form_allowed(parts: &http::request::Parts) -> bool {
    let asterisk = parts.uri.path() == "*";
    let authority =
        parts.version <= Version::HTTP_11 && parts.uri.authority().is_some() && parts.uri.scheme().is_none();
    (!asterisk || parts.method == Method::OPTIONS) && !authority
}

/// The canonical target, and the path that rules match when it differs.
fn target(parts: &http::request::Parts, client: &Client) -> Result<(Target, Option<Vec<u8>>), Reason> {
    let entry = &client.entry;
    let canonical = canonical_path(parts.uri.path(), entry.sanitize_path).map_err(|_| Reason::BadRequest)?;
    let routing = canonical.routing;
    let query = parts.uri.query();
    let changed_query = query.filter(|query| query.contains(';'));
    if let (Cow::Borrowed(_), None, Some(sent)) = (&canonical.path, changed_query, parts.uri.path_and_query()) {
        // `http://host` without path leaves nothing to borrow.
        let sent = if sent.as_str().starts_with('/') { sent.clone() } else { PathAndQuery::from_static("/") };
        return Ok((Target::Sent(sent), routing));
    }
    let sent_query = changed_query.filter(|_| !entry.encode_query_semicolons).map(str::to_owned);
    let query = query.map(|query| canonical_query(query, entry.encode_query_semicolons).into_owned());
    Ok((Target::Made { path: canonical.path.into_owned(), query, sent_query }, routing))
}
