//! The conformance cases of the table of privileges (`auth.table.1`): one for each cell, written from the table, so that none is
//! missing and none says anything else.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;
use fluxstone_spec::privileges::{Cell, Holder, Outcome, Row, table};

/// The folder of the cases, which holds nothing else.
const FOLDER: &str = "conformance/cases/privileges";

/// What each file begins with, after its subject. Users are made only where a case needs them: passwords are slow to hash.
const PREPARATION: &str = r#"level = "observed"
owns = { databases = ["d", "e", "x"], users = ["root", "rd", "wr", "al", "no", "x"] }
needs = ["auth"]

# Written by `cargo xtask spec --bless` from the table of auth.table.1; change that table instead.

[[given.data]]
request = "POST /query"
form = { q = "CREATE DATABASE d; CREATE DATABASE e" }

[[given.data]]
request = "POST /write?db=d"
body = "m,t=a f=1 1"

[[given.data]]
request = "POST /write?db=e"
body = "secret,t=b f=1 1"

[[given.no]]
request = "POST /query"
form = { q = "CREATE USER no WITH PASSWORD 'pw'" }

[[given.rd]]
request = "POST /query"
form = { q = "CREATE USER rd WITH PASSWORD 'pw'; GRANT READ ON d TO rd" }

[[given.wr]]
request = "POST /query"
form = { q = "CREATE USER wr WITH PASSWORD 'pw'; GRANT WRITE ON d TO wr" }

[[given.al]]
request = "POST /query"
form = { q = "CREATE USER al WITH PASSWORD 'pw'; GRANT ALL ON d TO al" }

[[given.root]]
request = "POST /query"
form = { q = "CREATE USER root WITH PASSWORD 'pw' WITH ALL PRIVILEGES" }
"#;

/// Returns a violation for each file of cases that is not what the table says. Writes the files first if `bless`.
pub(crate) fn check(root: &Path, bless: bool) -> anyhow::Result<Vec<String>> {
    let rows = match table() {
        Ok(rows) => rows,
        Err(error) => return Ok(vec![format!("spec/authentication.md: {error}")]),
    };
    let folder = root.join(FOLDER);
    let wanted = files(&rows);
    if bless {
        std::fs::create_dir_all(&folder).with_context(|| FOLDER.to_owned())?;
        for (name, text) in &wanted {
            std::fs::write(folder.join(name), text).with_context(|| name.clone())?;
        }
    }
    let mut violations = Vec::new();
    for (name, text) in &wanted {
        if std::fs::read_to_string(folder.join(name)).unwrap_or_default() != *text {
            violations.push(format!("{FOLDER}/{name}: not what the table says; run `cargo xtask spec --bless`"));
        }
    }
    for entry in std::fs::read_dir(&folder).into_iter().flatten() {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !wanted.contains_key(&name) {
            violations.push(format!("{FOLDER}/{name}: nothing in the table leads to this file"));
        }
    }
    Ok(violations)
}

/// The files by name: one for each first word of a statement.
fn files(rows: &[Row]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for row in rows {
        let word = row.statement.split(' ').next().unwrap_or_default().trim_start_matches('/');
        let text = files.entry(format!("{}.toml", word.to_lowercase())).or_insert_with(|| {
            let subject = if row.is_write() { "/write".to_owned() } else { format!("statements with {word}") };
            format!("about = \"Who may use {subject}\"\n{PREPARATION}")
        });
        for (holder, cell) in Holder::ALL.into_iter().zip(row.cells) {
            add_case(text, row, holder, cell);
        }
    }
    files
}

/// The user of a column, and the words for it.
fn user(holder: Holder) -> (&'static str, &'static str) {
    match holder {
        Holder::Nobody => ("nobody", "without credentials"),
        Holder::None => ("no", "without a privilege"),
        Holder::Read => ("rd", "with READ on d"),
        Holder::Write => ("wr", "with WRITE on d"),
        Holder::All => ("al", "with ALL on d"),
        Holder::Admin => ("root", "as an administrator"),
    }
}

/// How the statements begin that list what the whole server holds.
const LISTS: [&str; 7] = [
    "SHOW CONTINUOUS QUERIES",
    "SHOW DATABASES",
    "SHOW QUERIES",
    "SHOW SHARD GROUPS",
    "SHOW SHARDS",
    "SHOW SUBSCRIPTIONS",
    "SHOW USERS",
];

