//! What must hold of whatever a connection from a balancer begins with.

use super::*;

/// How a connection goes on.
#[derive(Debug, PartialEq)]
enum Begun {
    /// With what comes after so many bytes, for this client.
    As(Option<SocketAddr>, usize),
    /// Not at all: the header is malformed.
    Refused,
    /// Nobody knows yet.
    Unknown,
}

/// What [`read`] makes of a connection of which `step` more bytes are there each time.
fn begun(bytes: &[u8], step: usize) -> Begun {
    let mut count = 0;
    while count < bytes.len() {
        count = bytes.len().min(count.saturating_add(step.max(1)));
        let header = |length: usize, parse: fn(&[u8]) -> Option<Option<SocketAddr>>| match bytes.get(..length) {
            Some(header) => parse(header).map_or(Begun::Refused, |client| Begun::As(client, length)),
            None => Begun::Unknown,
        };
        match look(bytes.get(..count.min(LONGEST_LINE)).unwrap_or_default()) {
            None => return Begun::Refused,
            Some(Seen::Nothing) => return Begun::As(None, 0),
            Some(Seen::More) => {}
            Some(Seen::Line(length)) => return header(length, parse_line),
            Some(Seen::Binary(length)) => return header(length, parse_binary),
        }
    }
    Begun::Unknown
}

/// A connection, after a byte that says in pieces of which size it comes: it is understood as in one piece.
pub(crate) fn proxied(input: &[u8]) {
    let Some((&step, bytes)) = input.split_first() else { return };
    let whole = begun(bytes, usize::MAX);
    assert_eq!(begun(bytes, usize::from(step)), whole, "in pieces of {step}");
    if let Begun::As(_, taken) = whole {
        assert!(taken <= FIXED + MOST, "{taken}");
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, reason = "tests")]

    use std::net::IpAddr;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A header, and the client that it names.
    fn header() -> impl Strategy<Value = (Vec<u8>, Option<SocketAddr>)> {
        let v4 = || any::<[u8; 4]>().prop_map(IpAddr::from);
        let v6 = || any::<[u8; 16]>().prop_map(IpAddr::from);
        let ends = prop_oneof![(v4(), v4()), (v6(), v6())];
        (ends, any::<(u16, u16)>(), any::<(bool, bool)>(), vec(any::<u8>(), 0..40)).prop_map(
            |((peer, local), (from, to), (binary, ours), remarks)| {
                let client = ours.then(|| SocketAddr::new(peer, from));
                let family = if peer.is_ipv4() { 4 } else { 6 };
                if !binary {
                    let line = format!("PROXY TCP{family} {peer} {local} {from} {to}\r\n");
                    return (if ours { line } else { "PROXY UNKNOWN\r\n".to_owned() }.into_bytes(), client);
                }
                let octets = |ip: IpAddr| match ip {
                    IpAddr::V4(ip) => ip.octets().to_vec(),
                    IpAddr::V6(ip) => ip.octets().to_vec(),
                };
                let ports = [from.to_be_bytes(), to.to_be_bytes()].concat();
                let rest = [octets(peer), octets(local), ports, remarks].concat();
                let kind = [0x20 | u8::from(ours), if family == 4 { 0x11 } else { 0x21 }];
                let length = u16::try_from(rest.len()).unwrap_or_default().to_be_bytes();
                ([SIGNATURE.as_slice(), &kind, &length, &rest].concat(), client)
            },
        )
    }

    proptest! {
        #[test]
        fn a_header_is_taken_off_however_it_is_cut((header, client) in header(), step in 1..200_usize, rest in "[a-z]{0,9}") {
            let bytes = [header.as_slice(), rest.as_bytes()].concat();
            prop_assert_eq!(begun(&bytes, step), Begun::As(client, header.len()));
            for short in 1..header.len() {
                prop_assert_eq!(begun(&bytes[..short], step), Begun::Unknown);
            }
        }
    }
}
