//! What each middleware of a router would do to a request, in a line.

use serde::{Deserialize, Serialize};

use super::Inspector;
use super::question::Question;
use crate::config::dynamic::{Auth, Headers, IpStrategy, Middleware, SourceCriterion};
use crate::networks::networks;
use crate::rule::pattern;
use crate::snapshot::services::qualified;

/// Chains in chains: deeper than anybody writes.
const DEEPEST: usize = 16;

/// One middleware.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Step {
    /// Qualified name.
    pub name: String,
    /// Its kind, as in the configuration (`stripPrefix`); empty for one that does not exist.
    pub kind: String,
    /// What it does, as a person reads it.
    pub does: String,
    /// It answers the request itself: nothing behind it is reached.
    pub answers: bool,
    /// Where it sends the client instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
}

/// A request on its way through middlewares.
pub(super) struct Walk<'a> {
    inspector: &'a Inspector,
    /// The request as it is by now; the path is the one that is forwarded.
    pub(super) question: Question,
    /// What was met.
    pub(super) steps: Vec<Step>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(inspector: &'a Inspector, question: Question) -> Self {
        Self { inspector, question, steps: Vec::new() }
    }

    /// Whether some middleware has answered the request.
    pub(super) fn is_answered(&self) -> bool {
        self.steps.iter().any(|step| step.answers)
    }

    /// Passes middlewares in their order; those behind one that answers are shown as well.
    pub(super) fn pass(&mut self, names: &[String]) {
        self.nested(names, 0);
    }

    fn nested(&mut self, names: &[String], depth: usize) {
        for name in names {
            let configuration = &self.inspector.configuration;
            let Some(middleware) = configuration.http.middlewares.get(name) else {
                let does = "it does not exist".to_owned();
                self.steps.push(Step { name: name.clone(), does, ..Step::default() });
                continue;
            };
            if let Some(chain) = middleware.chain.as_ref().filter(|_| depth < DEEPEST) {
                let members: Vec<String> = chain.middlewares.iter().map(|member| qualified(member, name)).collect();
                self.nested(&members, depth + 1);
                continue;
            }
            let mut step = self.step(middleware);
            step.name.clone_from(name);
            // What is behind an answer does nothing.
            step.answers &= !self.is_answered();
            if self.is_answered() {
                step.redirect = None;
            }
            self.steps.push(step);
        }
    }

    fn step(&mut self, middleware: &Middleware) -> Step {
        let plain = |kind: &str, does: String| Step { kind: kind.to_owned(), does, ..Step::default() };
        if let Some(prefix) = &middleware.add_prefix {
            self.question.path = format!("{}{}", prefix.prefix.trim_end_matches('/'), self.question.path);
            return plain("addPrefix", format!("makes the path `{}`", self.question.path));
        }
        if let Some(strip) = &middleware.strip_prefix {
            let path = self.question.path.clone();
            let found = strip
                .prefixes
                .iter()
                .map(|prefix| prefix.trim())
                .find_map(|prefix| Some((prefix, path.strip_prefix(prefix)?)));
            let Some((prefix, rest)) = found else {
                return plain(
                    "stripPrefix",
                    format!("leaves the path as it is: it does not begin with {}", listed(&strip.prefixes)),
                );
            };
            self.question.path = format!("/{}", rest.trim_start_matches('/'));
            return plain("stripPrefix", format!("takes `{prefix}` off: the path becomes `{}`", self.question.path));
        }
        if let Some(strip) = &middleware.strip_prefix_regex {
            return plain(
                "stripPrefixRegex",
                format!("takes a beginning that fits {} off the path", listed(&strip.regex)),
            );
        }
        if let Some(replace) = &middleware.replace_path {
            self.question.path.clone_from(&replace.path);
            return plain("replacePath", format!("makes the path `{}`", replace.path));
        }
        if let Some(replace) = &middleware.replace_path_regex {
            let new = pattern::compile(replace.regex.trim())
                .ok()
                .filter(|regex| regex.is_match(self.question.path.as_bytes()));
            let Some(regex) = new else {
                return plain(
                    "replacePathRegex",
                    format!("leaves the path as it is: it does not fit `{}`", replace.regex),
                );
            };
            let new = regex.replace_all(self.question.path.as_bytes(), replace.replacement.trim().as_bytes());
            self.question.path = String::from_utf8_lossy(&new).into_owned();
            return plain("replacePathRegex", format!("makes the path `{}`", self.question.path));
        }
        if let Some(redirect) = &middleware.redirect_scheme {
            let mut target = self.question.clone();
            target.tls = matches!(redirect.scheme.as_str(), "https" | "wss");
            target.port = redirect.port.parse().unwrap_or(if target.tls { 443 } else { 80 });
            let same_port = redirect.port.is_empty() || target.port == self.question.port;
            if target.tls == self.question.tls && same_port {
                return plain(
                    "redirectScheme",
                    format!("does nothing: the request is over {} already", redirect.scheme),
                );
            }
            return self.redirection("redirectScheme", target.url(), redirect.permanent);
        }
        if let Some(redirect) = &middleware.redirect_regex {
            let url = self.question.url();
            let regex = pattern::compile(&redirect.regex).ok().filter(|regex| regex.is_match(url.as_bytes()));
            let new =
                regex.map(|regex| regex.replace_all(url.as_bytes(), redirect.replacement.as_bytes()).into_owned());
            let new = new.map(|new| String::from_utf8_lossy(&new).into_owned()).filter(|new| *new != url);
            return match new {
                Some(new) => self.redirection("redirectRegex", new, redirect.permanent),
                None => plain("redirectRegex", format!("does nothing: the URL does not fit `{}`", redirect.regex)),
            };
        }
        if let Some(list) = middleware.ip_allow_list.as_ref().or(middleware.ip_white_list.as_ref()) {
            return self.allow_list(&list.source_range, list.ip_strategy.as_ref(), list.reject_status_code);
        }
        if let Some(auth) = &middleware.basic_auth {
            return self.login("basicAuth", "Basic ", auth);
        }
        if let Some(auth) = &middleware.digest_auth {
            return self.login("digestAuth", "Digest ", auth);
        }
        let (kind, does) = described(middleware);
        plain(kind, does)
    }

    fn redirection(&self, kind: &str, target: String, permanent: bool) -> Step {
        let status = match (self.question.method == "GET", permanent) {
            (true, true) => 301,
            (true, false) => 302,
            (false, true) => 308,
            (false, false) => 307,
        };
        let does = format!("answers {status}: go to {target}");
        Step { kind: kind.to_owned(), does, answers: true, redirect: Some(target), ..Step::default() }
    }

    fn allow_list(&self, ranges: &[String], strategy: Option<&IpStrategy>, status: i64) -> Step {
        let kind = "ipAllowList".to_owned();
        let status = if status == 0 { 403 } else { status };
        let client = self.question.client.unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));
        if strategy.is_some() {
            let does =
                format!("lets {} in, by the addresses in `X-Forwarded-For`; others get {status}", listed(ranges));
            return Step { kind, does, ..Step::default() };
        }
        let networks = networks(ranges).unwrap_or_default();
        if networks.iter().any(|network| network.contains(&client)) {
            return Step { kind, does: format!("lets {client} in"), ..Step::default() };
        }
        let does = format!("answers {status}: {client} is not one of {}", listed(ranges));
        Step { kind, does, answers: true, ..Step::default() }
    }

    fn login(&self, kind: &str, scheme: &str, auth: &Auth) -> Step {
        let sent = self.question.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("authorization")
                && value.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        });
        let users = match (auth.users.len(), auth.users_file.is_empty()) {
            (1, true) => "1 user".to_owned(),
            (many, true) => format!("{many} users"),
            (0, false) => "the users of a file".to_owned(),
            (many, false) => format!("{many} users and those of a file"),
        };
        let does = if sent {
            format!("checks the name and the password that are sent against {users}")
        } else {
            format!("answers 401: no name and password are sent (it knows {users})")
        };
        Step { kind: kind.to_owned(), does, answers: !sent, ..Step::default() }
    }
}

