//! HTTP middlewares and their options.

use serde::{Deserialize, Serialize};

use super::{Auth, ClientTls, ForwardAuth, Named, PassTlsClientCert, is_default, is_false};
use crate::config::duration::GoDuration;

/// An HTTP middleware: exactly one of its kinds is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Middleware {
    /// Puts a prefix before the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_prefix: Option<AddPrefix>,
    /// Removes a prefix from the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip_prefix: Option<StripPrefix>,
    /// Removes a prefix given by a pattern from the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strip_prefix_regex: Option<StripPrefixRegex>,
    /// Replaces the path.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace_path: Option<ReplacePath>,
    /// Rewrites the path by a pattern.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replace_path_regex: Option<ReplacePathRegex>,
    /// Several middlewares under one name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain: Option<Chain>,
    /// Lets only some client addresses pass (deprecated name).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_white_list: Option<IpAllowList>,
    /// Lets only some client addresses pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_allow_list: Option<IpAllowList>,
    /// Sets and checks headers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<Headers>,
    /// Which percent-encoded characters a path may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoded_characters: Option<EncodedCharacters>,
    /// Pages in the place of error answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<ErrorPage>,
    /// Limits the rate of requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimit>,
    /// Redirects by a pattern on the URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_regex: Option<RedirectRegex>,
    /// Redirects to another scheme or port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_scheme: Option<RedirectScheme>,
    /// Asks for a name and a password (RFC 7617).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basic_auth: Option<Auth>,
    /// Asks for a name and a password (RFC 7616).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest_auth: Option<Auth>,
    /// Asks another server whether the request may pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub forward_auth: Option<ForwardAuth>,
    /// Limits the number of requests at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_flight_req: Option<InFlightReq>,
    /// Holds whole bodies, within limits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffering: Option<Buffering>,
    /// Answers in the service's place while it fails.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit_breaker: Option<CircuitBreaker>,
    /// Compresses answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compress: Option<Compress>,
    /// Tells the server about the client's certificate.
    #[serde(rename = "passTLSClientCert", skip_serializing_if = "Option::is_none")]
    pub pass_tls_client_cert: Option<PassTlsClientCert>,
    /// Tries again when the server could not be reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Guesses a missing `Content-Type`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<ContentType>,
    /// Translates gRPC-Web.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grpc_web: Option<GrpcWeb>,
    /// Plugins with their options.
    #[serde(skip_serializing_if = "is_default")]
    pub plugin: Named<Named<serde_json::Value>>,
}

/// Option of `addPrefix`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct AddPrefix {
    /// The prefix.
    #[serde(skip_serializing_if = "is_default")]
    pub prefix: String,
}

/// Options of `stripPrefix`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StripPrefix {
    /// Prefixes, of which the first that fits is removed.
    #[serde(skip_serializing_if = "is_default")]
    pub prefixes: Vec<String>,
    /// Deprecated: whether a path of which nothing is left is `/` for the middlewares that follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force_slash: Option<bool>,
}

/// Option of `stripPrefixRegex`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct StripPrefixRegex {
    /// Patterns, of which the first that fits is removed.
    #[serde(skip_serializing_if = "is_default")]
    pub regex: Vec<String>,
}

/// Option of `replacePath`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReplacePath {
    /// The new path.
    #[serde(skip_serializing_if = "is_default")]
    pub path: String,
}

/// Options of `replacePathRegex`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ReplacePathRegex {
    /// The pattern.
    #[serde(skip_serializing_if = "is_default")]
    pub regex: String,
    /// The new path, with `$1` and so on for groups.
    #[serde(skip_serializing_if = "is_default")]
    pub replacement: String,
}

/// Option of `chain`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Chain {
    /// Middlewares in their order.
    #[serde(skip_serializing_if = "is_default")]
    pub middlewares: Vec<String>,
}

/// Options of `ipAllowList`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IpAllowList {
    /// Addresses and CIDR ranges that may pass.
    #[serde(skip_serializing_if = "is_default")]
    pub source_range: Vec<String>,
    /// How the client's address is found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_strategy: Option<IpStrategy>,
    /// Status of refusals; 0 means 403.
    #[serde(skip_serializing_if = "is_default")]
    pub reject_status_code: i64,
}

