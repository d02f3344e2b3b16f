//! The parameters of a request, from its query string and from URL-encoded forms. A malformed pair is dropped, and the others
//! count. The meaning of the values is left to the endpoints.

/// The most pairs of a query string or a form, and parts of an upload: each takes memory beyond its bytes.
pub(super) const PAIRS_MAX: usize = 10_000;

/// Decoded pairs, in the order of the request. Of equal names the first counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Parameters(Vec<(Vec<u8>, Vec<u8>)>);

impl Parameters {
    /// Reads `a=1&b=2`. Pairs with a broken percent escape or a raw semicolon are dropped.
    pub(super) fn parse(text: &[u8]) -> Parameters {
        let pair = |pair: &[u8]| {
            if pair.is_empty() || pair.contains(&b';') {
                return None;
            }
            let (name, value) = match pair.iter().position(|&b| b == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            Some((unescaped(name)?, unescaped(value)?))
        };
        Parameters(text.split(|&b| b == b'&').filter_map(pair).collect())
    }

    /// The bytes of all names and values.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|(name, value)| name.len() + value.len()).sum()
    }

    /// Appends a pair.
    pub(super) fn push(&mut self, name: &[u8], value: &[u8]) {
        self.0.push((name.to_vec(), value.to_vec()));
    }

    /// Appends all pairs of `other`.
    pub(super) fn extend(&mut self, other: Parameters) {
        self.0.extend(other.0);
    }

    /// Returns the first value of `name`, or an empty one if there is none.
    pub(super) fn get(&self, name: &str) -> &[u8] {
        self.0.iter().find(|(n, _)| n == name.as_bytes()).map_or(&[], |(_, value)| value)
    }

    /// Returns the first value of `name` as text. Each byte that is not UTF-8 becomes U+FFFD.
    pub(super) fn text(&self, name: &str) -> String {
        to_text(self.get(name))
    }

    /// Whether the first value of `name` is exactly `true`.
    pub(super) fn is_true(&self, name: &str) -> bool {
        self.get(name) == b"true"
    }
}

/// Returns `bytes` as text. Each byte that is not UTF-8 becomes U+FFFD.
pub(super) fn to_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// Decodes `%xx` and `+`. Returns `None` if an escape is malformed.
pub(super) fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || (*rest.next()? as char).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            _ => byte,
        });
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, name: &str, value: &str) {
        assert_eq!(Parameters::parse(text.as_bytes()).text(name), value, "{name} of {text}");
    }

    // spec: http.parameters.3
    #[test]
    fn the_first_of_equal_names_counts_even_if_empty() {
        check("q=a&q=b", "q", "a");
        check("q=&q=b", "q", "");
        check("q&q=b", "q", "");
        check("Q=a", "q", "");
    }

    // spec: http.parameters.4
    #[test]
    fn malformed_pairs_are_dropped() {
        for (text, value) in [
            ("a=%zz&b=1", "1"),
            ("%zz=1&b=1", "1"),
            ("a=%&b=1", "1"),
            ("b=%4&b=1", "1"),
            ("a;b=2&b=1", "1"),
            ("b=2;3&b=1", "1"),
            ("b=1=2", "1=2"),
        ] {
            check(text, "b", value);
        }
    }

    // spec: http.parameters.4
    #[test]
    fn plus_and_escapes_are_decoded_and_invalid_utf8_is_replaced() {
        check("q=a+b%20c%2Bd%3B", "q", "a b c+d;");
        check("q=%C3%A9", "q", "é");
        check("q=%FF%FE%F0%9F", "q", "\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
    }

    proptest::proptest! {
        #[test]
        fn encoded_pairs_round_trip(name in "\\PC*", value in "\\PC*") {
            proptest::prop_assume!(!name.is_empty());
            let text = form_urlencoded::Serializer::new(String::new()).append_pair(&name, &value).finish();
            proptest::prop_assert_eq!(Parameters::parse(text.as_bytes()).text(&name), value);
        }
    }
}
