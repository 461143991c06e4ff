//! One server of a load balancer, and what is known about it. Shared by all workers, kept across configurations.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

use http::{HeaderValue, Uri};

use super::balance::load::Times;

/// How long a server that could not be reached is passed over while others are there.
const SUSPICION: Duration = Duration::from_secs(2);

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Scheme {
    /// HTTP/1.1 over TCP.
    Http,
    /// HTTP/1.1 or HTTP/2 over TLS, as the server chooses.
    Https,
    /// HTTP/2 over TCP, without asking first.
    H2c,
    /// Something else, or nowhere: it is never reached.
    Unknown,
}

/// Why a server's URL is unusable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadServer {
    /// Not a URL.
    #[error("`{0}` is not a URL")]
    Url(String),
    /// Go takes what stands before the port for a path, which must not begin like this.
    #[error("`{0}` is not a URL: write `http://{0}`")]
    NoScheme(String),
    /// A scheme that is not spoken.
    #[error("the scheme of `{0}` is not `http`, `https` or `h2c`")]
    Scheme(String),
}

/// A server.
#[derive(Debug)]
pub(crate) struct Server {
    /// As configured.
    pub(crate) url: String,
    /// `https`, `http` or `h2c`.
    pub(crate) scheme: Scheme,
    /// Host name or address, without brackets.
    pub(crate) host: String,
    /// TCP port.
    pub(crate) port: u16,
    /// `Host` header when the client's is not passed on.
    pub(crate) host_header: HeaderValue,
    /// Path to put before the request's, without final slash.
    pub(crate) base_path: String,
    /// Value of a sticky cookie for this server.
    pub(crate) cookie: String,
    /// Requests under way, where choices depend on it.
    pub(crate) in_flight: AtomicUsize,
    preserve_path: bool,
    healthy: AtomicBool,
    reached: AtomicBool,
    suspect_until: AtomicU64,
    /// When it is tried again after it failed requests; 0 while it does not.
    alone_until: AtomicU64,
    times: OnceLock<Box<Times>>,
}

