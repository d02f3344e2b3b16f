//! The lexer: reads one token of the text at a given byte. It knows nothing about the grammar; the parser calls [`regex`] where
//! it expects a regular expression, because only the grammar can tell one from a division.
//!
//! NUL reads as the end of the text. A NUL directly after a bare word or white space is swallowed. So is the true end, and then
//! messages about the end name the character after it (`Lexed::swallowed_end`).

use super::ast::BinaryOp;
use super::position::character_before;
use super::token::{Kind, Place, Token, reserved};

/// A token, and the effect of reading it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lexed<'t> {
    pub(super) token: Token<'t>,
    /// Whether the end of the text was read as the end of the token.
    pub(super) swallowed_end: bool,
}

/// Reads the token at byte `start`. White space is a token too. At the end of the text the token is [`Kind::End`].
pub(super) fn lex(text: &str, start: usize) -> Lexed<'_> {
    let lexer = Lexer { text, start };
    let rest = lexer.rest(start);
    let whole = |kind, length| Lexed { token: lexer.token(kind, start, start + length), swallowed_end: false };
    let Some(first) = rest.chars().next() else { return whole(Kind::End, 0) };
    let follows = |wanted: u8| rest.as_bytes().get(1) == Some(&wanted);
    match first {
        '\0' => whole(Kind::End, 1),
        ' ' | '\t' | '\n' | '\r' => lexer.space(),
        'A'..='Z' | 'a'..='z' | '_' | '"' => lexer.word(),
        '\'' => lexer.string(),
        '$' => lexer.parameter(),
        '0'..='9' | '+' | '-' | '.' => lexer.number(),
        '*' => whole(Kind::Operator(BinaryOp::Multiply), 1),
        '/' => whole(Kind::Operator(BinaryOp::Divide), 1),
        '=' if follows(b'~') => whole(Kind::Operator(BinaryOp::Match), 2),
        '=' => whole(Kind::Operator(BinaryOp::Equal), 1),
        '!' if follows(b'=') => whole(Kind::Operator(BinaryOp::NotEqual), 2),
        '!' if follows(b'~') => whole(Kind::Operator(BinaryOp::NotMatch), 2),
        '>' if follows(b'=') => whole(Kind::Operator(BinaryOp::GreaterOrEqual), 2),
        '>' => whole(Kind::Operator(BinaryOp::Greater), 1),
        '<' if follows(b'=') => whole(Kind::Operator(BinaryOp::LessOrEqual), 2),
        '<' if follows(b'>') => whole(Kind::Operator(BinaryOp::NotEqual), 2),
        '<' => whole(Kind::Operator(BinaryOp::Less), 1),
        '(' => whole(Kind::LeftParen, 1),
        ')' => whole(Kind::RightParen, 1),
        ',' => whole(Kind::Comma, 1),
        ';' => whole(Kind::Semicolon, 1),
        ':' if follows(b':') => whole(Kind::DoubleColon, 2),
        ':' => whole(Kind::Colon, 1),
        other => whole(Kind::Illegal, other.len_utf8()),
    }
}

/// Reads the regular expression whose first slash is at byte `start`. Returns its text without the slashes and one past its last
/// byte, or `None` if it does not end on its line.
pub(super) fn regex(text: &str, start: usize) -> Option<(String, usize)> {
    let body = text.get(start + 1..)?;
    let mut pattern = String::new();
    let mut chars = body.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '/' => return Some((pattern, start + 1 + at + 1)),
            '\n' | '\r' | '\0' => return None,
            '\\' if chars.next_if(|(_, next)| *next == '/').is_some() => pattern.push('/'),
            c => pattern.push(c),
        }
    }
    None
}

