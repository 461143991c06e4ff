//! Weighted round robin without a lock: the order is computed once, a counter walks through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::server::Server;

/// Longest order; weights beyond it are scaled down.
const LONGEST: u64 = 4096;

/// Turns taken by several choices in proportion to their weights.
#[derive(Debug)]
pub(crate) struct Turns {
    order: Vec<u16>,
    next: AtomicUsize,
}

impl Turns {
    /// Turns for choices with these weights; a choice of weight 0 gets none.
    pub(crate) fn new(weights: &[u64]) -> Self {
        let divisor = weights.iter().copied().filter(|&w| w > 0).reduce(gcd).unwrap_or(1).max(1);
        let total: u64 = weights.iter().map(|w| w / divisor).fold(0, u64::saturating_add);
        let scale = total.div_ceil(LONGEST).max(1);
        let weights: Vec<i64> = weights
            .iter()
            .map(|&w| if w == 0 { 0 } else { i64::try_from((w / divisor / scale).max(1)).unwrap_or(1) })
            .collect();
        // Smooth weighted round robin: each turn goes to who is most behind its share.
        let sum: i64 = weights.iter().sum();
        let mut behind = vec![0_i64; weights.len()];
        let mut order = Vec::new();
        for _ in 0..sum {
            for (owed, weight) in behind.iter_mut().zip(&weights) {
                *owed += weight;
            }
            let most = behind
                .iter()
                .enumerate()
                .filter(|&(i, _)| weights.get(i) != Some(&0))
                .max_by_key(|&(i, owed)| (*owed, std::cmp::Reverse(i)));
            if let Some(index) = most.map(|(index, _)| index) {
                if let Some(owed) = behind.get_mut(index) {
                    *owed -= sum;
                }
                order.extend(u16::try_from(index));
            }
        }
        Self { order, next: AtomicUsize::new(0) }
    }

    /// The next turn for which `usable` holds; each choice is asked about at most once per place in the order.
    pub(crate) fn next(&self, usable: impl Fn(usize) -> bool) -> Option<usize> {
        let length = self.order.len();
        if length == 0 {
            return None;
        }
        let start = self.next.fetch_add(1, Relaxed);
        (0..length).map(|step| start.wrapping_add(step) % length).find_map(|at| {
            let choice = usize::from(*self.order.get(at)?);
            usable(choice).then_some(choice)
        })
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The servers of a load balancer and whose turn it is.
#[derive(Debug)]
pub(crate) struct Balance {
    /// The servers, in configured order.
    pub(crate) servers: Vec<Arc<Server>>,
    turns: Turns,
}

impl Balance {
    /// Round robin over `servers` with their weights.
    pub(crate) fn new(servers: Vec<(Arc<Server>, u64)>) -> Self {
        let weights: Vec<u64> = servers.iter().map(|(_, weight)| *weight).collect();
        Self { turns: Turns::new(&weights), servers: servers.into_iter().map(|(server, _)| server).collect() }
    }

    /// The index of the server whose turn it is: healthy, not in `tried`, and, while there is another, not one that
    /// could lately not be reached. `tried` has a bit per server; those beyond the 64th count as untried.
    pub(crate) fn pick(&self, tried: u64) -> Option<usize> {
        let open = |index: usize| tried & 1_u64.checked_shl(u32::try_from(index).unwrap_or(64)).unwrap_or(0) == 0;
        let server = |index: usize| self.servers.get(index);
        self.turns
            .next(|i| open(i) && server(i).is_some_and(|s| s.is_healthy() && !s.is_suspect()))
            .or_else(|| self.turns.next(|i| open(i) && server(i).is_some_and(|s| s.is_healthy())))
    }

    /// The healthy server that a sticky cookie names.
    pub(crate) fn by_cookie(&self, value: &str) -> Option<usize> {
        self.servers.iter().position(|server| server.cookie == value && server.is_healthy())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;

    fn sequence(weights: &[u64], length: usize) -> Vec<usize> {
        let turns = Turns::new(weights);
        (0..length).map(|_| turns.next(|_| true).unwrap()).collect()
    }

    #[test]
    fn equal_weights_take_turns() {
        assert_eq!(sequence(&[1, 1, 1], 6), [0, 1, 2, 0, 1, 2]);
        assert_eq!(sequence(&[7, 7], 4), [0, 1, 0, 1]);
    }

    #[test]
    fn weights_are_kept_and_spread() {
        assert_eq!(sequence(&[3, 1], 8), [0, 0, 1, 0, 0, 0, 1, 0]);
        assert!(sequence(&[1, 0], 5).iter().all(|&i| i == 0));
        let many = sequence(&[1_000_000, 1], 4097);
        assert!(many.contains(&1));
    }

    #[test]
    fn nothing_to_choose() {
        assert_eq!(Turns::new(&[]).next(|_| true), None);
        assert_eq!(Turns::new(&[0]).next(|_| true), None);
    }

    fn balance() -> Balance {
        let server = |port| Arc::new(Server::new(&format!("http://127.0.0.1:{port}"), false).unwrap());
        Balance::new(vec![(server(1), 1), (server(2), 1)])
    }

    #[test]
    fn the_unhealthy_and_the_tried_are_passed_over() {
        let balance = balance();
        balance.servers[0].set_healthy(false);
        assert!((0..4).all(|_| balance.pick(0) == Some(1)));
        assert_eq!(balance.pick(0b10), None);
        assert_eq!(balance.by_cookie(&balance.servers[0].cookie), None);
    }

    #[test]
    fn the_suspect_come_last() {
        let balance = balance();
        balance.servers[0].suspect();
        assert!((0..4).all(|_| balance.pick(0) == Some(1)));
        assert_eq!(balance.pick(0b10), Some(0));
        balance.servers[0].trust();
        assert_ne!(balance.pick(0), balance.pick(0));
    }
}
