//! Options of certificate resolvers (Traefik documentation, "ACME: reference").

use serde::{Deserialize, Serialize};

use crate::acme::dns::providers;
use crate::config::duration::GoDuration;

/// Let's Encrypt's directory.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Where certificates come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CertificatesResolver {
    /// From an authority that speaks ACME (RFC 8555).
    pub acme: Option<Acme>,
}

/// How certificates are obtained from an authority that speaks ACME.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Acme {
    /// Address that the authority may write to; may be empty.
    pub email: String,
    /// URL of the authority's directory.
    pub ca_server: String,
    /// Path of the file with account and certificates.
    pub storage: String,
    /// Kind of the certificates' keys: see [`Acme::key`].
    pub key_type: String,
    /// Profile that the authority is asked for; empty for its usual one.
    pub profile: String,
    /// Name (CN) of the issuer that the chain of a certificate is to end with, where the authority has several chains.
    pub preferred_chain: String,
    /// Addresses that stand in certificates beside their names.
    pub email_addresses: Vec<String>,
    /// Authorities that the ACME server's own certificate may come from: PEM files or PEM text; empty for the usual ones.
    pub ca_certificates: Vec<String>,
    /// The usual authorities count beside `ca_certificates`.
    pub ca_system_cert_pool: bool,
    /// Name that the ACME server's certificate must be for, if not the one in the URL.
    pub ca_server_name: String,
    /// Ties the account to one that exists outside of ACME (RFC 8555 section 7.3.4).
    pub eab: Option<Eab>,
    /// Lifetime in hours that the time of renewal is reckoned from; 0 for the one that the certificate has.
    pub certificates_duration: u64,
    /// HTTP-01 (RFC 8555 section 8.3).
    pub http_challenge: Option<HttpChallenge>,
    /// TLS-ALPN-01 (RFC 8737).
    pub tls_challenge: Option<TlsChallenge>,
    /// DNS-01 (RFC 8555 section 8.4).
    pub dns_challenge: Option<DnsChallenge>,
}

impl Default for Acme {
    fn default() -> Self {
        Self {
            email: String::new(),
            ca_server: LETS_ENCRYPT.to_owned(),
            storage: "acme.json".to_owned(),
            key_type: "EC256".to_owned(),
            profile: String::new(),
            preferred_chain: String::new(),
            email_addresses: Vec::new(),
            ca_certificates: Vec::new(),
            ca_system_cert_pool: false,
            ca_server_name: String::new(),
            eab: None,
            certificates_duration: 0,
            http_challenge: None,
            tls_challenge: None,
            dns_challenge: None,
        }
    }
}

/// Ties an account to one that exists outside of ACME.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Eab {
    /// Name of the key.
    pub kid: String,
    /// The key, in base64url.
    pub hmac_encoded: String,
}

/// Names are proved by answering a request for a file on port 80.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct HttpChallenge {
    /// Entry point that requests to port 80 come in at.
    pub entry_point: String,
    /// Time between being ready and saying so.
    pub delay: GoDuration,
}

/// Names are proved by a certificate of a special kind on port 443.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TlsChallenge {
    /// Time between being ready and saying so.
    pub delay: GoDuration,
}

/// Names are proved by a DNS record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DnsChallenge {
    /// Who makes the record.
    pub provider: String,
    /// Time between the record being made and saying so; older name of `propagation.delay_before_checks`.
    pub delay_before_check: GoDuration,
    /// How it is waited for.
    pub propagation: Propagation,
    /// Name servers (`host:port`) that follow records from zone to zone; those of the host where there are none.
    pub resolvers: Vec<String>,
    /// Older name of `propagation.disable_checks`.
    pub disable_propagation_check: bool,
}

/// How a DNS record is waited for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Propagation {
    /// Time between the record being made and saying so.
    pub delay_before_checks: GoDuration,
    /// Nobody is asked whether the record can be seen.
    pub disable_checks: bool,
    /// The name servers of the zone are not asked.
    #[serde(rename = "disableANSChecks")]
    pub disable_ans_checks: bool,
    /// All of [`DnsChallenge::resolvers`] must see it too.
    #[serde(rename = "requireAllRNS")]
    pub require_all_rns: bool,
}

/// Kind of a certificate's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyType {
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// RSA with 2048 bits.
    Rsa2048,
    /// RSA with 4096 bits.
    Rsa4096,
}

impl Acme {
    /// The kind of key that is asked for.
    ///
    /// # Errors
    /// A name that means none, with those that do.
    pub fn key(&self) -> Result<KeyType, String> {
        match self.key_type.to_ascii_uppercase().as_str() {
            "" | "EC256" => Ok(KeyType::P256),
            "EC384" => Ok(KeyType::P384),
            "RSA2048" => Ok(KeyType::Rsa2048),
            "RSA4096" => Ok(KeyType::Rsa4096),
            _ => Err(format!(
                "key type `{}` is not supported; use `EC256`, `EC384`, `RSA2048` or `RSA4096`",
                self.key_type
            )),
        }
    }

    /// What stands in the way of obtaining anything with these options; none for options that can work.
    #[must_use]
    pub fn obstacle(&self) -> Option<String> {
        if let Err(reason) = self.key() {
            return Some(reason);
        }
        if !self.ca_server.starts_with("https://") {
            return Some(format!("`caServer` takes a URL that starts with `https://`, not `{}`", self.ca_server));
        }
        if self.http_challenge.as_ref().is_some_and(|challenge| challenge.entry_point.is_empty()) {
            return Some("`httpChallenge.entryPoint` is missing".to_owned());
        }
        if let Some(challenge) = &self.dns_challenge
            && !providers().any(|known| known == challenge.provider)
        {
            let known: Vec<String> = providers().map(|name| format!("`{name}`")).collect();
            return Some(format!(
                "DNS provider `{}` is not supported; use {}, `httpChallenge` or `tlsChallenge`; `httpreq` hands records to a \
                 server of your own, `exec` to a program",
                challenge.provider,
                known.join(", ")
            ));
        }
        if self.http_challenge.is_none() && self.tls_challenge.is_none() && self.dns_challenge.is_none() {
            return Some(
                "no challenge is chosen; set `httpChallenge.entryPoint`, `tlsChallenge` or `dnsChallenge.provider`"
                    .to_owned(),
            );
        }
        None
    }
}
