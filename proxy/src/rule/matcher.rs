//! The matchers of HTTP rules: what each looks at and when it says yes.

use std::net::IpAddr;

use http::header::{CONNECTION, HOST, HeaderName, HeaderValue, TRAILER, TRANSFER_ENCODING, UPGRADE};
use ipnet::IpNet;
use regex::bytes::Regex;

use super::{Candidate, pattern, query};

/// One matcher with its arguments, ready to be asked.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    /// Every request.
    Anything,
    /// No request (a header that requests cannot carry).
    Nothing,
    Host(HostName),
    HostRegexp(Regex),
    Path(Vec<u8>),
    PathPrefix(Vec<u8>),
    PathRegexp(Regex),
    Method(String),
    Header(HeaderName, Vec<u8>),
    HeaderRegexp(HeaderName, Regex),
    Query(Vec<u8>, Vec<u8>),
    QueryRegexp(Vec<u8>, Regex),
    /// As before, but only the first value of a key counts (v2 syntax only).
    FirstQueryRegexp(Vec<u8>, Regex),
    ClientIp(IpNet),
    /// One of several (v2 syntax only).
    AnyOf(Vec<Matcher>),
    /// All of several (v2 syntax only).
    AllOf(Vec<Matcher>),
}

/// A host in a rule: a name, or `*.` and a name for exactly one label more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HostName {
    /// Lower case; a wildcard without its `*`, so with a leading dot.
    pub(super) name: String,
    pub(super) wildcard: bool,
}

impl HostName {
    /// `Err` holds the reason. `Ok(None)` is the host `*`.
    pub(super) fn new(text: &str, matcher: &str) -> Result<Option<Self>, String> {
        if !text.is_ascii() {
            return Err(format!(
                "invalid value \"{text}\" for {matcher} matcher, non-ASCII characters are not allowed"
            ));
        }
        let name = text.to_ascii_lowercase();
        if name == "*" {
            return Ok(None);
        }
        Ok(Some(match name.strip_prefix('*') {
            Some(suffix) if suffix.starts_with('.') => Self { name: suffix.to_owned(), wildcard: true },
            _ => Self { name, wildcard: false },
        }))
    }

    /// Whether it is the name asked for; one final dot on either side does not count (RFC 3986, section 3.2.2).
    pub(super) fn matches(&self, host: &str) -> bool {
        let host = if self.wildcard {
            match host.find('.') {
                Some(dot) if dot > 0 => host.get(dot..).unwrap_or_default(),
                Some(_) => return false,
                // Behind the first dot there is nothing, as in `*.`.
                None => ".",
            }
        } else {
            host
        };
        !host.is_empty()
            && (host == self.name
                || self.name.strip_suffix('.') == Some(host)
                || host.strip_suffix('.') == Some(self.name.as_str()))
    }
}

/// The names of the HTTP matchers in the spelling of the documentation.
pub(super) const NAMES: [&str; 11] = [
    "Host",
    "HostRegexp",
    "Path",
    "PathPrefix",
    "PathRegexp",
    "Method",
    "Header",
    "HeaderRegexp",
    "Query",
    "QueryRegexp",
    "ClientIP",
];

/// The documented name for a name as written: exact, all lower, all upper or title case. Nothing else is accepted.
pub(super) fn canonical<'a>(names: &[&'a str], written: &str) -> Option<&'a str> {
    names.iter().copied().find(|name| {
        let lower = name.to_ascii_lowercase();
        let title = format!("{}{}", name.get(..1).unwrap_or_default(), lower.get(1..).unwrap_or_default());
        written == *name || written == lower || written == name.to_ascii_uppercase() || written == title
    })
}