/// Milliseconds since the first call; a cheap clock to compare with.
pub(crate) fn now() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Server {
    /// A server from its URL (`http://host:port`); with `preserve_path` the URL's path comes before the request's.
    ///
    /// # Errors
    /// Not a URL of a scheme that is spoken.
    pub(crate) fn new(url: &str, preserve_path: bool) -> Result<Self, BadServer> {
        let bad = || BadServer::Url(url.to_owned());
        // As Go writes what it has read: only a host with a space in it is none.
        let path = url.find("://").and_then(|at| Some(at + 3 + url.get(at + 3..)?.find('/')?)).unwrap_or(url.len());
        let (authority, path) = url.split_at(path);
        let uri: Uri = format!("{authority}{}", path.replace(' ', "%20")).parse().map_err(|_| bad())?;
        let authority = uri.authority().ok_or_else(bad)?;
        let (scheme, default_port) = match uri.scheme_str() {
            Some("http") => (Scheme::Http, 80),
            Some("https") => (Scheme::Https, 443),
            Some("h2c") => (Scheme::H2c, 80),
            _ => return Err(BadServer::Scheme(url.to_owned())),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let shown = authority.as_str().rsplit_once('@').map_or(authority.as_str(), |(_, host)| host);
        Ok(Self {
            url: url.to_owned(),
            scheme,
            host,
            port: authority.port_u16().unwrap_or(default_port),
            host_header: HeaderValue::from_str(shown).map_err(|_| BadServer::Url(url.to_owned()))?,
            base_path: if preserve_path { uri.path().trim_end_matches('/').to_owned() } else { String::new() },
            in_flight: AtomicUsize::new(0),
            preserve_path,
            cookie: super::sticky::value(url),
            healthy: AtomicBool::new(true),
            reached: AtomicBool::new(false),
            suspect_until: AtomicU64::new(0),
            alone_until: AtomicU64::new(0),
            times: OnceLock::new(),
        })
    }

    /// The same, but as one that is never reached where the scheme is not spoken or there is no host: other servers beside it
    /// may be good.
    ///
    /// # Errors
    /// Not a URL.
    pub(crate) fn as_configured(url: &str, preserve_path: bool) -> Result<Self, BadServer> {
        let elsewhere = match (url.split_once("://"), Self::new(url, preserve_path)) {
            (None, _) if is_colon_in_path(url) => return Err(BadServer::NoScheme(url.to_owned())),
            (None, _) => Self::new("http://localhost", preserve_path)?,
            (_, Ok(server)) => return Ok(server),
            (Some((_, "")), Err(_)) => Self::new("http://localhost", preserve_path)?,
            (Some((_, rest)), Err(BadServer::Scheme(_))) => Self::new(&format!("http://{rest}"), preserve_path)?,
            (_, Err(error)) => return Err(error),
        };
        Ok(Self { url: url.to_owned(), scheme: Scheme::Unknown, cookie: super::sticky::value(url), ..elsewhere })
    }

    /// Whether the URL's path comes before the request's.
    pub(crate) fn preserves_path(&self) -> bool {
        self.preserve_path
    }

    /// Host and port, for messages.
    pub(crate) fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// Whether it is to get requests: the active health check, if there is one, found it well, and the passive one does not
    /// leave it alone.
    pub(crate) fn is_healthy(&self) -> bool {
        if !self.healthy.load(Relaxed) {
            return false;
        }
        let until = self.alone_until.load(Relaxed);
        until == 0 || until <= now()
    }

    /// Leaves it alone until a moment ([`now`]); false when it was left alone already.
    pub(crate) fn leave_alone_until(&self, until: u64) -> bool {
        let before = self.alone_until.load(Relaxed);
        if before > now() {
            return false;
        }
        self.alone_until.compare_exchange(before, until, Relaxed, Relaxed).is_ok()
    }

    /// How long its last answers took.
    pub(crate) fn times(&self) -> &Times {
        self.times.get_or_init(Box::default)
    }

    /// Sets what the health check found; returns what was known before.
    pub(crate) fn set_healthy(&self, healthy: bool) -> bool {
        if healthy {
            self.set_reached();
        }
        self.healthy.swap(healthy, Relaxed)
    }

    /// Forgets what a health check has found.
    pub(crate) fn forget_health(&self) {
        self.healthy.store(true, Relaxed);
    }

    /// Whether it has ever taken a connection, or passed its health check where it has one.
    pub(crate) fn is_reached(&self) -> bool {
        self.reached.load(Relaxed)
    }

    /// Notes that it takes connections.
    pub(crate) fn set_reached(&self) {
        if !self.reached.load(Relaxed) {
            self.reached.store(true, Relaxed);
        }
    }

    /// Notes that the server could not be reached.
    pub(crate) fn suspect(&self) {
        self.suspect_until.store(now().saturating_add(u64::try_from(SUSPICION.as_millis()).unwrap_or(0)), Relaxed);
    }

    /// Notes that the server answered.
    pub(crate) fn trust(&self) {
        self.set_reached();
        if self.suspect_until.load(Relaxed) != 0 {
            self.suspect_until.store(0, Relaxed);
        }
    }

    /// True for a while after the server could not be reached.
    pub(crate) fn is_suspect(&self) -> bool {
        let until = self.suspect_until.load(Relaxed);
        until != 0 && until > now()
    }
}

/// Whether what has no `://` has a colon in the first segment of its path, as `127.0.0.1:80` has and `localhost:80`, whose
/// scheme is `localhost`, has not.
fn is_colon_in_path(url: &str) -> bool {
    let Some((before, _)) = url.split('/').next().and_then(|segment| segment.split_once(':')) else { return false };
    let is_scheme = before.starts_with(|c: char| c.is_ascii_alphabetic())
        && before.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    !is_scheme
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn urls_are_read_as_far_as_they_say_where() {
        let scheme = |url: &str| Server::as_configured(url, true).unwrap().scheme;
        assert_eq!(["HTTP://a", "https://a", "h2c://a"].map(scheme), [Scheme::Http, Scheme::Https, Scheme::H2c]);
        assert!(["ws://a", "ftp://a", "http://"].map(scheme).iter().all(|scheme| *scheme == Scheme::Unknown));
        // As in Go: a path, a host without scheme, and a scheme called `localhost`.
        assert!(["", "/x", "//a", "a", "127.0.0.1", "localhost:80"].map(scheme).iter().all(|s| *s == Scheme::Unknown));
        for url in ["127.0.0.1:80", ":80", "a_b:80"] {
            let told = format!("`{url}` is not a URL: write `http://{url}`");
            assert_eq!(Server::as_configured(url, true).unwrap_err().to_string(), told);
        }
        assert!(Server::new("ws://a", true).is_err());
        assert_eq!(Server::new("http://a/b c/", true).unwrap().base_path, "/b%20c");
        assert_eq!(Server::as_configured("http://a b/", true).unwrap_err().to_string(), "`http://a b/` is not a URL");
    }
}