/// Adds the case of a cell. Writing to a string cannot fail.
fn add_case(text: &mut String, row: &Row, holder: Holder, cell: Cell) {
    let Row { name, statement, database, .. } = row;
    let (user, words) = user(holder);
    let area = if row.is_write() { "write" } else { "statements" };
    let becomes = if cell.documented == Outcome::Allowed { "allowed" } else { "refused" };
    let mut clauses = vec!["auth.table.1"];
    clauses.push(match cell.documented {
        Outcome::Unauthenticated => "auth.failure.2",
        _ if row.is_write() => "auth.write.1",
        Outcome::Allowed => "statements.privilege.1",
        Outcome::Lacks(_) => "statements.privilege.2",
    });
    if cell.observed != cell.documented {
        clauses.push("compat.auth.request-database.1");
    }
    let given = if holder == Holder::Nobody { "\"data\"".to_owned() } else { format!("\"data\", \"{user}\"") };
    let lists = cell.documented == Outcome::Allowed && LISTS.iter().any(|list| statement.starts_with(list));
    let exclusive = if lists { "exclusive = true\n" } else { "" };
    let _ = write!(
        text,
        "\n[[case]]\nid = \"{area}.privilege-table.{name}.{user}\"\nabout = {}\nclauses = {clauses:?}\ngiven = [{given}]\n{exclusive}\n\
         [[case.step]]\n",
        toml_string(&format!("{statement} with db={database} is {becomes} {words}")),
    );
    let _ = if row.is_write() {
        writeln!(text, "request = \"POST /write?db={database}\"\nbody = \"m f=2 2\"")
    } else {
        writeln!(text, "request = \"POST /query?db={database}\"\nform = {{ q = {} }}", toml_string(statement))
    };
    if holder != Holder::Nobody {
        let _ = writeln!(text, "user = \"{user}\"\npassword = \"pw\"");
    }
    add_answer(text, row, user, cell);
}

fn add_answer(text: &mut String, row: &Row, user: &str, cell: Cell) {
    let (status, body) = answer(row, user, cell.documented);
    let _ = writeln!(text, "response.status = {status}");
    if cell.documented == Outcome::Unauthenticated {
        text.push_str("response.headers = { Www-Authenticate = 'Basic realm=\"InfluxDB\"' }\n");
    }
    match body {
        Some(body) => {
            let _ = writeln!(text, "response.body = '''\n{body}\n'''");
        }
        // What a statement answers is the subject of other cases.
        None if !row.is_write() => {
            text.push_str("response.body = { matches = '^\\{\"results\":\\[\\{\"statement_id\":0' }\n");
        }
        None => {}
    }
    if cell.observed != cell.documented {
        let (status, body) = answer(row, user, cell.observed);
        let _ = writeln!(
            text,
            "[case.step.alternative]\nprofile = \"1.2.4\"\nbecause = \"the database of the request requires privileges, too\"\n\
             status = {status}\nbody = '''\n{}\n'''",
            body.unwrap_or_default()
        );
    }
}

/// The status of an answer, and the body of a refusal.
fn answer(row: &Row, user: &str, outcome: Outcome) -> (u16, Option<String>) {
    let error = |error: &str| Some(format!("{{\"error\":\"{error}\"}}"));
    match outcome {
        Outcome::Allowed if row.is_write() => (204, None),
        Outcome::Allowed => (200, None),
        Outcome::Unauthenticated => (401, error("unable to parse authentication credentials")),
        Outcome::Lacks(_) if row.is_write() => {
            let database = row.database;
            (403, error(&format!("\\\"{user}\\\" user is not authorized to write to database \\\"{database}\\\"")))
        }
        Outcome::Lacks(privilege) => {
            let statement = row.statement.replace("'pw'", "[REDACTED]");
            let refusal = format!("{user} not authorized to execute statement '{statement}', requires {privilege}");
            (403, error(&format!("error authorizing query: {refusal}")))
        }
    }
}

/// A basic string of TOML. No statement of the table has a backslash or a double quote.
fn toml_string(text: &str) -> String {
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use fluxstone_conformance::suite::Suite;

    use super::*;

    // spec: auth.table.1
    #[test]
    fn each_cell_has_a_case() {
        let rows = table().unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files(&rows) {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let suite = Suite::read(folder.path()).unwrap();
        assert_eq!(suite.cases.len(), rows.len() * Holder::ALL.len());
    }

    #[test]
    fn files_that_differ_from_the_table_are_reported() {
        let root = tempfile::tempdir().unwrap();
        let missing = check(root.path(), false).unwrap();
        assert!(missing.len() > 5 && missing.iter().all(|text| text.contains("not what the table says")));
        assert_eq!(check(root.path(), true).unwrap(), Vec::<String>::new());
        std::fs::write(root.path().join(FOLDER).join("other.toml"), "").unwrap();
        std::fs::write(root.path().join(FOLDER).join("select.toml"), "").unwrap();
        assert_eq!(check(root.path(), false).unwrap().len(), 2);
    }
}
