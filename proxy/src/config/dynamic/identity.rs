//! Options of the middlewares that ask who a client is, or tell it on.

use serde::{Deserialize, Serialize};

use super::{is_default, is_false};

/// Options of `basicAuth` and `digestAuth`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Auth {
    /// `name:hash` (basic) or `name:realm:hash` (digest).
    #[serde(skip_serializing_if = "is_default")]
    pub users: Vec<String>,
    /// File with such lines.
    #[serde(skip_serializing_if = "is_default")]
    pub users_file: String,
    /// Realm; empty means `traefik`.
    #[serde(skip_serializing_if = "is_default")]
    pub realm: String,
    /// Whether `Authorization` is kept from the server.
    #[serde(skip_serializing_if = "is_false")]
    pub remove_header: bool,
    /// Header that tells the server the user's name.
    #[serde(skip_serializing_if = "is_default")]
    pub header_field: String,
}

/// Options of `forwardAuth`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ForwardAuth {
    /// URL of the server that decides.
    #[serde(skip_serializing_if = "is_default")]
    pub address: String,
    /// TLS towards it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// Whether the client's `X-Forwarded-*` are believed; absent is a legacy mixture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_forward_header: Option<bool>,
    /// Headers of its answer that go on to the service.
    #[serde(skip_serializing_if = "is_default")]
    pub auth_response_headers: Vec<String>,
    /// The same, by a pattern.
    #[serde(skip_serializing_if = "is_default")]
    pub auth_response_headers_regex: String,
    /// Headers of the request that go to it; empty means all.
    #[serde(skip_serializing_if = "is_default")]
    pub auth_request_headers: Vec<String>,
    /// Cookies of its answer that go on to the client.
    #[serde(skip_serializing_if = "is_default")]
    pub add_auth_cookies_to_response: Vec<String>,
    /// Header that holds the user's name, for the access log.
    #[serde(skip_serializing_if = "is_default")]
    pub header_field: String,
    /// Whether the body goes to it.
    #[serde(skip_serializing_if = "is_false")]
    pub forward_body: bool,
    /// Bytes of body that go to it; absent or -1 means no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body_size: Option<i64>,
    /// Bytes that its answer may have; absent or -1 means no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_response_body_size: Option<i64>,
    /// Whether its `Location` is passed on as it is.
    #[serde(skip_serializing_if = "is_false")]
    pub preserve_location_header: bool,
    /// Whether it is asked by the request's method rather than `GET`.
    #[serde(skip_serializing_if = "is_false")]
    pub preserve_request_method: bool,
}

/// TLS towards a helper server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClientTls {
    /// Trusted authority: file name or PEM text.
    #[serde(skip_serializing_if = "is_default")]
    pub ca: String,
    /// Client certificate: file name or PEM text.
    #[serde(skip_serializing_if = "is_default")]
    pub cert: String,
    /// Its key: file name or PEM text.
    #[serde(skip_serializing_if = "is_default")]
    pub key: String,
    /// Whether any certificate of the server is accepted.
    #[serde(skip_serializing_if = "is_false")]
    pub insecure_skip_verify: bool,
    /// Deprecated, without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_optional: Option<bool>,
}

/// Options of `passTLSClientCert`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PassTlsClientCert {
    /// Whether the certificate itself is passed.
    #[serde(skip_serializing_if = "is_false")]
    pub pem: bool,
    /// Which of its fields are passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub info: Option<ClientCertInfo>,
}

/// Fields of a client's certificate that are passed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClientCertInfo {
    /// End of validity.
    #[serde(skip_serializing_if = "is_false")]
    pub not_after: bool,
    /// Begin of validity.
    #[serde(skip_serializing_if = "is_false")]
    pub not_before: bool,
    /// Subject alternative names.
    #[serde(skip_serializing_if = "is_false")]
    pub sans: bool,
    /// Serial number.
    #[serde(skip_serializing_if = "is_false")]
    pub serial_number: bool,
    /// Parts of the subject.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<ClientCertSubject>,
    /// Parts of the issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<ClientCertIssuer>,
}

/// Parts of a certificate's subject.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClientCertSubject {
    /// `C`.
    #[serde(skip_serializing_if = "is_false")]
    pub country: bool,
    /// `ST`.
    #[serde(skip_serializing_if = "is_false")]
    pub province: bool,
    /// `L`.
    #[serde(skip_serializing_if = "is_false")]
    pub locality: bool,
    /// `O`.
    #[serde(skip_serializing_if = "is_false")]
    pub organization: bool,
    /// `OU`.
    #[serde(skip_serializing_if = "is_false")]
    pub organizational_unit: bool,
    /// `CN`.
    #[serde(skip_serializing_if = "is_false")]
    pub common_name: bool,
    /// `SN`.
    #[serde(skip_serializing_if = "is_false")]
    pub serial_number: bool,
    /// `DC`.
    #[serde(skip_serializing_if = "is_false")]
    pub domain_component: bool,
}

/// Parts of a certificate's issuer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ClientCertIssuer {
    /// `C`.
    #[serde(skip_serializing_if = "is_false")]
    pub country: bool,
    /// `ST`.
    #[serde(skip_serializing_if = "is_false")]
    pub province: bool,
    /// `L`.
    #[serde(skip_serializing_if = "is_false")]
    pub locality: bool,
    /// `O`.
    #[serde(skip_serializing_if = "is_false")]
    pub organization: bool,
    /// `CN`.
    #[serde(skip_serializing_if = "is_false")]
    pub common_name: bool,
    /// `SN`.
    #[serde(skip_serializing_if = "is_false")]
    pub serial_number: bool,
    /// `DC`.
    #[serde(skip_serializing_if = "is_false")]
    pub domain_component: bool,
}
