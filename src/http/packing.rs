//! Answers in gzip: fast, or to the bytes that InfluxDB sends.

use std::io::Write;

use flate2::write::GzEncoder;
use flate2::{Compression, Crc};
use fluxstone_compat::AnswerSemantics;
use fluxstone_go::deflate::Deflater;

/// The head of a stream as Go writes it: no flags, no time, no system.
const HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A stream that is being compressed.
#[derive(Debug)]
pub(super) enum Packer {
    Fast(GzEncoder<Vec<u8>>),
    AsObserved { deflater: Box<Deflater>, crc: Crc, is_begun: bool },
}

impl Packer {
    /// A new stream.
    pub(super) fn new(semantics: AnswerSemantics) -> Packer {
        if semantics.gzip_bytes {
            Packer::AsObserved { deflater: Box::default(), crc: Crc::new(), is_begun: false }
        } else {
            Packer::Fast(GzEncoder::new(Vec::new(), Compression::fast()))
        }
    }

    /// Returns a piece in a form that can be read as soon as it arrives.
    pub(super) fn piece(&mut self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Packer::Fast(gzip) => {
                // Writing to a vector cannot fail.
                let _ = gzip.write_all(bytes).and_then(|()| gzip.flush());
                std::mem::take(gzip.get_mut())
            }
            Packer::AsObserved { deflater, crc, is_begun } => {
                let mut out = if *is_begun { Vec::new() } else { begin(deflater) };
                *is_begun = true;
                crc.update(bytes);
                deflater.write(bytes);
                deflater.flush();
                out.append(&mut deflater.take());
                out
            }
        }
    }

    /// Returns the last piece, which may be empty, and the end.
    pub(super) fn finish(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Packer::Fast(mut gzip) => gzip.write_all(bytes).and_then(|()| gzip.finish()).unwrap_or_default(),
            Packer::AsObserved { mut deflater, mut crc, is_begun } => {
                let mut out = if is_begun { Vec::new() } else { begin(&mut deflater) };
                crc.update(bytes);
                deflater.write(bytes);
                out.append(&mut end(&mut deflater, &crc));
                out
            }
        }
    }
}

/// InfluxDB flushes the head of an answer before there is anything in it.
fn begin(deflater: &mut Deflater) -> Vec<u8> {
    deflater.flush();
    [&HEAD, &deflater.take()[..]].concat()
}

fn end(deflater: &mut Deflater, crc: &Crc) -> Vec<u8> {
    deflater.finish();
    [&deflater.take()[..], &crc.sum().to_le_bytes(), &crc.amount().to_le_bytes()].concat()
}

/// Returns the body of a refusal in gzip.
pub(super) fn packed(bytes: &[u8], semantics: AnswerSemantics) -> Vec<u8> {
    if !semantics.gzip_bytes {
        return Packer::new(semantics).finish(bytes);
    }
    let (mut deflater, mut crc) = (Deflater::default(), Crc::new());
    crc.update(bytes);
    deflater.write(bytes);
    [&HEAD, &end(&mut deflater, &crc)[..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn unpacked(bytes: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut content).unwrap();
        content
    }

    proptest::proptest! {
        #[test]
        fn what_is_packed_is_unpacked(pieces in proptest::collection::vec("([a-c]|[0-9]{3}|\\PC){0,300}", 0..6), size in 1..400_usize) {
            let pieces: Vec<_> = pieces.iter().map(|piece| piece.repeat(size).into_bytes()).collect();
            let whole = pieces.concat();
            for semantics in [AnswerSemantics::DOCUMENTED, AnswerSemantics::OBSERVED] {
                proptest::prop_assert!(unpacked(&packed(&whole, semantics)) == whole);
                let mut packer = Packer::new(semantics);
                let mut bytes: Vec<u8> = pieces.iter().flat_map(|piece| packer.piece(piece)).collect();
                bytes.append(&mut packer.finish(b"end"));
                proptest::prop_assert!(unpacked(&bytes) == [&whole[..], b"end"].concat());
            }
        }
    }
}