/// Builds a matcher; `Err` holds the reason without the matcher's name.
pub(super) fn build(name: &str, args: &[Vec<u8>]) -> Result<Matcher, String> {
    match name {
        "Host" => {
            let [host] = arguments(args, "one of [1]")?;
            Ok(HostName::new(text(host)?, name)?.map_or(Matcher::Anything, Matcher::Host))
        }
        "HostRegexp" => {
            let [expression] = arguments(args, "one of [1]")?;
            if !expression.is_ascii() {
                let shown = String::from_utf8_lossy(expression);
                return Err(format!(
                    "invalid value \"{shown}\" for HostRegexp matcher, non-ASCII characters are not allowed"
                ));
            }
            let regex = regex(expression, name)?;
            // Traefik also asks about the flattened CNAME, which is empty unless that feature is on: what fits "" fits every host.
            Ok(if regex.is_match(b"") { Matcher::Anything } else { Matcher::HostRegexp(regex) })
        }
        "Path" => Ok(Matcher::Path(path(args)?)),
        "PathPrefix" => Ok(Matcher::PathPrefix(path(args)?)),
        "PathRegexp" => {
            let [expression] = arguments(args, "one of [1]")?;
            Ok(Matcher::PathRegexp(regex(expression, "PathPrefix")?))
        }
        "Method" => {
            let [method] = arguments(args, "one of [1]")?;
            Ok(Matcher::Method(text(method)?.to_uppercase()))
        }
        "Header" => {
            let [key, value] = arguments(args, "one of [2]")?;
            Ok(header(key).map_or(Matcher::Nothing, |name| Matcher::Header(name, value.clone())))
        }
        "HeaderRegexp" => {
            let [key, expression] = arguments(args, "one of [2]")?;
            let expression = regex(expression, name)?;
            Ok(header(key).map_or(Matcher::Nothing, |name| Matcher::HeaderRegexp(name, expression)))
        }
        "Query" => match args {
            [key] => Ok(Matcher::Query(key.clone(), Vec::new())),
            [key, value] => Ok(Matcher::Query(key.clone(), value.clone())),
            _ => Err(count(args, "one of [1 2]")),
        },
        "QueryRegexp" => match args {
            [key] => Ok(Matcher::Query(key.clone(), Vec::new())),
            [key, expression] => Ok(Matcher::QueryRegexp(key.clone(), regex(expression, name)?)),
            _ => Err(count(args, "one of [1 2]")),
        },
        "ClientIP" => {
            let [range] = arguments(args, "one of [1]")?;
            Ok(Matcher::ClientIp(client_range(range)?))
        }
        other => Err(format!("unsupported function: {other}")),
    }
}

/// A client address or CIDR range, for HTTP and TCP alike.
pub(super) fn client_range(range: &[u8]) -> Result<IpNet, String> {
    let shown = String::from_utf8_lossy(range);
    let parsed = shown.parse::<IpNet>().ok().or_else(|| shown.parse::<IpAddr>().ok().map(IpNet::from));
    let parsed = parsed.map(|net| match net {
        IpNet::V6(v6) => match (v6.addr().to_ipv4_mapped(), v6.prefix_len().checked_sub(96)) {
            (Some(v4), Some(bits)) => ipnet::Ipv4Net::new(v4, bits).map_or(IpNet::V6(v6), IpNet::V4),
            _ => IpNet::V6(v6),
        },
        v4 => v4,
    });
    parsed.ok_or_else(|| {
        format!("initializing IP checker for ClientIP matcher: parsing CIDR trusted IPs <nil>: invalid CIDR address: {shown}")
    })
}

pub(super) fn arguments<'a, const N: usize>(args: &'a [Vec<u8>], expected: &str) -> Result<&'a [Vec<u8>; N], String> {
    args.try_into().map_err(|_| count(args, expected))
}

fn count(args: &[Vec<u8>], expected: &str) -> String {
    format!("unexpected number of parameters; got {}, expected {expected}", args.len())
}

pub(super) fn text(arg: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(arg).map_err(|_| "the argument is not UTF-8".to_owned())
}

