//! Rules of TCP routers: they see the client's address and what its TLS hello says.

use std::net::IpAddr;

use ipnet::IpNet;
use regex::bytes::Regex;

use super::expression::Expression;
use super::matcher::{HostName, arguments, canonical, client_range, regex, text};
use super::{RuleError, expression, v2};

const NAMES: [&str; 4] = ["HostSNI", "HostSNIRegexp", "ClientIP", "ALPN"];

/// What a TCP rule is asked about.
#[derive(Clone, Copy, Debug)]
pub struct TcpCandidate<'a> {
    /// Name in the TLS hello, lower case; empty if there is none.
    pub server_name: &'a str,
    /// Address of the client, IPv4 where it is mapped into IPv6.
    pub client: IpAddr,
    /// Protocols that the TLS hello offers.
    pub alpn: &'a [&'a [u8]],
}

#[derive(Clone, Debug)]
enum Matcher {
    Anything,
    HostSni(HostName),
    HostSniRegexp(Regex),
    ClientIp(IpNet),
    Alpn(Vec<u8>),
    /// One of several (v2 syntax only).
    AnyOf(Vec<Matcher>),
}

impl Matcher {
    fn matches(&self, connection: &TcpCandidate<'_>) -> bool {
        match self {
            Self::Anything => true,
            Self::HostSni(name) => name.matches(connection.server_name),
            Self::HostSniRegexp(regex) => regex.is_match(connection.server_name.as_bytes()),
            Self::ClientIp(net) => net.contains(&connection.client),
            Self::Alpn(protocol) => connection.alpn.iter().any(|offered| offered == protocol),
            Self::AnyOf(matchers) => matchers.iter().any(|matcher| matcher.matches(connection)),
        }
    }

    fn hosts(&self, into: &mut Vec<String>) {
        match self {
            Self::HostSni(host) if host.wildcard => into.push(format!("*{}", host.name)),
            Self::HostSni(host) => into.push(host.name.clone()),
            Self::Anything => into.push("*".to_owned()),
            Self::AnyOf(matchers) => matchers.iter().for_each(|matcher| matcher.hosts(into)),
            Self::HostSniRegexp(_) | Self::ClientIp(_) | Self::Alpn(_) => {}
        }
    }
}

/// A parsed TCP rule.
#[derive(Clone, Debug)]
pub struct TcpRule {
    expression: Expression<Matcher>,
    catch_all: bool,
}

impl TcpRule {
    /// Parses a rule.
    pub fn parse(rule: &str) -> Result<Self, RuleError> {
        Self::parse_with(rule, build)
    }

    /// Parses a rule in the deprecated v2 syntax: several values in a matcher, patterns in braces.
    pub fn parse_v2(rule: &str) -> Result<Self, RuleError> {
        Self::parse_with(rule, build_v2)
    }

    fn parse_with(rule: &str, build: impl Fn(&str, &[Vec<u8>]) -> Result<Matcher, String>) -> Result<Self, RuleError> {
        let expression = expression::parse(rule, &|name| canonical(&NAMES, name), &build)
            .map_err(|error| RuleError { message: said(rule, &error.message), ..error })?;
        // However it is written; as in Traefik, turned round as well.
        let plainly = matches!(&expression, Expression::Leaf { matcher: Matcher::Anything, .. });
        let catch_all = plainly || rule == "HostSNI(`*`)";
        Ok(Self { expression, catch_all })
    }

    /// Whether a connection is one of those meant.
    pub fn matches(&self, connection: &TcpCandidate<'_>) -> bool {
        self.expression.matches(&|matcher| matcher.matches(connection))
    }

    /// Every name in a `HostSNI`, in the order of the rule; `*` included.
    pub fn hosts(&self) -> Vec<String> {
        let mut hosts = Vec::new();
        self.expression.each(&mut |matcher| matcher.hosts(&mut hosts));
        hosts
    }

    /// Whether the rule is ``HostSNI(`*`)`` and nothing else, the catch-all that ranks below everything by default.
    pub const fn is_catch_all(&self) -> bool {
        self.catch_all
    }
}

/// Traefik's words for what is wrong with a TCP rule, which are others than those for HTTP rules.
fn said(rule: &str, text: &str) -> String {
    let text = text.strip_prefix(&format!("error while parsing rule {rule}: ")).unwrap_or(text);
    match text.strip_prefix(&format!("adding rule {rule}: ")) {
        Some(reason) => {
            // The matcher's name, which the rule shows.
            let reason =
                reason.split_once(" rule ").and_then(|(_, rest)| rest.split_once(": ")).map_or(reason, |(_, why)| why);
            format!("error while adding rule {rule}: {reason}")
        }
        None => {
            let text = text.strip_prefix(&format!("parsing rule {rule}: ")).unwrap_or(text);
            format!("invalid rule: \"{rule}\" , {text}")
        }
    }
}

fn build_v2(name: &str, args: &[Vec<u8>]) -> Result<Matcher, String> {
    let one = |arg: &Vec<u8>| match name {
        "HostSNI" => {
            let host = v2::ascii(arg, name)?.to_ascii_lowercase();
            if host == "*" {
                return Ok(Matcher::Anything);
            }
            if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-:".contains(&byte)) {
                return Err(format!("invalid value for \"HostSNI\" matcher, \"{host}\" is not a valid hostname"));
            }
            Ok(Matcher::HostSni(HostName { name: host.trim_end_matches('.').to_owned(), wildcard: false }))
        }
        "HostSNIRegexp" => {
            // Names in a hello are compared in lower case.
            let pattern = format!("(?i){}", v2::pattern(v2::ascii(arg, name)?, "[^.]+", true)?);
            Ok(Matcher::HostSniRegexp(regex(pattern.as_bytes(), name)?))
        }
        _ => build(name, std::slice::from_ref(arg)),
    };
    args.iter().map(one).collect::<Result<_, _>>().map(Matcher::AnyOf)
}

fn build(name: &str, args: &[Vec<u8>]) -> Result<Matcher, String> {
    match name {
        "HostSNI" => {
            let [host] = arguments(args, "1")?;
            let host = text(host)?;
            let name = HostName::new(host, name)?;
            let is_known = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-:".contains(&byte);
            let written = host.strip_prefix("*.").unwrap_or(host);
            if name.is_some() && (written.is_empty() || !written.bytes().all(is_known)) {
                return Err(format!("invalid value for HostSNI matcher, \"{host}\" is not a valid hostname"));
            }
            Ok(name.map_or(Matcher::Anything, Matcher::HostSni))
        }
        "HostSNIRegexp" => {
            let [expression] = arguments(args, "1")?;
            if !expression.is_ascii() {
                let shown = String::from_utf8_lossy(expression);
                return Err(format!(
                    "invalid value \"{shown}\" for HostSNIRegexp matcher, non-ASCII characters are not allowed"
                ));
            }
            Ok(Matcher::HostSniRegexp(regex(expression, name)?))
        }
        "ClientIP" => {
            let [range] = arguments(args, "1")?;
            Ok(Matcher::ClientIp(client_range(range)?))
        }
        _ => {
            let [protocol] = arguments(args, "1")?;
            if protocol == b"acme-tls/1" {
                return Err("invalid protocol value for ALPN matcher, \"acme-tls/1\" is not allowed".to_owned());
            }
            Ok(Matcher::Alpn(protocol.clone()))
        }
    }
}