/// How the client's address is found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct IpStrategy {
    /// The entry of `X-Forwarded-For` counted from the right; 0 means the peer's address.
    #[serde(skip_serializing_if = "is_default")]
    pub depth: i64,
    /// Entries of `X-Forwarded-For` that are passed over, from the right.
    #[serde(rename = "excludedIPs", skip_serializing_if = "is_default")]
    pub excluded_ips: Vec<String>,
    /// Bits of an IPv6 address that count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6_subnet: Option<i64>,
}

/// Options of `headers`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Headers {
    /// Headers set on requests; an empty value removes one.
    #[serde(skip_serializing_if = "is_default")]
    pub custom_request_headers: Named<String>,
    /// Headers set on answers; an empty value removes one.
    #[serde(skip_serializing_if = "is_default")]
    pub custom_response_headers: Named<String>,
    /// CORS: whether credentials are allowed.
    #[serde(skip_serializing_if = "is_false")]
    pub access_control_allow_credentials: bool,
    /// CORS: request headers allowed.
    #[serde(skip_serializing_if = "is_default")]
    pub access_control_allow_headers: Vec<String>,
    /// CORS: methods allowed.
    #[serde(skip_serializing_if = "is_default")]
    pub access_control_allow_methods: Vec<String>,
    /// CORS: origins allowed.
    #[serde(skip_serializing_if = "is_default")]
    pub access_control_allow_origin_list: Vec<String>,
    /// CORS: patterns of origins allowed.
    #[serde(skip_serializing_if = "is_default")]
    pub access_control_allow_origin_list_regex: Vec<String>,
    /// CORS: answer headers that scripts may read.
    #[serde(skip_serializing_if = "is_default")]
    pub access_control_expose_headers: Vec<String>,
    /// CORS: seconds for which a preflight answer holds; absent: browsers decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_control_max_age: Option<i64>,
    /// Whether `Vary: Origin` is added.
    #[serde(skip_serializing_if = "is_false")]
    pub add_vary_header: bool,
    /// Hosts that are served.
    #[serde(skip_serializing_if = "is_default")]
    pub allowed_hosts: Vec<String>,
    /// Headers that may hold the host.
    #[serde(skip_serializing_if = "is_default")]
    pub hosts_proxy_headers: Vec<String>,
    /// Headers whose values say that the client came over TLS.
    #[serde(skip_serializing_if = "is_default")]
    pub ssl_proxy_headers: Named<String>,
    /// Seconds of `Strict-Transport-Security`; 0 leaves it out, and is something that is set all the same.
    #[serde(rename = "stsSeconds", skip_serializing_if = "is_default")]
    pub sts_seconds: Option<i64>,
    /// `includeSubDomains` of that header.
    #[serde(rename = "stsIncludeSubdomains", skip_serializing_if = "is_false")]
    pub sts_include_subdomains: bool,
    /// `preload` of that header.
    #[serde(rename = "stsPreload", skip_serializing_if = "is_false")]
    pub sts_preload: bool,
    /// Whether that header is also sent without TLS.
    #[serde(rename = "forceSTSHeader", skip_serializing_if = "is_false")]
    pub force_sts_header: bool,
    /// `X-Frame-Options: DENY`.
    #[serde(skip_serializing_if = "is_false")]
    pub frame_deny: bool,
    /// Another value of that header.
    #[serde(skip_serializing_if = "is_default")]
    pub custom_frame_options_value: String,
    /// `X-Content-Type-Options: nosniff`.
    #[serde(skip_serializing_if = "is_false")]
    pub content_type_nosniff: bool,
    /// `X-XSS-Protection: 1; mode=block`.
    #[serde(skip_serializing_if = "is_false")]
    pub browser_xss_filter: bool,
    /// Another value of that header.
    #[serde(rename = "customBrowserXSSValue", skip_serializing_if = "is_default")]
    pub custom_browser_xss_value: String,
    /// `Content-Security-Policy`.
    #[serde(skip_serializing_if = "is_default")]
    pub content_security_policy: String,
    /// `Content-Security-Policy-Report-Only`.
    #[serde(skip_serializing_if = "is_default")]
    pub content_security_policy_report_only: String,
    /// `Public-Key-Pins`.
    #[serde(skip_serializing_if = "is_default")]
    pub public_key: String,
    /// `Referrer-Policy`.
    #[serde(skip_serializing_if = "is_default")]
    pub referrer_policy: String,
    /// `Permissions-Policy`.
    #[serde(skip_serializing_if = "is_default")]
    pub permissions_policy: String,
    /// Whether the checks that hinder development are off.
    #[serde(skip_serializing_if = "is_false")]
    pub is_development: bool,
    /// Deprecated: `Feature-Policy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_policy: Option<String>,
    /// Deprecated: redirect to TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_redirect: Option<bool>,
    /// Deprecated: make that redirect temporary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_temporary_redirect: Option<bool>,
    /// Deprecated: host of that redirect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_host: Option<String>,
    /// Deprecated: force that host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssl_force_host: Option<bool>,
}

