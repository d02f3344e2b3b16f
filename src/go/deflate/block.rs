//! Blocks of a deflate stream (RFC 1951), with the choices of Go's `compress/flate`: which kind of block, and which codes.

use super::huffman::HuffmanCode;

/// A literal byte, or a copy of `length` bytes from `distance` bytes before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Literal(u8),
    Copy { length: u16, distance: u16 },
}

const LITERALS: usize = 286;
const DISTANCES: usize = 30;
const END_OF_BLOCK: usize = 256;
const FIRST_LENGTH: usize = 257;
/// The order in which lengths of the codes for lengths are written.
const CODE_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];
/// The longest block that can be stored.
const STORED_BYTES_MAX: usize = 65535;

/// The code of a length, less 3, with how many bits follow and their value.
fn length_code(length: u16) -> (usize, u8, u16) {
    let length = length - 3;
    match length {
        0..=7 => (usize::from(length), 0, 0),
        255 => (28, 0, 0),
        _ => with_extra_bits(length, 3),
    }
}

/// The same of a distance, less 1.
fn distance_code(distance: u16) -> (usize, u8, u16) {
    let distance = distance - 1;
    if distance < 4 { (usize::from(distance), 0, 0) } else { with_extra_bits(distance, 2) }
}

/// Codes double their ranges after each group of 2^(`group_bits` - 1).
fn with_extra_bits(value: u16, group_bits: u32) -> (usize, u8, u16) {
    let extra = value.ilog2() + 1 - group_bits;
    let group = (value >> extra) as usize;
    let code = ((extra as usize) << (group_bits - 1)) + group;
    (code, extra as u8, value & ((1 << extra) - 1))
}

/// Bits on their way to bytes.
#[derive(Debug, Default)]
pub(super) struct BlockWriter {
    pub(super) out: Vec<u8>,
    bits: u64,
    count: u32,
}

/// How often each symbol of a block occurs, and the bits that follow them.
struct Frequencies {
    literals: Vec<i32>,
    distances: Vec<i32>,
    extra_bits: i32,
}

impl Frequencies {
    fn of(tokens: &[Token]) -> Frequencies {
        let (mut literals, mut distances) = (vec![0; LITERALS], vec![0; DISTANCES]);
        literals[END_OF_BLOCK] = 1;
        let mut extra_bits = 0;
        for token in tokens {
            match *token {
                Token::Literal(byte) => literals[usize::from(byte)] += 1,
                Token::Copy { length, distance } => {
                    let (length, length_bits, _) = length_code(length);
                    let (distance, distance_bits, _) = distance_code(distance);
                    literals[FIRST_LENGTH + length] += 1;
                    distances[distance] += 1;
                    extra_bits += i32::from(length_bits) + i32::from(distance_bits);
                }
            }
        }
        Frequencies { literals, distances, extra_bits }
    }
}

/// The codes of a block that brings its own, and how they are written.
struct OwnCodes {
    literals: HuffmanCode,
    distances: HuffmanCode,
    literal_count: usize,
    distance_count: usize,
    /// Lengths of codes in their run-length form, with the bits and the value that follow each.
    lengths: Vec<(u8, u8, u8)>,
    length_code: HuffmanCode,
    length_count: usize,
    bits: i32,
}

impl OwnCodes {
    fn of(frequencies: &Frequencies) -> OwnCodes {
        let used = |frequencies: &[i32]| frequencies.iter().rposition(|&n| n != 0).map_or(0, |last| last + 1);
        let literal_count = used(&frequencies.literals);
        let mut distance_frequencies = frequencies.distances.clone();
        let distance_count = used(&distance_frequencies).max(1);
        if used(&distance_frequencies) == 0 {
            // There has to be a code for one distance.
            distance_frequencies[0] = 1;
        }
        let literals = HuffmanCode::of(&frequencies.literals, 15);
        let distances = HuffmanCode::of(&distance_frequencies, 15);
        let all = literals.codes[..literal_count].iter().chain(&distances.codes[..distance_count]);
        let lengths = run_lengths(&all.map(|(_, bits)| *bits).collect::<Vec<_>>());
        let mut length_frequencies = [0; 19];
        for (symbol, _, _) in &lengths {
            length_frequencies[usize::from(*symbol)] += 1;
        }
        let length_code = HuffmanCode::of(&length_frequencies, 7);
        let last = CODE_ORDER.iter().rposition(|&symbol| length_frequencies[symbol] != 0).map_or(0, |last| last + 1);
        let length_count = last.max(4);
        let following: i32 = lengths.iter().map(|(_, bits, _)| i32::from(*bits)).sum();
        let bits = 3
            + 5
            + 5
            + 4
            + 3 * length_count as i32
            + length_code.bits(&length_frequencies)
            + following
            + literals.bits(&frequencies.literals)
            + distances.bits(&distance_frequencies)
            + frequencies.extra_bits;
        OwnCodes { literals, distances, literal_count, distance_count, lengths, length_code, length_count, bits }
    }
}

