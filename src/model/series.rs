//! Series keys and tag sets, with names unescaped. The raw form of a key is read in `raw_series`.

use std::fmt;

use super::text::Text;

/// Tags sorted by key, each key once, no empty values. Keys and values are unescaped.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagSet(Vec<(Text, Text)>);

impl TagSet {
    /// Builds a tag set from pairs in any order. Of pairs with equal keys the first is kept.
    pub fn new(mut pairs: Vec<(Text, Text)>) -> Self {
        pairs.sort_by(|a, b| a.0.cmp(&b.0));
        pairs.dedup_by(|later, earlier| later.0 == earlier.0);
        TagSet(pairs)
    }

    /// Returns the value of `key`, if the series has that tag.
    pub fn get(&self, key: &[u8]) -> Option<&Text> {
        let at = self.0.binary_search_by(|(k, _)| k.as_bytes().cmp(key)).ok()?;
        Some(&self.0[at].1)
    }

    /// Returns the pairs in key order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &(Text, Text)> {
        self.0.iter()
    }

    /// The number of tags.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no tags.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The key of a series: `raw`, the measurement and the sorted tags **as written**, escapes included, identifies the
/// series; the unescaped measurement and tags are derived from it.
///
/// Two raw forms of one name are two series of one measurement, as in InfluxDB. `SHOW SERIES` prints `raw`.
#[derive(Debug, Clone)]
pub struct SeriesKey {
    /// `measurement,key=value,key=value` with the tags sorted by their raw keys; the identity and the order of series.
    pub raw: Text,
    /// The unescaped measurement name.
    pub measurement: Text,
    /// The unescaped tags.
    pub tags: TagSet,
}

impl PartialEq for SeriesKey {
    fn eq(&self, other: &Self) -> bool {
        self.raw == other.raw
    }
}

impl Eq for SeriesKey {}

impl PartialOrd for SeriesKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SeriesKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.raw.cmp(&other.raw)
    }
}

impl std::hash::Hash for SeriesKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.raw.hash(state);
    }
}

impl fmt::Display for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}
