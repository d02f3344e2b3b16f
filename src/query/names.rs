//! The names of result columns.

use std::collections::{HashMap, hash_map::Entry};

use fluxstone_influxql::ast::{Expr, ExprKind, SelectField};

/// The name that a projection asks for. Several may ask for the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ColumnName {
    /// An alias, which is kept as it is.
    Alias(String),
    /// The name of the expression, which gets a number if it is taken.
    Natural(String),
}

/// Returns the name that a projection asks for.
pub(super) fn requested(field: &SelectField) -> ColumnName {
    if field.alias.is_empty() {
        ColumnName::Natural(natural(&field.expr))
    } else {
        ColumnName::Alias(field.alias.clone())
    }
}

/// The name of an expression without an alias.
fn natural(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Var(var) => var.name.clone(),
        ExprKind::Call { name, .. } => name.clone(),
        ExprKind::Distinct(_) => "distinct".into(),
        ExprKind::Paren(inner) => natural(inner),
        ExprKind::Binary { .. } => {
            let mut parts = Vec::new();
            collect(expr, &mut parts);
            parts.join("_")
        }
        _ => String::new(),
    }
}

fn collect(expr: &Expr, parts: &mut Vec<String>) {
    match &expr.kind {
        ExprKind::Binary { lhs, rhs, .. } => {
            collect(lhs, parts);
            collect(rhs, parts);
        }
        ExprKind::Paren(inner) => collect(inner, parts),
        ExprKind::Var(_) | ExprKind::Call { .. } | ExprKind::Distinct(_) => parts.push(natural(expr)),
        _ => {}
    }
}

/// Makes column names unique. Aliases are reserved first; a natural name that is taken becomes the first free one of `name_1`,
/// `name_2`, ...
pub(super) fn unique(names: Vec<ColumnName>) -> Vec<String> {
    let mut taken: HashMap<String, u32> = HashMap::new();
    for name in &names {
        if let ColumnName::Alias(alias) = name {
            taken.insert(alias.clone(), 1);
        }
    }
    let mut unique_name = |name| match name {
        ColumnName::Alias(alias) => alias,
        ColumnName::Natural(name) => {
            let mut number = match taken.entry(name.clone()) {
                Entry::Vacant(free) => {
                    free.insert(1);
                    return name;
                }
                Entry::Occupied(present) => *present.get(),
            };
            while taken.contains_key(&format!("{name}_{number}")) {
                number += 1;
            }
            let unique = format!("{name}_{number}");
            taken.insert(name, number + 1);
            taken.insert(unique.clone(), 1);
            unique
        }
    };
    names.into_iter().map(&mut unique_name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(names: &[&str], want: &[&str]) {
        let name = |text: &&str| match text.strip_prefix("AS ") {
            Some(alias) => ColumnName::Alias(alias.into()),
            None => ColumnName::Natural((*text).into()),
        };
        assert_eq!(unique(names.iter().map(name).collect()), want);
    }

    // spec: select.columns.names.2
    #[test]
    fn a_taken_name_gets_the_first_free_number() {
        check(&["a", "a", "a"], &["a", "a_1", "a_2"]);
        check(&["a", "AS a", "a"], &["a_1", "a", "a_2"]);
        check(&["a", "a", "AS a_1"], &["a", "a_2", "a_1"]);
        check(&["AS x", "AS x"], &["x", "x"]);
        check(&["a", "a_1", "a"], &["a", "a_1", "a_2"]);
    }
}
