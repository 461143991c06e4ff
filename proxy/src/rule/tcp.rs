//! Rules of TCP routers: they see the client's address and what its TLS hello says.

use std::net::IpAddr;

use ipnet::IpNet;
use regex::bytes::Regex;

use super::expression::Expression;
use super::matcher::{HostName, arguments, canonical, client_range, regex, text};
use super::{RuleError, expression};

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
        let expression = expression::parse(rule, &|name| canonical(&NAMES, name), &build)?;
        let catch_all = rule == "HostSNI(`*`)";
        Ok(Self { expression, catch_all })
    }

    /// Whether a connection is one of those meant.
    pub fn matches(&self, connection: &TcpCandidate<'_>) -> bool {
        self.expression.matches(&|matcher| match matcher {
            Matcher::Anything => true,
            Matcher::HostSni(name) => name.matches(connection.server_name),
            Matcher::HostSniRegexp(regex) => regex.is_match(connection.server_name.as_bytes()),
            Matcher::ClientIp(net) => net.contains(&connection.client),
            Matcher::Alpn(protocol) => connection.alpn.iter().any(|offered| offered == protocol),
        })
    }

    /// Every name in a `HostSNI`, in the order of the rule; `*` included.
    pub fn hosts(&self) -> Vec<String> {
        let mut hosts = Vec::new();
        self.expression.each(&mut |matcher| match matcher {
            Matcher::HostSni(host) if host.wildcard => hosts.push(format!("*{}", host.name)),
            Matcher::HostSni(host) => hosts.push(host.name.clone()),
            Matcher::Anything => hosts.push("*".to_owned()),
            _ => {}
        });
        hosts
    }

    /// Whether the rule is plainly ``HostSNI(`*`)``, the catch-all that ranks below everything by default.
    pub const fn is_catch_all(&self) -> bool {
        self.catch_all
    }
}

fn build(name: &str, args: &[Vec<u8>]) -> Result<Matcher, String> {
    match name {
        "HostSNI" => {
            let [host] = arguments(args, "[1]")?;
            Ok(HostName::new(text(host)?, name)?.map_or(Matcher::Anything, Matcher::HostSni))
        }
        "HostSNIRegexp" => {
            let [expression] = arguments(args, "[1]")?;
            if !expression.is_ascii() {
                let shown = String::from_utf8_lossy(expression);
                return Err(format!(
                    "invalid value \"{shown}\" for HostSNIRegexp matcher, non-ASCII characters are not allowed"
                ));
            }
            Ok(Matcher::HostSniRegexp(regex(expression, name)?))
        }
        "ClientIP" => {
            let [range] = arguments(args, "[1]")?;
            Ok(Matcher::ClientIp(client_range(range)?))
        }
        _ => {
            let [protocol] = arguments(args, "[1]")?;
            if protocol == b"acme-tls/1" {
                return Err("invalid protocol value for ALPN matcher, \"acme-tls/1\" is not allowed".to_owned());
            }
            Ok(Matcher::Alpn(protocol.clone()))
        }
    }
}
