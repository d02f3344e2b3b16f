//! Packs: up to 256 numbers in as few bits as possible. Times, integers and dictionaries are built on them. The
//! specification calls them frames (`storage.frame.*`).
//!
//! A pack stores all its numbers in one width, or uses a Rice code, whichever is smaller: the `low` bits of each number in a
//! fixed width, and the bits above them in unary, in a stream of their own, so that a decoder needs no branch per number
//! (Rice, "Some practical universal noiseless coding techniques", 1979; the split is that of Elias and Fano). Numbers that
//! are much larger than the others are patches: they are stored separately and do not widen the rest.

use super::error::CodecError;
use super::varint::{Reader, put_varint};

/// The number of values in a pack; the last one may have fewer.
pub(super) const PACK_LEN: usize = 256;
/// Modes from here on are Rice codes. Lower modes are the width, 0 to 64.
const MODE_RICE: u8 = 65;
/// The maximum number of low bits that the encoder uses in a Rice code. The mode could express 62.
const LOW_MAX: u32 = 48;
/// Set in the mode of a pack with patches.
const HAS_PATCHES: u8 = 0x80;
/// Numbers with more than this many bits above the low bits of a Rice code are patched: they would take 16 bits or more.
const UNARY_BITS_MAX: u32 = 4;

/// Appends `values` in packs.
pub(super) fn put(values: &[u64], out: &mut Vec<u8>) {
    for pack in values.chunks(PACK_LEN) {
        put_pack(pack, out);
    }
}

/// Reads `count` numbers and passes them to `each`, one pack at a time.
pub(super) fn take(reader: &mut Reader<'_>, count: usize, mut each: impl FnMut(&[u64])) -> Result<(), CodecError> {
    let mut values = [0; PACK_LEN];
    let mut left = count;
    while left > 0 {
        let len = left.min(PACK_LEN);
        take_pack(reader, &mut values[..len])?;
        each(&values[..len]);
        left -= len;
    }
    Ok(())
}

/// The layout of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PackLayout {
    /// The number of bits of each number that are stored in a fixed width.
    low: u32,
    /// Whether the bits above follow in unary. Otherwise all numbers fit into `low` bits.
    is_rice: bool,
}

impl PackLayout {
    /// Whether a number of `bits` bits has to be a patch.
    fn patches(self, bits: u32) -> bool {
        bits > if self.is_rice { self.low + UNARY_BITS_MAX } else { self.low }
    }

    /// Returns the smallest layout, judged by how many values have each length in bits, and their sums.
    fn choose(values: &[u64]) -> PackLayout {
        let mut counts = [0_u64; 65];
        let mut sums = [0_u64; 65]; // cannot overflow for the lengths that a Rice code can have
        let mut all = 0;
        for &value in values {
            let bits = bits_of(value) as usize;
            counts[bits] += 1;
            sums[bits] = sums[bits].wrapping_add(value);
            all |= value;
        }
        // In this width there are no patches, so larger ones take more, and so do Rice codes with as many low bits.
        let longest = bits_of(all);
        let mut best = PackLayout { low: longest, is_rice: false };
        let mut smallest = u64::from(longest) * values.len() as u64;
        // The cost of the patches if all values with more than `low` bits are patched, and with more than a Rice code has.
        let (mut patches, mut rice_patches) = (0, 0);
        let patched = |bits: u32| counts[bits as usize] * (8 + 8 * u64::from(bits.div_ceil(7)));
        let mut rice = (u64::MAX, best);
        for low in (0..longest).rev() {
            patches += patched(low + 1);
            let cost = u64::from(low) * values.len() as u64 + patches;
            if cost < smallest {
                (smallest, best) = (cost, PackLayout { low, is_rice: false });
            }
            if low + UNARY_BITS_MAX < longest {
                rice_patches += patched(low + UNARY_BITS_MAX + 1);
            }
            if low <= LOW_MAX {
                let cost = rice_cost(low, values.len() as u64, &counts, &sums) + rice_patches;
                if cost < rice.0 {
                    rice = (cost, PackLayout { low, is_rice: true });
                }
            }
        }
        if rice.0 < smallest { rice.1 } else { best }
    }

