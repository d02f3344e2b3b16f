//! The two steps that all parts of the parser share: taking bytes from the front of the input, and skipping blanks.

/// Removes the first `len` bytes from `input` and returns them; all of them if there are fewer.
#[inline]
pub(super) fn take<'a>(input: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, rest) = input.split_at(len.min(input.len()));
    *input = rest;
    taken
}

/// Skips the bytes that may precede a line, its fields and its timestamp: spaces, tabs and NULs.
pub(super) fn skip_blanks(input: &mut &[u8]) {
    let blanks = input.iter().position(|b| !matches!(b, b' ' | b'\t' | 0)).unwrap_or(input.len());
    *input = input.get(blanks..).unwrap_or_default();
}