/// Writes runs of equal lengths in short, as Go does.
fn run_lengths(lengths: &[u8]) -> Vec<(u8, u8, u8)> {
    let mut runs = Vec::new();
    for run in lengths.chunk_by(|a, b| a == b) {
        let (size, mut count) = (run[0], run.len());
        if size == 0 {
            while count >= 11 {
                let n = count.min(138);
                runs.push((18, 7, (n - 11) as u8));
                count -= n;
            }
            if count >= 3 {
                runs.push((17, 3, (count - 3) as u8));
                count = 0;
            }
        } else {
            runs.push((size, 0, 0));
            count -= 1;
            while count >= 3 {
                let n = count.min(6);
                runs.push((16, 2, (n - 3) as u8));
                count -= n;
            }
        }
        runs.extend(std::iter::repeat_n((size, 0, 0), count));
    }
    runs
}

impl BlockWriter {
    fn write(&mut self, value: u16, bits: u8) {
        self.bits |= u64::from(value) << self.count;
        self.count += u32::from(bits);
        while self.count >= 8 {
            self.out.push(self.bits as u8);
            self.bits >>= 8;
            self.count -= 8;
        }
    }

    fn write_code(&mut self, code: &HuffmanCode, symbol: usize) {
        let (value, bits) = code.codes[symbol];
        self.write(value, bits);
    }

    /// Writes a stored block, which ends at the end of a byte.
    pub(super) fn stored(&mut self, bytes: &[u8], is_last: bool) {
        self.write(u16::from(is_last), 3);
        let fill = (8 - self.count % 8) % 8;
        self.write(0, fill as u8);
        self.write(bytes.len() as u16, 16);
        self.write(!(bytes.len() as u16), 16);
        self.out.extend_from_slice(bytes);
    }

    /// Writes a block of the kind that takes the least room. `bytes` is what it stands for, unless that is no longer known.
    pub(super) fn block(&mut self, tokens: &[Token], bytes: Option<&[u8]>) {
        let frequencies = Frequencies::of(tokens);
        let storable = bytes.filter(|bytes| bytes.len() <= STORED_BYTES_MAX);
        let (literals, distances) = (HuffmanCode::fixed_literals(), HuffmanCode::fixed_distances());
        // Bits that both kinds take are left out of a comparison with nothing else.
        let fixed_bits =
            3 + literals.bits(&frequencies.literals) + distances.bits(&frequencies.distances) + frequencies.extra_bits;
        let own = OwnCodes::of(&frequencies);
        let bits = fixed_bits.min(own.bits);
        if let Some(bytes) = storable.filter(|bytes| ((bytes.len() + 5) * 8) as i32 - bits < 0) {
            self.stored(bytes, false);
        } else if own.bits < fixed_bits {
            self.write_codes(&own);
            self.tokens(tokens, &own.literals, &own.distances);
        } else {
            self.write(0b010, 3);
            self.tokens(tokens, &literals, &distances);
        }
    }

    fn write_codes(&mut self, own: &OwnCodes) {
        self.write(0b100, 3);
        self.write((own.literal_count - 257) as u16, 5);
        self.write((own.distance_count - 1) as u16, 5);
        self.write((own.length_count - 4) as u16, 4);
        for &symbol in &CODE_ORDER[..own.length_count] {
            self.write(u16::from(own.length_code.codes[symbol].1), 3);
        }
        for &(symbol, bits, value) in &own.lengths {
            self.write_code(&own.length_code, usize::from(symbol));
            self.write(u16::from(value), bits);
        }
    }

    fn tokens(&mut self, tokens: &[Token], literals: &HuffmanCode, distances: &HuffmanCode) {
        for token in tokens {
            match *token {
                Token::Literal(byte) => self.write_code(literals, usize::from(byte)),
                Token::Copy { length, distance } => {
                    let (code, bits, value) = length_code(length);
                    self.write_code(literals, FIRST_LENGTH + code);
                    self.write(value, bits);
                    let (code, bits, value) = distance_code(distance);
                    self.write_code(distances, code);
                    self.write(value, bits);
                }
            }
        }
        self.write_code(literals, END_OF_BLOCK);
    }
}
