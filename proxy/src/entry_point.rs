//! An entry point at run time: what applies to every connection and request that comes in through it.

mod encodings;
mod limits;

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use ipnet::IpNet;

use crate::config::dynamic::RouterObservability;
use crate::config::statics;

pub use encodings::DeniedEncodings;
pub use limits::ClientLimits;

/// Most bytes of a request's head where nothing else is asked for.
const MAX_HEADER_BYTES: usize = 1 << 20;

/// An entry point's options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryPoint {
    /// Its name.
    pub name: String,
    /// `[host]:port`; without host it listens on all addresses, IPv4 and IPv6.
    pub address: String,
    /// How long clients may take.
    pub limits: ClientLimits,
    /// Most bytes of a request's head.
    pub max_header_bytes: usize,
    /// Requests after which a connection is closed; 0 means no limit.
    pub keep_alive_requests: u32,
    /// Age at which a connection is closed after the request under way; zero means no limit.
    pub keep_alive_time: Duration,
    /// Most HTTP/2 streams at once on one connection.
    pub max_concurrent_streams: u32,
    /// Bytes of the table of header fields that HTTP/2 clients may refer to.
    pub header_table_size: u32,
    /// Silence after which a session of datagrams ends, where it is for datagrams and nothing else.
    pub udp: Option<Duration>,
    /// HTTP/3, where it is spoken too.
    pub http3: Option<Http3>,
    /// Whose forwarding headers are believed, and how ours are written.
    pub forwarded: Forwarded,
    /// Who may say by the PROXY protocol who the client is; `None` where it is not spoken.
    pub proxied: Option<Proxied>,
    /// Percent-encoded characters that are refused in paths.
    pub denied_encodings: DeniedEncodings,
    /// Whether empty and dot segments are removed from paths.
    pub sanitize_path: bool,
    /// Whether a raw `;` in a query is sent on as `%3B` instead of `&`.
    pub encode_query_semicolons: bool,
    /// What happens to header names with an underscore.
    pub underscores: Underscores,
    /// What happens to header names with anything but letters, digits and hyphens; underscores are among it.
    pub aliases: Underscores,
    /// What is told of requests where no router says otherwise.
    pub observed: Observed,
}

/// HTTP/3 on an entry point: the same number of port, over UDP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Http3 {
    /// The port that clients are told of, where it is not the one that is listened on.
    pub advertised_port: Option<u16>,
    /// What clients of HTTP/1.1 and HTTP/2 are told (RFC 7838 section 3); `None` while it is not served.
    pub(crate) alt_svc: Option<HeaderValue>,
}

impl Http3 {
    /// The same, served at `port`.
    pub(crate) fn served(&self, port: u16) -> Self {
        let port = self.advertised_port.unwrap_or(port);
        // Thirty days.
        let alt_svc = HeaderValue::from_str(&format!("h3=\":{port}\"; ma=2592000")).ok();
        Self { alt_svc, ..self.clone() }
    }
}

/// Header names with an underscore or the like, which many applications take for the same name with a hyphen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Underscores {
    /// They are passed on.
    #[default]
    Keep,
    /// They are dropped.
    Delete,
    /// The request is refused.
    Reject,
}

impl Underscores {
    fn of(strategy: &str) -> Self {
        match strategy {
            "delete" => Self::Delete,
            "reject" => Self::Reject,
            _ => Self::Keep,
        }
    }
}

/// What is told of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// They are in the access log.
    pub logs: bool,
    /// They are counted.
    pub metrics: bool,
    /// They have traces.
    pub traces: bool,
}

impl Default for Observed {
    fn default() -> Self {
        Self { logs: true, metrics: true, traces: true }
    }
}

impl Observed {
    fn of(options: Option<&RouterObservability>) -> Self {
        options.map_or_else(Self::default, |options| Self {
            logs: options.access_logs.unwrap_or(true),
            metrics: options.metrics.unwrap_or(true),
            traces: options.tracing.unwrap_or(true),
        })
    }
}

/// Treatment of `X-Forwarded-*`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forwarded {
    /// Everybody's headers are believed.
    pub insecure: bool,
    /// Peers whose headers are believed.
    pub trusted: Vec<IpNet>,
    /// Leaves `X-Forwarded-For` without the peer's address.
    pub not_append: bool,
    /// Headers that stay although a client names them in `Connection`.
    pub connection: Vec<HeaderName>,
    /// Also writes `X-Forwarded-Scheme` and `X-Scheme`.
    pub scheme_headers: bool,
}

/// Who may say by the PROXY protocol who the client is. What others say is read, and not believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxied {
    /// Everybody.
    pub insecure: bool,
    /// Peers in these networks.
    pub trusted: Vec<IpNet>,
}

impl Proxied {
    /// Whether a peer is believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.insecure || self.trusted.iter().any(|network| network.contains(&peer))
    }
}

impl Forwarded {
    /// Whether a peer's forwarding headers are believed.
    pub(crate) fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.insecure || self.trusted.iter().any(|network| network.contains(&peer))
    }
}

