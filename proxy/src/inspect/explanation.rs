//! Why a request is answered as it is: entry point, TLS, every router, middlewares, service.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::walk::{Step, Walk};
use super::{CertificateSeen, Inspector, Near, Origin, Question, ServiceSeen, near};
use crate::entry_point::EntryPoint;
use crate::http::target::{canonical_path, canonical_query};
use crate::route::Route;
use crate::rule::{Candidate, TcpCandidate, Verdict};
use crate::snapshot::Snapshot;
use crate::snapshot::services::qualified;
use crate::tcp::TcpTls;

/// Where authorities look for the answers to their challenges.
const CHALLENGES: &str = "/.well-known/acme-challenge/";

/// What becomes of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Explanation {
    /// The request.
    pub question: Question,
    /// The entry point that it comes in through; empty where nothing listens on the port.
    pub entry_point: String,
    /// Addresses of all entry points by name, where nothing listens on the port.
    pub listening: Vec<(String, String)>,
    /// What the TLS handshake comes to; absent without TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsSeen>,
    /// The request never gets to a router, for this reason: the answer, as a person reads it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
    /// The routers, in the order in which they are asked.
    pub considered: Vec<Considered>,
    /// The router that takes it; absent where none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub router: Option<String>,
    /// Its middlewares, in their order.
    pub middlewares: Vec<Step>,
    /// Its service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceSeen>,
    /// The path as the server gets it.
    pub forwarded_path: String,
    /// Where the client is sent instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect: Option<String>,
    /// Routers that it misses only just, where none takes it.
    pub near: Vec<Near>,
}

/// What a TLS handshake comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TlsSeen {
    /// The certificate that is shown.
    pub certificate: CertificateSeen,
    /// Whether it is good for the host that is asked for.
    pub fits: bool,
    /// TLS options; empty for the default ones.
    pub options: String,
    /// Handshakes end here, for this reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A router that was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Considered {
    /// Its qualified name.
    pub router: String,
    /// Its rule.
    pub rule: String,
    /// Its priority.
    pub priority: i64,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, where that is not plain from `verdicts`.
    pub reason: String,
    /// What each matcher says.
    pub verdicts: Vec<Verdict>,
}

/// What came of asking a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It takes the request.
    Takes,
    /// Its rule fits, but another one takes the request.
    Outranked,
    /// Its rule does not fit.
    Differs,
    /// It is on other entry points.
    Elsewhere,
    /// It answers over TLS only, or without TLS only.
    OtherScheme,
    /// It is not in force.
    Disabled,
}

impl Inspector {
    /// What becomes of a request. `entry_points` are those that the gateway listens on.
    pub fn explain(&self, question: &Question, entry_points: &[EntryPoint]) -> Explanation {
        let mut told = Explanation { question: question.clone(), ..Explanation::default() };
        let Some(snapshot) = self.snapshot() else {
            told.stopped = Some("the configuration has just changed: ask again".to_owned());
            return told;
        };
        let Some(entry) = listening(entry_points, question.port) else {
            told.listening = entry_points.iter().map(|point| (point.name.clone(), point.address.clone())).collect();
            told.stopped = Some(format!("nothing listens on port {}", question.port));
            return told;
        };
        told.entry_point.clone_from(&entry.name);
        let client = question.client.unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST)).to_canonical();
        if question.tls {
            told.tls = Some(self.handshake(&snapshot, question));
        }
        if let Some((reason, passthrough)) = tcp(&snapshot, entry, question, client) {
            told.stopped = Some(reason);
            if passthrough {
                told.tls = None;
            }
            return told;
        }
        if let Some(reason) = told.tls.as_ref().and_then(|tls| tls.refused.clone()) {
            told.stopped = Some(reason);
            return told;
        }
        let headers = match headers(&question.headers) {
            Ok(headers) => headers,
            Err(reason) => {
                told.stopped = Some(reason);
                return told;
            }
        };
        let Ok(canonical) = canonical_path(&question.path, entry.sanitize_path) else {
            told.stopped = Some("400: the path holds a `%` that begins no encoded character".to_owned());
            return told;
        };
        let routing = canonical.routing.unwrap_or_else(|| canonical.path.as_bytes().to_vec());
        let query = canonical_query(&question.query, entry.encode_query_semicolons);
        let request = Candidate {
            host: &question.host,
            path: &routing,
            method: &question.method,
            headers: &headers,
            upgrade: None,
            query: query.as_bytes(),
            client,
        };
        if question.path.starts_with(CHALLENGES) && !question.tls {
            told.near.push(Near {
                router: String::new(),
                reason: format!("requests below `{CHALLENGES}` may be answered for a certificate authority, whatever the routers say"),
            });
        }
        let number = snapshot.entry_points.iter().position(|name| *name == entry.name);
        let taken = number.and_then(|number| snapshot.table.find(number, question.tls, &request));
        for (position, route) in snapshot.table.routes().iter().enumerate() {
            told.considered.push(consider(route, &entry.name, question.tls, &request, taken == Some(position)));
        }
        let Some(route) = taken.and_then(|taken| snapshot.table.routes().get(taken)) else {
            told.near.extend(near::misses(&snapshot.table, &entry.name, question.tls, &request));
            return told;
        };
        told.router = Some(route.name.clone());
        if entry.denied_encodings.found_in(&canonical.path) {
            told.stopped = Some("400: the path holds an encoded character that this entry point denies".to_owned());
            return told;
        }
        let mut walk = Walk::new(self, Question { path: canonical.path.into_owned(), ..question.clone() });
        walk.pass(&route.middlewares);
        let own =
            self.configuration.http.services.get(&route.service).map(|service| {
                service.middlewares.iter().map(|name| qualified(name, &route.service)).collect::<Vec<_>>()
            });
        walk.pass(&own.unwrap_or_default());
        told.redirect = walk.steps.iter().find(|step| step.answers).and_then(|step| step.redirect.clone());
        told.forwarded_path = std::mem::take(&mut walk.question.path);
        told.middlewares = walk.steps;
        told.service = Some(self.http_service(&snapshot, &route.service));
        told
    }

    fn handshake(&self, snapshot: &Snapshot, question: &Question) -> TlsSeen {
        let is_address = question.host.parse::<std::net::IpAddr>().is_ok();
        // Clients name no address in a handshake (RFC 6066 section 3).
        let name = Some(question.host.trim_end_matches('.')).filter(|name| !is_address && !name.is_empty());
        let certificate = self.certificate_for(snapshot, name);
        let parent = question.host.split_once('.').map(|(_, parent)| format!("*.{parent}"));
        let fits = certificate.names.iter().any(|known| *known == question.host || Some(known) == parent.as_ref());
        let options = snapshot.table.routes().iter().find(|route| {
            route.is_enabled()
                && route.hosts().iter().any(|host| {
                    host.eq_ignore_ascii_case(&question.host)
                        || parent.as_ref().is_some_and(|parent| host.eq_ignore_ascii_case(parent))
                })
                && route.tls.as_ref().is_some_and(|tls| !matches!(tls.options.as_str(), "" | "default"))
        });
        let options = options.and_then(|route| route.tls.as_ref()).map(|tls| tls.options.clone()).unwrap_or_default();
        let strict = self.configuration.tls.options.iter().any(|(known, wanted)| {
            let is_it = if options.is_empty() { known.split('@').next() == Some("default") } else { *known == options };
            is_it && wanted.sni_strict
        });
        let refused = if snapshot.policy.terms_of(name).config.is_none() {
            Some("the TLS handshake is refused: the TLS options of this host do not work".to_owned())
        } else if strict && matches!(certificate.origin, Origin::Default | Origin::SelfMade) {
            Some("the TLS handshake is refused: `sniStrict` is on, and no certificate is for this host".to_owned())
        } else {
            None
        };
        TlsSeen { certificate, fits, options, refused }
    }
}

