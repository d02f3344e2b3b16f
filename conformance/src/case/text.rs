//! A text in a case file: written out, or assembled from pieces, so that a line of 64 KiB remains readable.

use serde::Deserialize;

/// The longest text that pieces may make.
const TEXT_BYTES_MAX: usize = 16 << 20;

/// A complete text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Spelling")]
pub struct Text(pub String);

/// A text as written in a case file: in full, or as a list of pieces.
#[derive(Deserialize)]
#[serde(untagged)]
enum Spelling {
    Plain(String),
    Pieces(Vec<Piece>),
}

/// A piece: a text, or a text that is repeated, with a number that counts up if it asks for one.
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
    /// What `{n}` means in the first repetition; each further one adds 1.
    n: Option<i64>,
}

/// The most digits of a number, with its sign.
const NUMBER_BYTES_MAX: usize = 20;

impl Repeated {
    /// The most bytes that all repetitions may have.
    fn bytes_max(&self) -> usize {
        let numbers = self.n.map_or(0, |_| self.text.matches("{n}").count());
        numbers.saturating_mul(NUMBER_BYTES_MAX).saturating_add(self.text.len()).saturating_mul(self.times)
    }

    fn push_to(&self, whole: &mut String) {
        match self.n {
            None => whole.push_str(&self.text.repeat(self.times)),
            Some(n) => (n..).take(self.times).for_each(|n| whole.push_str(&self.text.replace("{n}", &n.to_string()))),
        }
    }
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
            let repeated = match piece {
                Piece::Once(text) => Repeated { text, times: 1, n: None },
                Piece::Repeated(repeated) => repeated,
            };
            if repeated.bytes_max().saturating_add(whole.len()) > TEXT_BYTES_MAX {
                return Err(format!("the text is longer than {TEXT_BYTES_MAX} bytes"));
            }
            repeated.push_to(&mut whole);
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
    fn a_text_is_written_in_full_or_in_pieces() {
        assert_eq!(text("'a b'").unwrap(), "a b");
        assert_eq!(text("['a', { text = 'xy', times = 3 }, 'b']").unwrap(), "axyxyxyb");
        assert_eq!(text("[{ text = 'm f={n} {n};', times = 3, n = 9 }]").unwrap(), "m f=9 9;m f=10 10;m f=11 11;");
        assert_eq!(text("[{ text = '{n}', times = 2 }]").unwrap(), "{n}{n}");
        assert_eq!(text("[]").unwrap(), "");
    }

    #[test]
    fn other_values_and_long_texts_are_refused() {
        for bad in
            ["1", "[1]", "[{ text = 'a' }]", "[{ text = 'a', times = -1 }]", "[{ text = 'a', times = 99999999 }]"]
        {
            assert!(text(bad).is_err(), "{bad}");
        }
    }
}
