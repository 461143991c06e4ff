//! Weighted round robin without a lock: the order is computed once, a counter walks through it.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

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

    /// The next turn for which `usable` holds. Who cannot take a turn loses it, so that whoever is behind in the order does
    /// not get it on top of its own.
    pub(crate) fn next(&self, usable: impl Fn(usize) -> bool) -> Option<usize> {
        let length = self.order.len();
        let choice = |turn: usize| {
            let choice = usize::from(*self.order.get(turn.checked_rem(length)?)?);
            usable(choice).then_some(choice)
        };
        let mut last = 0;
        for _ in 0..length {
            last = self.next.fetch_add(1, Relaxed);
            if let Some(choice) = choice(last) {
                return Some(choice);
            }
        }
        // Others may have taken just those turns that could be used.
        (0..length).find_map(|step| choice(last.wrapping_add(step)))
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

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
    fn the_turns_of_those_that_are_out_are_shared_by_all() {
        let turns = Turns::new(&[1, 1, 1]);
        let taken: Vec<usize> = (0..6).map(|_| turns.next(|i| i != 0).unwrap()).collect();
        assert_eq!(taken, [1, 2, 1, 2, 1, 2]);
    }

    #[test]
    fn nothing_to_choose() {
        assert_eq!(Turns::new(&[]).next(|_| true), None);
        assert_eq!(Turns::new(&[0]).next(|_| true), None);
        assert_eq!(Turns::new(&[1, 1]).next(|_| false), None);
    }
}
