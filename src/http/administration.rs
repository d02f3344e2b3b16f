//! Tells queries that are cheap and that an administrator needs in an overloaded server from all others. They have slots of
//! their own.

/// The longest text of such a query, in bytes: parsing a longer one is not cheap.
const TEXT_BYTES_MAX: usize = 4 << 10;

/// How each statement of such a query begins.
const STATEMENTS: [&[&str]; 12] = [
    &["KILL", "QUERY"],
    &["SHOW", "QUERIES"],
    &["SHOW", "DATABASES"],
    &["SHOW", "USERS"],
    &["SHOW", "GRANTS"],
    &["SHOW", "RETENTION", "POLICIES"],
    &["SHOW", "CONTINUOUS", "QUERIES"],
    &["SHOW", "SUBSCRIPTIONS"],
    &["SHOW", "SHARDS"],
    &["SHOW", "SHARD", "GROUPS"],
    &["SHOW", "STATS"],
    &["SHOW", "DIAGNOSTICS"],
];

/// Whether all statements of a query show or kill queries, or show what is in the catalog. None of these can hold another one: a
/// semicolon in a quoted name only makes the query one of the others.
pub(super) fn is_administration(text: &str) -> bool {
    let mut statements = text.split(';').map(str::trim).filter(|statement| !statement.is_empty()).peekable();
    text.len() <= TEXT_BYTES_MAX && statements.peek().is_some() && statements.all(is_cheap)
}

fn is_cheap(statement: &str) -> bool {
    STATEMENTS.iter().any(|words| {
        let mut given = statement.split_whitespace();
        words.iter().all(|word| given.next().is_some_and(|given| given.eq_ignore_ascii_case(word)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // spec: http.slots.2
    #[test]
    fn administration_is_told_by_the_first_words_of_each_statement() {
        for text in ["show queries", "KILL QUERY 5;", " SHOW\nDATABASES ; SHOW RETENTION POLICIES ON \"d\";;"] {
            assert!(is_administration(text), "{text}");
        }
        for text in
            ["", ";", "SHOW", "SHOW SERIES", "SHOW QUERIES; SELECT v FROM m", "SHOW RETENTION", "DROP DATABASE d"]
        {
            assert!(!is_administration(text), "{text}");
        }
        assert!(!is_administration(&"SHOW QUERIES;".repeat(1000)));
    }
}
