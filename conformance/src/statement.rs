//! Finds the databases and users that statements name, without parsing the statements: they may be invalid on purpose.
//!
//! A name counts where a keyword introduces it (`CREATE DATABASE d`, `ON d`, `GRANT ... TO u`) and where it qualifies a measurement
//! (`d.p.m`, `d..m`). A field or tag of the same name is left alone.

use crate::case::Owned;

/// The keywords before a database. `EXISTS` ends `IF EXISTS` and `IF NOT EXISTS`.
const BEFORE_DATABASES: [&str; 3] = ["DATABASE", "ON", "EXISTS"];

/// The keywords before a user. In REVOKE, `FROM` is another one.
const BEFORE_USERS: [&str; 3] = ["USER", "FOR", "TO"];

/// A part of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A keyword or identifier, and the offset of its first character, which follows the quotation mark if there is one.
    Word { at: usize, text: String },
    /// Anything else that is one character.
    Symbol(char),
    /// A number with its unit, or a string.
    Value,
}

/// Returns the offset of each name in the statements that is a database or user of the case.
pub(crate) fn owned_names(statements: &str, owned: &Owned) -> Vec<usize> {
    let tokens = tokens(statements);
    let mut offsets = Vec::new();
    let mut is_revoke = false;
    for (i, token) in tokens.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|before| tokens.get(before));
        let Token::Word { at, text } = token else { continue };
        if matches!(before, None | Some(Token::Symbol(';'))) {
            is_revoke = text.eq_ignore_ascii_case("REVOKE");
        }
        let follows =
            |keyword: &str| matches!(before, Some(Token::Word { text, .. }) if text.eq_ignore_ascii_case(keyword));
        let is_dot = |offset: usize| tokens.get(i + offset) == Some(&Token::Symbol('.'));
        let qualifies = before != Some(&Token::Symbol('.'))
            && is_dot(1)
            && (is_dot(2) || (matches!(tokens.get(i + 2), Some(Token::Word { .. })) && is_dot(3)));
        let is_database = owned.databases.contains(text) && (qualifies || BEFORE_DATABASES.into_iter().any(follows));
        let is_user =
            owned.users.contains(text) && (BEFORE_USERS.into_iter().any(follows) || (is_revoke && follows("FROM")));
        if is_database || is_user {
            offsets.push(*at);
        }
    }
    offsets
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let at = text.len() - rest.len();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' || first == '\'' {
            let (content, length) = quoted(rest, first);
            tokens.push(if first == '"' { Token::Word { at: at + 1, text: content } } else { Token::Value });
            length
        } else if is_word(first) {
            let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let word = Token::Word { at, text: rest[..length].to_owned() };
            tokens.push(if first.is_ascii_digit() { Token::Value } else { word });
            length
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Symbol(first));
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
}

/// Returns the content of the quoted text at the beginning, and its length with the marks.
fn quoted(text: &str, mark: char) -> (String, usize) {
    let mut content = String::new();
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            'n' if escaped => content.push('\n'),
            _ if escaped => content.push(c),
            '\\' => {}
            _ if c == mark => return (content, at + 1),
            _ => content.push(c),
        }
        escaped = !escaped && c == '\\';
    }
    (content, text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(statements: &str) -> String {
        let owned = Owned { databases: vec!["d".to_owned(), "a\"b\n".to_owned()], users: vec!["u".to_owned()] };
        let mut text = statements.to_owned();
        for offset in owned_names(statements, &owned).into_iter().rev() {
            text.insert(offset, '^');
        }
        text
    }

    #[test]
    fn databases_follow_keywords_or_qualify_measurements() {
        for (statement, expected) in [
            ("CREATE DATABASE d WITH NAME d", "CREATE DATABASE ^d WITH NAME d"),
            ("drop database if exists \"d\"", "drop database if exists \"^d\""),
            ("CREATE DATABASE \"a\\\"b\\n\"", "CREATE DATABASE \"^a\\\"b\\n\""),
            (
                "SELECT d INTO d..d FROM d.p.m, d.m, \"d\".\"p\".\"d\"",
                "SELECT d INTO ^d..d FROM ^d.p.m, d.m, \"^d\".\"p\".\"d\"",
            ),
            (
                "CREATE SUBSCRIPTION s ON \"d\".\"p\" DESTINATIONS ANY 'd'",
                "CREATE SUBSCRIPTION s ON \"^d\".\"p\" DESTINATIONS ANY 'd'",
            ),
            ("SHOW SERIES /* ON d */ ON -- ON d\n d", "SHOW SERIES /* ON d */ ON -- ON d\n ^d"),
            ("SELECT f FROM m WHERE time > now() - 1d", "SELECT f FROM m WHERE time > now() - 1d"),
        ] {
            assert_eq!(marked(statement), expected);
        }
    }

    #[test]
    fn users_follow_keywords() {
        for (statement, expected) in [
            ("CREATE USER u WITH PASSWORD 'u'; DROP USER u", "CREATE USER ^u WITH PASSWORD 'u'; DROP USER ^u"),
            ("GRANT ALL ON d TO u; REVOKE ALL FROM u", "GRANT ALL ON ^d TO ^u; REVOKE ALL FROM ^u"),
            ("SELECT u FROM u; SET PASSWORD FOR \"u\" = 'u", "SELECT u FROM u; SET PASSWORD FOR \"^u\" = 'u"),
        ] {
            assert_eq!(marked(statement), expected);
        }
    }
}
