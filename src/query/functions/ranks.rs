//! The value of a rank among more values than memory is meant for: found in passes over all of them, each of which fixes 16
//! more bits of it.

const DIGIT_BITS: u32 = 16;

/// A number whose order is that of unsigned keys.
pub(super) trait Ordered: Copy {
    /// Greater numbers have greater keys.
    fn key(self) -> u64;

    /// The number of a key.
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

/// The total order of IEEE 754: -0 comes before 0.
impl Ordered for f64 {
    fn key(self) -> u64 {
        let bits = self.to_bits();
        if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }
    }

    fn of_key(key: u64) -> Self {
        f64::from_bits(if key >> 63 == 0 { !key } else { key & !(1 << 63) })
    }
}

/// How many keys that begin with known bits have each of the next digits.
#[derive(Debug, Clone)]
pub(super) struct Digits {
    /// The known bits.
    prefix: u64,
    /// The bits behind the digit.
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

impl Default for Digits {
    /// The first digits of all keys.
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

    /// Takes the search for a rank, counted from 0, a digit further when all keys were added; `None` if there are not so many.
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

/// What a pass comes to.
pub(super) enum Lookup {
    /// The key, and the rank among those that are equal to it.
    Key(u64, u64),
    /// The same keys must be added to this.
    Again(Search),
}

impl Search {
    pub(super) fn add(&mut self, key: u64) {
        self.digits.add(key);
    }

    /// Goes on when all keys were added; `None` if there are not so many as the rank says.
    pub(super) fn next(self) -> Option<Lookup> {
        self.digits.search(self.rank)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(keys: &[u64], rank: u64) -> Option<(u64, u64)> {
        let mut first = Digits::default();
        for key in keys {
            first.add(*key);
        }
        let mut found = first.search(rank)?;
        loop {
            match found {
                Lookup::Key(key, rank) => return Some((key, rank)),
                Lookup::Again(mut search) => {
                    for key in keys {
                        search.add(*key);
                    }
                    found = search.next()?;
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_key_of_a_rank_is_that_of_the_sorted_keys(
            keys in proptest::collection::vec(prop_oneof![any::<u64>(), 0_u64..4, Just(u64::MAX)], 0..60),
        ) {
            let mut sorted = keys.clone();
            sorted.sort_unstable();
            for (rank, key) in (0..).zip(&sorted) {
                let before = sorted.partition_point(|other| other < key) as u64;
                prop_assert_eq!(found(&keys, rank), Some((*key, rank - before)));
            }
            prop_assert_eq!(found(&keys, keys.len() as u64), None);
        }

        #[test]
        fn keys_are_ordered_as_numbers_are(a in any::<f64>(), b in any::<f64>(), i in any::<i64>(), j in any::<i64>()) {
            prop_assert_eq!(a.total_cmp(&b), a.key().cmp(&b.key()));
            prop_assert_eq!(f64::of_key(a.key()).to_bits(), a.to_bits());
            prop_assert_eq!(i.cmp(&j), i.key().cmp(&j.key()));
            prop_assert_eq!(i64::of_key(i.key()), i);
        }
    }
}