fn path(args: &[Vec<u8>]) -> Result<Vec<u8>, String> {
    let [path] = arguments(args, "one of [1]")?;
    if !path.starts_with(b"/") {
        return Err(format!("path \"{}\" does not start with a '/'", String::from_utf8_lossy(path)));
    }
    Ok(path.clone())
}

pub(super) fn regex(expression: &[u8], matcher: &str) -> Result<Regex, String> {
    pattern::compile(text(expression)?).map_err(|error| format!("compiling {matcher} matcher: {error}"))
}

/// A header by which rules can match. Not those that belong to the framing of the message rather than to the request.
pub(super) fn header(key: &[u8]) -> Option<HeaderName> {
    HeaderName::from_bytes(key).ok().filter(|name| *name != HOST && *name != TRANSFER_ENCODING && *name != TRAILER)
}

/// The values of a header. Of those of the connection only what is left of them when a protocol is to be switched.
fn fields<'a>(request: &Candidate<'a>, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let switch = request.upgrade.and_then(|protocol| match *name {
        UPGRADE => Some(protocol.as_bytes()),
        CONNECTION => Some(&b"Upgrade"[..]),
        _ => None,
    });
    let sent = request.headers.get_all(name).iter().map(HeaderValue::as_bytes);
    switch.into_iter().chain(sent)
}

impl Matcher {
    /// Whether the request is one of those meant.
    pub(super) fn matches(&self, request: &Candidate<'_>) -> bool {
        match self {
            Self::Anything => true,
            Self::Nothing => false,
            Self::Host(name) => name.matches(request.host),
            Self::HostRegexp(regex) => regex.is_match(request.host.as_bytes()),
            Self::Path(path) => path == request.path,
            Self::PathPrefix(prefix) => request.path.starts_with(prefix),
            Self::PathRegexp(regex) => pattern::fits(regex, request.path),
            Self::Method(method) => method == request.method,
            Self::Header(name, value) => fields(request, name).any(|found| found == value),
            Self::HeaderRegexp(name, regex) => fields(request, name).any(|found| pattern::fits(regex, found)),
            Self::Query(key, value) => {
                query::pairs(request.query).any(|(k, v)| query::is(k, key) && query::is(v, value))
            }
            Self::QueryRegexp(key, regex) => {
                query::pairs(request.query).any(|(k, v)| query::is(k, key) && pattern::fits(regex, &query::decode(v)))
            }
            Self::FirstQueryRegexp(key, regex) => query::pairs(request.query)
                .find(|(k, _)| query::is(k, key))
                .is_some_and(|(_, v)| pattern::fits(regex, &query::decode(v))),
            Self::ClientIp(net) => net.contains(&request.client),
            Self::AnyOf(matchers) => matchers.iter().any(|matcher| matcher.matches(request)),
            Self::AllOf(matchers) => matchers.iter().all(|matcher| matcher.matches(request)),
        }
    }

    /// Adds the names in it for which certificates are asked.
    pub(super) fn add_hosts(&self, hosts: &mut Vec<String>) {
        match self {
            Self::Host(HostName { name, wildcard: true }) => hosts.push(format!("*{name}")),
            Self::Host(HostName { name, wildcard: false }) => hosts.push(name.clone()),
            Self::AnyOf(matchers) => matchers.iter().for_each(|matcher| matcher.add_hosts(hosts)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HostName;

    #[test]
    fn a_wildcard_stands_for_one_label() {
        let fits = |rule: &str, host| HostName::new(rule, "Host").ok().flatten().is_some_and(|name| name.matches(host));
        for (rule, host, expected) in [
            ("*.a.test", "b.a.test", true),
            ("*.a.test", "a.test", false),
            ("*.a.test", "c.b.a.test", false),
            ("*.", "localhost", true),
            ("*.", "a.test", false),
        ] {
            assert_eq!(fits(rule, host), expected, "{rule} {host}");
        }
    }
}
