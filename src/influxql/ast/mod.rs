//! The syntax tree of InfluxQL: immutable values that represent what was written.
//!
//! Spans are kept for messages and ignored by comparison: two trees are equal when they mean the same.
//! Invariant: a [`Select`] has passed the static validation of `validate.rs`.

mod clauses;
mod expression;
mod select;
mod statement;

pub use fluxstone_go::Regex;
pub use fluxstone_model::{Privilege, RetentionOptions, SubscriptionMode};

pub use clauses::{
    Dimension, Fill, GroupBy, Limits, Measurement, MeasurementName, Order, SelectField, SystemSource, Target, Window,
    WindowOffset,
};
pub use expression::{BinaryOp, Cast, Expr, ExprKind, Span, VarRef, WildcardKind};
pub use select::{Select, SelectClauses, Source};
pub use statement::{
    Definition, DeleteClauses, KillQuery, MeasurementFilter, Password, Query, Resample, SchemaClauses, Show, Statement,
    TagKeyFilter,
};
