//! Checks that every compatibility point in `src/compat/lib.rs` is read by the server.
//!
//! The module `spec` checks that each point has a clause, and that the clause has evidence.

use std::sync::LazyLock;

use regex::Regex;

use crate::tree::File;

const LIST: &str = "src/compat/lib.rs";

static POINT: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?m)^\s*/// `(compat\.[a-z.-]+)`: .*(?:\n\s*/// .*)*\n\s*([a-z_]+),$"));

/// Returns a violation for each point whose field no other crate reads outside its tests.
pub(crate) fn check(files: &[File]) -> Vec<String> {
    let Some(list) = files.iter().find(|file| file.path == LIST) else {
        return vec![format!("{LIST} is missing")];
    };
    let points: Vec<(&str, &str)> = POINT
        .captures_iter(&list.text)
        .map(|found| found.extract::<2>().1)
        .map(|[name, field]| (name, field))
        .collect();
    let is_product = |file: &&File| {
        file.is_rust() && file.path.starts_with("src/") && file.path != LIST && !file.path.contains("tests")
    };
    let products: Vec<&File> = files.iter().filter(is_product).collect();
    let is_read = |field: &str| {
        let read = pattern(&format!(r"emantics[a-z._()]*\.{field}\b"));
        products.iter().any(|file| read.is_match(&file.text))
    };
    let mut violations = Vec::new();
    if points.is_empty() {
        violations.push(format!("{LIST}: there are no points"));
    }
    for (name, field) in points {
        if !is_read(field) {
            violations.push(format!("{LIST}: nothing reads `{field}` (`{name}`)"));
        }
    }
    violations
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap_or_else(|error| unreachable!("a constant pattern: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: &str = "    S {\n        /// `compat.a.b`: text\n        /// on two lines.\n        a_b,\n    }\n";

    fn violations(path: &str, text: &str) -> Vec<String> {
        check(&[File::new(LIST, POINTS), File::new(path, text)])
    }

    #[test]
    fn every_point_is_read_by_the_server() {
        assert!(violations("src/query/a.rs", "if context.semantics.a_b { }").is_empty());
        assert!(violations("src/engine/a.rs", "self.options.semantics.listings.a_b").is_empty());
        for path in ["src/query/tests/a.rs", "tests/a.rs"] {
            assert_eq!(violations(path, "semantics.a_b"), ["src/compat/lib.rs: nothing reads `a_b` (`compat.a.b`)"]);
        }
        assert_eq!(violations("src/query/a.rs", "semantics.a_bc").len(), 1);
    }

    #[test]
    fn a_list_without_points_is_a_violation() {
        assert_eq!(check(&[File::new(LIST, "")]), ["src/compat/lib.rs: there are no points"]);
    }
}
