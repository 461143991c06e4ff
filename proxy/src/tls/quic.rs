//! TLS of QUIC connections (RFC 9001). rustls wants to know a QUIC connection's options before its first byte, and here they depend on
//! the name that the client asks for: so the hello is read first, and the session begins with it.

use std::any::Any;
use std::sync::{Arc, LazyLock};

use quinn_proto::crypto::rustls::QuicServerConfig;
use quinn_proto::crypto::{
    ExportKeyingMaterialError, HeaderKey, KeyPair, Keys, PacketKey, ServerConfig, Session, UnsupportedVersion,
};
use quinn_proto::transport_parameters::TransportParameters;
use quinn_proto::{ConnectionId, Side, TransportError, TransportErrorCode};
use rustls::server::{Acceptor, ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, CipherSuite};

use super::provider;
use super::resolver::Terms;

/// What an HTTP/3 client offers (RFC 9114 section 3.1).
const ALPN: &[u8] = b"h3";
/// Longest hello.
const LONGEST_HELLO: usize = 64 * 1024;
/// Most bytes of a TLS record.
const RECORD: usize = 16 * 1024;

/// A TLS configuration in its QUIC form.
#[derive(Clone)]
pub(crate) struct Config(Arc<QuicServerConfig>);

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Config")
    }
}

/// The QUIC form of a TLS configuration, for HTTP/3; `None` where it does not allow TLS 1.3.
pub(crate) fn config(config: &rustls::ServerConfig) -> Option<Config> {
    let mut config = config.clone();
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.max_early_data_size = 0;
    let config = Arc::new(config);
    // A session of a configuration that is good for none cannot be begun, which has to be known before.
    rustls::quic::ServerConnection::new(Arc::clone(&config), rustls::quic::Version::V1, Vec::new()).ok()?;
    QuicServerConfig::try_from(config).ok().map(|config| Config(Arc::new(config)))
}

/// What a handshake agreed on, beside the client's certificates.
#[derive(Debug, Clone)]
pub(crate) struct Agreed {
    /// The options; see [`Terms`].
    pub(crate) terms: Arc<str>,
    /// The cipher suite by its IANA name.
    pub(crate) cipher: String,
}

/// Finds the options for a name in lower case; `None` is a client that names no host.
pub(crate) type Lookup = dyn Fn(Option<&str>) -> Terms + Send + Sync;

/// The TLS of an endpoint: each connection has the options of the name that it asks for.
pub(crate) struct ByName {
    lookup: Box<Lookup>,
    nobody: Config,
}

impl ByName {
    /// With options from `lookup`; `None` if the process has no cryptography for QUIC.
    pub(crate) fn new(lookup: Box<Lookup>) -> Option<Self> {
        Some(Self { lookup, nobody: NOBODY.clone()? })
    }
}

/// Knows the parts of the protocol that are before any handshake, and completes none.
static NOBODY: LazyLock<Option<Config>> = LazyLock::new(|| {
    let nobody = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .ok()?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(NoCertificate));
    config(&nobody)
});

#[derive(Debug)]
struct NoCertificate;

impl ResolvesServerCert for NoCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

impl ServerConfig for ByName {
    fn initial_keys(&self, version: u32, dst_cid: &ConnectionId) -> Result<Keys, UnsupportedVersion> {
        self.nobody.0.initial_keys(version, dst_cid)
    }

    fn retry_tag(&self, version: u32, orig_dst_cid: &ConnectionId, packet: &[u8]) -> [u8; 16] {
        self.nobody.0.retry_tag(version, orig_dst_cid, packet)
    }

    fn start_session(self: Arc<Self>, version: u32, params: &TransportParameters) -> Box<dyn Session> {
        let session = Arc::clone(&self.nobody.0).start_session(version, params);
        let hello = Hello { acceptor: Acceptor::default(), seen: Vec::new(), version, params: *params, by_name: self };
        Box::new(Lazy { session, hello: Some(Box::new(hello)), terms: Arc::from(""), cipher: None })
    }
}

/// A session that begins when the client's hello is complete.
struct Lazy {
    session: Box<dyn Session>,
    /// Until the hello is complete.
    hello: Option<Box<Hello>>,
    terms: Arc<str>,
    cipher: Option<CipherSuite>,
}

/// A hello that is being read.
struct Hello {
    acceptor: Acceptor,
    seen: Vec<u8>,
    version: u32,
    params: TransportParameters,
    by_name: Arc<ByName>,
}

