//! The host a request is for: exactly one, valid, the same for routing and forwarding (RFC 9112 section 3.2).

use http::header::HOST;
use http::{HeaderValue, Method, Version, request};

/// The host of a request, as sent and as compared.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// As the client wrote it, port included; empty when HTTP/1.0 names none.
    pub(crate) value: HeaderValue,
    /// Lower case, without port and brackets.
    pub(crate) name: String,
}

/// Why a request's host is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHost {
    /// HTTP/1.1 without a `Host` header.
    Missing,
    /// More than one `Host` header.
    Repeated,
    /// Characters that no host has.
    Malformed,
}

/// Takes the host out of a request: the target's authority wins over the `Host` header (RFC 9112 section 3.2.2).
///
/// # Errors
/// None, several, or a malformed host.
pub(crate) fn of(parts: &request::Parts) -> Result<Host, BadHost> {
    let mut sent = parts.headers.get_all(HOST).iter();
    let header = sent.next();
    if sent.next().is_some() {
        return Err(BadHost::Repeated);
    }
    if parts.version == Version::HTTP_11 && header.is_none() {
        return Err(BadHost::Missing);
    }
    if let Some(value) = header {
        check(value.as_bytes())?;
    }
    let value = match (parts.uri.authority(), header) {
        (Some(authority), _) if parts.method != Method::CONNECT => {
            let text = authority.as_str();
            let host = text.rsplit_once('@').map_or(text, |(_, host)| host);
            check(host.as_bytes())?;
            // An unchanged Host header is cheaper to share than to copy.
            match header {
                Some(value) if value.as_bytes() == host.as_bytes() => value.clone(),
                _ => HeaderValue::from_str(host).map_err(|_| BadHost::Malformed)?,
            }
        }
        (_, Some(value)) => value.clone(),
        _ => HeaderValue::from_static(""),
    };
    let name = value.to_str().map_err(|_| BadHost::Malformed).map(compared)?;
    Ok(Host { value, name })
}

/// Ends of names that nobody can have in the public DNS: RFC 6761 and 6762, RFC 8375, and what ICANN has set apart or will not
/// delegate.
const LOCAL: [&str; 10] =
    ["localhost", "local", "internal", "home.arpa", "test", "lan", "home", "corp", "mail", "intranet"];

impl Host {
    /// Whether it is an address, a name without dot, or one that the public DNS knows nothing of.
    pub(crate) fn is_local(&self) -> bool {
        let name = self.name.strip_suffix('.').unwrap_or(&self.name);
        let below = |end: &&str| name.strip_suffix(*end).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
        !name.contains('.') || name.parse::<std::net::IpAddr>().is_ok() || LOCAL.iter().any(below)
    }
}

/// A host as it is compared: lower case, no port, no brackets. A final dot stays: a rule with a pattern can tell.
pub(crate) fn compared(host: &str) -> String {
    let (name, _) = split_port(host);
    let name = name.strip_prefix('[').map_or(name, |inner| inner.strip_suffix(']').unwrap_or(inner));
    name.to_ascii_lowercase()
}

/// Splits `host:port`; the port is `None` when there is none or it is not a number.
pub(crate) fn split_port(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, port.parse().ok()),
        _ => (host, None),
    }
}

fn check(host: &[u8]) -> Result<(), BadHost> {
    let allowed = |byte: &u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'!' | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b':'
                    | b';'
                    | b'='
                    | b'['
                    | b']'
                    | b'_'
                    | b'~'
            )
    };
    if host.iter().all(allowed) { Ok(()) } else { Err(BadHost::Malformed) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use http::Request;

    use super::*;

    fn host(uri: &str, hosts: &[&str]) -> Result<String, BadHost> {
        let mut request = Request::builder().uri(uri);
        for value in hosts {
            request = request.header(HOST, *value);
        }
        of(&request.body(()).unwrap().into_parts().0).map(|host| host.value.to_str().unwrap().to_owned())
    }

    #[test]
    fn exactly_one_host() {
        assert_eq!(host("/", &["a.test"]), Ok("a.test".to_owned()));
        assert_eq!(host("/", &[]), Err(BadHost::Missing));
        assert_eq!(host("/", &["a.test", "a.test"]), Err(BadHost::Repeated));
    }

    #[test]
    fn malformed_hosts() {
        for bad in ["a b", "user@a.test", "a.test/x", "a.test?x", "a\"b", "<x>", "a.test#x", "a.test, x", "a,b"] {
            assert_eq!(host("/", &[bad]), Err(BadHost::Malformed), "{bad}");
        }
        assert_eq!(host("/", &[""]), Ok(String::new()));
    }

    #[test]
    fn absolute_form_wins() {
        assert_eq!(host("http://a.test:81/x", &["b.test"]), Ok("a.test:81".to_owned()));
        assert_eq!(host("http://u:p@a.test/x", &["b.test"]), Ok("a.test".to_owned()));
    }

    #[test]
    fn comparison_form() {
        for (sent, expected) in
            [("A.test:8080", "a.test"), ("[::1]:80", "::1"), ("a.test.", "a.test."), ("::1", "::1"), ("", "")]
        {
            assert_eq!(compared(sent), expected);
        }
    }
}
