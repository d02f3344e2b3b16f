//! Huffman codes with the lengths that Go's `compress/flate` chooses. Of several best sets of lengths, its method finds a certain one.

/// A code for each symbol: its bits, the first one lowest, and how many they are.
#[derive(Debug, Clone, Default)]
pub(super) struct HuffmanCode {
    pub(super) codes: Vec<(u16, u8)>,
}

/// A symbol and how often it occurs.
type Leaf = (u16, i32);

#[derive(Debug, Clone, Copy, Default)]
struct Level {
    last: i32,
    next_leaf: i32,
    next_pair: i32,
    needed: i32,
}

const LEVELS: usize = 16;

impl HuffmanCode {
    /// The code for these frequencies, in which no symbol has more than `bits_max` bits.
    pub(super) fn of(frequencies: &[i32], bits_max: usize) -> HuffmanCode {
        let mut code = HuffmanCode { codes: vec![(0, 0); frequencies.len()] };
        let mut leaves: Vec<Leaf> =
            (0..).zip(frequencies).filter(|(_, n)| **n != 0).map(|(symbol, n)| (symbol, *n)).collect();
        if leaves.len() <= 2 {
            for (bits, (symbol, _)) in (0..).zip(leaves) {
                code.codes[usize::from(symbol)] = (bits, 1);
            }
            return code;
        }
        leaves.sort_by_key(|&(symbol, n)| (n, symbol));
        let counts = bit_counts(&leaves, bits_max);
        code.assign(&counts, &mut leaves);
        code
    }

    /// The code of blocks that bring none.
    pub(super) fn fixed_literals() -> HuffmanCode {
        let code = |symbol: u16| match symbol {
            0..=143 => (symbol + 48, 8),
            144..=255 => (symbol + 400 - 144, 9),
            256..=279 => (symbol - 256, 7),
            _ => (symbol + 192 - 280, 8),
        };
        HuffmanCode { codes: (0..286).map(|symbol| reversed(code(symbol))).collect() }
    }

    /// The code for distances in the same blocks.
    pub(super) fn fixed_distances() -> HuffmanCode {
        HuffmanCode { codes: (0..30).map(|symbol| reversed((symbol, 5))).collect() }
    }

    /// The bits that symbols of these frequencies take.
    pub(super) fn bits(&self, frequencies: &[i32]) -> i32 {
        frequencies.iter().zip(&self.codes).map(|(n, (_, bits))| n * i32::from(*bits)).sum()
    }

    /// Gives `counts[n]` leaves `n` bits, the rarest ones the most.
    fn assign(&mut self, counts: &[i32], leaves: &mut Vec<Leaf>) {
        let mut next = 0;
        for (bits, count) in (0_u8..).zip(counts) {
            next <<= 1;
            if bits == 0 || *count == 0 {
                continue;
            }
            let mut these = leaves.split_off(leaves.len() - *count as usize);
            these.sort_by_key(|&(symbol, _)| symbol);
            for (symbol, _) in these {
                self.codes[usize::from(symbol)] = reversed((next, bits));
                next += 1;
            }
        }
    }
}

fn reversed((code, bits): (u16, u8)) -> (u16, u8) {
    (code.reverse_bits() >> (16 - bits), bits)
}

/// Returns how many leaves get how many bits, by the method of Go: the coin collector's, in little memory.
fn bit_counts(leaves: &[Leaf], bits_max: usize) -> Vec<i32> {
    let frequency = |at: i32| leaves.get(at as usize).map_or(i32::MAX, |leaf| leaf.1);
    let n = leaves.len() as i32;
    let bits_max = bits_max.min(leaves.len() - 1);
    let mut levels = [Level::default(); LEVELS + 1];
    let mut counts = [[0_i32; LEVELS]; LEVELS];
    for level in 1..=bits_max {
        let next_pair = if level == 1 { i32::MAX } else { frequency(0) + frequency(1) };
        levels[level] = Level { last: frequency(1), next_leaf: frequency(2), next_pair, needed: 0 };
        counts[level][level] = 2;
    }
    levels[bits_max].needed = 2 * n - 4;
    let mut at = bits_max;
    loop {
        let level = &mut levels[at];
        if level.next_pair == i32::MAX && level.next_leaf == i32::MAX {
            // There is nothing left on this level.
            level.needed = 0;
            levels[at + 1].next_pair = i32::MAX;
            at += 1;
            continue;
        }
        let before = level.last;
        if level.next_leaf < level.next_pair {
            level.last = level.next_leaf;
            counts[at][at] += 1;
            level.next_leaf = frequency(counts[at][at]);
        } else {
            level.last = level.next_pair;
            let below = counts[at - 1];
            counts[at][..at].copy_from_slice(&below[..at]);
            levels[at - 1].needed = 2;
        }
        levels[at].needed -= 1;
        if levels[at].needed == 0 {
            if at == bits_max {
                break;
            }
            levels[at + 1].next_pair = before.saturating_add(levels[at].last);
            at += 1;
        } else {
            while levels[at - 1].needed > 0 {
                at -= 1;
            }
        }
    }
    let counts = &counts[bits_max];
    std::iter::once(0).chain((1..=bits_max).rev().map(|level| counts[level] - counts[level - 1])).collect()
}