/// The ways in which a quoted text ends.
enum Quoted<'t> {
    /// The text between the quotes and one past the closing one.
    Closed(&'t str, usize),
    /// The text up to the end of the line or of the input.
    Unterminated(&'t str, usize),
    /// A backslash and the character after it; the byte of that character, and one past it.
    BadEscape(&'t str, usize, usize),
}

struct Lexer<'t> {
    text: &'t str,
    start: usize,
}

impl<'t> Lexer<'t> {
    fn rest(&self, from: usize) -> &'t str {
        self.text.get(from..).unwrap_or("")
    }

    fn token(&self, kind: Kind, start: usize, end: usize) -> Token<'t> {
        let text = self.text.get(start..end).unwrap_or("");
        Token { kind, text, start: self.start, end, place: Place::At(self.start) }
    }

    fn space(&self) -> Lexed<'t> {
        let mut end = self.start;
        loop {
            let blanks = self.rest(end).bytes().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count();
            end += blanks;
            if blanks == 0 || !self.rest(end).starts_with('\0') {
                break;
            }
            end += 1;
        }
        Lexed { token: self.token(Kind::Space, self.start, end), swallowed_end: end == self.text.len() }
    }

    /// A bare word, or a quoted name with the bare characters directly before it.
    fn word(&self) -> Lexed<'t> {
        let mut end = self.start;
        let mut swallowed_end = false;
        loop {
            end += self.rest(end).bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
            match self.rest(end).bytes().next() {
                Some(b'"') => return self.quoted_name(end, self.start),
                Some(0) => end += 1,
                Some(_) => break,
                None => {
                    swallowed_end = true;
                    break;
                }
            }
            // A word continues after one NUL, but not after two.
            match self.rest(end).bytes().next() {
                Some(0) => {
                    end += 1;
                    break;
                }
                Some(b) if b.is_ascii_alphanumeric() || b == b'_' || b == b'"' => {}
                other => {
                    swallowed_end = other.is_none();
                    break;
                }
            }
        }
        let mut token = self.token(Kind::Identifier, self.start, end);
        if let Some(kind) = reserved(&token.content()) {
            token.kind = kind;
        }
        Lexed { token, swallowed_end }
    }

    /// The quoted name whose quote is at byte `quote`, as a token that messages place at `place`.
    fn quoted_name(&self, quote: usize, place: usize) -> Lexed<'t> {
        let mut lexed = self.quoted(quote, '"', Kind::Identifier);
        if lexed.token.kind == Kind::Identifier {
            lexed.token.place = Place::At(place);
        }
        lexed
    }

    fn string(&self) -> Lexed<'t> {
        self.quoted(self.start, '\'', Kind::String)
    }

    /// The quoted text from byte `quote`, of `kind` if it is well-formed. Messages place it one character before its opening quote.
    fn quoted(&self, quote: usize, delimiter: char, kind: Kind) -> Lexed<'t> {
        let before = Place::At(character_before(self.text, quote));
        let (kind, text, end, place) = match self.scan_quoted(quote, delimiter) {
            Quoted::Closed(text, end) => (kind, text, end, before),
            Quoted::Unterminated(text, end) => (Kind::Unterminated, text, end, before),
            Quoted::BadEscape(text, at, end) => (Kind::BadEscape, text, end, Place::At(at)),
        };
        Lexed { token: Token { kind, text, start: self.start, end, place }, swallowed_end: false }
    }

    fn scan_quoted(&self, quote: usize, delimiter: char) -> Quoted<'t> {
        let body = self.rest(quote + 1);
        let from = quote + 1;
        let mut chars = body.char_indices();
        while let Some((at, c)) = chars.next() {
            let so_far = body.get(..at).unwrap_or("");
            match c {
                '\n' | '\r' | '\0' => return Quoted::Unterminated(so_far, from + at),
                '\\' => match chars.next() {
                    Some((_, 'n' | '\\' | '"' | '\'')) => {}
                    Some((next, c)) if c != '\0' => {
                        let end = next + c.len_utf8();
                        return Quoted::BadEscape(body.get(at..end).unwrap_or(""), from + next, from + end);
                    }
                    _ => return Quoted::BadEscape("\\", from + at + 1, from + at + 1),
                },
                c if c == delimiter => return Quoted::Closed(so_far, from + at + 1),
                _ => {}
            }
        }
        Quoted::Unterminated(body, self.text.len())
    }

    /// `$name` or `$"name"`. Reserved words and names that begin with a digit are allowed.
    fn parameter(&self) -> Lexed<'t> {
        let name = self.start + 1;
        let mut end = name + self.rest(name).bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count();
        let mut swallowed_end = end == self.text.len();
        if self.rest(end).starts_with('"') {
            let mut lexed = self.quoted(end, '"', Kind::Parameter);
            if lexed.token.kind != Kind::Parameter {
                lexed.token.kind = Kind::BrokenParameter;
            }
            lexed.token.place = Place::At(self.start);
            return lexed;
        }
        let mut token = self.token(Kind::Parameter, name, end);
        if self.rest(end).starts_with('\0') {
            end += 1;
            swallowed_end = end == self.text.len();
            token.end = end;
        }
        Lexed { token, swallowed_end }
    }

    /// An integer, a number with a dot or a duration, or the sign or dot alone if no digit follows.
    fn number(&self) -> Lexed<'t> {
        let bytes = self.text.as_bytes();
        let digits = |from: usize| bytes.iter().skip(from).take_while(|b| b.is_ascii_digit()).count();
        let done = |kind, end| Lexed { token: self.token(kind, self.start, end), swallowed_end: false };
        let sign = bytes.get(self.start).copied();
        let at = self.start + usize::from(matches!(sign, Some(b'+' | b'-')));
        let whole = digits(at);
        let mut end = at + whole;
        if bytes.get(end) == Some(&b'.') && (whole > 0 || digits(end + 1) > 0) {
            let fraction = digits(end + 1);
            end += 1 + fraction;
            let mut lexed = done(Kind::Number, end);
            if fraction == 0 {
                lexed.token.text = self.text.get(self.start..end - 1).unwrap_or("");
            }
            return lexed;
        }
        if whole == 0 {
            return match sign {
                Some(b'+') => done(Kind::Operator(BinaryOp::Add), at),
                Some(b'-') => done(Kind::Operator(BinaryOp::Subtract), at),
                _ => done(Kind::Dot, self.start + 1),
            };
        }
        let unit = |c: &char| c.is_ascii_alphabetic() || *c == 'µ';
        if !self.rest(end).starts_with(|c| unit(&c)) {
            return done(Kind::Integer, end);
        }
        end += self.rest(end).chars().take_while(|c| unit(c) || c.is_ascii_digit()).map(char::len_utf8).sum::<usize>();
        done(Kind::Duration, end)
    }
}
