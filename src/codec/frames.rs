//! Frames: up to 256 numbers in the fewest bits, the primitive below times, numbers and dictionaries.
//!
//! A frame has all its numbers in one width, or has a Rice code, whichever is smaller: `low` bits of each number in a fixed
//! width, and what is above them in unary, in a stream of its own, so that a decoder has no branch for each number
//! (Rice, "Some practical universal noiseless coding techniques", 1979; the split is that of Elias and Fano). Numbers that
//! are far larger than the others are patches: they stand apart and widen nothing.

use super::CodecError;
use super::varint::{Reader, put_varint};

/// Numbers in a frame; the last one may have fewer.
pub(super) const FRAME: usize = 256;
/// Modes from here on are Rice codes; below, the mode is the width, 0 to 64.
const MODE_RICE: u8 = 65;
/// The most low bits of a Rice code that is written; the mode has room for 62.
const LOW_MAX: u32 = 48;
/// Set in the mode of a frame with patches.
const HAS_PATCHES: u8 = 0x80;
/// Numbers that have this many bits more than the low bits of a Rice code are patched: they would take 16 bits and more.
const UNARY_BITS_MAX: u32 = 4;

/// Appends `values` in frames.
pub(super) fn put(values: &[u64], out: &mut Vec<u8>) {
    for frame in values.chunks(FRAME) {
        put_frame(frame, out);
    }
}

/// Reads `count` numbers, and hands them on frame by frame.
pub(super) fn take(reader: &mut Reader<'_>, count: usize, mut each: impl FnMut(&[u64])) -> Result<(), CodecError> {
    let mut values = [0; FRAME];
    let mut left = count;
    while left > 0 {
        let here = left.min(FRAME);
        take_frame(reader, &mut values[..here])?;
        each(&values[..here]);
        left -= here;
    }
    Ok(())
}

/// How a frame is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    /// Bits of each number in a fixed width.
    low: u32,
    /// Whether what is above them follows in unary; else all numbers fit.
    is_rice: bool,
}

impl Layout {
    /// Whether a number of `bits` bits has to be a patch.
    fn patches(self, bits: u32) -> bool {
        bits > if self.is_rice { self.low + UNARY_BITS_MAX } else { self.low }
    }

    /// The smallest one, by the number of values of each length in bits and their sums.
    fn choose(values: &[u64]) -> Layout {
        let mut counts = [0_u64; 65];
        let mut sums = [0_u64; 65]; // those of lengths that a Rice code can have do not overflow
        for &value in values {
            let bits = bits_of(value) as usize;
            counts[bits] += 1;
            sums[bits] = sums[bits].wrapping_add(value);
        }
        // What the patches cost if all values of more bits are patched.
        let mut patches = [0; 66];
        for bits in (0..=64).rev() {
            patches[bits] = patches[bits + 1] + counts[bits] * (8 + 8 * (bits as u64).div_ceil(7));
        }
        let cost = |layout: Layout| -> u64 {
            let low = layout.low as usize;
            if !layout.is_rice {
                return (low * values.len()) as u64 + patches[low + 1];
            }
            let unary = (low + 1..=low + UNARY_BITS_MAX as usize).map(|bits| {
                // What the low bits cut off is half of their range, on the average.
                (sums[bits] >> low).saturating_sub(if low > 0 { counts[bits] / 2 } else { 0 })
            });
            ((low + 1) * values.len()) as u64 + unary.sum::<u64>() + patches[low + UNARY_BITS_MAX as usize + 1]
        };
        let widths = (0..=64).rev().map(|low| Layout { low, is_rice: false });
        let rice = (0..=LOW_MAX).rev().map(|low| Layout { low, is_rice: true });
        let smallest = widths.chain(rice).min_by_key(|layout| cost(*layout));
        smallest.unwrap_or(Layout { low: 64, is_rice: false })
    }

    fn mode(self) -> u8 {
        self.low as u8 + if self.is_rice { MODE_RICE } else { 0 }
    }

    fn of_mode(mode: u8) -> Layout {
        match mode.checked_sub(MODE_RICE) {
            Some(low) => Layout { low: u32::from(low), is_rice: true },
            None => Layout { low: u32::from(mode), is_rice: false },
        }
    }
}

