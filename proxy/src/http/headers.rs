//! What of a message's headers belongs to one connection only, and what the gateway says about the client.

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue};

use crate::entry_point::{EntryPoint, Underscores};

use super::exchange::Client;
use super::host::{Host, split_port};

#[cfg(test)]
mod tests;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(crate) const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_SERVER: HeaderName = HeaderName::from_static("x-forwarded-server");
const X_FORWARDED_SCHEME: HeaderName = HeaderName::from_static("x-forwarded-scheme");
const X_SCHEME: HeaderName = HeaderName::from_static("x-scheme");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The headers with which proxies tell about clients: only a trusted peer may set them.
const MANAGED: [&str; 13] = [
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-tls-client-cert",
    "x-forwarded-tls-client-cert-info",
    "x-forwarded-uri",
    "x-real-ip",
    "x-scheme",
];

/// Whether a header is one with which proxies tell about clients.
pub(crate) fn is_managed(name: &str) -> bool {
    name.starts_with("x-") && MANAGED.contains(&name)
}

/// Whether an application may take a name for another one, with hyphens where this one has something else.
fn is_alias(name: &str) -> bool {
    name.bytes().any(|byte| !byte.is_ascii_alphanumeric() && byte != b'-')
}

/// A header with an underscore or the like in its name is refused by the entry point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UnderscoreRefused;

/// Removes what an untrusted client must not say, under any spelling, and headers that the entry point bans.
///
/// # Errors
/// The entry point refuses such names and there is one.
pub(crate) fn admit(headers: &mut HeaderMap, trusted: bool, entry: &EntryPoint) -> Result<(), UnderscoreRefused> {
    let mut banned: Vec<HeaderName> = Vec::new();
    for name in headers.keys() {
        let text = name.as_str();
        let underscore = text.contains('_');
        if underscore || (entry.aliases != Underscores::Keep && is_alias(text)) {
            let strategy = if entry.aliases == Underscores::Keep { entry.underscores } else { entry.aliases };
            match strategy {
                Underscores::Keep if trusted || !is_managed(&text.replace('_', "-")) => {}
                Underscores::Keep | Underscores::Delete => banned.push(name.clone()),
                Underscores::Reject => return Err(UnderscoreRefused),
            }
        } else if !trusted && is_managed(text) {
            banned.push(name.clone());
        }
    }
    for name in banned {
        headers.remove(name);
    }
    Ok(())
}

/// Removes hop-by-hop headers (RFC 9110 section 7.6.1) from a request; returns the protocol that the client wants to
/// upgrade to. Headers in `kept` stay for the middlewares even if `Connection` names them, and then it goes on naming
/// them: see [`strip_kept`].
pub(crate) fn strip_request(headers: &mut HeaderMap, has_body: bool, kept: &[HeaderName]) -> Option<HeaderValue> {
    let mut upgrade = None;
    if headers.contains_key(CONNECTION) {
        let named = |name: &&HeaderName| {
            let mut tokens = headers.get_all(CONNECTION).iter().flat_map(tokens);
            tokens.any(|token| token.eq_ignore_ascii_case(name.as_str()))
        };
        let stay: Vec<&str> = kept.iter().filter(named).map(HeaderName::as_str).collect();
        let stay = if stay.is_empty() { None } else { HeaderValue::from_str(&stay.join(",")).ok() };
        upgrade = strip_connection(headers, kept).then(|| headers.get(UPGRADE).cloned()).flatten();
        // HTTP/2 is agreed on hop by hop.
        upgrade = upgrade.filter(|protocol| !tokens(protocol).any(|token| token.eq_ignore_ascii_case("h2c")));
        headers.remove(CONNECTION);
        if let Some(stay) = stay {
            headers.insert(CONNECTION, stay);
        }
    }
    headers.remove(UPGRADE);
    if headers.contains_key(TE) {
        let trailers =
            headers.get_all(TE).iter().any(|line| tokens(line).any(|token| token.eq_ignore_ascii_case("trailers")));
        headers.remove(TE);
        if trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
    }
    if !has_body {
        headers.remove(TRAILER);
    }
    headers.remove(TRANSFER_ENCODING);
    headers.remove(KEEP_ALIVE);
    headers.remove(PROXY_CONNECTION);
    headers.remove(PROXY_AUTHENTICATE);
    headers.remove(PROXY_AUTHORIZATION);
    upgrade
}

/// Removes what [`strip_request`] has left for the middlewares: the server is not to have it.
pub(crate) fn strip_kept(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        strip_connection(headers, &[]);
        headers.remove(CONNECTION);
    }
}

/// A transfer coding other than a plain `chunked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OtherCoding;

/// Whether an HTTP/1 message's body is chunked.
///
/// # Errors
/// It has another transfer coding.
pub(crate) fn is_chunked(headers: &HeaderMap) -> Result<bool, OtherCoding> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(false),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(true),
        _ => Err(OtherCoding),
    }
}

/// Headers of an answer that belong to a connection and not to what is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HopByHop {
    /// Those that are known, and those that `Connection` names.
    Named,
    /// Those that are known.
    Known,
}

/// Removes hop-by-hop headers from an answer. Its framing is decided anew.
pub(crate) fn strip_response(headers: &mut HeaderMap, removed: HopByHop) {
    if headers.contains_key(CONNECTION) {
        // As in Traefik, to which a `Connection` that ends it says nothing else.
        let closes =
            headers.get_all(CONNECTION).iter().flat_map(tokens).any(|token| token.eq_ignore_ascii_case("close"));
        if removed == HopByHop::Named && !closes {
            strip_connection(headers, &[]);
        }
        headers.remove(CONNECTION);
    }
    if headers.remove(TRANSFER_ENCODING).is_some() {
        headers.remove(CONTENT_LENGTH);
    }
    headers.remove(UPGRADE);
    headers.remove(KEEP_ALIVE);
    headers.remove(PROXY_CONNECTION);
    headers.remove(PROXY_AUTHENTICATE);
    headers.remove(TE);
}

