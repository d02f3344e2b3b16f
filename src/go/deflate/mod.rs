//! Compression as Go's `compress/flate` does it at its default level, to the byte. What is compressed can be read by anything; the
//! bytes matter only to those who compare answers.

mod block;
mod huffman;

use block::{BlockWriter, Token};

/// How far back a copy may reach.
const WINDOW: usize = 1 << 15;
const MATCH_MIN: usize = 4;
const MATCH_MAX: usize = 258;
const BLOCK_TOKENS: usize = 1 << 14;
const HASH_BITS: u32 = 17;
const HASH_FACTOR: u32 = 0x1e35_a7bd;
/// Copies of the shortest length are not worth more than this distance.
const SHORT_DISTANCE_MAX: usize = 4096;

/// The level that Go calls 6: from this length on it does not look for a longer copy at the next byte, ...
const LAZY: usize = 16;
/// ... and it takes the first one of this length.
const NICE: usize = 128;
/// How many earlier places are tried.
const CHAIN: usize = 128;

/// A stream that is being compressed.
#[derive(Debug)]
pub struct Deflater {
    writer: BlockWriter,
    window: Vec<u8>,
    /// How much of the window is filled.
    window_end: usize,
    /// Where the next byte is.
    index: usize,
    /// Where the block begins, unless that has left the window.
    block_start: Option<usize>,
    tokens: Vec<Token>,
    /// The last place with a hash, and for each place the one before with the same hash, both with `offset` added.
    heads: Vec<usize>,
    before: Vec<usize>,
    offset: usize,
    /// The copy that was found at the byte before.
    length: usize,
    distance: usize,
    /// Whether the byte before is not in a token yet.
    is_pending: bool,
}

impl Default for Deflater {
    fn default() -> Deflater {
        Deflater {
            writer: BlockWriter::default(),
            window: vec![0; 2 * WINDOW],
            window_end: 0,
            index: 0,
            block_start: Some(0),
            tokens: Vec::new(),
            heads: vec![0; 1 << HASH_BITS],
            before: vec![0; WINDOW],
            offset: 1,
            length: MATCH_MIN - 1,
            distance: 0,
            is_pending: false,
        }
    }
}

impl Deflater {
    /// Compresses more bytes, and keeps some of them back.
    pub fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.step(false);
            self.slide();
            let taken = bytes.len().min(self.window.len() - self.window_end);
            self.window[self.window_end..self.window_end + taken].copy_from_slice(&bytes[..taken]);
            self.window_end += taken;
            bytes = &bytes[taken..];
        }
    }

    /// Lets what was written be read.
    pub fn flush(&mut self) {
        self.step(true);
        self.writer.stored(b"", false);
    }

    /// Ends the stream.
    pub fn finish(&mut self) {
        self.step(true);
        self.writer.stored(b"", true);
    }

    /// Takes what is compressed.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.writer.out)
    }

    /// Makes room in the window.
    fn slide(&mut self) {
        if self.index >= 2 * WINDOW - (MATCH_MIN + MATCH_MAX) {
            self.window.copy_within(WINDOW.., 0);
            self.index -= WINDOW;
            self.window_end -= WINDOW;
            self.block_start = self.block_start.and_then(|start| start.checked_sub(WINDOW));
            self.offset += WINDOW;
        }
    }

    fn step(&mut self, all: bool) {
        loop {
            let ahead = self.window_end - self.index;
            if ahead < MATCH_MIN + MATCH_MAX {
                if !all {
                    return;
                }
                if ahead == 0 {
                    break;
                }
            }
            let head = self.enter(self.index).and_then(|head| head.checked_sub(self.offset));
            let (last_length, last_distance) = (self.length, self.distance);
            (self.length, self.distance) = (MATCH_MIN - 1, 0);
            let first = self.index.saturating_sub(WINDOW);
            if let Some(head) = head.filter(|&head| head >= first)
                && ahead > last_length
                && last_length < LAZY
                && let Some(found) = self.find(head, ahead)
            {
                (self.length, self.distance) = found;
            }
            if last_length >= MATCH_MIN && self.length <= last_length {
                self.copy(last_length, last_distance);
            } else {
                if self.is_pending {
                    self.push(Token::Literal(self.window[self.index - 1]), self.index);
                }
                self.index += 1;
                self.is_pending = true;
            }
        }
        if self.is_pending {
            self.tokens.push(Token::Literal(self.window[self.index - 1]));
            self.is_pending = false;
        }
        if !self.tokens.is_empty() {
            self.end_block(self.index);
        }
    }

    /// Emits the copy that was found at the byte before, and goes to its end.
    fn copy(&mut self, length: usize, distance: usize) {
        let end = self.index + length - 1;
        self.index += 1;
        while self.index < end {
            self.enter(self.index);
            self.index += 1;
        }
        self.is_pending = false;
        self.length = MATCH_MIN - 1;
        self.push(Token::Copy { length: length as u16, distance: distance as u16 }, self.index);
    }

    fn push(&mut self, token: Token, end: usize) {
        self.tokens.push(token);
        if self.tokens.len() == BLOCK_TOKENS {
            self.end_block(end);
        }
    }

    fn end_block(&mut self, end: usize) {
        let bytes = self.block_start.filter(|&start| start <= end).map(|start| &self.window[start..end]);
        self.writer.block(&self.tokens, bytes);
        self.block_start = Some(end);
        self.tokens.clear();
    }

    /// Notes the place in the table. Returns the one before with the same hash.
    fn enter(&mut self, at: usize) -> Option<usize> {
        let bytes = *self.window[..self.window_end].get(at..)?.first_chunk::<MATCH_MIN>()?;
        let hash = u32::from_be_bytes(bytes).wrapping_mul(HASH_FACTOR) >> (32 - HASH_BITS);
        let head = std::mem::replace(&mut self.heads[hash as usize], at + self.offset);
        self.before[at % WINDOW] = head;
        Some(head)
    }

    /// Looks for the longest copy, at `place` and those before it. Returns its length and distance.
    fn find(&self, mut place: usize, ahead: usize) -> Option<(usize, usize)> {
        let at = self.index;
        let look = MATCH_MAX.min(ahead);
        let bytes = &self.window[at..at + look];
        let nice = look.min(NICE);
        let mut length = MATCH_MIN - 1;
        let mut found = None;
        let first = at.saturating_sub(WINDOW);
        for _ in 0..CHAIN {
            if look > length && self.window[place + length] == bytes[length] {
                let same = self.window[place..].iter().zip(bytes).take_while(|(a, b)| a == b).count();
                if same > length && (same > MATCH_MIN || at - place <= SHORT_DISTANCE_MAX) {
                    length = same;
                    found = Some((same, at - place));
                    if same >= nice {
                        break;
                    }
                }
            }
            if place == first {
                break;
            }
            match self.before[place % WINDOW].checked_sub(self.offset) {
                Some(next) if next >= first => place = next,
                _ => break,
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: compat.query.gzip-bytes.1
    #[test]
    fn short_texts_are_compressed_as_by_go() {
        let mut deflater = Deflater::default();
        deflater.flush();
        assert_eq!(deflater.take(), [0, 0, 0, 0xff, 0xff]);
        deflater.write(b"name,tags,name\ndatabases,,d\n");
        deflater.finish();
        let want = b"\xca\x4b\xcc\x4d\xd5\x29\x49\x4c\x2f\xd6\x01\xb1\xb8\x52\x12\x4b\x12\x93\x12\x8b\x53\x8b\x75\x74\x52\xb8\x00\x01\x00\x00\xff\xff";
        assert_eq!(deflater.take(), want);
    }
}
