//! Integers: a progression with equal steps; or, in packs, either the steps relative to a common step or the distances from
//! the minimum.

use super::error::CodecError;
use super::packs;
use super::varint::{Reader, put_signed, unzigzag, zigzag};

/// All steps are equal: first value, step.
pub(super) const TAG_REGULAR: u8 = 0x10;
/// First value, common step, then the zigzag-mapped difference of each step from it, in packs.
pub(super) const TAG_STEPS: u8 = 0x11;
/// The minimum, then the distances from it, in packs.
pub(super) const TAG_OFFSETS: u8 = 0x12;
/// The common step is the median of about this many steps.
const SAMPLE: usize = 31;

/// Encodes `values`: appends a tag and the contents to `out`. Differences wrap, so any values can be encoded.
pub fn encode(values: &[i64], out: &mut Vec<u8>) {
    let Some(&first) = values.first() else { return };
    let steps = || values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let step = steps().next().unwrap_or(0);
    if steps().all(|s| s == step) {
        out.push(TAG_REGULAR);
        put_signed(out, first);
        put_signed(out, step);
        return;
    }
    let start = out.len();
    let step = common_step(values);
    out.push(TAG_STEPS);
    put_signed(out, first);
    put_signed(out, step);
    let differences: Vec<u64> = steps().map(|s| zigzag(s.wrapping_sub(step))).collect();
    packs::put(&differences, out);

    let (min, max) = values.iter().fold((first, first), |(min, max), &v| (min.min(v), max.max(v)));
    let width = 64 - (max.wrapping_sub(min) as u64).leading_zeros() as usize;
    // The distances take at most this many bytes. If that is not an improvement they are not tried.
    if width * values.len() / 8 < out.len() - start {
        let mut other = vec![TAG_OFFSETS];
        put_signed(&mut other, min);
        let offsets: Vec<u64> = values.iter().map(|v| v.wrapping_sub(min) as u64).collect();
        packs::put(&offsets, &mut other);
        if other.len() < out.len() - start {
            out.truncate(start);
            out.extend_from_slice(&other);
        }
    }
}

/// Decodes `count` values.
pub fn decode(bytes: &[u8], count: usize) -> Result<Vec<i64>, CodecError> {
    let mut reader = Reader::new(bytes);
    if count == 0 {
        return reader.finish(Vec::new());
    }
    let tag = reader.u8()?;
    let mut value = reader.signed()?;
    let mut values = Vec::with_capacity(count);
    match tag {
        TAG_REGULAR => {
            let step = reader.signed()?;
            values.extend((0..count as i64).map(|i| value.wrapping_add(step.wrapping_mul(i))));
        }
        TAG_STEPS => {
            let step = reader.signed()?;
            values.push(value);
            packs::take(&mut reader, count - 1, |pack| {
                values.extend(pack.iter().map(|&difference| {
                    value = value.wrapping_add(unzigzag(difference).wrapping_add(step));
                    value
                }));
            })?;
        }
        TAG_OFFSETS => packs::take(&mut reader, count, |pack| {
            values.extend(pack.iter().map(|&offset| value.wrapping_add(offset as i64)));
        })?,
        _ => return Err(CodecError::Malformed("unknown integer encoding")),
    }
    reader.finish(values)
}

/// Returns the median of a sample of the steps, which outliers do not affect.
fn common_step(values: &[i64]) -> i64 {
    let every = values.len().div_ceil(SAMPLE).max(1);
    let mut steps: Vec<i64> = values.windows(2).step_by(every).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(values: &[i64]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(values, &mut out);
        out
    }

    proptest::proptest! {
        // spec: storage.codec.4
        #[test]
        fn integers_round_trip(values: Vec<i64>) {
            proptest::prop_assert_eq!(decode(&encoded(&values), values.len()), Ok(values));
        }

        #[test]
        fn counters_round_trip(start: i64, steps in proptest::collection::vec(0_i64..1000, 0..600)) {
            let values: Vec<i64> = steps.iter().scan(start, |v, s| { *v = v.wrapping_add(*s); Some(*v) }).collect();
            proptest::prop_assert_eq!(decode(&encoded(&values), values.len()), Ok(values));
        }

        // spec: storage.codec.1
        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>, tag in TAG_REGULAR..=TAG_OFFSETS, count in 0_usize..600) {
            let bytes = [&[tag], &bytes[..]].concat();
            if let Ok(values) = decode(&bytes, count) {
                proptest::prop_assert_eq!(values.len(), count);
            }
        }
    }

    fn tag(values: &[i64]) -> u8 {
        encoded(values)[0]
    }

    #[test]
    fn the_smallest_encoding_is_chosen() {
        let run: Vec<i64> = (0..4000).map(|i| i * 7 - 99).collect();
        assert!(encoded(&run).len() <= 5);
        assert!(encoded(&[i64::MAX; 2000]).len() <= 12);
        let counter: Vec<i64> = (0..2000).map(|i| i * 1_000 + i * i % 7).collect();
        assert_eq!(tag(&counter), TAG_STEPS);
        assert!(encoded(&counter).len() < 2000 / 2, "the slope costs nothing");
        let noise: Vec<i64> = (0..2000_i64).map(|i| i.wrapping_mul(i).wrapping_mul(0x9e37_79b9) >> 20 & 127).collect();
        assert_eq!(tag(&noise), TAG_OFFSETS);
    }

    #[test]
    fn values_with_few_changes_are_small() {
        let values: Vec<i64> = (0..2048).map(|i| 200 + i / 500).collect();
        assert!(encoded(&values).len() < 40);
    }
}
