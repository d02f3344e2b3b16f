//! Predictors.

/// `holt_winters` and `holt_winters_with_fit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::query) struct Forecast {
    /// How many values are predicted.
    pub(in crate::query) horizon: usize,
    /// The length of a season in windows; below 2 there is none.
    pub(in crate::query) season: usize,
    /// Whether the fitted values are given as well.
    pub(in crate::query) with_fit: bool,
}
