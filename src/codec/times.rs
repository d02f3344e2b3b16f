//! Timestamps: differences of differences, bit-packed; one form for regular intervals.
//!
//! Clients write whole seconds or milliseconds, so the differences are first divided by the greatest power of ten that
//! divides them all. Differences wrap: any times can be encoded, in any order.

use super::varint::{Reader, put_signed, put_varint, unzigzag, zigzag};
use super::{CodecError, finish, packed};

/// All intervals are equal: the interval follows.
const FORM_REGULAR: u8 = 0;
/// The exponent of the scale, the first scaled interval, then the zigzag differences of scaled intervals in miniblocks.
const FORM_PACKED: u8 = 1;
/// The greatest exponent: 10^12 ns are 1,000 s.
const EXPONENT_MAX: u8 = 12;

/// Appends `times`: count, first time, form, intervals.
pub fn encode(times: &[i64], out: &mut Vec<u8>) {
    put_varint(out, times.len() as u64);
    let Some(&first) = times.first() else { return };
    put_signed(out, first);
    let intervals = || times.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let Some(interval) = intervals().next() else { return };
    if intervals().all(|i| i == interval) {
        out.push(FORM_REGULAR);
        put_signed(out, interval);
        return;
    }
    let exponent = common_exponent(intervals());
    let scale = 10_i64.pow(u32::from(exponent));
    out.push(FORM_PACKED);
    out.push(exponent);
    put_signed(out, interval / scale);
    let mut before = interval / scale;
    let changes: Vec<u64> = intervals()
        .skip(1)
        .map(|interval| {
            let scaled = interval / scale;
            let change = scaled.wrapping_sub(before);
            before = scaled;
            zigzag(change)
        })
        .collect();
    packed::put(&changes, out);
}

/// Reads at most `count_max` times.
pub fn decode(bytes: &[u8], count_max: usize) -> Result<Vec<i64>, CodecError> {
    let mut reader = Reader::new(bytes);
    let count = reader.count(count_max)?;
    if count == 0 {
        return finish(reader, Vec::new());
    }
    let mut time = reader.signed()?;
    let mut times = vec![time];
    if count == 1 {
        return finish(reader, times);
    }
    match reader.u8()? {
        FORM_REGULAR => {
            let interval = reader.signed()?;
            times.reserve_exact(count - 1);
            for _ in 1..count {
                time = time.wrapping_add(interval);
                times.push(time);
            }
        }
        FORM_PACKED => {
            let exponent = reader.u8()?;
            if exponent > EXPONENT_MAX {
                return Err(CodecError::Malformed("the scale of times is too great"));
            }
            let scale = 10_i64.pow(u32::from(exponent));
            let mut scaled = reader.signed()?;
            times.reserve_exact(count - 1);
            time = time.wrapping_add(scaled.wrapping_mul(scale));
            times.push(time);
            packed::take(&mut reader, count - 2, |change| {
                scaled = scaled.wrapping_add(unzigzag(change));
                time = time.wrapping_add(scaled.wrapping_mul(scale));
                times.push(time);
            })?;
        }
        _ => return Err(CodecError::Malformed("an unknown form of times")),
    }
    finish(reader, times)
}

/// The greatest exponent of ten whose power divides all intervals.
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
        fn times_read_back(times: Vec<i64>) {
            proptest::prop_assert_eq!(decode(&encoded(&times), times.len()), Ok(times));
        }

        #[test]
        fn seconds_with_jitter_read_back(steps in proptest::collection::vec(0_i64..20, 0..300)) {
            let times: Vec<i64> = steps.iter().scan(0, |t, s| { *t += s * 1_000_000_000; Some(*t) }).collect();
            proptest::prop_assert_eq!(decode(&encoded(&times), 300), Ok(times));
        }

        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>) {
            if let Ok(times) = decode(&bytes, 100) {
                proptest::prop_assert!(times.len() <= 100);
            }
        }
    }

    #[test]
    fn regular_intervals_have_constant_size() {
        let times: Vec<i64> = (0..4000).map(|i| 1_488_327_378_000_000_000 + i * 10_000_000_000).collect();
        assert!(encoded(&times).len() <= 18);
    }

    #[test]
    fn whole_seconds_cost_few_bits() {
        let times: Vec<i64> = (0..2048).map(|i| (i * 10 + i % 3) * 1_000_000_000).collect();
        assert!(encoded(&times).len() < 2048 / 2);
    }
}
