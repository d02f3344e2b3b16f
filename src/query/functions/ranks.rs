//! Finds the value with a given rank among more values than memory may hold, in passes over all of them. Each pass determines 16
//! more bits of the value.

const DIGIT_BITS: u32 = 16;

/// A number with an unsigned key of the same order.
pub(super) trait Ordered: Copy {
    /// The key of the number. Greater numbers have greater keys.
    fn key(self) -> u64;

    /// The number with this key.
    fn of_key(key: u64) -> Self;
}

impl Ordered for i64 {
    fn key(self) -> u64 {
        self.cast_unsigned() ^ 1 << 63
    }

    fn of_key(key: u64) -> Self {
        (key ^ 1 << 63).cast_signed()
    }
}

/// Uses the total order of IEEE 754: -0 comes before 0.
impl Ordered for f64 {
    fn key(self) -> u64 {
        let bits = self.to_bits();
        if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
    }

    fn of_key(key: u64) -> Self {
        f64::from_bits(if key >> 63 == 0 { !key } else { key & !(1 << 63) })
    }
}

/// Counts, for each value of the next digit, the keys that begin with the known bits and that digit.
#[derive(Debug, Clone)]
pub(super) struct Digits {
    /// The known bits.
    prefix: u64,
    /// The number of bits after the digit.
    shift: u32,
    counts: Vec<u64>,
}

/// A search for the key of one rank.
#[derive(Debug, Clone)]
pub(super) struct Search {
    /// The rank among the keys that begin with the known bits.
    rank: u64,
    digits: Digits,
}

impl Digits {
    /// The memory of the counts.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.counts)
    }
}

impl Default for Digits {
    /// Counts the first digits of all keys.
    fn default() -> Self {
        Digits::new(0, u64::BITS - DIGIT_BITS)
    }
}

impl Digits {
    fn new(prefix: u64, shift: u32) -> Self {
        Digits { prefix, shift, counts: vec![0; 1 << DIGIT_BITS] }
    }

    pub(super) fn add(&mut self, key: u64) {
        let head = key >> self.shift;
        if head >> DIGIT_BITS == self.prefix {
            self.counts[(head & ((1 << DIGIT_BITS) - 1)) as usize] += 1;
        }
    }

    /// Continues the search for a rank, counted from 0, once all keys are added. `None` if there are too few keys.
    pub(super) fn search(&self, mut rank: u64) -> Option<Lookup> {
        for (digit, count) in (0..).zip(&self.counts) {
            if rank < *count {
                let prefix = self.prefix << DIGIT_BITS | digit;
                return Some(match self.shift.checked_sub(DIGIT_BITS) {
                    Some(shift) => Lookup::Again(Search { rank, digits: Digits::new(prefix, shift) }),
                    None => Lookup::Key(prefix, rank),
                });
            }
            rank -= count;
        }
        None
    }
}

/// The result of a pass.
pub(super) enum Lookup {
    /// The key, and the rank among equal keys.
    Key(u64, u64),
    /// The next digit must be counted: add the same keys to this search.
    Again(Search),
}

impl Search {
    pub(super) fn add(&mut self, key: u64) {
        self.digits.add(key);
    }

    /// Continues once all keys are added. `None` if there are too few keys for the rank.
    pub(super) fn next(self) -> Option<Lookup> {
        self.digits.search(self.rank)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lookup(keys: &[u64], rank: u64) -> Option<(u64, u64)> {
        let mut first = Digits::default();
        for key in keys {
            first.add(*key);
        }
        let mut step = first.search(rank)?;
        loop {
            match step {
                Lookup::Key(key, rank) => return Some((key, rank)),
                Lookup::Again(mut search) => {
                    for key in keys {
                        search.add(*key);
                    }
                    step = search.next()?;
                }
            }
        }
    }

    proptest! {
        // Each case counts digits for each of its ranks.
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_key_of_a_rank_is_that_at_its_position_among_sorted_keys(
            keys in proptest::collection::vec(prop_oneof![any::<u64>(), 0_u64..4, Just(u64::MAX)], 0..60),
        ) {
            let mut sorted = keys.clone();
            sorted.sort_unstable();
            for (rank, key) in (0..).zip(&sorted) {
                let before = sorted.partition_point(|other| other < key) as u64;
                prop_assert_eq!(lookup(&keys, rank), Some((*key, rank - before)));
            }
            prop_assert_eq!(lookup(&keys, keys.len() as u64), None);
        }

        #[test]
        fn keys_have_the_order_of_their_numbers(a in any::<f64>(), b in any::<f64>(), i in any::<i64>(), j in any::<i64>()) {
            prop_assert_eq!(a.total_cmp(&b), a.key().cmp(&b.key()));
            prop_assert_eq!(f64::of_key(a.key()).to_bits(), a.to_bits());
            prop_assert_eq!(i.cmp(&j), i.key().cmp(&j.key()));
            prop_assert_eq!(i64::of_key(i.key()), i);
        }
    }
}