fn listed(values: &[String]) -> String {
    values.iter().map(|value| format!("`{value}`")).collect::<Vec<_>>().join(", ")
}

/// What the others do, whatever the request is.
fn described(middleware: &Middleware) -> (&'static str, String) {
    if let Some(headers) = &middleware.headers {
        return ("headers", headers_line(headers));
    }
    if let Some(limit) = &middleware.rate_limit {
        let per = source_line(limit.source_criterion.as_ref(), "client");
        return match limit.average {
            0 => ("rateLimit", "limits nothing: `average` is not set".to_owned()),
            average => (
                "rateLimit",
                format!(
                    "lets {average} requests in {} pass for each {per}, {} at once; others get 429",
                    limit.period, limit.burst
                ),
            ),
        };
    }
    if let Some(limit) = &middleware.in_flight_req {
        let per = source_line(limit.source_criterion.as_ref(), "host");
        return ("inFlightReq", format!("lets {} requests be under way for each {per}; others get 429", limit.amount));
    }
    if let Some(auth) = &middleware.forward_auth {
        let address = auth.address.split(['?', '#']).next().unwrap_or_default();
        return ("forwardAuth", format!("asks {address} whether the request may pass"));
    }
    if let Some(pages) = &middleware.errors {
        return (
            "errors",
            format!("puts pages of `{}` in the place of answers {}", pages.service, pages.status.join(", ")),
        );
    }
    if let Some(compress) = &middleware.compress {
        return ("compress", format!("compresses answers ({})", compress.encodings.join(", ")));
    }
    if let Some(buffering) = &middleware.buffering {
        let limit = |bytes: i64| if bytes > 0 { format!("up to {bytes} bytes") } else { "of any size".to_owned() };
        let (request, response) = (limit(buffering.max_request_body_bytes), limit(buffering.max_response_body_bytes));
        return ("buffering", format!("holds whole requests {request}, and answers {response}"));
    }
    if let Some(breaker) = &middleware.circuit_breaker {
        let (expression, status) = (&breaker.expression, breaker.response_code);
        return ("circuitBreaker", format!("answers {status} for a while once `{expression}` holds"));
    }
    if let Some(retry) = &middleware.retry {
        return ("retry", format!("tries up to {} times where no server could be reached", retry.attempts));
    }
    if middleware.encoded_characters.is_some() {
        return ("encodedCharacters", "answers 400 to paths with encoded characters that are not allowed".to_owned());
    }
    if middleware.pass_tls_client_cert.is_some() {
        return ("passTLSClientCert", "tells the server about the client's certificate".to_owned());
    }
    if middleware.content_type.is_some() {
        return ("contentType", "guesses a missing `Content-Type`".to_owned());
    }
    if middleware.grpc_web.is_some() {
        return ("grpcWeb", "translates gRPC-Web".to_owned());
    }
    if middleware.chain.is_some() {
        return ("chain", "contains itself".to_owned());
    }
    match middleware.plugin.keys().next() {
        Some(name) => ("plugin", format!("the plugin `{name}` is not supported")),
        None => ("", "it says nothing".to_owned()),
    }
}

