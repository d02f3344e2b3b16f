//! How much memory the tree of a text takes at most, known before it is parsed. `tests/memory.rs` checks it by counting.
//!
//! A tree grows with the pieces of its text: words and single other characters. Regular expressions and bound texts are charged on
//! their own, where they are read.

/// Asked for bytes of memory before they are taken; an error refuses them.
pub type Charge<'c> = dyn FnMut(usize) -> Result<(), String> + 'c;

/// A tree of at most this many bytes is not charged: the number of queries that are parsed at once is bounded already.
pub(super) const FREE_BYTES: usize = 64 << 10;

/// How often a text is in memory: in the tree, printed, and joined with the texts of other statements.
pub(super) const TEXT_COPIES: usize = 8;

/// The most bytes of a tree for each piece, and for each statement.
const PIECE_BYTES: usize = 128;
const STATEMENT_BYTES: usize = 512;

/// The most bytes that the tree of `text` and its printed form take, without those of regular expressions and bound texts.
pub(super) fn tree_bytes_max(text: &str) -> usize {
    let (mut pieces, mut statements, mut in_word) = (0_usize, 1_usize, false);
    for byte in text.bytes() {
        let is_word = byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii();
        pieces += usize::from(!(byte.is_ascii_whitespace() || is_word && in_word));
        statements += usize::from(byte == b';');
        in_word = is_word;
    }
    let trees = pieces.saturating_mul(PIECE_BYTES).saturating_add(statements.saturating_mul(STATEMENT_BYTES));
    trees.saturating_add(text.len().saturating_mul(TEXT_COPIES))
}
