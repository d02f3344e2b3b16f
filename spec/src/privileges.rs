//! The table of `auth.table.1`: who may run which statement. It is read from the page of the specification, so that the code and the
//! conformance cases are held against what the page says.

/// The page with the table.
const PAGE: &str = include_str!("../authentication.md");

/// The clause whose table it is.
const CLAUSE: &str = "**[auth.table.1]**";

/// Who sends a request. The order is that of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Nobody: the request has no credentials.
    Nobody,
    /// A user without privileges.
    None,
    /// A user with READ on `d`.
    Read,
    /// A user with WRITE on `d`.
    Write,
    /// A user with ALL on `d`.
    All,
    /// An administrator.
    Admin,
}

impl Holder {
    /// All of them, in the order of the columns.
    pub const ALL: [Holder; 6] =
        [Holder::Nobody, Holder::None, Holder::Read, Holder::Write, Holder::All, Holder::Admin];

    /// The head of the column.
    pub fn heading(self) -> &'static str {
        match self {
            Holder::Nobody => "no credentials",
            Holder::None => "no privilege",
            Holder::Read => "READ on d",
            Holder::Write => "WRITE on d",
            Holder::All => "ALL on d",
            Holder::Admin => "administrator",
        }
    }
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is carried out.
    Allowed,
    /// It is refused for lack of credentials.
    Unauthenticated,
    /// It is refused for lack of this privilege, as refusals name it: `READ on d`, `admin privilege`.
    Lacks(&'static str),
}

/// A cell: what becomes of a request in each profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    /// In the default profile.
    pub documented: Outcome,
    /// In the profile 1.2.4.
    pub observed: Outcome,
}

/// A row: a request, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name of the row, unique.
    pub name: &'static str,
    /// The statement, or `/write`.
    pub statement: &'static str,
    /// The `db` parameter.
    pub database: &'static str,
    /// The cells, in the order of [`Holder::ALL`].
    pub cells: [Cell; 6],
}

impl Row {
    /// Whether the request is a write, not a statement.
    pub fn is_write(&self) -> bool {
        self.statement == "/write"
    }
}

/// Reads the table.
///
/// # Errors
/// The line that is not a row of it.
pub fn table() -> Result<Vec<Row>, String> {
    table_of(PAGE)
}

fn table_of(page: &'static str) -> Result<Vec<Row>, String> {
    let (_, after) = page.split_once(CLAUSE).ok_or_else(|| format!("there is no {CLAUSE}"))?;
    let mut lines = after.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let headings = Holder::ALL.map(Holder::heading).join(" | ");
    let head = lines.next().unwrap_or_default();
    if head != format!("| name | statement | `db` | {headings} |") {
        return Err(format!("not the head of the table: {head}"));
    }
    lines.skip(1).map(|line| row(line).ok_or_else(|| format!("not a row of the table: {line}"))).collect()
}

fn row(line: &'static str) -> Option<Row> {
    let columns: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    let [name, statement, database, cells @ ..] = columns.as_slice() else { return None };
    let statement = statement.strip_prefix('`')?.strip_suffix('`')?;
    let cells: Option<Vec<Cell>> = cells.iter().map(|&text| cell(text)).collect();
    Some(Row { name, statement, database, cells: cells?.try_into().ok()? })
}

fn cell(text: &'static str) -> Option<Cell> {
    let (documented, observed) = text.split_once("; 1.2.4: ").unwrap_or((text, text));
    Some(Cell { documented: outcome(documented)?, observed: outcome(observed)? })
}

fn outcome(text: &'static str) -> Option<Outcome> {
    match text {
        "allowed" => Some(Outcome::Allowed),
        "401" => Some(Outcome::Unauthenticated),
        "admin" => Some(Outcome::Lacks("admin privilege")),
        _ if text.starts_with("READ on ") || text.starts_with("WRITE on ") => Some(Outcome::Lacks(text)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    // spec: auth.table.1
    #[test]
    fn the_table_is_well_formed_and_never_grants_more_under_a_profile() {
        let rows = table().unwrap();
        assert_eq!(rows.iter().map(|row| row.name).collect::<BTreeSet<_>>().len(), rows.len(), "names are unique");
        for row in &rows {
            let [nobody, .., admin] = row.cells;
            assert_eq!(nobody.documented, Outcome::Unauthenticated, "{}", row.name);
            assert_eq!(admin.documented, Outcome::Allowed, "{}", row.name);
            for cell in row.cells {
                assert!(cell.observed != Outcome::Allowed || cell.documented == Outcome::Allowed, "{}", row.name);
            }
        }
    }

    #[test]
    fn broken_tables_are_refused() {
        for page in ["", "**[auth.table.1]** x", "**[auth.table.1]**\n| name |\n"] {
            assert!(table_of(page).is_err(), "{page}");
        }
        for line in ["| a | b | d |", "| a | `b` | d | 401 | x | allowed | allowed | allowed | allowed |"] {
            assert_eq!(row(line), None, "{line}");
        }
    }
}