    fn mode(self) -> u8 {
        self.low as u8 + if self.is_rice { MODE_RICE } else { 0 }
    }

    fn of_mode(mode: u8) -> PackLayout {
        match mode.checked_sub(MODE_RICE) {
            Some(low) => PackLayout { low: u32::from(low), is_rice: true },
            None => PackLayout { low: u32::from(mode), is_rice: false },
        }
    }
}

/// The cost of a Rice code of some values without its patches, given how many have each length in bits, and their sums.
fn rice_cost(low: u32, len: u64, counts: &[u64; 65], sums: &[u64; 65]) -> u64 {
    let unary = (low + 1..=low + UNARY_BITS_MAX).map(|bits| {
        // On average, the low bits cut off half of their range.
        (sums[bits as usize] >> low).saturating_sub(if low > 0 { counts[bits as usize] / 2 } else { 0 })
    });
    u64::from(low + 1) * len + unary.sum::<u64>()
}

fn put_pack(values: &[u64], out: &mut Vec<u8>) {
    let layout = PackLayout::choose(values);
    let patches = values.iter().filter(|&&value| layout.patches(bits_of(value))).count();
    // A byte cannot count 256 patches, and so many would not save anything.
    let layout = if patches >= PACK_LEN { PackLayout { low: 64, is_rice: false } } else { layout };
    if patches == 0 || patches >= PACK_LEN {
        out.push(layout.mode());
        return put_kept(values, layout, out);
    }
    out.push(layout.mode() | HAS_PATCHES);
    out.push(patches as u8);
    let mut kept = [0; PACK_LEN];
    let kept = &mut kept[..values.len()];
    kept.copy_from_slice(values);
    for (at, value) in kept.iter_mut().enumerate().filter(|(_, value)| layout.patches(bits_of(**value))) {
        out.push(at as u8);
        put_varint(out, *value);
        *value = 0;
    }
    put_kept(kept, layout, out);
}

/// Appends the numbers that are not patches.
fn put_kept(values: &[u64], layout: PackLayout, out: &mut Vec<u8>) {
    put_low(values, layout.low, out);
    if layout.is_rice {
        put_unary(values, layout.low, out);
    }
}

fn take_pack(reader: &mut Reader<'_>, values: &mut [u64]) -> Result<(), CodecError> {
    let mode = reader.u8()?;
    let layout = PackLayout::of_mode(mode & !HAS_PATCHES);
    if mode & HAS_PATCHES == 0 {
        return take_kept(reader, layout, values);
    }
    let mut patches = [(0_u8, 0_u64); PACK_LEN];
    let count = usize::from(reader.u8()?);
    for patch in &mut patches[..count] {
        *patch = (reader.u8()?, reader.varint()?);
    }
    take_kept(reader, layout, values)?;
    for (at, value) in &patches[..count] {
        *values.get_mut(usize::from(*at)).ok_or(CodecError::Malformed("a patch is outside its pack"))? = *value;
    }
    Ok(())
}

/// Reads the numbers that are not patches.
fn take_kept(reader: &mut Reader<'_>, layout: PackLayout, values: &mut [u64]) -> Result<(), CodecError> {
    take_low(reader, layout.low, values)?;
    if layout.is_rice { take_unary(reader, layout.low, values) } else { Ok(()) }
}

/// Appends the low bits of each number in sequence, lowest first, padded to a whole byte.
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

/// Unpacks numbers of up to eight bits. Eight of them fill as many bytes as each has bits, so all shifts are constants.
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

