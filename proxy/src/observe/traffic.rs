//! How much each router answers, counted always: a few numbers a worker, which only that worker writes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use http::StatusCode;

/// Answers by the first digit of their status, `1xx` first.
pub type Answers = [u64; 5];

/// What one worker has answered for one router.
#[derive(Debug, Default)]
pub(crate) struct Traffic([AtomicU64; 5]);

impl Traffic {
    /// Counts an answer.
    pub(crate) fn count(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1).min(4);
        if let Some(count) = self.0.get(class) {
            // Nobody else writes, so that adding needs no exchange with other processors.
            count.store(count.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    /// Adds what was counted.
    pub(crate) fn add_to(&self, sum: &mut Answers) {
        for (sum, count) in sum.iter_mut().zip(&self.0) {
            *sum = sum.wrapping_add(count.load(Relaxed));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_by_class() {
        let traffic = Traffic::default();
        for status in [101, 200, 204, 404, 503] {
            traffic.count(StatusCode::from_u16(status).unwrap_or_default());
        }
        let mut sum = Answers::default();
        traffic.add_to(&mut sum);
        traffic.add_to(&mut sum);
        assert_eq!(sum, [2, 4, 0, 2, 2]);
    }
}
