//! Rewrites a SELECT so that everything in it is explicit: wildcards and regular expressions become columns, columns carry their
//! types, tags to group by are named.

use std::collections::{BTreeSet, HashSet};

use fluxstone_go::Regex;
use fluxstone_influxql::ast::{Dimension, Expr, ExprKind, Select, SelectField, VarRef, WildcardKind};
use fluxstone_model::{Clause, FieldType, Text};

use super::error::QueryError;
use super::planning::Costs;
use super::point_expr::ColumnKind;
use super::schema::Schema;

/// The memory of a column in a plan, with its name: in the list of projections, in the fields that are read, and in the answer.
const COLUMN_BYTES: usize = 512;
/// How many copies of the name of a column there are.
const NAME_COPIES: usize = 6;

/// Returns the projections of `select` without wildcards, each column with its type. Columns named `time` keep their place.
/// Wildcards leave out the tags in `dimensions`.
pub(super) fn fields(
    select: &Select,
    dimensions: &[Dimension],
    schema: &Schema,
    costs: &mut Costs<'_>,
) -> Result<Vec<SelectField>, QueryError> {
    let mut expanded = Vec::new();
    let pattern = Pattern::new(dimensions, schema);
    for field in &select.fields {
        costs.step()?;
        match &field.expr.kind {
            ExprKind::Wildcard(kind) => pattern.columns(*kind, None, &mut expanded, costs)?,
            ExprKind::Regex(regex) => pattern.columns(None, Some(regex), &mut expanded, costs)?,
            ExprKind::Call { .. } => expand_call(field, schema, &mut expanded, costs)?,
            _ => {
                costs.grow(field_bytes(field))?;
                expanded.push(SelectField { expr: typed(&field.expr, schema), alias: field.alias.clone() });
            }
        }
    }
    Ok(expanded)
}

/// Returns the tags that dimensions name, each once, in byte order.
pub(super) fn dimensions(dimensions: &[Dimension], schema: &Schema) -> Vec<Text> {
    let mut tags = BTreeSet::new();
    for dimension in dimensions {
        match dimension {
            Dimension::Time(_) => {}
            Dimension::Tag(name) => {
                tags.insert(Text::from(name.as_str()));
            }
            Dimension::Wildcard => tags.extend(schema.tags.iter().cloned()),
            Dimension::Regex(regex) => tags.extend(schema.tags.iter().filter(|tag| regex.is_match(tag)).cloned()),
        }
    }
    tags.into_iter().collect()
}

/// What `*` and regular expressions stand for.
struct Pattern<'s> {
    schema: &'s Schema,
    /// The tags that GROUP BY does not name. None if it has a pattern.
    tags: Vec<&'s Text>,
}

