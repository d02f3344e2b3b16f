//! Lines and characters for messages. They are computed only when an error is reported, by reading the text from its beginning.
//!
//! Positions count characters, not bytes. A newline belongs to the line that it ends; CR LF and a lone CR are newlines. After a
//! NUL, which reads as the end of the text, characters are no longer counted.

use super::token::Place;

/// A line and a character, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) character: usize,
}

impl Position {
    /// The position in messages that do not concern a token.
    pub(super) const START: Position = Position { line: 1, character: 1 };

    /// The position of `place` in `text`.
    pub(super) fn of(place: Place, text: &str) -> Position {
        let (before, past_end) = match place {
            Place::At(byte) => (text.get(..byte).unwrap_or(text), false),
            Place::PastEnd => (text, true),
        };
        let mut position = Position::START;
        let mut counting = true;
        let mut chars = before.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\r' if chars.peek() == Some(&'\n') => {}
                '\r' | '\n' => position = Position { line: position.line + 1, character: 1 },
                _ if counting => position.character += 1,
                _ => {}
            }
            counting &= c != '\0';
        }
        position.character += usize::from(past_end && counting);
        position
    }
}

/// The first byte of the character before `byte`, where CR LF is one character; 0 at the beginning.
pub(super) fn character_before(text: &str, byte: usize) -> usize {
    let before = text.get(..byte).unwrap_or(text);
    let last = before.chars().next_back().map_or(0, char::len_utf8);
    if before.ends_with("\r\n") { before.len() - 2 } else { before.len() - last }
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: influxql.position.1
    #[test]
    fn characters_and_newlines_are_counted_not_bytes() {
        let at = |text: &str, byte| {
            let Position { line, character } = Position::of(Place::At(byte), text);
            (line, character)
        };
        assert_eq!(at("☃☃x", 6), (1, 3));
        assert_eq!(at("a\nb", 1), (1, 2));
        assert_eq!(at("a\nb", 2), (2, 1));
        assert_eq!(at("a\r\nb", 3), (2, 1));
        assert_eq!(at("a\rb", 2), (2, 1));
        assert_eq!(at("\r\r\n\nb", 4), (4, 1));
        assert_eq!(at("a\0bcd", 4), (1, 3));
        assert_eq!(Position::of(Place::PastEnd, "ab"), Position { line: 1, character: 4 });
        assert_eq!(character_before("☃'", 3), 0);
        assert_eq!(character_before("a\r\n'", 3), 1);
    }
}
