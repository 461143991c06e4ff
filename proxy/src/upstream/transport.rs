//! How connections to servers are made: time limits, certificates, how many are kept.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;

use crate::tls::client::{self, BadClientTls};

/// A transport as configured; one that equals another shares its connections.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TransportOptions {
    /// Name to verify and to send as SNI, if not the URL's host.
    pub(crate) server_name: Option<String>,
    /// Accepts any certificate.
    pub(crate) insecure_skip_verify: bool,
    /// PEM texts of certificate authorities; empty means the system's.
    pub(crate) root_cas: Vec<Vec<u8>>,
    /// PEM texts of the client certificate and its key.
    pub(crate) certificate: Option<(Vec<u8>, Vec<u8>)>,
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
            root_cas: Vec::new(),
            certificate: None,
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

/// A certificate option of Traefik's is a path or the PEM text itself.
pub(crate) fn pem_or_path(value: &str) -> Result<Vec<u8>, std::io::Error> {
    if value.trim_start().starts_with("-----BEGIN") {
        Ok(value.as_bytes().to_vec())
    } else {
        std::fs::read(PathBuf::from(value))
    }
}
