//! Tokens: the output of the lexer, and how messages quote them. A token borrows from the text and is cheap to copy.

use std::borrow::Cow;

use super::ast::BinaryOp;

/// A piece of the text with its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind,
    /// The part that the kind describes: digits and unit of a duration, or the text between quotes with its escapes.
    pub(super) text: &'t str,
    /// The first byte of the token.
    pub(super) start: usize,
    /// One past the last byte of the token.
    pub(super) end: usize,
    /// The place that messages give.
    pub(super) place: Place,
}

/// The kinds of tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The end of the text, or a NUL, which reads as the end.
    End,
    /// A character that starts nothing.
    Illegal,
    /// Space, tab, newline, carriage return.
    Space,
    /// A quoted text that does not end on its line.
    Unterminated,
    /// A backslash before a character that cannot be escaped.
    BadEscape,
    /// A bare or double-quoted name.
    Identifier,
    /// `$name`.
    Parameter,
    /// `$"name` without an end or with a bad escape.
    BrokenParameter,
    Integer,
    Number,
    Duration,
    String,
    Keyword(Keyword),
    /// An operator; `*` is always Multiply and `/` always Divide, even where they mean a wildcard or a regular expression.
    Operator(BinaryOp),
    LeftParen,
    RightParen,
    Comma,
    Semicolon,
    Colon,
    DoubleColon,
    Dot,
}

impl Kind {
    /// Whether the token shows text of the user's choice, or part of it: not a placeholder, an operator or punctuation.
    pub(super) fn is_word(self) -> bool {
        match self {
            Kind::Illegal
            | Kind::Unterminated
            | Kind::BadEscape
            | Kind::Identifier
            | Kind::BrokenParameter
            | Kind::Integer
            | Kind::Number
            | Kind::Duration
            | Kind::String
            | Kind::Keyword(_) => true,
            Kind::End
            | Kind::Space
            | Kind::Parameter
            | Kind::Operator(_)
            | Kind::LeftParen
            | Kind::RightParen
            | Kind::Comma
            | Kind::Semicolon
            | Kind::Colon
            | Kind::DoubleColon
            | Kind::Dot => false,
        }
    }
}

/// A place that a message may name: a byte of the text, or beyond its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The character that starts at this byte.
    At(usize),
    /// The character after the first one past the end.
    PastEnd,
}

impl<'t> Token<'t> {
    /// The content of a name, string or parameter, with escapes resolved and without NULs inside bare words.
    pub(super) fn content(&self) -> Cow<'t, str> {
        if !self.text.contains(['\\', '\0']) {
            return Cow::Borrowed(self.text);
        }
        let mut content = String::with_capacity(self.text.len());
        let mut chars = self.text.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => content.extend(chars.next().map(|escaped| if escaped == 'n' { '\n' } else { escaped })),
                '\0' => {}
                c => content.push(c),
            }
        }
        Cow::Owned(content)
    }

    /// The token as messages quote it after `found`.
    pub(super) fn found(&self) -> String {
        let named = |name: &str| {
            let content = self.content();
            if content.is_empty() { name.to_owned() } else { content.into_owned() }
        };
        match self.kind {
            Kind::End => "EOF".to_owned(),
            Kind::Keyword(keyword) => keyword.text().to_owned(),
            Kind::Operator(op) => op.symbol().to_owned(),
            Kind::Identifier => named("IDENT"),
            Kind::String => named("STRING"),
            Kind::Unterminated => named("BADSTRING"),
            Kind::Parameter => format!("${}", self.content()),
            Kind::BrokenParameter => format!("${}", self.text),
            Kind::Space => self.content().replace("\r\n", "\n").replace('\r', "\n"),
            // A backslash at the end of the text escapes the NUL that represents the end.
            Kind::BadEscape if self.text.ends_with('\\') => format!("{}\0", self.text),
            _ => self.text.to_owned(),
        }
    }

    pub(super) fn is_keyword(&self, keyword: Keyword) -> bool {
        self.kind == Kind::Keyword(keyword)
    }
}

