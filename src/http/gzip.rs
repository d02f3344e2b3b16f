//! Unpacks gzip (RFC 1952) request bodies in bounded memory, and reports faults in Go's words.
//!
//! `flate2` inflates. Headers and trailers are read here, because their faults have texts of their own.

use flate2::{Crc, Decompress, FlushDecompress, Status};
use fluxstone_model::Clause;

use super::body_memory::NoMemory;

/// The least number of bytes by which the unpacked body grows.
const STEP_BYTES: usize = 64 << 10;

/// Why a body cannot be unpacked. Displays as clients see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum GzipError {
    #[error("EOF")]
    Empty,
    #[error("unexpected EOF")]
    Truncated,
    #[error("gzip: invalid header")]
    Header,
    #[error("gzip: invalid checksum")]
    Checksum,
    #[error("flate: corrupt input before offset {0}")]
    Corrupt(u64),
    #[error("request body too large: more than {0} bytes unpacked (max-body-size)")]
    TooLarge(usize),
    #[error(transparent)]
    Memory(#[from] NoMemory),
}

impl GzipError {
    /// The clause that the body does not keep.
    pub(super) fn clause(&self) -> Clause {
        match self {
            GzipError::Empty
            | GzipError::Truncated
            | GzipError::Header
            | GzipError::Checksum
            | GzipError::Corrupt(_) => Clause::new("write.gzip.3"),
            GzipError::TooLarge(_) => Clause::new("http.limits.2"),
            GzipError::Memory(_) => Clause::new("http.limits.3"),
        }
    }
}

/// Unpacks one or more members to at most `bytes_max` bytes. Asks `reserve` for the total size before it allocates.
pub(super) fn unpack(
    mut packed: &[u8],
    bytes_max: usize,
    reserve: &mut dyn FnMut(usize) -> Result<(), NoMemory>,
) -> Result<Vec<u8>, GzipError> {
    let mut out = Vec::new();
    if packed.is_empty() {
        return Err(GzipError::Empty);
    }
    while !packed.is_empty() {
        let start = out.len();
        let body = header(packed)?;
        let used = inflate(body, &mut out, bytes_max, reserve)?;
        let (trailer, rest) =
            body.get(used..).and_then(|rest| rest.split_first_chunk::<8>()).ok_or(GzipError::Truncated)?;
        let mut crc = Crc::new();
        crc.update(&out[start..]);
        let sums = [crc.sum().to_le_bytes(), ((out.len() - start) as u32).to_le_bytes()].concat();
        if trailer[..] != sums[..] {
            return Err(GzipError::Checksum);
        }
        packed = rest;
    }
    Ok(out)
}

/// Returns the bytes that follow the header of a member.
fn header(packed: &[u8]) -> Result<&[u8], GzipError> {
    const CHECKED: u8 = 1 << 1;
    const EXTRA: u8 = 1 << 2;
    const NAME: u8 = 1 << 3;
    const COMMENT: u8 = 1 << 4;
    let (fixed, mut rest) = packed.split_first_chunk::<10>().ok_or(GzipError::Truncated)?;
    if fixed[..3] != [0x1f, 0x8b, 8] {
        return Err(GzipError::Header);
    }
    let flags = fixed[3];
    if flags & EXTRA != 0 {
        let (len, extra) = rest.split_first_chunk::<2>().ok_or(GzipError::Truncated)?;
        rest = extra.get(u16::from_le_bytes(*len) as usize..).ok_or(GzipError::Truncated)?;
    }
    for flag in [NAME, COMMENT] {
        if flags & flag != 0 {
            let end = memchr::memchr(0, rest).ok_or(GzipError::Truncated)?;
            rest = &rest[end + 1..];
        }
    }
    if flags & CHECKED != 0 {
        let mut crc = Crc::new();
        crc.update(&packed[..packed.len() - rest.len()]);
        let (sum, after) = rest.split_first_chunk::<2>().ok_or(GzipError::Truncated)?;
        if *sum != (crc.sum() as u16).to_le_bytes() {
            return Err(GzipError::Header);
        }
        rest = after;
    }
    Ok(rest)
}

