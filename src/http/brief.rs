//! Tells queries that will take so little time that the thread of their connection can run them: those of the same shape as one
//! that was quick. Running them, and ending those that take longer after all, is left to `query`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How long such a query may run on the thread of its connection, which serves others too.
pub(super) const BRIEF_MAX: Duration = Duration::from_millis(1);

/// How long a query takes at most so that the next one like it is taken for brief.
const QUICK_MAX: Duration = Duration::from_micros(500);

/// A query that took longer than this lets the other connections of its thread go first.
pub(super) const YIELD_AFTER: Duration = Duration::from_micros(100);

/// The longest text of such a query, in bytes.
const TEXT_BYTES_MAX: usize = 2 << 10;

/// The shapes that are remembered: of those that share a place, the last one.
const SHAPES: usize = 1024;

/// The shapes of queries that were quick when they last ran.
#[derive(Debug)]
pub(super) struct BriefQueries {
    hash: RandomState,
    quick: Box<[AtomicU64]>,
}

/// What queries have in common that differ in numbers and in the contents of strings only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape(u64);

impl BriefQueries {
    pub(super) fn new() -> BriefQueries {
        BriefQueries { hash: RandomState::new(), quick: (0..SHAPES).map(|_| AtomicU64::new(0)).collect() }
    }

    /// The shape of a query to `database`. Queries that are long to read, as with regular expressions, have none.
    pub(super) fn shape(&self, text: &str, database: &str) -> Option<Shape> {
        if text.len() > TEXT_BYTES_MAX || memchr::memchr(b'/', text.as_bytes()).is_some() {
            return None;
        }
        let mut hasher = self.hash.build_hasher();
        hasher.write(database.as_bytes());
        hasher.write_u8(0xff);
        for (at, part) in text.split('\'').enumerate() {
            hasher.write_u8(b'\'');
            // What is between two quotes. If a quote is escaped, it is only another shape.
            if at % 2 == 0 {
                part.split(|c: char| c.is_ascii_digit()).filter(|part| !part.is_empty()).for_each(|part| {
                    hasher.write(part.as_bytes());
                    hasher.write_u8(b'0');
                });
            }
        }
        Some(Shape(hasher.finish().max(1)))
    }

    /// Whether a query of this shape is expected to be brief.
    pub(super) fn expects(&self, shape: Shape) -> bool {
        self.place(shape).load(Ordering::Relaxed) == shape.0
    }

    /// Remembers how long a query of this shape took; `None` is too long.
    pub(super) fn took(&self, shape: Shape, time: Option<Duration>) {
        let place = self.place(shape);
        if time.is_some_and(|time| time <= QUICK_MAX) {
            place.store(shape.0, Ordering::Relaxed);
        } else {
            let _ = place.compare_exchange(shape.0, 0, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    fn place(&self, shape: Shape) -> &AtomicU64 {
        &self.quick[shape.0 as usize % SHAPES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_strings_make_no_other_shape() {
        let queries = BriefQueries::new();
        let shape = |text| queries.shape(text, "d");
        let one = shape("SELECT max(v) FROM m WHERE h = 'host_1' AND time >= '2020-01-01T00:00:00Z' LIMIT 5");
        assert_eq!(one, shape("SELECT max(v) FROM m WHERE h = '' AND time >= 'x' LIMIT 17"));
        assert_ne!(one, shape("SELECT max(v) FROM m WHERE h = '' AND time >= 'x' SLIMIT 17"));
        assert_ne!(one, shape("SELECT min(v) FROM m WHERE h = '' AND time >= 'x' LIMIT 17"));
        assert_ne!(shape("SELECT a FROM m"), queries.shape("SELECT a FROM m", "e"));
        assert_ne!(shape("SELECT a FROM m"), shape("SELECT a FROM m, m"));
        assert_eq!(shape("SELECT a FROM /m/"), None);
        assert_eq!(shape(&"SELECT a FROM m;".repeat(1000)), None);
    }

    #[test]
    fn what_was_quick_is_expected_to_be_so_until_it_is_not() {
        let queries = BriefQueries::new();
        let shape = queries.shape("SELECT a FROM m", "").unwrap();
        let other = queries.shape("SELECT b FROM m", "").unwrap();
        assert!(!queries.expects(shape));
        queries.took(shape, Some(QUICK_MAX));
        assert!(queries.expects(shape) && !queries.expects(other));
        queries.took(shape, Some(BRIEF_MAX));
        assert!(!queries.expects(shape));
        queries.took(shape, Some(Duration::ZERO));
        queries.took(shape, None);
        assert!(!queries.expects(shape));
    }
}