impl<'s> Pattern<'s> {
    fn new(dimensions: &[Dimension], schema: &'s Schema) -> Pattern<'s> {
        if dimensions.iter().any(|d| matches!(d, Dimension::Wildcard | Dimension::Regex(_))) {
            return Pattern { schema, tags: Vec::new() };
        }
        let grouped = dimensions.iter().filter_map(|dimension| match dimension {
            Dimension::Tag(name) => Some(name.as_bytes()),
            Dimension::Time(_) | Dimension::Wildcard | Dimension::Regex(_) => None,
        });
        let grouped: HashSet<&[u8]> = grouped.collect();
        Pattern { schema, tags: schema.tags.iter().filter(|tag| !grouped.contains(tag.as_bytes())).collect() }
    }

    /// Appends the columns that `*` or a regular expression matches, in byte order, a field before a tag of the same name.
    fn columns(
        &self,
        kind: Option<WildcardKind>,
        regex: Option<&Regex>,
        expanded: &mut Vec<SelectField>,
        costs: &mut Costs<'_>,
    ) -> Result<(), QueryError> {
        let mut found: Vec<(&Text, ColumnKind)> = Vec::new();
        let fields = self.schema.fields.iter().filter(|(name, _)| match kind {
            None => true,
            Some(WildcardKind::Field) => !self.schema.tag_columns.contains(*name),
            Some(WildcardKind::Tag) => self.schema.tag_columns.contains(*name),
        });
        found.extend(fields.map(|(name, field_type)| (name, ColumnKind::Field(*field_type))));
        if kind != Some(WildcardKind::Field) {
            found.extend(self.tags.iter().map(|name| (*name, ColumnKind::Tag)));
        }
        // The sort is stable, and fields came first.
        found.sort_by_key(|(name, _)| *name);
        for (name, kind) in found {
            costs.step()?;
            if regex.is_none_or(|regex| regex.is_match(name)) {
                costs.grow(COLUMN_BYTES + NAME_COPIES * name.len())?;
                expanded.push(SelectField { expr: column(name, kind), alias: String::new() });
            }
        }
        Ok(())
    }
}

/// The memory of the columns that one projection becomes.
fn field_bytes(field: &SelectField) -> usize {
    let mut bytes = NAME_COPIES * field.alias.len();
    field.expr.walk(&mut |expr| {
        bytes += COLUMN_BYTES;
        if let ExprKind::Var(var) = &expr.kind {
            bytes += NAME_COPIES * var.name.len();
        }
    });
    bytes
}

/// Expands a call whose innermost argument is a wildcard into one call for each field of a type that the function accepts.
fn expand_call(
    field: &SelectField,
    schema: &Schema,
    expanded: &mut Vec<SelectField>,
    costs: &mut Costs<'_>,
) -> Result<(), QueryError> {
    let (inner_name, regex) = match innermost(&field.expr) {
        Some((name, ExprKind::Wildcard(Some(WildcardKind::Tag)))) => {
            return Err(QueryError::Invalid(
                Clause::new("functions.wildcard.1"),
                format!("unable to use tag wildcard in {name}()"),
            ));
        }
        Some((name, ExprKind::Wildcard(_))) => (name, None),
        Some((name, ExprKind::Regex(regex))) => (name, Some(regex)),
        _ => {
            costs.grow(field_bytes(field))?;
            expanded.push(SelectField { expr: typed(&field.expr, schema), alias: field.alias.clone() });
            return Ok(());
        }
    };
    let bytes = field_bytes(field);
    let prefix = match &field.expr.kind {
        ExprKind::Call { name, .. } if field.alias.is_empty() => name,
        _ => &field.alias,
    };
    for (name, field_type) in schema.fields.iter().filter(|(name, _)| !schema.tag_columns.contains(*name)) {
        costs.step()?;
        if wildcard_includes(inner_name, *field_type) && regex.is_none_or(|regex| regex.is_match(name)) {
            costs.grow(bytes + NAME_COPIES * name.len())?;
            let column = column(name, ColumnKind::Field(*field_type));
            let expr = with_innermost(&field.expr, &column);
            expanded.push(SelectField { expr, alias: format!("{prefix}_{name}") });
        }
    }
    Ok(())
}

/// Whether a wildcard inside a function includes fields of a type.
fn wildcard_includes(function: &str, field_type: FieldType) -> bool {
    let takes_strings = ["count", "first", "last", "distinct", "elapsed", "mode", "sample"].contains(&function);
    match field_type {
        FieldType::Float | FieldType::Integer => true,
        FieldType::Boolean => takes_strings || ["min", "max"].contains(&function),
        FieldType::String => takes_strings,
    }
}

/// Returns the name of the innermost call and its first argument.
fn innermost(expr: &Expr) -> Option<(&str, &ExprKind)> {
    let ExprKind::Call { name, args } = &expr.kind else { return None };
    let first = args.first()?;
    match first.kind {
        ExprKind::Call { .. } => innermost(first),
        _ => Some((name, &first.kind)),
    }
}

fn with_innermost(expr: &Expr, column: &Expr) -> Expr {
    let ExprKind::Call { name, args } = &expr.kind else { return column.clone() };
    let mut args = args.clone();
    if let Some(first) = args.first_mut() {
        *first = with_innermost(first, column);
    }
    Expr { kind: ExprKind::Call { name: name.clone(), args }, span: expr.span }
}

fn column(name: &Text, kind: ColumnKind) -> Expr {
    ExprKind::Var(VarRef { name: name.to_string(), cast: kind.cast() }).into()
}

/// Returns the expression with a type cast on each column whose kind is known.
pub(super) fn typed(expr: &Expr, schema: &Schema) -> Expr {
    let typed_box = |expr: &Expr| Box::new(typed(expr, schema));
    let kind = match &expr.kind {
        ExprKind::Binary { op, lhs, rhs } => ExprKind::Binary { op: *op, lhs: typed_box(lhs), rhs: typed_box(rhs) },
        ExprKind::Paren(inner) => ExprKind::Paren(typed_box(inner)),
        ExprKind::Call { name, args } => {
            ExprKind::Call { name: name.clone(), args: args.iter().map(|arg| typed(arg, schema)).collect() }
        }
        ExprKind::Var(var) => {
            // A cast that matches nothing stays, because without it the name could mean something else.
            ExprKind::Var(VarRef { name: var.name.clone(), cast: schema.kind(var).cast().or(var.cast) })
        }
        other => other.clone(),
    };
    Expr { kind, span: expr.span }
}

/// Returns the dimensions with patterns replaced by the tags that they match; `time(...)` keeps its place.
pub(super) fn named_dimensions(select: &Select, schema: &Schema) -> Vec<Dimension> {
    let mut named = Vec::new();
    for dimension in &select.group_by.dimensions {
        let pattern = match dimension {
            Dimension::Wildcard => None,
            Dimension::Regex(regex) => Some(regex),
            Dimension::Time(_) | Dimension::Tag(_) => {
                named.push(dimension.clone());
                continue;
            }
        };
        let tags = schema.tags.iter().filter(|tag| pattern.is_none_or(|regex| regex.is_match(tag)));
        named.extend(tags.map(|tag| Dimension::Tag(tag.to_string())));
    }
    named
}