fn put_frame(values: &[u64], out: &mut Vec<u8>) {
    let layout = Layout::choose(values);
    let patches = values.iter().filter(|&&value| layout.patches(bits_of(value))).count();
    // 256 patches can't be counted in a byte; then nothing is gained by them either.
    let layout = if patches >= FRAME { Layout { low: 64, is_rice: false } } else { layout };
    let mut kept = [0; FRAME];
    let kept = &mut kept[..values.len()];
    kept.copy_from_slice(values);
    if patches == 0 || patches >= FRAME {
        out.push(layout.mode());
    } else {
        out.push(layout.mode() | HAS_PATCHES);
        out.push(patches as u8);
        for (at, value) in kept.iter_mut().enumerate().filter(|(_, value)| layout.patches(bits_of(**value))) {
            out.push(at as u8);
            put_varint(out, *value);
            *value = 0;
        }
    }
    put_low(kept, layout.low, out);
    if layout.is_rice {
        put_unary(kept, layout.low, out);
    }
}

fn take_frame(reader: &mut Reader<'_>, values: &mut [u64]) -> Result<(), CodecError> {
    let mode = reader.u8()?;
    let layout = Layout::of_mode(mode & !HAS_PATCHES);
    if mode & HAS_PATCHES == 0 {
        return take_kept(reader, layout, values);
    }
    let mut patches = [(0_u8, 0_u64); FRAME];
    let count = usize::from(reader.u8()?);
    for patch in &mut patches[..count] {
        *patch = (reader.u8()?, reader.varint()?);
    }
    take_kept(reader, layout, values)?;
    for (at, value) in &patches[..count] {
        *values.get_mut(usize::from(*at)).ok_or(CodecError::Malformed("a patch is outside of its frame"))? = *value;
    }
    Ok(())
}

/// The numbers without patches.
fn take_kept(reader: &mut Reader<'_>, layout: Layout, values: &mut [u64]) -> Result<(), CodecError> {
    take_low(reader, layout.low, values)?;
    if layout.is_rice { take_unary(reader, layout.low, values) } else { Ok(()) }
}

/// The low bits of each number one behind the other, the lowest first, filled up to a whole byte.
fn put_low(values: &[u64], low: u32, out: &mut Vec<u8>) {
    let mask = mask(low);
    let mut pending = 0_u128;
    let mut bits = 0;
    for &value in values {
        pending |= u128::from(value & mask) << bits;
        bits += low;
        if bits >= 64 {
            out.extend_from_slice(&(pending as u64).to_le_bytes());
            pending >>= 64;
            bits -= 64;
        }
    }
    let tail = (pending as u64).to_le_bytes();
    out.extend_from_slice(&tail[..bits.div_ceil(8) as usize]);
}

fn take_low(reader: &mut Reader<'_>, low: u32, values: &mut [u64]) -> Result<(), CodecError> {
    let packed = reader.take((values.len() * low as usize).div_ceil(8))?;
    match low {
        0 => values.fill(0),
        1 => unpack::<1>(packed, values),
        2 => unpack::<2>(packed, values),
        3 => unpack::<3>(packed, values),
        4 => unpack::<4>(packed, values),
        5 => unpack::<5>(packed, values),
        6 => unpack::<6>(packed, values),
        7 => unpack::<7>(packed, values),
        8 => unpack::<8>(packed, values),
        _ => unpack_wide(packed, low, values),
    }
    Ok(())
}

/// Numbers of up to eight bits: eight of them fill as many bytes as each has bits, and the compiler knows every shift.
fn unpack<const LOW: usize>(packed: &[u8], values: &mut [u64]) {
    let mut bytes = packed.chunks(LOW);
    for eight in values.chunks_mut(8) {
        let mut word = [0; 8];
        let chunk = bytes.next().unwrap_or_default();
        word[..chunk.len()].copy_from_slice(chunk);
        let word = u64::from_le_bytes(word);
        let unpacked: [u64; 8] = std::array::from_fn(|at| word >> (at * LOW) & mask(LOW as u32));
        eight.copy_from_slice(&unpacked[..eight.len()]);
    }
}

/// Numbers of any width.
fn unpack_wide(packed: &[u8], low: u32, values: &mut [u64]) {
    const WORD: usize = 16;
    // Behind the bytes there is room for a whole word, so that reading one needs no look at the end.
    let mut bytes = [0; FRAME * 8 + WORD];
    bytes[..packed.len()].copy_from_slice(packed);
    let (low, mask) = (low as usize, mask(low));
    if low <= 57 {
        for (at, value) in values.iter_mut().enumerate() {
            let mut word = [0; 8];
            word.copy_from_slice(&bytes[at * low / 8..][..8]);
            *value = u64::from_le_bytes(word) >> (at * low % 8) & mask;
        }
    } else {
        for (at, value) in values.iter_mut().enumerate() {
            let mut word = [0; WORD];
            word.copy_from_slice(&bytes[at * low / 8..][..WORD]);
            *value = (u128::from_le_bytes(word) >> (at * low % 8)) as u64 & mask;
        }
    }
}

