//! Rules: expressions such as ``Host(`a.example`) && PathPrefix(`/api`)`` that say which requests a router takes.
//!
//! Specification: Traefik v3 documentation, "Routers: rule". The text is a Go expression; see `lexer` and `parser`.

mod constraint;
mod cover;
mod expression;
mod lexer;
mod matcher;
mod parser;
pub mod pattern;
pub mod priority;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod properties;
mod query;
mod tcp;
mod v2;
mod verdict;

use std::net::IpAddr;

use http::{HeaderMap, HeaderValue};

use expression::Expression;
use matcher::{HostName, Matcher, NAMES, canonical};

pub use constraint::Constraint;
pub use tcp::{TcpCandidate, TcpRule};
pub use verdict::Verdict;

/// What an HTTP rule is asked about; everything is borrowed, matching allocates nothing but for decoding a query.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// Host asked for: lower case, without port and brackets; empty if there is none.
    pub host: &'a str,
    /// The path after normalising, with every escape decoded but those of reserved characters.
    pub path: &'a [u8],
    /// The method.
    pub method: &'a str,
    /// The header fields, without those of the connection.
    pub headers: &'a HeaderMap,
    /// The protocol that the client wants to switch to, which `Upgrade` and `Connection` say.
    pub upgrade: Option<&'a HeaderValue>,
    /// The query string, still encoded, without `?`, and with each `;` already turned into `&` (or `%3B`) as the entry point says: a pair
    /// that still holds a `;` does not count.
    pub query: &'a [u8],
    /// Address of the peer, IPv4 where it is mapped into IPv6.
    pub client: IpAddr,
}

/// Why a text is no rule. The message is the one that Traefik shows in its API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RuleError {
    /// Place in the rule, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
}

impl RuleError {
    /// What to do about it, where that can be guessed.
    pub fn hint(&self) -> Option<String> {
        if let Some((_, name)) = self.message.rsplit_once("unsupported function: ") {
            return match name {
                "Headers" => Some("in v3 rules it is called `Header`".to_owned()),
                "HeadersRegexp" => Some("in v3 rules it is called `HeaderRegexp`".to_owned()),
                "HostHeader" => Some("in v3 rules it is called `Host`".to_owned()),
                _ => crate::config::near::nearest(name, NAMES).map(|near| format!("did you mean `{near}`?")),
            };
        }
        if self.message.contains("unexpected number of parameters") {
            return Some("in v3 rules a matcher takes one value: join several matchers by `||`".to_owned());
        }
        if self.message.contains("illegal rune literal") {
            return Some("write strings in backticks: Host(`example.com`)".to_owned());
        }
        None
    }
}

/// A host by which a rule can be found without asking it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum HostKey<'a> {
    /// This name, as in the rule.
    Exact(&'a str),
    /// One label and this suffix, leading dot included.
    Suffix(&'a str),
}

/// A parsed HTTP rule.
#[derive(Clone, Debug)]
pub struct Rule {
    expression: Expression<Matcher>,
}

impl Rule {
    /// Parses a rule in v3 syntax.
    pub fn parse(rule: &str) -> Result<Self, RuleError> {
        let expression = expression::parse(rule, &|name| canonical(&NAMES, name), &matcher::build)?;
        Ok(Self { expression })
    }

    /// Parses a rule in the deprecated v2 syntax: several values in a matcher, patterns in braces.
    pub fn parse_v2(rule: &str) -> Result<Self, RuleError> {
        let expression = expression::parse(rule, &|name| canonical(&v2::NAMES, name), &v2::build)?;
        Ok(Self { expression })
    }

    /// Whether a request is one of those meant.
    pub fn matches(&self, request: &Candidate<'_>) -> bool {
        self.expression.matches(&|matcher| matcher.matches(request))
    }

    /// Every name in a `Host`, in the order of the rule, negated ones included; `*` is left out. Wildcards start with `*.`.
    ///
    /// These are the names for which certificates are asked and TLS options hold.
    pub fn hosts(&self) -> Vec<String> {
        let mut hosts = Vec::new();
        self.expression.leaves(&mut |matcher, negated, _| {
            if !negated {
                matcher.add_hosts(&mut hosts);
            }
        });
        hosts
    }

    /// The hosts outside of which the rule never matches; `None` if there is no such limit.
    pub(crate) fn host_keys(&self) -> Option<Vec<HostKey<'_>>> {
        self.expression.required(&|matcher| match matcher {
            Matcher::Host(HostName { name, wildcard: true }) => Some(HostKey::Suffix(name)),
            Matcher::Host(HostName { name, wildcard: false }) => Some(HostKey::Exact(name)),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests;
