//! `[[IP:]HOST:]CONTAINER[/PROTOCOL]`, one entry of `ports`, with ranges for HOST and CONTAINER.

use std::net::IpAddr;

use super::{Canon, object, text};
use crate::codes::schema::PORT;
use crate::diagnostic::Diagnostic;
use crate::yaml::{Node, Value};

const GRAMMAR: &str = "write `[[IP:]HOST:]CONTAINER[/tcp|udp|sctp]`, IPv6 addresses in brackets, in quotes";

impl Canon {
    /// Rewrites all entries, a range into one entry for each port of the container. One that cannot be read leaves the whole
    /// list as it is.
    pub(super) fn ports(&mut self, place: &str, ports: &mut Node) {
        let Value::Sequence(items) = &ports.value else { return };
        let mut long = Vec::new();
        let mut refused = false;
        for item in items {
            let spec = match &item.value {
                Value::Int(port) => port.to_string(),
                Value::String(spec) => spec.clone(),
                Value::Mapping(fields) => {
                    if !fields.contains_key("target") {
                        let message =
                            format!("`{place}.ports` has an entry without `target`, the port of the container");
                        self.refuse(PORT, message, item.span, "");
                    }
                    long.push(item.clone());
                    continue;
                }
                _ => {
                    let message = format!("`{place}.ports` has an entry that is not a port");
                    self.found.push(Diagnostic::error(PORT, message).at(item.span, "").hint(GRAMMAR));
                    refused = true;
                    continue;
                }
            };
            match parse(&spec) {
                Ok(parsed) => long.extend(parsed.iter().map(|port| port.node(item))),
                Err(reason) => {
                    let message = format!("`{place}.ports` has the entry `{spec}`: {reason}");
                    if matches!(item.value, Value::Int(_)) {
                        // No variable can change a number.
                        self.found.push(Diagnostic::error(PORT, message).at(item.span, "").hint(GRAMMAR));
                    } else {
                        self.refuse(PORT, message, item.span, GRAMMAR);
                    }
                    refused = true;
                }
            }
        }
        if !refused {
            ports.value = Value::Sequence(long);
        }
    }
}

/// One port of the container, published.
struct Published<'a> {
    ip: &'a str,
    /// The first and last of the ports of the host that the engine may choose from; nothing: any.
    host: Option<(u16, u16)>,
    container: u16,
    /// As it is written, if it is.
    protocol: Option<&'static str>,
}

impl Published<'_> {
    fn node(&self, short: &Node) -> Node {
        let span = short.span;
        // What is not written is left to the decoder: a range may stand for 65,535 of these.
        let mut fields = Vec::with_capacity(4);
        fields.push(("target", Node::new(Value::Int(self.container.into()), span)));
        if let Some(protocol) = self.protocol {
            fields.push(("protocol", text(protocol, span)));
        }
        if !self.ip.is_empty() {
            fields.push(("host_ip", text(self.ip, span)));
        }
        if let Some((first, last)) = self.host {
            let host = if first == last { first.to_string() } else { format!("{first}-{last}") };
            fields.push(("published", text(host, span)));
        }
        object(fields, span)
    }
}

/// Reads one entry; the ports of a range come sorted as text, as Docker Compose has them.
fn parse(spec: &str) -> Result<Vec<Published<'_>>, String> {
    let parts: Vec<&str> = spec.rsplitn(3, ':').collect();
    let (ip, host, container) = match parts.as_slice() {
        [container] => ("", "", *container),
        [container, host] => ("", *host, *container),
        [container, host, ip] => (*ip, *host, *container),
        _ => return Err("it cannot be read".to_owned()),
    };
    let mut pieces = container.split('/');
    let container = pieces.next().unwrap_or_default();
    let protocol = pieces.next().filter(|protocol| !protocol.is_empty()).map(str::to_lowercase);
    if container.is_empty() {
        return Err("the port of the container is missing".to_owned());
    }
    let ip = address(ip)?;
    let (first, last) = range(container).ok_or_else(|| format!("`{container}` is not a port of the container"))?;
    if first == 0 {
        return Err("0 is not a port of the container".to_owned());
    }
    let host_range = match host {
        "" => None,
        host => Some(range(host).ok_or_else(|| format!("`{host}` is not a port of the host"))?),
    };
    let protocol = match protocol {
        None => None,
        Some(protocol) => match ["tcp", "udp", "sctp"].into_iter().find(|known| *known == protocol) {
            None => return Err(format!("`{protocol}` is not a protocol")),
            known => known,
        },
    };
    if let Some((host_first, host_last)) = host_range
        && first != last
        && last - first != host_last - host_first
    {
        return Err(format!("the ranges `{host}` and `{container}` differ in length"));
    }
    let port = |container| {
        let host = host_range.map(|(from, to)| match container - first {
            _ if first == last => (from, to),
            offset => (from + offset, from + offset),
        });
        Published { ip, host, container, protocol }
    };
    let mut ports: Vec<Published<'_>> = (first..=last).map(port).collect();
    ports.sort_by_cached_key(|port| format!("{}/", port.container));
    Ok(ports)
}

fn address(ip: &str) -> Result<&str, String> {
    let bare = match ip.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or_else(|| format!("`{ip}` has no closing bracket"))?,
        None if ip.contains(':') => return Err(format!("`{ip}` is an IPv6 address without brackets")),
        None => ip,
    };
    if bare.is_empty() || bare.parse::<IpAddr>().is_ok() {
        return Ok(bare);
    }
    Err(format!("`{bare}` is not an IP address"))
}

fn range(text: &str) -> Option<(u16, u16)> {
    let port = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u16>().ok()).flatten();
    // What comes after a second `-` means nothing.
    let mut parts = text.split('-');
    let first = port(parts.next()?)?;
    let last = parts.next().map_or(Some(first), port)?;
    (first <= last).then_some((first, last))
}
