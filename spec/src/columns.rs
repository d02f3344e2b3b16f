//! The columns of an answer: the projections of SELECT, with wildcards written out, and their names.

use std::collections::{BTreeMap, BTreeSet};

use fluxstone_go::Regex;
use fluxstone_influxql::ast::{Cast, Dimension, Expr, ExprKind, Select, VarRef, WildcardKind};
use fluxstone_model::{FieldType, Text};

use crate::answer::Refused;
use crate::schema::{Meaning, Schema};

/// One column, without wildcards.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The alias; empty if there is none.
    pub alias: String,
    /// The expression of its cells.
    pub expr: Expr,
}

/// All columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// The name of the first column, the time.
    pub time: String,
    /// The other columns.
    pub list: Vec<Column>,
}

/// Returns the columns of a statement. Wildcards leave out the tags in `dimensions`.
///
/// Transcribes `select.rows.4`, `select.columns.wildcard.1`.
pub fn columns(statement: &Select, dimensions: &[Dimension], schema: &Schema) -> Result<Columns, Refused> {
    let mut list = Vec::new();
    let mut times = Vec::new();
    for field in &statement.fields {
        match &field.expr.kind {
            ExprKind::Var(var) if var.name == "time" => times.push(field.alias.clone()),
            ExprKind::Wildcard(kind) => list.extend(all_names(dimensions, schema, *kind, None)),
            ExprKind::Regex(regex) => list.extend(all_names(dimensions, schema, None, Some(regex))),
            ExprKind::Call { .. } => list.extend(calls(&field.expr, &field.alias, schema)?),
            _ => list.push(Column { alias: field.alias.clone(), expr: field.expr.clone() }),
        }
    }
    let alias = times.into_iter().next().filter(|alias| !alias.is_empty());
    Ok(Columns { time: alias.unwrap_or_else(|| "time".into()), list })
}

/// Returns all fields, and all tags that are not grouped, sorted by name, a field before a tag.
///
/// Transcribes `select.columns.wildcard.1`, `select.sub.1`.
fn all_names(
    dimensions: &[Dimension],
    schema: &Schema,
    kind: Option<WildcardKind>,
    regex: Option<&Regex>,
) -> Vec<Column> {
    let groups_all = dimensions.iter().any(|it| matches!(it, Dimension::Wildcard | Dimension::Regex(_)));
    let is_grouped =
        |key: &Text| dimensions.iter().any(|it| matches!(it, Dimension::Tag(name) if *key == name.as_str()));
    let mut all: BTreeMap<(Text, bool), Cast> = BTreeMap::new();
    let is_wanted = |name: &&Text| match kind {
        None => true,
        Some(WildcardKind::Field) => !schema.tag_columns.contains(*name),
        Some(WildcardKind::Tag) => schema.tag_columns.contains(*name),
    };
    all.extend(schema.fields.keys().filter(is_wanted).map(|name| ((name.clone(), false), Cast::Field)));
    if kind != Some(WildcardKind::Field) && !groups_all {
        let tags = schema.tags.iter().filter(|key| !is_grouped(key));
        all.extend(tags.map(|key| ((key.clone(), true), Cast::Tag)));
    }
    let matching = all.into_iter().filter(|((name, _), _)| regex.is_none_or(|regex| regex.is_match(name)));
    matching.map(|((name, _), cast)| Column { alias: String::new(), expr: column(&name, cast) }).collect()
}

fn column(name: &Text, cast: Cast) -> Expr {
    ExprKind::Var(VarRef { name: name.to_string(), cast: Some(cast) }).into()
}

/// Expands a call of a wildcard into a call for each field that the function accepts.
///
/// Transcribes `functions.wildcard.1`.
fn calls(expr: &Expr, alias: &str, schema: &Schema) -> Result<Vec<Column>, Refused> {
    let (function, regex) = match innermost(expr) {
        Some((function, ExprKind::Wildcard(Some(WildcardKind::Tag)))) => {
            return Err(Refused(format!("unable to use tag wildcard in {function}()")));
        }
        Some((function, ExprKind::Wildcard(_))) => (function, None),
        Some((function, ExprKind::Regex(regex))) => (function, Some(regex)),
        _ => return Ok(vec![Column { alias: alias.into(), expr: expr.clone() }]),
    };
    let outer = match &expr.kind {
        ExprKind::Call { name, .. } if alias.is_empty() => name,
        _ => alias,
    };
    let accepts_strings = ["count", "first", "last", "distinct", "elapsed", "mode", "sample"].contains(&function);
    let accepts_booleans = accepts_strings || ["min", "max"].contains(&function);
    let accepts = |field_type: FieldType| match field_type {
        FieldType::Float | FieldType::Integer => true,
        FieldType::String => accepts_strings,
        FieldType::Boolean => accepts_booleans,
    };
    let fields = schema.fields.iter().filter(|(name, field_type)| {
        let is_tag = schema.tag_columns.contains(*name);
        !is_tag && accepts(**field_type) && regex.is_none_or(|regex| regex.is_match(name))
    });
    let call = |name: &Text| Column {
        alias: format!("{outer}_{name}"),
        expr: with_innermost(expr, &column(name, Cast::Field)),
    };
    Ok(fields.map(|(name, _)| call(name)).collect())
}

