//! Floats: one value throughout; decimal fractions as scaled integers, similar to ALP (Afroozeh, Kuffo and Boncz,
//! "ALP: Adaptive Lossless floating-Point Compression", 2023); the XOR code of Gorilla (Pelkonen et al., "Gorilla: A Fast,
//! Scalable, In-Memory Time Series Database", 2015, section 4.1.2); or the raw bits.
//!
//! Bits are preserved exactly, including those of NaN and negative zero: every scaled value is converted back before it is
//! trusted.

use super::error::CodecError;
use super::integers;
use super::varint::{Reader, put_varint};

/// All values have the same bits, which follow.
pub(super) const TAG_CONSTANT: u8 = 0x00;
/// The XOR code follows.
pub(super) const TAG_XOR: u8 = 0x01;
/// The decimal exponent, the exceptions, then integers that are divided by the power of ten.
pub(super) const TAG_DECIMALS: u8 = 0x02;
/// The bits of each value follow.
pub(super) const TAG_RAW: u8 = 0x03;
/// The count of leading zeros has five bits.
const LEADING_MAX: u32 = 31;
/// The exactly representable powers of ten that are tried.
const POWERS: [f64; 19] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18];
/// The exponent is chosen from about this many values.
const SAMPLE: usize = 31;
/// The cost of an exception in bits.
const EXCEPTION_BITS: usize = 80;
/// The XOR code of a fraction takes more bits than this, so decimals that are smaller are chosen without trying it.
const DECIMAL_BITS_GOOD: usize = 16;

/// Encodes `values`: appends a tag and the contents to `out`.
pub fn encode(values: &[f64], out: &mut Vec<u8>) {
    let Some(first) = values.first() else { return };
    if values.iter().all(|v| v.to_bits() == first.to_bits()) {
        out.push(TAG_CONSTANT);
        out.extend_from_slice(&first.to_le_bytes());
        return;
    }
    let start = out.len();
    if put_decimals(values, out) && (out.len() - start) * 8 <= values.len() * DECIMAL_BITS_GOOD {
        return;
    }
    let decimals = out.split_off(start);
    out.push(TAG_XOR);
    put_xor(values, out);
    if !decimals.is_empty() && decimals.len() <= out.len() - start {
        out.truncate(start);
        out.extend_from_slice(&decimals);
    }
    if values.len() * 8 < out.len() - start {
        out.truncate(start);
        out.push(TAG_RAW);
        out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    }
}

/// Decodes `count` values.
pub fn decode(bytes: &[u8], count: usize) -> Result<Vec<f64>, CodecError> {
    let mut reader = Reader::new(bytes);
    if count == 0 {
        return reader.finish(Vec::new());
    }
    match reader.u8()? {
        TAG_CONSTANT => {
            let value = f64::from_bits(reader.u64()?);
            reader.finish(vec![value; count])
        }
        TAG_XOR => take_xor(reader.rest(), count),
        TAG_DECIMALS => take_decimals(reader, count),
        TAG_RAW => {
            let (values, rest) = reader.rest().as_chunks::<8>();
            if values.len() != count || !rest.is_empty() {
                return Err(CodecError::Malformed("the wrong number of floats"));
            }
            Ok(values.iter().map(|bits| f64::from_le_bytes(*bits)).collect())
        }
        _ => Err(CodecError::Malformed("unknown float encoding")),
    }
}

/// Appends the exponent, the number of exceptions, the distance and the bits of each, and all values as integers. Each integer
/// divided by the power of ten gives the value, to the bit. Appends nothing and returns `false` if most values would be
/// exceptions.
fn put_decimals(values: &[f64], out: &mut Vec<u8>) -> bool {
    let Some(exponent) = common_exponent(values) else { return false };
    let power = POWERS[exponent];
    let mut exceptions = Vec::new();
    let mut integers = Vec::with_capacity(values.len());
    let mut previous = 0;
    for (at, &value) in values.iter().enumerate() {
        if let Some(integer) = scaled(value, power) {
            previous = integer;
        } else {
            exceptions.push(at);
        }
        integers.push(previous);
    }
    if exceptions.len() > values.len() / 2 {
        return false;
    }
    // Exceptions at the beginning repeat the first integer, so that they do not add a step.
    let leading = exceptions.iter().enumerate().take_while(|(i, at)| i == *at).count();
    if let Some(&first) = integers.get(leading) {
        integers[..leading].fill(first);
    }
    out.push(TAG_DECIMALS);
    out.push(exponent as u8);
    put_varint(out, exceptions.len() as u64);
    let mut next = 0;
    for at in exceptions {
        put_varint(out, (at - next) as u64);
        out.extend_from_slice(&values[at].to_le_bytes());
        next = at + 1;
    }
    integers::encode(&integers, out);
    true
}

