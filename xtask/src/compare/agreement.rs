//! Whether two servers gave the same answer, byte for byte or up to the order of rows with the same time.
//!
//! That order is not documented, and InfluxDB changed it between 1.2 and 1.6.

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

/// The number of bytes printed around a difference.
const EXCERPT_BYTES: usize = 60;

/// How two answers, or several pairs of them, compare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Agreement {
    /// The same bytes.
    Equal,
    /// The same rows, with those of one time in a different order.
    Reordered,
    /// The first difference, with its query.
    Different(String),
}

impl Agreement {
    /// Compares two answers to `query`.
    pub(super) fn of(query: &str, [ours, peers]: &[Bytes; 2]) -> Agreement {
        if ours == peers {
            return Agreement::Equal;
        }
        let ordered = in_order(ours).zip(in_order(peers));
        if ordered.as_ref().is_some_and(|(ours, peers)| ours == peers) {
            return Agreement::Reordered;
        }
        // The first difference may be one of order, which does not matter.
        let texts = ordered.map(|(ours, peers)| (ours.to_string(), peers.to_string()));
        let difference = match &texts {
            Some((ours, peers)) if ours != peers => first_difference(ours.as_bytes(), peers.as_bytes()),
            _ => first_difference(ours, peers),
        };
        Agreement::Different(format!("{query}\n{difference}"))
    }

    /// Returns the worse of two, or the first of two differences.
    pub(super) fn and(self, other: Agreement) -> Agreement {
        if matches!(self, Agreement::Different(_)) { self } else { self.max(other) }
    }

    /// Returns the difference, if there is one.
    pub(super) fn difference(&self) -> Option<&str> {
        if let Agreement::Different(difference) = self { Some(difference) } else { None }
    }
}

/// Returns an answer with the rows of each time sorted by their text.
fn in_order(answer: &[u8]) -> Option<Value> {
    let mut answer: Value = serde_json::from_slice(answer).ok()?;
    for result in answer.get_mut("results")?.as_array_mut()? {
        for series in result.get_mut("series").and_then(Value::as_array_mut)? {
            let rows = series.get_mut("values")?.as_array_mut()?;
            for of_one_time in rows.chunk_by_mut(|a, b| a.get(0) == b.get(0)) {
                of_one_time.sort_by_cached_key(ToString::to_string);
            }
        }
    }
    Some(answer)
}

fn first_difference(ours: &[u8], peers: &[u8]) -> String {
    let at = ours.iter().zip(peers).take_while(|(a, b)| a == b).count();
    let excerpt = |answer: &[u8]| {
        let from = at.saturating_sub(EXCERPT_BYTES / 2);
        let to = answer.len().min(at + EXCERPT_BYTES / 2);
        String::from_utf8_lossy(answer.get(from..to).unwrap_or_default()).into_owned()
    };
    format!("    at byte {at}: {:?}\n    the peer's: {:?}", excerpt(ours), excerpt(peers))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(ours: &str, peers: &str) -> Agreement {
        Agreement::of("q", &[Bytes::from(ours.to_owned()), Bytes::from(peers.to_owned())])
    }

    fn answer(rows: &str) -> String {
        format!(r#"{{"results":[{{"series":[{{"name":"m","values":[{rows}]}}]}}]}}"#)
    }

    #[test]
    fn only_rows_of_one_time_may_come_in_any_order() {
        let ours = answer(r#"[1,"a"],[1,"b"],[2,"c"]"#);
        assert_eq!(compare(&ours, &ours), Agreement::Equal);
        assert_eq!(compare(&ours, &answer(r#"[1,"b"],[1,"a"],[2,"c"]"#)), Agreement::Reordered);
        for other in [r#"[1,"a"],[2,"c"],[1,"b"]"#, r#"[1,"a"],[1,"b"]"#, r#"[1,"a"],[1,"a"],[2,"c"]"#] {
            assert!(compare(&ours, &answer(other)).difference().is_some(), "{other}");
        }
    }

    #[test]
    fn numbers_are_compared_by_type_and_exact_value() {
        assert!(compare(&answer("[1,0.1]"), &answer("[1,0.10000000000000002]")).difference().is_some());
        assert!(compare(&answer("[1,2]"), &answer("[1,2.0]")).difference().is_some());
    }

    #[test]
    fn a_difference_is_shown_where_it_begins() {
        for other in ["abd", "ab", "abcd"] {
            let found = compare("abc", other);
            assert!(found.difference().is_some_and(|text| text.contains(&format!("{other:?}"))), "{found:?}");
        }
    }

    #[test]
    fn the_worst_of_several_is_kept() {
        let different = |text: &str| Agreement::Different(text.to_owned());
        assert_eq!(Agreement::Equal.and(Agreement::Reordered), Agreement::Reordered);
        assert_eq!(Agreement::Reordered.and(Agreement::Equal), Agreement::Reordered);
        assert_eq!(different("z").and(different("a")), different("z"));
        assert_eq!(Agreement::Reordered.and(different("a")), different("a"));
        assert_eq!(different("a").and(Agreement::Equal), different("a"));
    }
}
