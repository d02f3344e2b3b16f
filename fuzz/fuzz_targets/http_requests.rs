//! Arbitrary bytes of a connection in arbitrary pieces: hyper gets the same bytes except that each target is replaced by a mark, the
//! targets are those of the bytes, and how the bytes are cut into pieces makes no difference.
#![no_main]

use arbitrary::Arbitrary;
use fluxstone_http::{Heads, LargeHeads, Requests};
use libfuzzer_sys::fuzz_target;

/// The most bytes and lines of which nothing is dropped.
const BYTES_MAX: usize = 32 << 10;
const LINES_MAX: usize = 100;

#[derive(Debug, Arbitrary)]
struct Connection<'a> {
    pieces: Vec<u8>,
    bytes: &'a [u8],
}

/// What hyper gets, with each mark replaced by its target, and whether a request was refused at its end.
fn passed(bytes: &[u8], pieces: &[u8]) -> (Vec<u8>, bool) {
    let heads = Heads::default();
    let mut requests = Requests::new(heads.clone(), LargeHeads::default());
    let mut sizes = pieces.iter().cycle();
    let mut size = || usize::from(*sizes.next().unwrap_or(&0)) + 1;
    let (mut output, mut is_refused) = (Vec::new(), false);
    let mut rest = bytes;
    while !rest.is_empty() {
        let piece;
        (piece, rest) = rest.split_at(size().min(rest.len()));
        let direct = requests.receive(piece);
        output.extend_from_slice(&piece[..direct]);
        while let Some(piece) = requests.piece(size()) {
            assert!(!piece.is_empty());
            output.extend_from_slice(&piece);
        }
        while let Some((mark, target)) = heads.pop() {
            assert!(!is_refused, "nothing follows a refusal");
            let mark = format!(" /{mark} HTTP/1.");
            let at = output.windows(mark.len()).position(|bytes| bytes == mark.as_bytes()).expect("the mark was passed on");
            match target {
                Ok(target) => {
                    assert!(target.raw().iter().all(|byte| !b" \r\n".contains(byte)));
                    assert!(target.raw().ends_with(target.query()));
                    output.splice(at..at + mark.len(), [b" ", target.raw(), b" HTTP/1."].concat());
                }
                Err(_) => {
                    let begin = output[..at].iter().rposition(|&byte| !byte.is_ascii_alphabetic()).map_or(0, |at| at + 1);
                    output.truncate(begin);
                    is_refused = true;
                }
            }
        }
    }
    (output, is_refused)
}

/// Whether `output` is the beginning of `input`, except for empty lines before heads.
fn is_unchanged(output: &[u8], input: &[u8]) -> bool {
    let mut input = input.iter();
    output.iter().all(|byte| input.find(|other| *other == byte || !b"\r\n".contains(other)) == Some(byte))
}

fuzz_target!(|connection: Connection<'_>| {
    // Longer heads may lose headers that nobody reads.
    let bytes = &connection.bytes[..connection.bytes.len().min(BYTES_MAX)];
    let (whole, is_refused) = passed(bytes, &[255]);
    assert!(bytes.iter().filter(|&&byte| byte == b'\n').count() > LINES_MAX || is_unchanged(&whole, bytes));
    assert_eq!(passed(bytes, &connection.pieces), (whole, is_refused));
});