fn take_decimals(mut reader: Reader<'_>, count: usize) -> Result<Vec<f64>, CodecError> {
    const OUTSIDE: CodecError = CodecError::Malformed("an exception is outside its block");
    let exponent = usize::from(reader.u8()?);
    let power = *POWERS.get(exponent).ok_or(CodecError::Malformed("the exponent of the decimals is too large"))?;
    let mut exceptions = Vec::new();
    let mut next = 0;
    for _ in 0..reader.count(count)? {
        let at = reader.count(count)?.checked_add(next).filter(|at| *at < count).ok_or(OUTSIDE)?;
        exceptions.push((at, f64::from_bits(reader.u64()?)));
        next = at + 1;
    }
    let integers = integers::decode(reader.rest(), count)?;
    let mut values: Vec<f64> = integers.iter().map(|&integer| integer as f64 / power).collect();
    for (at, value) in exceptions {
        values[at] = value;
    }
    Ok(values)
}

/// Scales `value` by `power` to an integer, if dividing that gives the same bits again.
#[inline]
fn scaled(value: f64, power: f64) -> Option<i64> {
    /// Adding and subtracting 1.5 * 2^52 rounds to the nearest integer ...
    const ROUND: f64 = 6_755_399_441_055_744.0;
    /// ... as long as that is less than 2^51: beyond that, the sum can have a fraction of one half.
    const WHOLE_MAX: f64 = 2_251_799_813_685_248.0;
    let whole = value * power + ROUND - ROUND;
    ((whole / power).to_bits() == value.to_bits() && whole.abs() < WHOLE_MAX).then_some(whole as i64)
}

/// Returns the exponent of ten that gives the fewest bits for a sample; `None` if most values have no short decimal form.
fn common_exponent(values: &[f64]) -> Option<usize> {
    let sample = values.iter().step_by(values.len().div_ceil(SAMPLE).max(1));
    let mut counts = [0; POWERS.len()];
    let mut total = 0;
    for &value in sample {
        total += 1;
        if let Some(exponent) = POWERS.iter().position(|&power| scaled(value, power).is_some()) {
            counts[exponent] += 1;
        }
    }
    // Each digit takes log2(10) bits, roughly 10/3.
    let cost = |exponent: usize| {
        let covered: usize = counts[..=exponent].iter().sum();
        covered * exponent * 10 / 3 + (total - covered) * EXCEPTION_BITS
    };
    let best = (0..POWERS.len()).min_by_key(|&exponent| cost(exponent))?;
    let covered: usize = counts[..=best].iter().sum();
    (covered * 2 >= total).then_some(best)
}

/// Appends the first value as it is; then for each value its XOR with the previous one: `0` if it is zero; `1` `0` and the
/// meaningful bits if they fit into the window of the last XOR; otherwise `1` `1`, the number of leading zeros (5 bits), the
/// number of meaningful bits minus one (6 bits), and the meaningful bits. Highest bit first.
fn put_xor(values: &[f64], out: &mut Vec<u8>) {
    let mut bits = BitWriter { out, pending: 0, free: 64 };
    let mut previous = values[0].to_bits();
    bits.put(previous, 64);
    let (mut window_leading, mut window_trailing) = (u32::MAX, 0);
    for value in &values[1..] {
        let xor = value.to_bits() ^ previous;
        previous = value.to_bits();
        if xor == 0 {
            bits.put(0, 1);
            continue;
        }
        let (leading, trailing) = (xor.leading_zeros().min(LEADING_MAX), xor.trailing_zeros());
        if window_leading != u32::MAX && leading >= window_leading && trailing >= window_trailing {
            bits.put(0b10, 2);
            bits.put(xor >> window_trailing, 64 - window_leading - window_trailing);
        } else {
            let meaningful = 64 - leading - trailing;
            bits.put(0b11, 2);
            bits.put(u64::from(leading), 5);
            bits.put(u64::from(meaningful - 1), 6);
            bits.put(xor >> trailing, meaningful);
            (window_leading, window_trailing) = (leading, trailing);
        }
    }
    bits.finish();
}

