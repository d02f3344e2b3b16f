//! The names of result columns.

use std::collections::{HashMap, hash_map::Entry};

use fluxstone_influxql::ast::{Expr, ExprKind};

/// The name that an expression has when it is given none.
pub(super) fn natural(expr: &Expr) -> String {
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

/// A column before names are made unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wish {
    /// An alias, which is kept as it is.
    Alias(String),
    /// A name that gets a number where it is taken.
    Natural(String),
}

/// The names of columns. Aliases are reserved first; a natural name that is taken becomes `name_1`, `name_2`, ..., the first that
/// is free.
pub(super) fn unique(wishes: Vec<Wish>) -> Vec<String> {
    let mut taken: HashMap<String, u32> = HashMap::new();
    for wish in &wishes {
        if let Wish::Alias(alias) = wish {
            taken.insert(alias.clone(), 1);
        }
    }
    let mut name = |wish| match wish {
        Wish::Alias(alias) => alias,
        Wish::Natural(name) => {
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
    wishes.into_iter().map(&mut name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wishes: &[&str], want: &[&str]) {
        let wish = |text: &&str| match text.strip_prefix("AS ") {
            Some(alias) => Wish::Alias(alias.into()),
            None => Wish::Natural((*text).into()),
        };
        assert_eq!(unique(wishes.iter().map(wish).collect()), want);
    }

    // spec: select.columns.names.2
    #[test]
    fn a_name_that_is_taken_gets_the_first_free_number() {
        check(&["a", "a", "a"], &["a", "a_1", "a_2"]);
        check(&["a", "AS a", "a"], &["a_1", "a", "a_2"]);
        check(&["a", "a", "AS a_1"], &["a", "a_2", "a_1"]);
        check(&["AS x", "AS x"], &["x", "x"]);
        check(&["a", "a_1", "a"], &["a", "a_1", "a_2"]);
    }
}
