//! Functions that need the points of a window together.

use super::aggregates::{Distinct, Median, Mode, Stddev};
use super::collector::Collector;
use super::selectors::{Percentile, Ranking, Sample};

/// A function of this shape, with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Collection {
    Median,
    Mode,
    Stddev,
    Distinct,
    CountDistinct,
    Percentile {
        percent: f64,
    },
    Sample {
        size: usize,
    },
    /// `top` and `bottom`; `keyed` if there are names between the field and the number.
    Ranking {
        size: usize,
        greatest: bool,
        keyed: bool,
    },
}

impl Collection {
    /// Starts collecting one window. The collector holds at most about `values_max` values if further passes can replace the rest.
    /// `seed` is for random choices.
    pub(crate) fn start(&self, values_max: usize, seed: u64) -> Box<dyn Collector> {
        match *self {
            Collection::Median => Box::new(Median::new(values_max)),
            Collection::Mode => Box::new(Mode::default()),
            Collection::Stddev => Box::new(Stddev::new(values_max)),
            Collection::Distinct => Box::new(Distinct::new(false)),
            Collection::CountDistinct => Box::new(Distinct::new(true)),
            Collection::Percentile { percent } => Box::new(Percentile::new(percent, values_max)),
            Collection::Sample { size } => Box::new(Sample::new(size, seed)),
            Collection::Ranking { size, greatest, keyed } => Box::new(Ranking::new(size, greatest, keyed)),
        }
    }

    /// Whether the function takes the points of a window one series after another rather than in order of time.
    pub(crate) fn takes_series_after_series(&self) -> bool {
        matches!(self, Collection::Mode | Collection::Stddev)
    }
}