/// The entry point that listens on a port.
fn listening(entry_points: &[EntryPoint], port: u16) -> Option<&EntryPoint> {
    let on_port = |point: &&EntryPoint| {
        let address = point.address.strip_suffix("/tcp").unwrap_or(&point.address);
        address.rsplit_once(':').is_some_and(|(_, text)| text.parse() == Ok(port))
    };
    entry_points.iter().find(on_port)
}

/// Why a TCP router takes the connection, where one does, and whether its server ends TLS.
fn tcp(
    snapshot: &Snapshot,
    entry: &EntryPoint,
    question: &Question,
    client: std::net::IpAddr,
) -> Option<(String, bool)> {
    let routes = snapshot.tcp.entry(&entry.name)?;
    let route = if question.tls {
        let alpn: [&[u8]; 2] = [b"h2", b"http/1.1"];
        routes.encrypted(&TcpCandidate { server_name: &question.host, client, alpn: &alpn })
    } else {
        routes.plain(client)
    }?;
    let passthrough = matches!(route.tls, Some(TcpTls::Passthrough));
    let ends = if passthrough { ", and its server shows a certificate of its own" } else { "" };
    let reason = format!("the TCP router `{}` takes the whole connection: no HTTP router is asked{ends}", route.name());
    Some((reason, passthrough))
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let key = HeaderName::try_from(name.as_str()).map_err(|_| format!("`{name}` is not the name of a header"))?;
        let value = HeaderValue::try_from(value.as_str()).map_err(|_| format!("`{name}` cannot have this value"))?;
        headers.append(key, value);
    }
    Ok(headers)
}

fn consider(route: &Route, entry_point: &str, tls: bool, request: &Candidate<'_>, takes: bool) -> Considered {
    let verdicts = route.rule().map(|rule| rule.verdicts(request)).unwrap_or_default();
    let (outcome, reason) = if takes {
        (Outcome::Takes, String::new())
    } else if !route.is_enabled() {
        (Outcome::Disabled, route.errors().join("; "))
    } else if !route.using.iter().any(|name| name == entry_point) {
        let names: Vec<String> = route.using.iter().map(|name| format!("`{name}`")).collect();
        (Outcome::Elsewhere, format!("it is on {}", names.join(", ")))
    } else if route.tls.is_some() != tls {
        let word = if tls { "without TLS" } else { "over TLS" };
        (Outcome::OtherScheme, format!("it answers {word} only"))
    } else if route.rule().is_some_and(|rule| rule.matches(request)) {
        (Outcome::Outranked, "its rule fits, but the router before it takes the request".to_owned())
    } else {
        (Outcome::Differs, String::new())
    };
    Considered {
        router: route.name.clone(),
        rule: route.router.rule.clone(),
        priority: route.priority,
        outcome,
        reason,
        verdicts,
    }
}