/// Inflates the beginning of `packed` into `out`. Returns how many bytes of `packed` were used.
fn inflate(
    packed: &[u8],
    out: &mut Vec<u8>,
    bytes_max: usize,
    reserve: &mut dyn FnMut(usize) -> Result<(), NoMemory>,
) -> Result<usize, GzipError> {
    let mut inflater = Decompress::new(false);
    loop {
        let used = inflater.total_in() as usize;
        if out.len() > bytes_max {
            return Err(GzipError::TooLarge(bytes_max));
        }
        // Doubles, so that a large body is not copied again and again. One byte above the limit shows that the body is too large.
        let wanted = (out.len() + STEP_BYTES.max(out.len())).min(bytes_max.saturating_add(1));
        if out.capacity() - out.len() < STEP_BYTES && wanted > out.capacity() {
            reserve(wanted)?;
            out.reserve_exact(wanted - out.len());
        }
        let before = out.len();
        let status = inflater
            .decompress_vec(&packed[used..], out, FlushDecompress::None)
            .map_err(|_| GzipError::Corrupt(inflater.total_in()))?;
        let used_now = inflater.total_in() as usize;
        match status {
            Status::StreamEnd if out.len() > bytes_max => return Err(GzipError::TooLarge(bytes_max)),
            Status::StreamEnd => return Ok(used_now),
            _ if used_now == used && out.len() == before => return Err(GzipError::Truncated),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn check(body: &[u8], want: Result<&[u8], GzipError>) {
        assert_eq!(unpack(body, 1 << 20, &mut |_| Ok(())), want.map(<[u8]>::to_vec));
    }

    // spec: write.gzip.2
    #[test]
    fn members_are_joined_and_may_be_empty() {
        check(&packed(b"m f=1"), Ok(b"m f=1"));
        check(&[packed(b"m f=1\n"), packed(b""), packed(b"m f=2")].concat(), Ok(b"m f=1\nm f=2"));
        check(&packed(b""), Ok(b""));
        let mut named = flate2::GzBuilder::new().filename("points.txt").comment("c").extra("xx");
        named = named.mtime(1);
        let mut encoder = named.write(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"m f=3").unwrap();
        check(&encoder.finish().unwrap(), Ok(b"m f=3"));
    }

    // spec: write.gzip.3
    #[test]
    fn faults_are_reported_in_gos_words() {
        let good = packed(b"m f=1 1\n");
        check(b"", Err(GzipError::Empty));
        check(b"m f=1", Err(GzipError::Truncated));
        check(b"m f=1 1234567890", Err(GzipError::Header));
        for len in 1..good.len() {
            check(&good[..len], Err(GzipError::Truncated));
        }
        let mut wrong = good.clone();
        let crc_at = wrong.len() - 8;
        wrong[crc_at] ^= 1;
        check(&wrong, Err(GzipError::Checksum));
        check(&[good, b"trailing garbage".to_vec()].concat(), Err(GzipError::Header));
        assert_eq!(GzipError::Header.to_string(), "gzip: invalid header");
    }

    // spec: http.limits.2
    #[test]
    fn a_small_body_that_unpacks_to_a_large_one_is_refused_early() {
        let bomb = packed(&vec![0; 8 << 20]);
        let mut asked = 0;
        let mut reserve = |bytes| {
            asked = bytes;
            Ok(())
        };
        assert_eq!(unpack(&bomb, 1 << 20, &mut reserve), Err(GzipError::TooLarge(1 << 20)));
        assert_eq!(asked, (1 << 20) + 1);
        let short = NoMemory::Short(1 << 20);
        let mut reserve = |bytes| if bytes < 1 << 20 { Ok(()) } else { Err(short) };
        assert_eq!(unpack(&bomb, 8 << 20, &mut reserve), Err(GzipError::Memory(short)));
        assert_eq!(unpack(&bomb, 8 << 20, &mut |_| Ok(())).map(|out| out.len()), Ok(8 << 20));
        assert_eq!(unpack(&bomb, (8 << 20) - 1, &mut |_| Ok(())), Err(GzipError::TooLarge((8 << 20) - 1)));
    }

    proptest::proptest! {
        #[test]
        fn packed_bodies_round_trip(content in proptest::collection::vec(proptest::num::u8::ANY, 0..5000)) {
            proptest::prop_assert_eq!(unpack(&packed(&content), 5000, &mut |_| Ok(())), Ok(content));
        }

        #[test]
        fn any_bytes_unpack_or_fail(body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let framed = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0][..], &body].concat();
            let _ = unpack(&framed, 1 << 20, &mut |_| Ok(()));
        }
    }
}
