//! Headers that tell browsers to be careful.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::header::{
    CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS, X_XSS_PROTECTION,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};

use crate::config::dynamic;
use crate::http::body::Body;
use crate::http::error_response::text;
use crate::http::exchange::Exchange;
use crate::tls::provider;

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const PUBLIC_KEY_PINS: HeaderName = HeaderName::from_static("public-key-pins");

/// What a policy has in the place of a nonce.
const NONCE: &str = "$NONCE";

/// What is added to answers, and which hosts are served at all.
#[derive(Debug)]
pub(super) struct Security {
    hosts: Vec<String>,
    host_headers: Vec<HeaderName>,
    proxy_headers: Vec<(HeaderName, String)>,
    always: Vec<(HeaderName, HeaderValue)>,
    encrypted: Vec<(HeaderName, HeaderValue)>,
    /// Policies with a nonce in them, which is another for each answer.
    with_nonce: Vec<(HeaderName, String)>,
    force_sts: bool,
}

impl Security {
    pub(super) fn new(config: &dynamic::Headers) -> Self {
        let mut always = Vec::new();
        let mut encrypted = Vec::new();
        let put = |list: &mut Vec<(HeaderName, HeaderValue)>, name: HeaderName, value: &str| {
            // Spaces around a value are no part of it, even where nothing else is there.
            if !value.is_empty()
                && let Ok(value) = HeaderValue::from_str(value.trim())
            {
                list.push((name, value));
            }
        };
        let or = |custom: &str, on: bool, usual: &'static str| match (custom.is_empty(), on) {
            (false, _) => custom.to_owned(),
            (true, true) => usual.to_owned(),
            (true, false) => String::new(),
        };
        put(&mut always, X_FRAME_OPTIONS, &or(&config.custom_frame_options_value, config.frame_deny, "DENY"));
        put(&mut always, X_CONTENT_TYPE_OPTIONS, if config.content_type_nosniff { "nosniff" } else { "" });
        let xss = or(&config.custom_browser_xss_value, config.browser_xss_filter, "1; mode=block");
        put(&mut always, X_XSS_PROTECTION, &xss);
        let mut with_nonce = Vec::new();
        for (name, policy) in [
            (CONTENT_SECURITY_POLICY, &config.content_security_policy),
            (CONTENT_SECURITY_POLICY_REPORT_ONLY, &config.content_security_policy_report_only),
        ] {
            if policy.contains(NONCE) {
                with_nonce.push((name, policy.clone()));
            } else {
                put(&mut always, name, policy);
            }
        }
        put(&mut always, REFERRER_POLICY, &config.referrer_policy);
        put(&mut always, PERMISSIONS_POLICY, &config.permissions_policy);
        let seconds = config.sts_seconds.filter(|seconds| *seconds != 0 && !config.is_development);
        if let Some(seconds) = seconds {
            let subdomains = if config.sts_include_subdomains { "; includeSubDomains" } else { "" };
            let preload = if config.sts_preload { "; preload" } else { "" };
            let value = format!("max-age={seconds}{subdomains}{preload}");
            put(&mut encrypted, STRICT_TRANSPORT_SECURITY, &value);
        }
        if !config.is_development {
            put(&mut encrypted, PUBLIC_KEY_PINS, &config.public_key);
        }
        let name = |text: &String| HeaderName::from_bytes(text.as_bytes()).ok();
        Self {
            hosts: if config.is_development { Vec::new() } else { config.allowed_hosts.clone() },
            host_headers: config.hosts_proxy_headers.iter().filter_map(name).collect(),
            proxy_headers: config
                .ssl_proxy_headers
                .iter()
                .filter_map(|(header, value)| Some((name(header)?, value.clone())))
                .collect(),
            always,
            encrypted,
            with_nonce,
            force_sts: config.force_sts_header,
        }
    }

    /// Refuses hosts that are not allowed.
    pub(super) fn check_host(&self, exchange: &Exchange) -> Result<(), Box<Response<Body>>> {
        if self.hosts.is_empty() {
            return Ok(());
        }
        let told = self.host_headers.iter().find_map(|name| exchange.parts.headers.get(name));
        let host = told.filter(|value| !value.is_empty()).unwrap_or(&exchange.host.value);
        if self.hosts.iter().any(|allowed| allowed.as_bytes().eq_ignore_ascii_case(host.as_bytes())) {
            return Ok(());
        }
        let mut response = text(StatusCode::INTERNAL_SERVER_ERROR, "Bad Host\n");
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        Err(Box::new(response))
    }

    /// Whether the client's connection is encrypted: here, or at a proxy before us that says so as it is configured.
    pub(super) fn is_secure(&self, exchange: &Exchange) -> bool {
        let headers = &exchange.parts.headers;
        exchange.client.tls.is_some()
            || self.proxy_headers.iter().any(|(name, value)| headers.get(name).is_some_and(|sent| sent == value))
    }

    pub(super) fn add(&self, headers: &mut HeaderMap, secure: bool) {
        for (name, value) in &self.always {
            headers.insert(name, value.clone());
        }
        if !self.with_nonce.is_empty() {
            // Without a nonce the policy allows less, not more.
            let nonce = nonce().unwrap_or_default();
            for (name, policy) in &self.with_nonce {
                if let Ok(value) = HeaderValue::from_str(policy.replace(NONCE, &nonce).trim()) {
                    headers.insert(name, value);
                }
            }
        }
        for (name, value) in &self.encrypted {
            if secure || (self.force_sts && *name == STRICT_TRANSPORT_SECURITY) {
                headers.insert(name, value.clone());
            }
        }
    }
}

/// A source expression that nobody can guess (CSP level 3, section 2.3.1); none where there is no randomness.
fn nonce() -> Option<String> {
    let mut random = [0; 16];
    provider().secure_random.fill(&mut random).ok()?;
    Some(format!("'nonce-{}'", STANDARD_NO_PAD.encode(random)))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn spaces_around_a_value_are_no_part_of_it() {
        let mut headers = HeaderMap::new();
        Security::new(&dynamic::Headers {
            permissions_policy: " ".to_owned(),
            referrer_policy: " origin ".to_owned(),
            ..dynamic::Headers::default()
        })
        .add(&mut headers, false);
        assert_eq!(
            (headers.get(PERMISSIONS_POLICY).unwrap(), headers.get(REFERRER_POLICY).unwrap()),
            (&"".parse().unwrap(), &"origin".parse().unwrap())
        );
    }

    #[test]
    fn each_answer_has_its_nonce() {
        let config = dynamic::Headers {
            content_security_policy: "script-src $NONCE; style-src $NONCE".to_owned(),
            content_security_policy_report_only: "default-src $NONCE".to_owned(),
            ..dynamic::Headers::default()
        };
        let security = Security::new(&config);
        let answer = || {
            let mut headers = HeaderMap::new();
            security.add(&mut headers, false);
            let text = |name: HeaderName| headers.get(name).unwrap().to_str().unwrap().to_owned();
            (text(CONTENT_SECURITY_POLICY), text(CONTENT_SECURITY_POLICY_REPORT_ONLY))
        };
        let (policy, report) = answer();
        let nonce = report.strip_prefix("default-src ").unwrap();
        assert_eq!(nonce.len(), "'nonce-Lk46I0oWUU6ie6EI6rbJFw'".len(), "{report}");
        assert_eq!(policy, format!("script-src {nonce}; style-src {nonce}"));
        assert_ne!(answer().0, policy);
    }
}
