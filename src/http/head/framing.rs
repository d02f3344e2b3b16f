//! Where the body of a request ends: exactly where hyper's decoder ends it, byte for byte, so that what follows is a head for both.

/// How the rest of a body ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Framing {
    /// After this many bytes.
    Length(u64),
    /// After the last chunk.
    Chunked { state: ChunkState, chunk_bytes: u64 },
}

/// What is expected next of a body in chunks. The states are those of hyper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChunkState {
    Start,
    Size,
    Blank,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailer,
    TrailerLf,
    EndCr,
    EndLf,
    End,
    /// hyper refuses this body and reads nothing after it.
    Broken,
}

impl Framing {
    pub(crate) const CHUNKED: Framing = Framing::Chunked { state: ChunkState::Start, chunk_bytes: 0 };

    /// Whether the whole body was taken.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Framing::Length(0) | Framing::Chunked { state: ChunkState::End, .. })
    }

    /// Returns how many of the next bytes belong to the body, which are at least one unless it is over, and takes them.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> usize {
        match self {
            Framing::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                taken
            }
            Framing::Chunked { state, chunk_bytes } => {
                let mut taken = 0;
                while taken < bytes.len() {
                    taken += match state {
                        ChunkState::End => break,
                        ChunkState::Broken => bytes.len() - taken,
                        ChunkState::Data => take_data(state, chunk_bytes, bytes.len() - taken),
                        _ => {
                            *state = after(*state, chunk_bytes, bytes[taken]);
                            1
                        }
                    };
                }
                taken
            }
        }
    }
}

fn take_data(state: &mut ChunkState, chunk_bytes: &mut u64, bytes_max: usize) -> usize {
    let taken = usize::try_from(*chunk_bytes).unwrap_or(usize::MAX).min(bytes_max);
    *chunk_bytes -= taken as u64;
    if *chunk_bytes == 0 {
        *state = ChunkState::DataCr;
    }
    taken
}

/// The state after a byte outside of the data of a chunk.
#[expect(clippy::match_same_arms, reason = "state after state, as hyper has them")]
fn after(state: ChunkState, chunk_bytes: &mut u64, byte: u8) -> ChunkState {
    match (state, byte) {
        (ChunkState::Start | ChunkState::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
            let digit = u64::from((byte as char).to_digit(16).unwrap_or_default());
            match chunk_bytes.checked_mul(16).and_then(|bytes| bytes.checked_add(digit)) {
                Some(bytes) => {
                    *chunk_bytes = bytes;
                    ChunkState::Size
                }
                None => ChunkState::Broken,
            }
        }
        (ChunkState::Size | ChunkState::Blank, b'\t' | b' ') => ChunkState::Blank,
        (ChunkState::Size | ChunkState::Blank, b';') => ChunkState::Extension,
        (ChunkState::Size | ChunkState::Blank | ChunkState::Extension, b'\r') => ChunkState::SizeLf,
        (ChunkState::Extension, b'\n') => ChunkState::Broken,
        (ChunkState::Extension, _) => ChunkState::Extension,
        (ChunkState::SizeLf, b'\n') if *chunk_bytes == 0 => ChunkState::EndCr,
        (ChunkState::SizeLf, b'\n') => ChunkState::Data,
        (ChunkState::DataCr, b'\r') => ChunkState::DataLf,
        (ChunkState::DataLf, b'\n') => ChunkState::Start,
        (ChunkState::Trailer, b'\r') => ChunkState::TrailerLf,
        (ChunkState::Trailer, _) => ChunkState::Trailer,
        (ChunkState::TrailerLf, b'\n') => ChunkState::EndCr,
        (ChunkState::EndCr, b'\r') => ChunkState::EndLf,
        (ChunkState::EndCr, _) => ChunkState::Trailer,
        (ChunkState::EndLf, b'\n') => ChunkState::End,
        _ => ChunkState::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks that a chunked body ends before `rest`, in whatever pieces it arrives.
    fn check(body: &str, rest: &str) {
        let bytes = [body, rest].concat().into_bytes();
        for piece in 1..=bytes.len() {
            let mut framing = Framing::CHUNKED;
            let taken: usize = bytes.chunks(piece).map(|piece| framing.take(piece)).sum();
            assert_eq!((taken, framing.is_over()), (body.len(), true), "{body:?} in pieces of {piece}");
        }
    }

    fn check_broken(body: &str) {
        let mut framing = Framing::CHUNKED;
        let bytes = [body, "GET / HTTP/1.1\r\n\r\n"].concat().into_bytes();
        assert_eq!(framing.take(&bytes), bytes.len(), "{body:?}");
        assert!(!framing.is_over());
    }

    // spec: http.connection.4
    #[test]
    fn chunked_bodies_end_where_hyper_ends_them() {
        check("0\r\n\r\n", "GET /");
        check("5\r\nhello\r\n0\r\n\r\n", "0\r\n\r\n");
        check("00A \t;a=b\r\n0123\r\n\r\n89\r\n0;x\r\n\r\n", "POST");
        check("1\r\na\r\n0\r\nX: y\nGET / HTTP/1.1\r\nZ: 1\r\n\r\n", "GET");
    }

    // spec: http.connection.4
    #[test]
    fn nothing_follows_a_broken_body() {
        for body in ["\r\n", "g\r\n", "1\n", "1 1\r\n", "1\r\nab", "1\r\na\n", "0\r\n\r\r", "1;\n", "0x1\r\n"] {
            check_broken(body);
        }
        check_broken("11111111111111111\r\n");
    }
}
