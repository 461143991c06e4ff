//! How connections to servers are made: time limits, certificates, how many are kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use crate::config::dynamic::Certificate;
use crate::tls::client::{self, BadClientTls};
use crate::tls::pem;

/// A transport as configured; one that equals another shares its connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TransportOptions {
    /// Name to verify and to send as SNI, if not the URL's host.
    pub(crate) server_name: Option<String>,
    /// Accepts any certificate.
    pub(crate) insecure_skip_verify: bool,
    /// PEM texts of certificate authorities; without any list they are the system's, and nobody is in an empty one.
    pub(crate) root_cas: Option<Vec<Vec<u8>>>,
    /// PEM texts of the client's certificates, each with its key.
    pub(crate) certificates: Vec<(Vec<u8>, Vec<u8>)>,
    /// TLS cipher suites by their IANA names; empty means all.
    pub(crate) cipher_suites: Vec<String>,
    /// Lowest TLS version (`VersionTLS12`); empty means the lowest there is.
    pub(crate) min_version: String,
    /// Highest one.
    pub(crate) max_version: String,
    /// URI that the server's certificate must be for too; empty means none.
    pub(crate) peer_uri: String,
    /// Never HTTP/2 by ALPN.
    pub(crate) disable_http2: bool,
    /// Idle connections kept for each server, over all workers.
    pub(crate) max_idle: usize,
    /// For TCP (and TLS) connections.
    pub(crate) dial_timeout: Duration,
    /// For an answer's head; zero means no limit.
    pub(crate) response_header_timeout: Duration,
    /// Before an idle connection is closed.
    pub(crate) idle_timeout: Duration,
    /// Of silence before an HTTP/2 connection is probed; zero means never.
    pub(crate) read_idle_timeout: Duration,
    /// For the answer to such a probe; zero means no limit.
    pub(crate) ping_timeout: Duration,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self {
            server_name: None,
            insecure_skip_verify: false,
            root_cas: None,
            certificates: Vec::new(),
            cipher_suites: Vec::new(),
            min_version: String::new(),
            max_version: String::new(),
            peer_uri: String::new(),
            disable_http2: false,
            max_idle: 200,
            dial_timeout: Duration::from_secs(30),
            response_header_timeout: Duration::ZERO,
            idle_timeout: Duration::from_secs(90),
            read_idle_timeout: Duration::ZERO,
            ping_timeout: Duration::from_secs(15),
        }
    }
}

/// A transport, ready to make connections with.
#[derive(Debug)]
pub(crate) struct Transport {
    /// What it was made from.
    pub(crate) options: TransportOptions,
    /// For ordinary requests; offers HTTP/2 unless disabled.
    pub(crate) tls: Arc<ClientConfig>,
    /// For upgrades, which exist in HTTP/1.1 only.
    pub(crate) tls_http1: Arc<ClientConfig>,
}

impl Transport {
    /// Prepares the TLS side of `options`.
    ///
    /// # Errors
    /// An unreadable or unusable certificate or key.
    pub(crate) fn new(options: TransportOptions) -> Result<Self, BadClientTls> {
        let http1 = client::config(&options)?;
        let mut tls = http1.clone();
        if !options.disable_http2 {
            tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        }
        Ok(Self { options, tls: Arc::new(tls), tls_http1: Arc::new(http1) })
    }
}

/// The certificates that a servers transport names. What cannot be used is left out with a warning, as by Traefik: it costs the
/// servers that ask for it, not all others.
#[derive(Debug, Default)]
pub(crate) struct Credentials {
    /// See [`TransportOptions::root_cas`].
    pub(crate) root_cas: Option<Vec<Vec<u8>>>,
    /// See [`TransportOptions::certificates`].
    pub(crate) certificates: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Credentials {
    /// Reads what `transport` names in `rootCAs` and `certificates`: paths or PEM texts.
    pub(crate) fn read(transport: &str, root_cas: &[String], certificates: &[Certificate]) -> Self {
        let warn = |option: &str, problem: &dyn std::fmt::Display| {
            tracing::warn!("the servers transport \"{transport}\" goes without one of its `{option}`: {problem}");
        };
        let root = |value: &String| {
            let text =
                pem_or_path(value).map_err(|error| warn("rootCAs", &format_args!("cannot read `{value}`: {error}")));
            text.ok().filter(|text| {
                let usable = client::holds_authority(text);
                if !usable {
                    let place = pem::shown(value);
                    warn("rootCAs", &format_args!("{place}: there is no usable certificate in it"));
                }
                usable
            })
        };
        let pair = |pair: &Certificate| {
            let usable = pem::pair(&pair.cert_file, &pair.key_file).map_err(|problem| warn("certificates", &problem));
            usable.ok()?;
            Some((pem_or_path(&pair.cert_file).ok()?, pem_or_path(&pair.key_file).ok()?))
        };
        Self {
            root_cas: (!root_cas.is_empty()).then(|| root_cas.iter().filter_map(root).collect()),
            certificates: certificates.iter().filter_map(pair).collect(),
        }
    }
}

/// A certificate option of Traefik's is a path or the PEM text itself.
pub(crate) fn pem_or_path(value: &str) -> Result<Vec<u8>, std::io::Error> {
    if value.trim_start().starts_with("-----BEGIN") {
        Ok(value.as_bytes().to_vec())
    } else {
        std::fs::read(PathBuf::from(value))
    }
}