impl Hello {
    /// Adds bytes of the hello. Returns the options for the name in it when it is complete.
    fn read(&mut self, bytes: &[u8]) -> Result<Option<Terms>, TransportError> {
        self.seen.extend_from_slice(bytes);
        if self.seen.len() > LONGEST_HELLO {
            return Err(alert(AlertDescription::DecodeError, "the TLS hello is too long"));
        }
        // QUIC carries handshake messages without records (RFC 9001 section 4.1.3), which the parser expects.
        for piece in bytes.chunks(RECORD) {
            let [high, low] = u16::try_from(piece.len()).unwrap_or(u16::MAX).to_be_bytes();
            let record = [&[0x16, 3, 1, high, low], piece].concat();
            let mut rest = record.as_slice();
            while !rest.is_empty() {
                match self.acceptor.read_tls(&mut rest) {
                    Ok(0) | Err(_) => return Err(alert(AlertDescription::DecodeError, "malformed TLS hello")),
                    Ok(_) => {}
                }
            }
        }
        match self.acceptor.accept() {
            Ok(None) => Ok(None),
            Ok(Some(accepted)) => {
                let name = accepted.client_hello().server_name().map(crate::http::host::compared);
                Ok(Some((self.by_name.lookup)(name.as_deref())))
            }
            Err((error, _)) => Err(alert(AlertDescription::DecodeError, &error.to_string())),
        }
    }
}

fn alert(alert: AlertDescription, reason: &str) -> TransportError {
    TransportError { code: TransportErrorCode::crypto(alert.into()), frame: None, reason: reason.to_owned() }
}

impl Session for Lazy {
    fn read_handshake(&mut self, bytes: &[u8]) -> Result<bool, TransportError> {
        let Some(hello) = &mut self.hello else { return self.session.read_handshake(bytes) };
        let Some(terms) = hello.read(bytes)? else { return Ok(false) };
        let Some(config) = terms.quic else {
            return Err(alert(AlertDescription::ProtocolVersion, "the TLS options for this name cannot be used"));
        };
        self.session = config.0.start_session(hello.version, &hello.params);
        self.terms = terms.identity;
        let seen = std::mem::take(&mut hello.seen);
        self.hello = None;
        self.session.read_handshake(&seen)
    }

    fn write_handshake(&mut self, buf: &mut Vec<u8>) -> Option<Keys> {
        if self.hello.is_some() {
            return None;
        }
        let before = buf.len();
        let keys = self.session.write_handshake(buf);
        if self.cipher.is_none() {
            self.cipher = buf.get(before..).and_then(cipher);
        }
        keys
    }

    fn handshake_data(&self) -> Option<Box<dyn Any>> {
        self.session.handshake_data()?;
        let cipher = self.cipher.map_or_else(String::new, |suite| format!("{suite:?}").replace("TLS13_", "TLS_"));
        Some(Box::new(Agreed { terms: Arc::clone(&self.terms), cipher }))
    }

    fn initial_keys(&self, dst_cid: &ConnectionId, side: Side) -> Keys {
        self.session.initial_keys(dst_cid, side)
    }

    fn peer_identity(&self) -> Option<Box<dyn Any>> {
        self.session.peer_identity()
    }

    fn early_crypto(&self) -> Option<(Box<dyn HeaderKey>, Box<dyn PacketKey>)> {
        // No 0-RTT: such a request can be repeated by anybody who has seen it, from any address.
        None
    }

    fn early_data_accepted(&self) -> Option<bool> {
        None
    }

    fn is_handshaking(&self) -> bool {
        self.hello.is_some() || self.session.is_handshaking()
    }

    fn transport_parameters(&self) -> Result<Option<TransportParameters>, TransportError> {
        self.session.transport_parameters()
    }

    fn next_1rtt_keys(&mut self) -> Option<KeyPair<Box<dyn PacketKey>>> {
        self.session.next_1rtt_keys()
    }

    fn is_valid_retry(&self, orig_dst_cid: &ConnectionId, header: &[u8], payload: &[u8]) -> bool {
        self.session.is_valid_retry(orig_dst_cid, header, payload)
    }

    fn export_keying_material(
        &self,
        output: &mut [u8],
        label: &[u8],
        context: &[u8],
    ) -> Result<(), ExportKeyingMaterialError> {
        self.session.export_keying_material(output, label, context)
    }
}

/// The cipher suite in a ServerHello (RFC 8446 section 4.1.3); rustls does not tell it through QUIC's interface.
fn cipher(message: &[u8]) -> Option<CipherSuite> {
    const SERVER_HELLO: u8 = 2;
    // Type, length, version and random.
    let (head, rest) = message.split_at_checked(1 + 3 + 2 + 32)?;
    let (&session_length, rest) = rest.split_first()?;
    match (head.first()?, rest.get(usize::from(session_length)..)?) {
        (&SERVER_HELLO, [high, low, ..]) => Some(CipherSuite::from(u16::from_be_bytes([*high, *low]))),
        _ => None,
    }
}
