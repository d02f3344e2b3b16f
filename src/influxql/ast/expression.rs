//! Expressions: the parts of projections, conditions and dimensions.

use std::fmt;

use fluxstone_go::Regex;
use fluxstone_model::{Nanos, Timestamp};

/// A range of bytes of the text. All spans compare as equal, so that trees compare by meaning.
#[derive(Debug, Clone, Copy, Default)]
pub struct Span {
    /// The first byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl PartialEq for Span {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Span {}

/// An expression with its place in the text.
#[derive(Clone, PartialEq)]
pub struct Expr {
    /// The kind of expression, with its parts.
    pub kind: ExprKind,
    /// The place in the text; empty for an expression that was not parsed.
    pub span: Span,
}

/// Shows what is compared: the kind without the place.
impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl From<ExprKind> for Expr {
    fn from(kind: ExprKind) -> Self {
        Expr { kind, span: Span::default() }
    }
}

/// The kinds of expressions.
#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `lhs op rhs`.
    Binary {
        /// The operator.
        op: BinaryOp,
        /// Left.
        lhs: Box<Expr>,
        /// Right.
        rhs: Box<Expr>,
    },
    /// `( expr )`.
    Paren(Box<Expr>),
    /// `name(args)`; the name is in lower case.
    Call {
        /// Lower case.
        name: String,
        /// In order.
        args: Vec<Expr>,
    },
    /// The word form `DISTINCT name`.
    Distinct(String),
    /// A field or tag.
    Var(VarRef),
    /// `*`, `*::field`, `*::tag`.
    Wildcard(Option<WildcardKind>),
    /// `/regex/`.
    Regex(Regex),
    /// `12`.
    Integer(i64),
    /// `1.5`.
    Number(f64),
    /// `'text'`.
    String(String),
    /// `true`.
    Boolean(bool),
    /// `10m`.
    Duration(Nanos),
    /// A time. Only constant folding produces it.
    Time(Timestamp),
}

impl Expr {
    /// Whether this is the column `time`, in any letter case.
    pub fn is_time(&self) -> bool {
        matches!(&self.kind, ExprKind::Var(column) if column.name.eq_ignore_ascii_case("time"))
    }
}

impl ExprKind {
    /// The name of InfluxDB's Go type for this kind of expression, which its error messages contain.
    pub fn go_type_name(&self) -> &'static str {
        match self {
            ExprKind::Binary { .. } => "*influxql.BinaryExpr",
            ExprKind::Paren(_) => "*influxql.ParenExpr",
            ExprKind::Call { .. } => "*influxql.Call",
            ExprKind::Distinct(_) => "*influxql.Distinct",
            ExprKind::Var(_) => "*influxql.VarRef",
            ExprKind::Wildcard(_) => "*influxql.Wildcard",
            ExprKind::Regex(_) => "*influxql.RegexLiteral",
            ExprKind::Integer(_) => "*influxql.IntegerLiteral",
            ExprKind::Number(_) => "*influxql.NumberLiteral",
            ExprKind::String(_) => "*influxql.StringLiteral",
            ExprKind::Boolean(_) => "*influxql.BooleanLiteral",
            ExprKind::Duration(_) => "*influxql.DurationLiteral",
            ExprKind::Time(_) => "*influxql.TimeLiteral",
        }
    }
}

/// A reference to a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VarRef {
    /// The name; segments of a dotted name are joined by dots.
    pub name: String,
    /// `::type`.
    pub cast: Option<Cast>,
}

/// The `::type` after a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words of the grammar")]
pub enum Cast {
    Float,
    Integer,
    String,
    Boolean,
    /// The field of this name, whatever its type.
    Field,
    Tag,
}

/// `*::field` or `*::tag`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of the grammar")]
pub enum WildcardKind {
    Field,
    Tag,
}

/// A binary operator, from loosest to tightest binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is named as it is read aloud")]
pub enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Match,
    NotMatch,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl BinaryOp {
    /// The symbol or keyword.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Or => "OR",
            BinaryOp::And => "AND",
            BinaryOp::Equal => "=",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Match => "=~",
            BinaryOp::NotMatch => "!~",
            BinaryOp::Less => "<",
            BinaryOp::LessOrEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterOrEqual => ">=",
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
        }
    }

    /// 1 (loosest, OR) to 5 (tightest, `*` and `/`).
    pub fn precedence(self) -> u8 {
        match self {
            BinaryOp::Or => 1,
            BinaryOp::And => 2,
            BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::Match
            | BinaryOp::NotMatch
            | BinaryOp::Less
            | BinaryOp::LessOrEqual
            | BinaryOp::Greater
            | BinaryOp::GreaterOrEqual => 3,
            BinaryOp::Add | BinaryOp::Subtract => 4,
            BinaryOp::Multiply | BinaryOp::Divide => 5,
        }
    }

    /// Whether it is a comparison: precedence 3.
    pub fn is_comparison(self) -> bool {
        self.precedence() == 3
    }

    /// Whether it is AND or OR.
    pub fn is_logical(self) -> bool {
        self.precedence() < 3
    }
}
