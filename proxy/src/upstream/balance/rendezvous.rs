//! Rendezvous hashing (highest random weight): a client's address alone decides, so that every gateway decides alike and a
//! choice that goes away moves nobody but its own clients. The scores are Traefik's, so that clients stay where they are.

use std::fmt::{self, Write as _};
use std::net::IpAddr;

/// Choices with their names and weights.
#[derive(Debug)]
pub(crate) struct Rendezvous(Vec<(String, f64)>);

impl Rendezvous {
    /// Choices by name; one of weight 0 is never made.
    pub(crate) fn new<'a>(choices: impl Iterator<Item = (&'a str, u64)>) -> Self {
        // Weights that differ only beyond the 53rd bit are as good as equal.
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        Self(choices.map(|(name, weight)| (name.to_owned(), weight as f64)).collect())
    }

    /// Who of those that are `usable` serves `client`.
    pub(crate) fn choose(&self, client: IpAddr, usable: impl Fn(usize) -> bool) -> Option<usize> {
        let mut source = Fnv::default();
        // Writing into it cannot fail.
        let _ = write!(source, "{client}");
        let mut best = None;
        for (index, (name, weight)) in self.0.iter().enumerate() {
            if *weight > 0.0 && usable(index) {
                let score = source.with(name).score() * weight;
                if best.is_none_or(|(_, highest)| score > highest) {
                    best = Some((index, score));
                }
            }
        }
        best.map(|(index, _)| index)
    }
}

/// FNV-1a, 64 bits.
#[derive(Debug, Clone, Copy)]
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn with(mut self, text: &str) -> Self {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        self
    }

    /// From 0 up; spread so that weights multiply into shares.
    fn score(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "what is lost is noise")]
        let part = self.0 as f64 / 2_f64.powi(64);
        1.0 / -part.ln()
    }
}

impl fmt::Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        *self = self.with(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn client(n: u32) -> IpAddr {
        IpAddr::from(n.to_be_bytes())
    }

    #[test]
    fn clients_go_where_traefik_sends_them() {
        let urls: Vec<String> = (21100..21104).map(|port| format!("http://127.0.0.1:{port}")).collect();
        let servers = Rendezvous::new(urls.iter().map(|url| (url.as_str(), 1)));
        let services = Rendezvous::new([("one", 1), ("two", 1), ("hc2", 1)].into_iter());
        let of = |choices: &Rendezvous| -> Vec<usize> {
            (2..12).map(|n| choices.choose(client(0x7f00_0000 + n), |_| true).unwrap()).collect()
        };
        assert_eq!(of(&servers), [3, 2, 1, 0, 3, 2, 1, 0, 0, 1]);
        assert_eq!(of(&services), [0, 0, 2, 0, 1, 1, 1, 1, 0, 0]);
    }

    #[test]
    fn weights_are_shares_and_only_the_clients_of_one_that_leaves_move() {
        let (a, b, c) = ("http://10.0.0.1:80", "http://10.0.0.2:80", "http://10.0.0.3:80");
        let choices = Rendezvous::new([(a, 3), (b, 1), (c, 0)].into_iter());
        let mut counts = [0; 3];
        for n in 0..4000 {
            counts[choices.choose(client(n), |_| true).unwrap()] += 1;
        }
        assert!((2800..3200).contains(&counts[0]) && counts[2] == 0, "{counts:?}");
        let equal = Rendezvous::new([(a, 1), (b, 1), (c, 1)].into_iter());
        for n in 0..1000 {
            let before = equal.choose(client(n), |_| true).unwrap();
            assert!(before == 1 || equal.choose(client(n), |i| i != 1) == Some(before));
        }
        assert_eq!(equal.choose(client(1), |_| false), None);
    }
}