fn take_xor(bytes: &[u8], count: usize) -> Result<Vec<f64>, CodecError> {
    // Every value except the first takes at least one bit.
    if bytes.len() < 8 || (bytes.len() - 8).saturating_mul(8) < count - 1 {
        return Err(CodecError::Truncated);
    }
    let mut bits = BitReader { bytes, pending: 0, held: 0 };
    let mut value = bits.take(64)?;
    let mut values = Vec::with_capacity(count);
    values.push(f64::from_bits(value));
    let mut window: Option<(u32, u32)> = None; // trailing zeros, meaningful bits
    for _ in 1..count {
        if bits.take(1)? == 1 {
            if bits.take(1)? == 1 {
                let leading = bits.take(5)? as u32;
                let meaningful = bits.take(6)? as u32 + 1;
                let trailing = 64_u32
                    .checked_sub(leading + meaningful)
                    .ok_or(CodecError::Malformed("a float has more than 64 bits"))?;
                window = Some((trailing, meaningful));
            }
            let (trailing, meaningful) = window.ok_or(CodecError::Malformed("a float refers to no window"))?;
            value ^= bits.take(meaningful)? << trailing;
        }
        values.push(f64::from_bits(value));
    }
    if bits.bytes.is_empty() && bits.held < 8 {
        Ok(values)
    } else {
        Err(CodecError::Malformed("bytes follow the last value"))
    }
}

/// Writes bits, highest first, a word at a time.
struct BitWriter<'a> {
    out: &'a mut Vec<u8>,
    pending: u64,
    free: u32,
}

impl BitWriter<'_> {
    /// Appends the low `width` bits of `value`. `width` is 1 to 64, and higher bits must be zero.
    #[inline]
    fn put(&mut self, value: u64, width: u32) {
        if width < self.free {
            self.free -= width;
            self.pending |= value << self.free;
            return;
        }
        let over = width - self.free; // 0 to 63, since at least one bit is free
        self.out.extend_from_slice(&(self.pending | value >> over).to_be_bytes());
        self.free = 64 - over;
        self.pending = if over == 0 { 0 } else { value << self.free };
    }

    fn finish(self) {
        let used = (64 - self.free).div_ceil(8) as usize;
        self.out.extend_from_slice(&self.pending.to_be_bytes()[..used]);
    }
}

/// Reads bits, highest first.
struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits that were read ahead, starting at the top.
    pending: u128,
    held: u32,
}

