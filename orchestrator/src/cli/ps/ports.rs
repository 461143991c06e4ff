//! Ports of a container in one cell.

use std::collections::BTreeMap;

use crate::backend::PublishedPort;

/// An address as it stands before a port: IPv6 in brackets.
pub(in crate::cli) fn host(ip: &str) -> String {
    if ip.contains(':') { format!("[{ip}]") } else { ip.to_owned() }
}

/// The order ports are listed in.
pub(super) fn sorted(ports: &[PublishedPort]) -> Vec<PublishedPort> {
    let mut ports = ports.to_vec();
    ports.sort_by(|a, b| {
        let key = |port: &PublishedPort| (port.target, port.host_ip.clone(), port.published, port.protocol.clone());
        key(a).cmp(&key(b))
    });
    ports
}

/// `0.0.0.0:8080->80/tcp`; ports that are only exposed, or published under their own number, are put together to
/// ranges (`8000-8002/tcp`) and come first.
pub(super) fn cell(ports: &[PublishedPort]) -> String {
    let mut ranges: Vec<(String, u16, u16)> = Vec::new();
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    let mut mapped = Vec::new();
    for port in sorted(ports) {
        if !port.host_ip.is_empty() && port.published != port.target {
            mapped.push(format!("{}:{}->{}/{}", host(&port.host_ip), port.published, port.target, port.protocol));
            continue;
        }
        let key = format!("{}/{}", port.host_ip, port.protocol);
        let range = open.get(&key).and_then(|position| ranges.get_mut(*position));
        match range {
            Some((_, _, last)) if port.target == last.saturating_add(1) => *last = port.target,
            _ => {
                open.insert(key.clone(), ranges.len());
                ranges.push((key, port.target, port.target));
            }
        }
    }
    let range = |(key, first, last): (String, u16, u16)| {
        let (ip, protocol) = key.rsplit_once('/').unwrap_or(("", &key));
        let numbers = if first == last { first.to_string() } else { format!("{first}-{last}") };
        if ip.is_empty() {
            format!("{numbers}/{protocol}")
        } else {
            format!("{}:{numbers}->{numbers}/{protocol}", host(ip))
        }
    };
    ranges.into_iter().map(range).chain(mapped).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::cell;
    use crate::backend::PublishedPort;

    #[test]
    fn ranges_and_mappings() {
        let port = |host_ip: &str, published, target, protocol: &str| PublishedPort {
            host_ip: host_ip.to_owned(),
            published,
            target,
            protocol: protocol.to_owned(),
        };
        let ports = [
            port("::", 8080, 80, "tcp"),
            port("0.0.0.0", 8080, 80, "tcp"),
            port("", 0, 5432, "tcp"),
            port("", 0, 5433, "tcp"),
            port("0.0.0.0", 53, 53, "udp"),
            port("0.0.0.0", 54, 54, "udp"),
        ];
        assert_eq!(cell(&ports), "0.0.0.0:53-54->53-54/udp, 5432-5433/tcp, 0.0.0.0:8080->80/tcp, [::]:8080->80/tcp");
        assert_eq!(cell(&[]), "");
    }
}