fn source_line(criterion: Option<&SourceCriterion>, otherwise: &str) -> String {
    match criterion {
        Some(criterion) if !criterion.request_header_name.is_empty() => {
            format!("value of `{}`", criterion.request_header_name)
        }
        Some(criterion) if criterion.request_host => "host".to_owned(),
        Some(criterion) if criterion.ip_strategy.is_some() => "client".to_owned(),
        _ => otherwise.to_owned(),
    }
}

/// Names only: values may be secrets.
fn headers_line(headers: &Headers) -> String {
    let names = |all: &crate::config::dynamic::Named<String>| {
        let shown =
            |(name, value): (&String, &String)| if value.is_empty() { format!("-{name}") } else { name.clone() };
        all.iter().map(shown).collect::<Vec<_>>().join(", ")
    };
    let mut parts = Vec::new();
    if !headers.custom_request_headers.is_empty() {
        parts.push(format!("sets {} on requests", names(&headers.custom_request_headers)));
    }
    if !headers.custom_response_headers.is_empty() {
        parts.push(format!("sets {} on answers", names(&headers.custom_response_headers)));
    }
    if headers.sts_seconds.is_some_and(|seconds| seconds > 0) {
        parts.push("sets `Strict-Transport-Security`".to_owned());
    }
    let cors = !headers.access_control_allow_origin_list.is_empty()
        || !headers.access_control_allow_origin_list_regex.is_empty()
        || !headers.access_control_allow_methods.is_empty();
    if cors {
        parts.push("answers preflight requests (CORS)".to_owned());
    }
    if !headers.allowed_hosts.is_empty() {
        parts.push(format!("serves {} only", listed(&headers.allowed_hosts)));
    }
    let secured = headers.frame_deny
        || headers.content_type_nosniff
        || headers.browser_xss_filter
        || !headers.content_security_policy.is_empty()
        || !headers.referrer_policy.is_empty()
        || !headers.permissions_policy.is_empty()
        || !headers.custom_frame_options_value.is_empty();
    if secured {
        parts.push("sets security headers on answers".to_owned());
    }
    if parts.is_empty() { "sets and checks headers".to_owned() } else { parts.join("; ") }
}