/// Which percent-encoded characters a path may hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct EncodedCharacters {
    /// `%2F`.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_encoded_slash: bool,
    /// `%5C`.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_encoded_back_slash: bool,
    /// `%00`.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_encoded_null_character: bool,
    /// `%3B`.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_encoded_semicolon: bool,
    /// `%25`.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_encoded_percent: bool,
    /// `%3F`.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_encoded_question_mark: bool,
    /// `%23`.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_encoded_hash: bool,
}

/// Options of `errors`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ErrorPage {
    /// Status codes and ranges that are replaced, such as `500-599`.
    #[serde(skip_serializing_if = "is_default")]
    pub status: Vec<String>,
    /// Ranges of codes to the code that is sent instead.
    #[serde(skip_serializing_if = "is_default")]
    pub status_rewrites: Named<i64>,
    /// Service that has the pages.
    #[serde(skip_serializing_if = "is_default")]
    pub service: String,
    /// Path of a page, with `{status}`, `{originalStatus}` and `{url}`.
    #[serde(skip_serializing_if = "is_default")]
    pub query: String,
    /// Headers of the request that go to that service; empty means all.
    #[serde(skip_serializing_if = "is_default")]
    pub error_request_headers: Vec<String>,
}

/// What tells one source of requests from another; at most one is set.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SourceCriterion {
    /// The client's address, found in this way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_strategy: Option<IpStrategy>,
    /// The value of a header.
    #[serde(skip_serializing_if = "is_default")]
    pub request_header_name: String,
    /// The host asked for.
    #[serde(skip_serializing_if = "is_false")]
    pub request_host: bool,
}

/// Options of `rateLimit`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RateLimit {
    /// Requests per `period` in the long run; 0 means no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub average: i64,
    /// The period.
    pub period: GoDuration,
    /// Requests that may come at once.
    pub burst: i64,
    /// What tells one source from another; absent means the peer's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_criterion: Option<SourceCriterion>,
    /// Counts kept in Redis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<Redis>,
}

impl Default for RateLimit {
    fn default() -> Self {
        Self { average: 0, period: GoDuration::from_secs(1), burst: 1, source_criterion: None, redis: None }
    }
}

/// Where the counts of `rateLimit` are shared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Redis {
    /// Addresses, `host:port`.
    #[serde(skip_serializing_if = "is_default")]
    pub endpoints: Vec<String>,
    /// TLS towards it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<ClientTls>,
    /// Name to log in with.
    #[serde(skip_serializing_if = "is_default")]
    pub username: String,
    /// Password to log in with.
    #[serde(skip_serializing_if = "is_default")]
    pub password: String,
    /// Number of the database.
    #[serde(rename = "db", skip_serializing_if = "is_default")]
    pub database: i64,
    /// Connections at most.
    #[serde(skip_serializing_if = "is_default")]
    pub pool_size: i64,
    /// Idle connections that are kept.
    #[serde(skip_serializing_if = "is_default")]
    pub min_idle_conns: i64,
    /// Connections at a time.
    #[serde(skip_serializing_if = "is_default")]
    pub max_active_conns: i64,
    /// Time for reading.
    pub read_timeout: GoDuration,
    /// Time for writing.
    pub write_timeout: GoDuration,
    /// Time for connecting.
    pub dial_timeout: GoDuration,
}

impl Default for Redis {
    fn default() -> Self {
        Self {
            endpoints: vec!["localhost:6379".to_owned()],
            tls: None,
            username: String::new(),
            password: String::new(),
            database: 0,
            pool_size: 0,
            min_idle_conns: 0,
            max_active_conns: 0,
            read_timeout: GoDuration::from_secs(3),
            write_timeout: GoDuration::from_secs(3),
            dial_timeout: GoDuration::from_secs(5),
        }
    }
}

/// Options of `redirectRegex`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RedirectRegex {
    /// The pattern on the whole URL.
    #[serde(skip_serializing_if = "is_default")]
    pub regex: String,
    /// The new URL, with `${1}` and so on for groups.
    #[serde(skip_serializing_if = "is_default")]
    pub replacement: String,
    /// Whether the redirect is permanent.
    #[serde(skip_serializing_if = "is_false")]
    pub permanent: bool,
}