/// Unpacks numbers of any width.
fn unpack_wide(packed: &[u8], low: u32, values: &mut [u64]) {
    const WORD: usize = 16;
    // The padding lets every read take a whole word without checking for the end.
    let mut bytes = [0; PACK_LEN * 8 + WORD];
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

/// Appends for each number as many zeros as the value of its bits above the low ones, then a one; lowest bit first, padded to
/// a whole byte.
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

/// Adds the bits stored in unary to numbers whose low bits are known.
fn take_unary(reader: &mut Reader<'_>, low: u32, values: &mut [u64]) -> Result<(), CodecError> {
    let mut words = reader.rest().chunks(8);
    let mut word = 0_u64;
    let mut word_at = 0_u64; // the position of the first bit after the word
    let mut next = 0; // the position after the last one bit
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
        take(&mut reader, values.len(), |pack| back.extend_from_slice(pack)).unwrap();
        assert!(reader.is_empty());
        assert_eq!(back, values);
        out.len()
    }

    /// The smallest layout by definition: the first of all widths and Rice codes, each from the longest to the shortest.
    fn smallest_layout(values: &[u64]) -> PackLayout {
        let mut counts = [0; 65];
        let mut sums = [0_u64; 65];
        for &value in values {
            counts[bits_of(value) as usize] += 1;
            sums[bits_of(value) as usize] = sums[bits_of(value) as usize].wrapping_add(value);
        }
        let cost = |layout: &PackLayout| {
            let lengths = values.iter().map(|value| bits_of(*value)).filter(|bits| layout.patches(*bits));
            let patches: u64 = lengths.map(|bits| 8 + 8 * u64::from(bits.div_ceil(7))).sum();
            let kept = u64::from(layout.low) * values.len() as u64;
            patches + if layout.is_rice { rice_cost(layout.low, values.len() as u64, &counts, &sums) } else { kept }
        };
        let widths = (0..=64).rev().map(|low| PackLayout { low, is_rice: false });
        let rice = (0..=LOW_MAX).rev().map(|low| PackLayout { low, is_rice: true });
        widths.chain(rice).min_by_key(cost).unwrap()
    }

    /// Numbers of all magnitudes, mostly small ones.
    fn number() -> impl Strategy<Value = u64> {
        (any::<u64>(), prop_oneof![3 => 58_u32..64, 1 => 0_u32..64]).prop_map(|(bits, shift)| bits >> shift)
    }

    proptest! {
        // spec: storage.frame.1
        #[test]
        fn numbers_round_trip(values in proptest::collection::vec(number(), 0..600)) {
            check(&values);
        }

        // spec: storage.frame.1
        #[test]
        fn the_smallest_layout_is_chosen(values in proptest::collection::vec(number(), 1..300), shift in 0_u32..64) {
            let values: Vec<u64> = values.iter().map(|value| value >> shift).collect();
            prop_assert_eq!(PackLayout::choose(&values), smallest_layout(&values));
        }

        // spec: storage.codec.1
        #[test]
        fn any_bytes_decode_or_fail(bytes: Vec<u8>, count in 0_usize..600) {
            let mut seen = 0;
            if take(&mut Reader::new(&bytes), count, |pack| seen += pack.len()).is_ok() {
                prop_assert_eq!(seen, count);
            }
        }
    }

    #[test]
    fn numbers_of_every_width_round_trip() {
        for bits in 0..=64 {
            let max = mask(bits);
            check(&[max; 1]);
            check(&[max; PACK_LEN]);
            check(&(0..700).map(|i| max ^ (i & max)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn outliers_do_not_widen_the_rest() {
        let mut values: Vec<u64> = (0..PACK_LEN as u64).map(|i| i % 4).collect();
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
        let values: Vec<u64> = (0..PACK_LEN as u64).map(noise).collect();
        assert_eq!(check(&values), 1 + 8 * PACK_LEN);
        let values: Vec<u64> = values.iter().map(|v| v >> 40).collect();
        assert!(check(&values) <= 1 + 3 * PACK_LEN);
    }

    #[test]
    fn skewed_numbers_use_a_rice_code() {
        // Half of them are 0, a quarter 1, and so on: two bits each at best.
        let values: Vec<u64> = (1..=PACK_LEN as u64).map(|i| u64::from(i.trailing_zeros())).collect();
        assert!(check(&values) <= 1 + 64);
    }
}
