//! A text of a case file: written out, or put together from pieces, so that a line of 64 KiB can be read by people.

use serde::Deserialize;

/// No text is longer than this, whatever its pieces say.
const TEXT_BYTES_MAX: usize = 16 << 20;

/// A text, complete.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Spelling")]
pub struct Text(pub String);

/// How a text is spelt: as itself, or as a list of pieces.
#[derive(Deserialize)]
#[serde(untagged)]
enum Spelling {
    Plain(String),
    Pieces(Vec<Piece>),
}

/// A piece stands for itself, or for a text that is repeated.
#[derive(Deserialize)]
#[serde(untagged)]
enum Piece {
    Once(String),
    Repeated(Repeated),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeated {
    text: String,
    times: usize,
}

impl TryFrom<Spelling> for Text {
    type Error = String;

    fn try_from(spelling: Spelling) -> Result<Text, String> {
        let pieces = match spelling {
            Spelling::Plain(text) => return Ok(Text(text)),
            Spelling::Pieces(pieces) => pieces,
        };
        let mut whole = String::new();
        for piece in pieces {
            let (text, times) = match piece {
                Piece::Once(text) => (text, 1),
                Piece::Repeated(Repeated { text, times }) => (text, times),
            };
            if text.len().saturating_mul(times).saturating_add(whole.len()) > TEXT_BYTES_MAX {
                return Err(format!("the text is longer than {TEXT_BYTES_MAX} bytes"));
            }
            whole.push_str(&text.repeat(times));
        }
        Ok(Text(whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Result<String, toml::de::Error> {
        #[derive(Deserialize)]
        struct File {
            body: Text,
        }
        toml::from_str::<File>(&format!("body = {value}")).map(|file| file.body.0)
    }

    #[test]
    fn a_text_is_itself_or_the_sum_of_its_pieces() {
        assert_eq!(text("'a b'").unwrap(), "a b");
        assert_eq!(text("['a', { text = 'xy', times = 3 }, 'b']").unwrap(), "axyxyxyb");
        assert_eq!(text("[]").unwrap(), "");
    }

    #[test]
    fn what_is_no_text_or_too_long_is_refused() {
        for bad in
            ["1", "[1]", "[{ text = 'a' }]", "[{ text = 'a', times = -1 }]", "[{ text = 'a', times = 99999999 }]"]
        {
            assert!(text(bad).is_err(), "{bad}");
        }
    }
}
