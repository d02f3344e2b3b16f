//! Timestamps: equal intervals, or the intervals encoded as integers, so that the second differences are what takes space.
//!
//! Clients write whole seconds or milliseconds, so the intervals are first divided by the largest power of ten that divides
//! all of them. Differences wrap, so any times can be encoded, in any order.

use super::error::CodecError;
use super::integers;
use super::varint::{Reader, put_signed};

/// All intervals are equal: first time, interval.
pub(super) const TAG_REGULAR: u8 = 0x40;
/// First time, exponent of the scale, then the scaled intervals as integers.
pub(super) const TAG_INTERVALS: u8 = 0x41;
/// The largest exponent: 10^12 ns are 1,000 s.
const EXPONENT_MAX: u8 = 12;

/// Encodes `times`: appends a tag and the contents to `out`.
pub fn encode(times: &[i64], out: &mut Vec<u8>) {
    let Some(&first) = times.first() else { return };
    let mut intervals: Vec<i64> = times.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect();
    let interval = intervals.first().copied().unwrap_or(0);
    if intervals.iter().all(|i| *i == interval) {
        out.push(TAG_REGULAR);
        put_signed(out, first);
        put_signed(out, interval);
        return;
    }
    let exponent = common_exponent(intervals.iter().copied());
    let scale = 10_i64.pow(u32::from(exponent));
    for interval in &mut intervals {
        *interval /= scale;
    }
    out.push(TAG_INTERVALS);
    put_signed(out, first);
    out.push(exponent);
    integers::encode(&intervals, out);
}

/// Decodes `count` times.
pub fn decode(bytes: &[u8], count: usize) -> Result<Vec<i64>, CodecError> {
    let mut reader = Reader::new(bytes);
    if count == 0 {
        return reader.finish(Vec::new());
    }
    let tag = reader.u8()?;
    let mut time = reader.signed()?;
    match tag {
        TAG_REGULAR => {
            let interval = reader.signed()?;
            let times = (0..count as i64).map(|i| time.wrapping_add(interval.wrapping_mul(i))).collect();
            reader.finish(times)
        }
        TAG_INTERVALS => {
            let exponent = reader.u8()?;
            if exponent > EXPONENT_MAX {
                return Err(CodecError::Malformed("the scale of the times is too large"));
            }
            let scale = 10_i64.pow(u32::from(exponent));
            let intervals = integers::decode(reader.rest(), count - 1)?;
            let mut times = Vec::with_capacity(count);
            times.push(time);
            times.extend(intervals.into_iter().map(|interval| {
                time = time.wrapping_add(interval.wrapping_mul(scale));
                time
            }));
            Ok(times)
        }
        _ => Err(CodecError::Malformed("unknown time encoding")),
    }
}

/// Returns the exponent of the largest power of ten that divides all intervals.
fn common_exponent(intervals: impl Iterator<Item = i64>) -> u8 {
    let mut exponent = EXPONENT_MAX;
    let mut scale = 10_i64.pow(u32::from(EXPONENT_MAX));
    for interval in intervals {
        while interval % scale != 0 {
            exponent -= 1;
            scale /= 10;
        }
        if exponent == 0 {
            break;
        }
    }
    exponent
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(times: &[i64]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(times, &mut out);
        out
    }

    proptest::proptest! {
        // spec: storage.codec.2
        #[test]
        fn times_round_trip(times: Vec<i64>) {
            proptest::prop_assert_eq!(decode(&encoded(&times), times.len()), Ok(times));
        }

        #[test]
        fn seconds_with_jitter_round_trip(steps in proptest::collection::vec(0_i64..20, 0..600)) {
            let times: Vec<i64> = steps.iter().scan(0, |t, s| { *t += s * 1_000_000_000; Some(*t) }).collect();
            proptest::prop_assert_eq!(decode(&encoded(&times), times.len()), Ok(times));
        }

        // spec: storage.codec.1
        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>, tag in TAG_REGULAR..=TAG_INTERVALS, count in 0_usize..600) {
            if let Ok(times) = decode(&[&[tag], &bytes[..]].concat(), count) {
                proptest::prop_assert_eq!(times.len(), count);
            }
        }
    }

    #[test]
    fn regular_intervals_have_constant_size() {
        let times: Vec<i64> = (0..4000).map(|i| 1_488_327_378_000_000_000 + i * 10_000_000_000).collect();
        assert!(encoded(&times).len() <= 16);
    }

    #[test]
    fn whole_seconds_cost_few_bits() {
        let times: Vec<i64> = (0..2048).map(|i| (i * 10 + i % 3) * 1_000_000_000).collect();
        assert!(encoded(&times).len() < 2048 / 2);
    }

    #[test]
    fn a_gap_in_regular_intervals_costs_a_few_bytes() {
        let times: Vec<i64> = (0..2048).map(|i| (i + i / 1000) * 10_000_000_000).collect();
        assert!(encoded(&times).len() < 40);
    }
}
