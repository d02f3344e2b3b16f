//! Booleans: one bit each, or run lengths where those are smaller.

use super::error::CodecError;
use super::varint::{Reader, put_varint};

/// The bits follow.
pub(super) const TAG_BITS: u8 = 0x30;
/// The first value, then the lengths of all runs except the last.
pub(super) const TAG_RUNS: u8 = 0x31;

/// Encodes `values`: appends a tag and the contents to `out`.
pub fn encode(values: &[bool], out: &mut Vec<u8>) {
    let Some(&first) = values.first() else { return };
    let mut runs = vec![TAG_RUNS, u8::from(first)];
    let mut run_at = 0;
    for (at, pair) in (1..).zip(values.windows(2)) {
        if pair[0] != pair[1] {
            put_varint(&mut runs, at - run_at);
            run_at = at;
        }
    }
    if runs.len() <= 1 + values.len().div_ceil(8) {
        out.extend_from_slice(&runs);
    } else {
        out.push(TAG_BITS);
        let bits_of = |eight: &[bool]| eight.iter().rev().fold(0, |byte, &value| byte << 1 | u8::from(value));
        out.extend(values.chunks(8).map(bits_of));
    }
}

/// Decodes `count` values.
pub fn decode(bytes: &[u8], count: usize) -> Result<Vec<bool>, CodecError> {
    let mut reader = Reader::new(bytes);
    if count == 0 {
        return reader.finish(Vec::new());
    }
    match reader.u8()? {
        TAG_BITS => {
            let bits = reader.take(count.div_ceil(8))?;
            let values = (0..count).map(|i| bits[i / 8] >> (i % 8) & 1 == 1).collect();
            reader.finish(values)
        }
        TAG_RUNS => {
            let mut value = reader.u8()? != 0;
            let mut values = Vec::with_capacity(count);
            while !reader.is_empty() {
                let left = count - values.len();
                let run = reader.count(left)?;
                values.resize(values.len() + run, value);
                value = !value;
            }
            values.resize(count, value);
            Ok(values)
        }
        _ => Err(CodecError::Malformed("unknown boolean encoding")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(values: &[bool]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(values, &mut out);
        out
    }

    proptest::proptest! {
        // spec: storage.codec.5
        #[test]
        fn booleans_round_trip(values: Vec<bool>, runs in proptest::collection::vec(1_usize..100, 0..20)) {
            proptest::prop_assert_eq!(decode(&encoded(&values), values.len()), Ok(values));
            let values: Vec<bool> = runs.iter().enumerate().flat_map(|(i, run)| vec![i % 2 == 0; *run]).collect();
            proptest::prop_assert!(encoded(&values).len() <= 2 + runs.len());
            proptest::prop_assert_eq!(decode(&encoded(&values), values.len()), Ok(values));
        }

        // spec: storage.codec.1
        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>, tag in TAG_BITS..=TAG_RUNS, count in 0_usize..200) {
            if let Ok(values) = decode(&[&[tag], &bytes[..]].concat(), count) {
                proptest::prop_assert_eq!(values.len(), count);
            }
        }
    }

    #[test]
    fn the_smaller_encoding_is_chosen() {
        assert_eq!(encoded(&[true; 2048]).len(), 2);
        let mixed: Vec<bool> = (0..2048).map(|i| i % 3 == 0).collect();
        assert_eq!(encoded(&mixed).len(), 1 + 256);
    }
}