macro_rules! keywords {
    ($($name:ident $text:literal,)*) => {
        /// A reserved word other than AND and OR, which are operators.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Keyword { $($name,)* }

        /// Sorted by text, for binary search.
        const KEYWORDS: &[(&str, Keyword)] = &[$(($text, Keyword::$name),)*];

        impl Keyword {
            /// The word in capitals.
            pub(super) fn text(self) -> &'static str {
                match self { $(Keyword::$name => $text,)* }
            }
        }
    };
}

keywords! {
    All "ALL",
    Alter "ALTER",
    Any "ANY",
    As "AS",
    Asc "ASC",
    Begin "BEGIN",
    By "BY",
    Continuous "CONTINUOUS",
    Create "CREATE",
    Database "DATABASE",
    Databases "DATABASES",
    Default "DEFAULT",
    Delete "DELETE",
    Desc "DESC",
    Destinations "DESTINATIONS",
    Diagnostics "DIAGNOSTICS",
    Distinct "DISTINCT",
    Drop "DROP",
    Duration "DURATION",
    End "END",
    Every "EVERY",
    Explain "EXPLAIN",
    False "FALSE",
    Field "FIELD",
    For "FOR",
    From "FROM",
    Grant "GRANT",
    Grants "GRANTS",
    Group "GROUP",
    Groups "GROUPS",
    In "IN",
    Inf "INF",
    Insert "INSERT",
    Into "INTO",
    Key "KEY",
    Keys "KEYS",
    Kill "KILL",
    Limit "LIMIT",
    Measurement "MEASUREMENT",
    Measurements "MEASUREMENTS",
    Name "NAME",
    Offset "OFFSET",
    On "ON",
    Order "ORDER",
    Password "PASSWORD",
    Policies "POLICIES",
    Policy "POLICY",
    Privileges "PRIVILEGES",
    Queries "QUERIES",
    Query "QUERY",
    Read "READ",
    Replication "REPLICATION",
    Resample "RESAMPLE",
    Retention "RETENTION",
    Revoke "REVOKE",
    Select "SELECT",
    Series "SERIES",
    Set "SET",
    Shard "SHARD",
    Shards "SHARDS",
    Show "SHOW",
    Slimit "SLIMIT",
    Soffset "SOFFSET",
    Stats "STATS",
    Subscription "SUBSCRIPTION",
    Subscriptions "SUBSCRIPTIONS",
    Tag "TAG",
    To "TO",
    True "TRUE",
    User "USER",
    Users "USERS",
    Values "VALUES",
    Where "WHERE",
    With "WITH",
    Write "WRITE",
}

/// The reserved word that `word` is, in any letter case: a keyword, or one of the operators AND and OR.
pub(super) fn reserved(word: &str) -> Option<Kind> {
    if word.eq_ignore_ascii_case("AND") {
        return Some(Kind::Operator(BinaryOp::And));
    }
    if word.eq_ignore_ascii_case("OR") {
        return Some(Kind::Operator(BinaryOp::Or));
    }
    let capitals = |byte: &u8| byte.to_ascii_uppercase();
    let at = KEYWORDS.binary_search_by(|(text, _)| text.bytes().cmp(word.as_bytes().iter().map(capitals))).ok()?;
    KEYWORDS.get(at).map(|(_, keyword)| Kind::Keyword(*keyword))
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: influxql.word.1
    #[test]
    fn there_are_77_reserved_words_in_any_case() {
        assert!(KEYWORDS.is_sorted_by_key(|(text, _)| text));
        assert_eq!(KEYWORDS.len() + 2, 77);
        for (text, keyword) in KEYWORDS {
            assert_eq!(reserved(&text.to_ascii_lowercase()), Some(Kind::Keyword(*keyword)));
            assert_eq!(keyword.text(), *text);
        }
        assert_eq!(reserved("and"), Some(Kind::Operator(BinaryOp::And)));
        for word in ["time", "fill", "now", "null", "none", "previous", "linear", "cardinality", "analyze", "exact"] {
            assert_eq!(reserved(word), None, "{word}");
        }
    }
}
