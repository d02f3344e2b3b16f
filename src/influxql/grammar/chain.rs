//! Chains of AND and OR. InfluxQL has no IN, so clients write a comparison for each of many thousands of names.
//!
//! Both operators are associative: a long chain becomes a balanced tree, which is as high as the logarithm of its length, so that
//! everything that walks trees can recurse. It is printed as it was written, since a tree of one operator needs no parentheses.

use crate::ast::{BinaryOp, Expr, ExprKind, Span};

/// The most operators of one chain of AND or OR.
pub(crate) const OPERATORS_MAX: usize = 100_000;

/// A chain of at most this many operators is evaluated from the left to the right.
const LEFT_TO_RIGHT_MAX: usize = 64;

/// A part of an expression with the height of its tree.
pub(super) struct Deep {
    pub(super) expr: Expr,
    pub(super) depth: u32,
}

impl Deep {
    pub(super) fn leaf(kind: ExprKind) -> Deep {
        Deep { expr: kind.into(), depth: 1 }
    }
}

/// Operands that are joined by one operator, AND or OR.
#[expect(clippy::vec_box, reason = "the boxes become parts of the tree, and moving them is cheap")]
pub(super) struct Chain {
    op: BinaryOp,
    operands: Vec<Box<Expr>>,
    /// The height of the highest operand.
    depth: u32,
}

impl Chain {
    pub(super) fn new(op: BinaryOp, first: Deep) -> Chain {
        Chain { op, operands: vec![Box::new(first.expr)], depth: first.depth }
    }

    pub(super) fn op(&self) -> BinaryOp {
        self.op
    }

    /// Appends an operand, unless the chain is too long.
    pub(super) fn push(&mut self, operand: Deep) -> bool {
        self.operands.push(Box::new(operand.expr));
        self.depth = self.depth.max(operand.depth);
        self.operands.len() <= OPERATORS_MAX + 1
    }

    /// Returns the tree of the whole chain.
    pub(super) fn complete(self) -> Deep {
        let Chain { op, operands, depth } = self;
        let operators = operands.len() - 1;
        let is_short = operators <= LEFT_TO_RIGHT_MAX;
        let join = |lhs, rhs| Box::new(joined(op, lhs, rhs));
        let height = if is_short { operators as u32 } else { operators.ilog2() + 1 };
        let tree = if is_short { operands.into_iter().reduce(join) } else { balanced(operands, &join) };
        // A chain has operands.
        let expr = tree.map_or_else(|| ExprKind::Boolean(true).into(), |tree| *tree);
        Deep { expr, depth: depth + height }
    }
}

/// Joins neighbours until one tree is left.
#[expect(clippy::vec_box, reason = "the boxes become parts of the tree, and moving them is cheap")]
fn balanced(mut trees: Vec<Box<Expr>>, join: &impl Fn(Box<Expr>, Box<Expr>) -> Box<Expr>) -> Option<Box<Expr>> {
    while trees.len() > 1 {
        let mut pairs = trees.into_iter();
        let mut joined = Vec::with_capacity(pairs.len().div_ceil(2));
        while let Some(lhs) = pairs.next() {
            joined.push(match pairs.next() {
                Some(rhs) => join(lhs, rhs),
                None => lhs,
            });
        }
        trees = joined;
    }
    trees.pop()
}

/// `lhs op rhs`.
pub(super) fn joined(op: BinaryOp, lhs: Box<Expr>, rhs: Box<Expr>) -> Expr {
    let span = Span { start: lhs.span.start, end: rhs.span.end };
    Expr { kind: ExprKind::Binary { op, lhs, rhs }, span }
}
