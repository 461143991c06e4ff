//! Which servers a request was sent to in vain.

/// A bit for each server of a load balancer. Nothing is allocated for the first 64, which few have more than.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    first: u64,
    others: Vec<u64>,
}

impl Tried {
    /// Adds the server at `index`.
    pub(crate) fn add(&mut self, index: usize) {
        let (word, bit) = place(index);
        let Some(other) = word.checked_sub(1) else {
            self.first |= bit;
            return;
        };
        if self.others.len() <= other {
            self.others.resize(other + 1, 0);
        }
        if let Some(bits) = self.others.get_mut(other) {
            *bits |= bit;
        }
    }

    /// Whether the server at `index` is among them.
    pub(crate) fn contains(&self, index: usize) -> bool {
        let (word, bit) = place(index);
        let bits = word.checked_sub(1).map_or(Some(&self.first), |other| self.others.get(other));
        bits.is_some_and(|bits| bits & bit != 0)
    }

    /// How many there are.
    pub(crate) fn count(&self) -> u32 {
        self.others.iter().fold(self.first.count_ones(), |count, bits| count + bits.count_ones())
    }

    /// From the beginning.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }
}

/// The word that has a server's bit, and the bit.
fn place(index: usize) -> (usize, u64) {
    (index / 64, 1 << (index % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_servers_is_told_apart() {
        let mut tried = Tried::default();
        let added = [0, 63, 64, 200];
        added.iter().for_each(|index| tried.add(*index));
        assert!((0..300).all(|index| tried.contains(index) == added.contains(&index)));
        assert_eq!(tried.count(), 4);
        tried.clear();
        assert!((0..300).all(|index| !tried.contains(index)));
    }
}