/// Options of `redirectScheme`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct RedirectScheme {
    /// The new scheme.
    #[serde(skip_serializing_if = "is_default")]
    pub scheme: String,
    /// The new port.
    #[serde(skip_serializing_if = "is_default")]
    pub port: String,
    /// Whether the redirect is permanent.
    #[serde(skip_serializing_if = "is_false")]
    pub permanent: bool,
}

/// Options of `inFlightReq`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct InFlightReq {
    /// Requests at a time per source.
    #[serde(skip_serializing_if = "is_default")]
    pub amount: i64,
    /// What tells one source from another; absent means the host asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_criterion: Option<SourceCriterion>,
}

/// Options of `buffering`; sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Buffering {
    /// Largest request body; 0 means no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_request_body_bytes: i64,
    /// Request body held in memory rather than in a file; 0 means 1 MiB.
    #[serde(skip_serializing_if = "is_default")]
    pub mem_request_body_bytes: i64,
    /// Largest answer body; 0 means no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_response_body_bytes: i64,
    /// Answer body held in memory rather than in a file; 0 means 1 MiB.
    #[serde(skip_serializing_if = "is_default")]
    pub mem_response_body_bytes: i64,
    /// When to try again.
    #[serde(skip_serializing_if = "is_default")]
    pub retry_expression: String,
}

/// Options of `circuitBreaker`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CircuitBreaker {
    /// When it opens.
    #[serde(skip_serializing_if = "is_default")]
    pub expression: String,
    /// Time between two looks at the expression.
    pub check_period: GoDuration,
    /// Time for which it stays open.
    pub fallback_duration: GoDuration,
    /// Time over which it lets more and more requests through again.
    pub recovery_duration: GoDuration,
    /// Status of its own answers.
    pub response_code: i64,
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self {
            expression: String::new(),
            check_period: GoDuration::from_millis(100),
            fallback_duration: GoDuration::from_secs(10),
            recovery_duration: GoDuration::from_secs(10),
            response_code: 503,
        }
    }
}

/// Options of `compress`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Compress {
    /// Content types that are left alone.
    #[serde(skip_serializing_if = "is_default")]
    pub excluded_content_types: Vec<String>,
    /// Content types that alone are compressed.
    #[serde(skip_serializing_if = "is_default")]
    pub included_content_types: Vec<String>,
    /// Bytes below which an answer is left alone; 0 means the default, 1024.
    #[serde(skip_serializing_if = "is_default")]
    pub min_response_body_bytes: i64,
    /// Encodings in order of preference.
    #[serde(skip_serializing_if = "is_default")]
    pub encodings: Vec<String>,
    /// Encoding for clients that do not say what they take.
    #[serde(skip_serializing_if = "is_default")]
    pub default_encoding: String,
}

impl Default for Compress {
    fn default() -> Self {
        Self {
            excluded_content_types: Vec::new(),
            included_content_types: Vec::new(),
            min_response_body_bytes: 0,
            encodings: ["gzip", "br", "zstd"].map(str::to_owned).to_vec(),
            default_encoding: String::new(),
        }
    }
}

/// Options of `retry`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Retry {
    /// Tries in all.
    #[serde(skip_serializing_if = "is_default")]
    pub attempts: i64,
    /// Wait before the second try, growing after that; zero means no wait.
    #[serde(skip_serializing_if = "is_default")]
    pub initial_interval: GoDuration,
    /// Time limit over all tries; zero means none.
    #[serde(skip_serializing_if = "is_default")]
    pub timeout: GoDuration,
    /// Status codes and ranges that are tried again.
    #[serde(skip_serializing_if = "is_default")]
    pub status: Vec<String>,
    /// Bytes of body kept for further tries; absent means 2 MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_request_body_bytes: Option<i64>,
    /// Whether failures of the network are not tried again.
    #[serde(skip_serializing_if = "is_false")]
    pub disable_retry_on_network_error: bool,
    /// Whether methods that are not idempotent are tried again, too.
    #[serde(skip_serializing_if = "is_false")]
    pub retry_non_idempotent_method: bool,
}

/// Option of `contentType`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContentType {
    /// Deprecated, without effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_detect: Option<bool>,
}

/// Option of `grpcWeb`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct GrpcWeb {
    /// Origins that are allowed.
    #[serde(skip_serializing_if = "is_default")]
    pub allow_origins: Vec<String>,
}