/// Removes the headers that `Connection` names, but for those that must never be removed that way. True when it names
/// `upgrade`.
fn strip_connection(headers: &mut HeaderMap, kept: &[HeaderName]) -> bool {
    let mut upgrade = false;
    let mut named: Vec<HeaderName> = Vec::new();
    for token in headers.get_all(CONNECTION).iter().flat_map(tokens) {
        if token.eq_ignore_ascii_case("upgrade") {
            upgrade = true;
        } else if let Ok(name) = HeaderName::from_bytes(token.as_bytes())
            && ![HOST, CONTENT_LENGTH, TRANSFER_ENCODING, TE, TRAILER].contains(&name)
            && !kept.contains(&name)
            && !is_managed(name.as_str())
        {
            named.push(name);
        }
    }
    for name in named {
        headers.remove(name);
    }
    upgrade
}

/// A name with capitals, as Go and most clients write it.
pub(crate) fn title_case(name: &str) -> impl Iterator<Item = u8> {
    let mut starts = true;
    name.bytes()
        .map(move |byte| if std::mem::replace(&mut starts, byte == b'-') { byte.to_ascii_uppercase() } else { byte })
}

/// Writes a line of a head of HTTP/1.1. Names begin with capitals: some programs know no others.
pub(crate) fn write_field(out: &mut Vec<u8>, name: &HeaderName, value: &HeaderValue) {
    write_named(out, title_case(name.as_str()), value);
}

/// The same with a name as it is.
pub(crate) fn write_named(out: &mut Vec<u8>, name: impl Iterator<Item = u8>, value: &HeaderValue) {
    out.extend(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// The elements of a comma separated header line.
pub(crate) fn tokens(line: &HeaderValue) -> impl Iterator<Item = &str> {
    line.to_str().unwrap_or_default().split(',').map(str::trim).filter(|token| !token.is_empty())
}

/// True when a protocol that a client wants to upgrade to is WebSocket.
pub(crate) fn is_websocket(upgrade: Option<&HeaderValue>) -> bool {
    upgrade.is_some_and(|value| tokens(value).any(|token| token.eq_ignore_ascii_case("websocket")))
}

/// Tells the server about the client. Values that are there come from a trusted peer and stay.
pub(crate) fn describe_client(headers: &mut HeaderMap, client: &Client, host: &Host, websocket: bool) {
    let secure = client.tls.is_some();
    let absent = |headers: &HeaderMap, name: &HeaderName| headers.get(name).is_none_or(HeaderValue::is_empty);
    if absent(headers, &X_REAL_IP) {
        headers.insert(X_REAL_IP, client.ip_value.clone());
    }
    if absent(headers, &X_FORWARDED_PROTO) {
        let proto = match (secure, websocket) {
            (true, false) => "https",
            (true, true) => "wss",
            (false, false) => "http",
            (false, true) => "ws",
        };
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static(proto));
    }
    if absent(headers, &X_FORWARDED_PORT) {
        let port = match host.value.to_str().map(split_port) {
            Ok((_, Some(port))) => HeaderValue::from(port),
            _ => {
                let proto = headers.get(&X_FORWARDED_PROTO);
                let secure = secure || proto.is_some_and(|proto| proto == "https" || proto == "wss");
                HeaderValue::from_static(if secure { "443" } else { "80" })
            }
        };
        headers.insert(X_FORWARDED_PORT, port);
    }
    if absent(headers, &X_FORWARDED_HOST) {
        headers.remove(X_FORWARDED_HOST);
        if !host.value.is_empty() {
            headers.insert(X_FORWARDED_HOST, host.value.clone());
        }
    }
    headers.insert(X_FORWARDED_SERVER, client.worker.shared.hostname.clone());
    if client.entry.forwarded.scheme_headers
        && let Some(proto) = headers.get(&X_FORWARDED_PROTO).cloned()
    {
        headers.insert(X_FORWARDED_SCHEME, proto.clone());
        headers.insert(X_SCHEME, proto);
    }
}

/// `X-Forwarded-For` as it came, several lines joined; `None` where it says nothing.
pub(crate) fn forwarded_for(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(X_FORWARDED_FOR).iter();
    let first = lines.next()?;
    let value = if lines.next().is_none() {
        first.clone()
    } else {
        let lines: Vec<&[u8]> = headers.get_all(X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect();
        HeaderValue::from_bytes(&lines.join(&b", "[..])).ok()?
    };
    Some(value).filter(|value| !value.is_empty())
}

/// Adds the peer to `X-Forwarded-For`, joining several lines into one.
pub(crate) fn append_forwarded_for(headers: &mut HeaderMap, client: &Client) {
    let append = !client.entry.forwarded.not_append;
    if !headers.contains_key(X_FORWARDED_FOR) {
        if append {
            headers.insert(X_FORWARDED_FOR, client.ip_value.clone());
        }
        return;
    }
    let peer = append.then_some(&client.ip_value);
    let lines: Vec<&[u8]> = headers.get_all(X_FORWARDED_FOR).iter().chain(peer).map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b", "[..])) {
        headers.insert(X_FORWARDED_FOR, joined);
    }
}

/// HTTP/2 clients may send a cookie header per cookie; HTTP/1.1 has one line (RFC 9113 section 8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(COOKIE).iter();
    if lines.next().is_none() || lines.next().is_none() {
        return;
    }
    let lines: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}