impl EntryPoint {
    /// From the static configuration. Networks that are none, which the static configuration has refused before, are
    /// left out.
    pub fn from_static(name: &str, options: &statics::EntryPoint) -> Self {
        let (transport, http) = (&options.transport, &options.http);
        let timeouts = &transport.responding_timeouts;
        let default = ClientLimits::default();
        // Peers are compared by their IPv4 address where they have one.
        let address = |text: &String| text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
        let networks = |text: &String| text.parse::<IpNet>().ok().or_else(|| address(text));
        Self {
            limits: ClientLimits {
                // Nobody needs a minute for a handshake, and whoever allows for less than usual means that, too.
                handshake: Some(timeouts.read_timeout.to_std())
                    .filter(|time| !time.is_zero())
                    .map_or(default.handshake, |time| time.min(default.handshake)),
                header: timeouts.read_timeout.to_std(),
                body_idle: timeouts.read_timeout.to_std(),
                keep_alive: timeouts.idle_timeout.to_std(),
                // Traefik's zero is no limit: a client that takes nothing for minutes is gone all the same.
                write_stall: Some(timeouts.write_timeout.to_std())
                    .filter(|time| !time.is_zero())
                    .unwrap_or(default.write_stall),
            },
            max_header_bytes: usize::try_from(http.max_header_bytes)
                .ok()
                .filter(|most| *most > 0)
                .unwrap_or(MAX_HEADER_BYTES),
            keep_alive_requests: u32::try_from(transport.keep_alive_max_requests).unwrap_or(u32::MAX),
            keep_alive_time: transport.keep_alive_max_time.to_std(),
            max_concurrent_streams: options.http2.max_concurrent_streams,
            header_table_size: options.http2.max_decoder_header_table_size,
            udp: options.is_udp().then(|| options.udp.timeout.to_std()),
            http3: options.http3.as_ref().map(|http3| Http3 {
                advertised_port: Some(http3.advertised_port).filter(|port| *port != 0),
                alt_svc: None,
            }),
            forwarded: Forwarded {
                insecure: options.forwarded_headers.insecure,
                trusted: options.forwarded_headers.trusted_ips.iter().filter_map(networks).collect(),
                not_append: options.forwarded_headers.not_append_x_forwarded_for,
                connection: options
                    .forwarded_headers
                    .connection
                    .iter()
                    .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
                    .collect(),
                scheme_headers: false,
            },
            proxied: options.proxy_protocol.as_ref().map(|proxied| Proxied {
                insecure: proxied.insecure,
                trusted: proxied.trusted_ips.iter().filter_map(networks).collect(),
            }),
            sanitize_path: http.sanitize_path,
            denied_encodings: DeniedEncodings {
                slash: !http.encoded_characters.allow_encoded_slash,
                backslash: !http.encoded_characters.allow_encoded_back_slash,
                null: !http.encoded_characters.allow_encoded_null_character,
                semicolon: !http.encoded_characters.allow_encoded_semicolon,
                percent: !http.encoded_characters.allow_encoded_percent,
                question_mark: !http.encoded_characters.allow_encoded_question_mark,
                hash: !http.encoded_characters.allow_encoded_hash,
            },
            underscores: Underscores::of(&http.underscore_headers_strategy),
            aliases: Underscores::of(&http.alias_headers_strategy),
            encode_query_semicolons: http.encode_query_semicolons,
            observed: Observed::of(options.observability.as_ref()),
            ..Self::new(name, options.address.clone())
        }
    }

    /// An entry point with default options.
    pub fn new(name: impl Into<String>, address: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            address: address.into(),
            limits: ClientLimits::default(),
            max_header_bytes: MAX_HEADER_BYTES,
            keep_alive_requests: 0,
            keep_alive_time: Duration::ZERO,
            max_concurrent_streams: 250,
            header_table_size: 4096,
            udp: None,
            http3: None,
            forwarded: Forwarded::default(),
            proxied: None,
            denied_encodings: DeniedEncodings::default(),
            sanitize_path: true,
            encode_query_semicolons: false,
            underscores: Underscores::Keep,
            aliases: Underscores::Keep,
            observed: Observed::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::duration::GoDuration;

    #[test]
    fn what_is_written_is_what_holds() {
        let of = |most: i64, trusted: &str| {
            let mut options = statics::EntryPoint::default();
            options.http.max_header_bytes = most;
            options.forwarded_headers.trusted_ips = vec![trusted.to_owned()];
            EntryPoint::from_static("web", &options)
        };
        for (most, expected) in [(0, 1 << 20), (-1, 1 << 20), (100, 100)] {
            assert_eq!(of(most, "").max_header_bytes, expected);
        }
        let handshake = |seconds: i64| {
            let mut options = statics::EntryPoint::default();
            options.transport.responding_timeouts.read_timeout = GoDuration::from_secs(seconds);
            EntryPoint::from_static("web", &options).limits.handshake.as_secs()
        };
        assert_eq!([60, 2, 0].map(handshake), [10, 2, 10]);
        let client = IpAddr::from([127, 0, 0, 1]);
        assert!(of(0, "::ffff:127.0.0.1").forwarded.trusts(client));
        assert!(!of(0, "::ffff:127.0.0.2").forwarded.trusts(client));
    }
}