impl BitReader<'_> {
    /// Reads the next `width` bits, 1 to 64.
    #[inline]
    fn take(&mut self, width: u32) -> Result<u64, CodecError> {
        if self.held < width {
            self.fill();
            if self.held < width {
                return Err(CodecError::Truncated);
            }
        }
        let value = (self.pending >> (128 - width)) as u64;
        self.pending <<= width;
        self.held -= width;
        Ok(value)
    }

    /// Reads a word ahead, or the rest.
    fn fill(&mut self) {
        if let Some((word, rest)) = self.bytes.split_first_chunk::<8>() {
            self.pending |= u128::from(u64::from_be_bytes(*word)) << (64 - self.held);
            self.held += 64;
            self.bytes = rest;
        } else {
            for &byte in self.bytes {
                self.pending |= u128::from(byte) << (120 - self.held);
                self.held += 8;
            }
            self.bytes = &[];
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // spec: storage.codec.3
    #[test]
    fn large_scaled_values_round_trip() {
        let values =
            [-41_255_400_997_960.08, 1.0e-311, -41_255_400_998_277.516, -41_255_401_029_632.0, -41_255_400_998_277.5];
        let mut bytes = Vec::new();
        encode(&values, &mut bytes);
        assert_eq!(
            decode(&bytes, values.len()).unwrap().into_iter().map(f64::to_bits).collect::<Vec<_>>(),
            values.map(f64::to_bits)
        );
    }

    fn encoded(values: &[f64]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(values, &mut out);
        out
    }

    fn check(values: &[f64]) -> (u8, usize) {
        let out = encoded(values);
        let back = decode(&out, values.len()).unwrap();
        let bits = |v: &[f64]| v.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&back), bits(values));
        (out.first().copied().unwrap_or(0), out.len())
    }

    fn any_bits() -> impl Strategy<Value = f64> {
        any::<u64>().prop_map(f64::from_bits)
    }

    proptest! {
        // spec: storage.codec.3
        #[test]
        fn all_bit_patterns_round_trip(values in proptest::collection::vec(any_bits(), 0..100)) {
            check(&values);
        }

        // spec: storage.codec.3
        #[test]
        fn decimals_of_any_size_round_trip(
            wholes in proptest::collection::vec(any::<i64>(), 1..40),
            shift in 0_u32..63,
            exponent in 0_usize..POWERS.len(),
        ) {
            check(&wholes.iter().map(|whole| (whole >> shift) as f64 / POWERS[exponent]).collect::<Vec<_>>());
        }

        // spec: storage.codec.3
        #[test]
        fn decimals_round_trip(
            digits in proptest::collection::vec(-1_000_000_i64..1_000_000, 0..600),
            exponent in 0_usize..POWERS.len(),
            odd in proptest::collection::vec((0_usize..600, prop_oneof![
                any_bits(), Just(f64::NAN), Just(-0.0), Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(5e-324)
            ]), 0..5),
        ) {
            let mut values: Vec<f64> = digits.iter().map(|v| *v as f64 / POWERS[exponent]).collect();
            for (at, value) in odd {
                if let Some(place) = values.get_mut(at) {
                    *place = value;
                }
            }
            check(&values);
        }

        #[test]
        fn fractions_and_roots_round_trip(values in proptest::collection::vec(-1000_i32..1000, 0..300)) {
            check(&values.iter().map(|v| f64::from(*v) / 8.0).collect::<Vec<_>>());
            check(&values.iter().map(|v| f64::from(*v).sqrt()).collect::<Vec<_>>());
        }

        // spec: storage.codec.1
        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>, tag in TAG_CONSTANT..=TAG_RAW, count in 0_usize..100) {
            if let Ok(values) = decode(&[&[tag], &bytes[..]].concat(), count) {
                prop_assert_eq!(values.len(), count);
            }
        }
    }

    #[test]
    fn the_smallest_encoding_is_chosen() {
        assert_eq!(check(&[1.5; 2000]), (TAG_CONSTANT, 9));
        assert_eq!(check(&[f64::NAN; 2000]), (TAG_CONSTANT, 9));
        let whole: Vec<f64> = (0..2000).map(f64::from).collect();
        assert!(check(&whole).1 < 12);
        let gauge: Vec<f64> = (0..2000).map(|i| 20.0 + f64::from(i * 37 % 101) / 100.0).collect();
        let (tag, len) = check(&gauge);
        assert_eq!(tag, TAG_DECIMALS);
        assert!(len < 2000, "less than eight bits each: {len}");
        let irrational: Vec<f64> = (0..2000).map(|i| f64::from(i).sin()).collect();
        let (_, len) = check(&irrational);
        assert!(len <= 1 + 8 * 2000, "never longer than the bits themselves: {len}");
        assert_eq!(check(&[0.1, f64::MAX, -5e-300, 1.0 / 3.0]).0, TAG_RAW);
        let slow: Vec<f64> = (0..2000).map(|i| f64::from_bits(0x3ff5_5555_5555_5555 + (i / 50) * 2)).collect();
        assert_eq!(check(&slow).0, TAG_XOR);
    }

    // spec: storage.codec.3
    #[test]
    fn values_that_are_not_decimals_are_exceptions() {
        let mut values: Vec<f64> = (0..500).map(|i| f64::from(i % 90) / 10.0).collect();
        let (_, without) = check(&values);
        let payload = f64::from_bits(0x7ff8_0000_dead_beef);
        for (at, value) in [(0, -0.0), (1, f64::NAN), (77, payload), (300, f64::INFINITY), (499, 1.0 / 3.0)] {
            values[at] = value;
        }
        let (tag, with) = check(&values);
        assert_eq!(tag, TAG_DECIMALS);
        assert!(with <= without + 5 * 16, "{without}, {with}");
    }
}
