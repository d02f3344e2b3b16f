//! Integers: zigzag deltas, bit-packed; one form for runs of equal deltas.

use super::varint::{Reader, put_signed, put_varint, unzigzag, zigzag};
use super::{CodecError, finish, packed};

/// All deltas are equal: the delta follows.
const FORM_REGULAR: u8 = 0;
/// The zigzag deltas follow in miniblocks.
const FORM_PACKED: u8 = 1;

/// Appends `values`: count, first value, form, deltas. Differences wrap, so any values can be encoded.
pub fn encode(values: &[i64], out: &mut Vec<u8>) {
    put_varint(out, values.len() as u64);
    let Some(&first) = values.first() else { return };
    put_signed(out, first);
    let deltas = || values.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let Some(delta) = deltas().next() else { return };
    if deltas().all(|d| d == delta) {
        out.push(FORM_REGULAR);
        put_signed(out, delta);
    } else {
        out.push(FORM_PACKED);
        let deltas: Vec<u64> = deltas().map(zigzag).collect();
        packed::put(&deltas, out);
    }
}

/// Reads at most `count_max` values.
pub fn decode(bytes: &[u8], count_max: usize) -> Result<Vec<i64>, CodecError> {
    let mut reader = Reader::new(bytes);
    let count = reader.count(count_max)?;
    if count == 0 {
        return finish(reader, Vec::new());
    }
    let mut value = reader.signed()?;
    let mut values = vec![value];
    if count > 1 {
        match reader.u8()? {
            FORM_REGULAR => {
                let delta = reader.signed()?;
                values.reserve_exact(count - 1);
                for _ in 1..count {
                    value = value.wrapping_add(delta);
                    values.push(value);
                }
            }
            FORM_PACKED => {
                values.reserve_exact(count - 1);
                packed::take(&mut reader, count - 1, |delta| {
                    value = value.wrapping_add(unzigzag(delta));
                    values.push(value);
                })?;
            }
            _ => return Err(CodecError::Malformed("an unknown form of integers")),
        }
    }
    finish(reader, values)
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
        fn integers_read_back(values: Vec<i64>) {
            proptest::prop_assert_eq!(decode(&encoded(&values), values.len()), Ok(values));
        }

        #[test]
        fn counters_read_back(start: i64, steps in proptest::collection::vec(0_i64..1000, 0..300)) {
            let values: Vec<i64> = steps.iter().scan(start, |v, s| { *v = v.wrapping_add(*s); Some(*v) }).collect();
            proptest::prop_assert_eq!(decode(&encoded(&values), 300), Ok(values));
        }

        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>) {
            if let Ok(values) = decode(&bytes, 100) {
                proptest::prop_assert!(values.len() <= 100);
            }
        }
    }

    #[test]
    fn a_run_of_equal_steps_has_constant_size() {
        let values: Vec<i64> = (0..4000).map(|i| i * 7 - 99).collect();
        assert!(encoded(&values).len() <= 6);
    }

    // spec: storage.codec.1
    #[test]
    fn more_values_than_accepted_are_refused() {
        assert_eq!(decode(&encoded(&[1; 9]), 8), Err(CodecError::TooMany { count: 9, max: 8 }));
    }
}