/// Returns the name of the innermost call and its first argument.
fn innermost(expr: &Expr) -> Option<(&str, &ExprKind)> {
    let ExprKind::Call { name, args } = &expr.kind else { return None };
    match args.first() {
        Some(inner @ Expr { kind: ExprKind::Call { .. }, .. }) => innermost(inner),
        Some(argument) => Some((name, &argument.kind)),
        None => None,
    }
}

fn with_innermost(expr: &Expr, column: &Expr) -> Expr {
    let ExprKind::Call { name, args } = &expr.kind else { return column.clone() };
    let first = args.iter().take(1).map(|first| with_innermost(first, column));
    let args = first.chain(args.iter().skip(1).cloned()).collect();
    ExprKind::Call { name: name.clone(), args }.into()
}

/// Whether an expression calls a function.
pub fn has_call(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Call { .. } | ExprKind::Distinct(_) => true,
        ExprKind::Paren(inner) => has_call(inner),
        ExprKind::Binary { lhs, rhs, .. } => has_call(lhs) || has_call(rhs),
        _ => false,
    }
}

/// Returns the names between the field and the number in `top` and `bottom`, each of which makes a column.
///
/// Transcribes `functions.top.2`.
pub fn ranking_names(expr: &Expr) -> Vec<&Expr> {
    match &expr.kind {
        ExprKind::Call { name, args } if ["top", "bottom"].contains(&name.as_str()) => {
            args[1..args.len() - 1].iter().collect()
        }
        _ => Vec::new(),
    }
}

impl Columns {
    /// The names of the columns that show tags.
    pub fn tag_columns(&self, schema: &Schema) -> BTreeSet<Text> {
        let mut is_tag = Vec::new();
        for column in &self.list {
            is_tag.push(shows_tag(&column.expr, schema));
            is_tag.extend(ranking_names(&column.expr).into_iter().map(|name| shows_tag(name, schema)));
        }
        let names = self.names().into_iter().skip(1).zip(is_tag);
        names.filter(|(_, is_tag)| *is_tag).map(|(name, _)| name).collect()
    }

    /// The names of the columns, the time first: the alias, or else the column's own name, with `_1`, `_2` ... appended if it is
    /// taken.
    ///
    /// Transcribes `select.columns.names.1`, `select.columns.names.2`.
    pub fn names(&self) -> Vec<Text> {
        let mut wanted = Vec::new();
        for column in &self.list {
            wanted.push((column.alias.clone(), own_name(&column.expr)));
            wanted.extend(ranking_names(&column.expr).into_iter().map(|name| (String::new(), own_name(name))));
        }
        let aliases = wanted.iter().map(|(alias, _)| alias).filter(|alias| !alias.is_empty());
        let mut taken: BTreeSet<String> = aliases.cloned().collect();
        let mut names = vec![Text::from(self.time.as_str())];
        for (alias, own) in wanted {
            let mut name = if alias.is_empty() { own.clone() } else { alias.clone() };
            let mut k = 0;
            while alias.is_empty() && taken.contains(&name) {
                k += 1;
                name = format!("{own}_{k}");
            }
            taken.insert(name.clone());
            names.push(Text::from(name));
        }
        names
    }
}

/// Whether an expression is a tag, or a column of a sub-query that shows one.
fn shows_tag(expr: &Expr, schema: &Schema) -> bool {
    match &expr.kind {
        ExprKind::Paren(inner) => shows_tag(inner, schema),
        ExprKind::Var(var) => match schema.meaning(var) {
            Meaning::Tag(_) => true,
            Meaning::Field(name, _) => schema.tag_columns.contains(&name),
            Meaning::Nothing => false,
        },
        _ => false,
    }
}

/// The name of a column without an alias. Transcribes `select.columns.names.1`.
fn own_name(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Var(var) => var.name.clone(),
        ExprKind::Call { name, .. } => name.clone(),
        ExprKind::Distinct(_) => "distinct".into(),
        ExprKind::Paren(inner) => own_name(inner),
        ExprKind::Binary { lhs, rhs, .. } => {
            let sides = [own_name(lhs), own_name(rhs)];
            sides.into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join("_")
        }
        _ => String::new(),
    }
}