/// For each number as many zeros as its part above the low bits says, and a one; the lowest bit first, filled up to a whole
/// byte.
fn put_unary(values: &[u64], low: u32, out: &mut Vec<u8>) {
    let mut pending = 0_u64;
    let mut bits = 0; // less than 64
    for &value in values {
        bits += (value >> low) as u32; // patches keep this small
        while bits >= 64 {
            out.extend_from_slice(&pending.to_le_bytes());
            pending = 0;
            bits -= 64;
        }
        pending |= 1 << bits;
        bits += 1;
        if bits == 64 {
            out.extend_from_slice(&pending.to_le_bytes());
            (pending, bits) = (0, 0);
        }
    }
    out.extend_from_slice(&pending.to_le_bytes()[..bits.div_ceil(8) as usize]);
}

/// Adds what stands in unary to numbers whose low bits are known.
fn take_unary(reader: &mut Reader<'_>, low: u32, values: &mut [u64]) -> Result<(), CodecError> {
    let mut words = reader.rest().chunks(8);
    let mut word = 0_u64;
    let mut word_at = 0_u64; // the position of the first bit of the word behind
    let mut next = 0; // the position behind the last one
    for value in values {
        while word == 0 {
            let chunk = words.next().ok_or(CodecError::Truncated)?;
            let mut padded = [0; 8];
            padded[..chunk.len()].copy_from_slice(chunk);
            word = u64::from_le_bytes(padded);
            word_at += 64;
        }
        let at = word_at - 64 + u64::from(word.trailing_zeros());
        *value |= (at - next) << low;
        next = at + 1;
        word &= word - 1;
    }
    reader.take(next.div_ceil(8) as usize)?;
    Ok(())
}

fn bits_of(value: u64) -> u32 {
    64 - value.leading_zeros()
}

fn mask(bits: u32) -> u64 {
    if bits == 64 { u64::MAX } else { (1 << bits) - 1 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(values: &[u64]) -> usize {
        let mut out = Vec::new();
        put(values, &mut out);
        let mut reader = Reader::new(&out);
        let mut back = Vec::new();
        take(&mut reader, values.len(), |frame| back.extend_from_slice(frame)).unwrap();
        assert!(reader.is_empty());
        assert_eq!(back, values);
        out.len()
    }

    /// Numbers of every magnitude, mostly small ones.
    fn number() -> impl Strategy<Value = u64> {
        (any::<u64>(), prop_oneof![3 => 58_u32..64, 1 => 0_u32..64]).prop_map(|(bits, shift)| bits >> shift)
    }

    proptest! {
        // spec: storage.frame.1
        #[test]
        fn numbers_read_back(values in proptest::collection::vec(number(), 0..600)) {
            check(&values);
        }

        // spec: storage.codec.1
        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>, count in 0_usize..600) {
            let mut seen = 0;
            if take(&mut Reader::new(&bytes), count, |frame| seen += frame.len()).is_ok() {
                prop_assert_eq!(seen, count);
            }
        }
    }

    #[test]
    fn numbers_of_every_width_read_back() {
        for bits in 0..=64 {
            let greatest = mask(bits);
            check(&[greatest; 1]);
            check(&[greatest; FRAME]);
            check(&(0..700).map(|i| greatest ^ (i & greatest)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn outliers_widen_nothing() {
        let mut values: Vec<u64> = (0..FRAME as u64).map(|i| i % 4).collect();
        let without = check(&values);
        values[17] = u64::MAX;
        values[255] = 1 << 40;
        assert_eq!(without, 1 + 64);
        assert!(check(&values) <= without + 1 + 2 + 10 + 6);
    }

    #[test]
    fn noise_takes_no_more_than_its_bits() {
        let noise =
            |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let values: Vec<u64> = (0..FRAME as u64).map(noise).collect();
        assert_eq!(check(&values), 1 + 8 * FRAME);
        let values: Vec<u64> = values.iter().map(|v| v >> 40).collect();
        assert!(check(&values) <= 1 + 3 * FRAME);
    }

    #[test]
    fn skewed_numbers_take_a_rice_code() {
        // Half are 0, a quarter 1, and so on: two bits each at best.
        let values: Vec<u64> = (1..=FRAME as u64).map(|i| u64::from(i.trailing_zeros())).collect();
        assert!(check(&values) <= 1 + 64);
    }
}
