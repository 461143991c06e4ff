//! Certificates, TLS options and certificate stores.

use serde::{Deserialize, Serialize};

use super::{Domain, Named, is_default, is_false};

/// The section `tls`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TlsConfiguration {
    /// Certificates with the stores that hold them.
    #[serde(skip_serializing_if = "is_default")]
    pub certificates: Vec<StoredCertificate>,
    /// Options by name; `default` applies where no other is named.
    #[serde(skip_serializing_if = "is_default")]
    pub options: Named<TlsOptions>,
    /// Stores by name; only `default` has an effect.
    #[serde(skip_serializing_if = "is_default")]
    pub stores: Named<TlsStore>,
}

/// A certificate and its key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Certificate {
    /// PEM chain: a file name or the text itself.
    #[serde(skip_serializing_if = "is_default")]
    pub cert_file: String,
    /// PEM key: a file name or the text itself.
    #[serde(skip_serializing_if = "is_default")]
    pub key_file: String,
}

/// A certificate, its key, and the stores that hold it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StoredCertificate {
    /// PEM chain: a file name or the text itself.
    #[serde(skip_serializing_if = "is_default")]
    pub cert_file: String,
    /// PEM key: a file name or the text itself.
    #[serde(skip_serializing_if = "is_default")]
    pub key_file: String,
    /// Names of stores; empty means `default`.
    #[serde(skip_serializing_if = "is_default")]
    pub stores: Vec<String>,
}

/// TLS options of a server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TlsOptions {
    /// Lowest version, such as `VersionTLS12`.
    #[serde(skip_serializing_if = "is_default")]
    pub min_version: String,
    /// Highest version.
    #[serde(skip_serializing_if = "is_default")]
    pub max_version: String,
    /// Ciphers for TLS 1.2 and below, by their IANA names; empty means the default ones.
    #[serde(skip_serializing_if = "is_default")]
    pub cipher_suites: Vec<String>,
    /// Key exchange groups in order of preference, such as `X25519` or `CurveP256`; empty means the default ones.
    #[serde(skip_serializing_if = "is_default")]
    pub curve_preferences: Vec<String>,
    /// Certificates of clients.
    #[serde(skip_serializing_if = "is_default")]
    pub client_auth: ClientAuth,
    /// Whether a handshake whose name no certificate covers is refused.
    #[serde(skip_serializing_if = "is_false")]
    pub sni_strict: bool,
    /// Protocols offered by ALPN, in order of preference.
    #[serde(skip_serializing_if = "is_default")]
    pub alpn_protocols: Vec<String>,
    /// Whether session tickets are off.
    #[serde(skip_serializing_if = "is_false")]
    pub disable_session_tickets: bool,
    /// Has no effect any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefer_server_cipher_suites: Option<bool>,
}

impl Default for TlsOptions {
    fn default() -> Self {
        Self {
            min_version: String::new(),
            max_version: String::new(),
            cipher_suites: Vec::new(),
            curve_preferences: Vec::new(),
            client_auth: ClientAuth::default(),
            sni_strict: false,
            alpn_protocols: ["h2", "http/1.1", "acme-tls/1"].map(str::to_owned).to_vec(),
            disable_session_tickets: false,
            prefer_server_cipher_suites: None,
        }
    }
}

/// What is asked of clients' certificates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClientAuth {
    /// Trusted authorities: file names or PEM text.
    #[serde(skip_serializing_if = "is_default")]
    pub ca_files: Vec<String>,
    /// `NoClientCert`, `RequestClientCert`, `RequireAnyClientCert`, `VerifyClientCertIfGiven` or `RequireAndVerifyClientCert`.
    #[serde(skip_serializing_if = "is_default")]
    pub client_auth_type: String,
}

/// A store of certificates.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TlsStore {
    /// Shown when no other certificate fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_certificate: Option<Certificate>,
    /// Got from a resolver and shown when no other certificate fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_generated_cert: Option<GeneratedCert>,
}

/// A default certificate that a resolver gets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GeneratedCert {
    /// Name of the certificate resolver.
    #[serde(skip_serializing_if = "is_default")]
    pub resolver: String,
    /// The names of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain: Option<Domain>,
}
