//! Leaves out blocks in which no point can satisfy the condition, as their summaries tell, before any block is read.
//!
//! A condition such as `v > 90 AND ...` holds only where `v` has a value above 90. Where the blocks of `v` have none, the blocks of the
//! other fields are not read either.

use std::collections::VecDeque;
use std::sync::Arc;

use fluxstone_columns::{Block, NumberSummary};
use fluxstone_influxql::ast::BinaryOp;
use fluxstone_model::{FieldType, TimeRange};

use super::error::QueryError;
use super::field_cursor::FieldCursor;
use super::point_expr::PointExpr;
use super::value::Value;

/// A comparison of a column with a number, which holds at each point that a condition keeps.
pub(super) struct NumberTest<'c> {
    column: usize,
    op: BinaryOp,
    number: &'c Value,
}

impl<'c> NumberTest<'c> {
    /// Returns the comparisons that hold wherever `condition` does.
    pub(super) fn all_of(condition: &'c PointExpr) -> Vec<NumberTest<'c>> {
        let mut found = Vec::new();
        collect(condition, &mut found);
        found
    }

    /// Whether a value of the block may satisfy the comparison.
    fn may_hold(&self, block: &dyn Block, read_as: FieldType) -> bool {
        let summary = block.summary();
        if !block.has_summary() {
            return true;
        }
        match (summary.numbers, read_as, self.number) {
            (Some(NumberSummary::Integer { min, max, .. }), FieldType::Integer, Value::Integer(number)) => {
                may_compare(self.op, min, max, *number)
            }
            (Some(NumberSummary::Integer { min, max, .. }), _, Value::Float(number)) => {
                may_compare(self.op, min as f64, max as f64, *number)
            }
            (Some(NumberSummary::Float { min, max, .. }), FieldType::Float, Value::Float(number)) => {
                may_compare(self.op, min, max, *number)
            }
            (Some(NumberSummary::Float { min, max, .. }), FieldType::Float, Value::Integer(number)) => {
                may_compare(self.op, min, max, *number as f64)
            }
            _ => true,
        }
    }
}

fn collect<'c>(condition: &'c PointExpr, found: &mut Vec<NumberTest<'c>>) {
    match condition {
        PointExpr::Logical { and: true, lhs, rhs, .. } => {
            collect(lhs, found);
            collect(rhs, found);
        }
        PointExpr::Compare { op, lhs, rhs } => {
            if let (PointExpr::Column(column), PointExpr::Literal(number @ (Value::Integer(_) | Value::Float(_)))) =
                (&**lhs, &**rhs)
            {
                found.push(NumberTest { column: *column, op: *op, number });
            }
        }
        _ => {}
    }
}

/// Whether `value op number` can hold for a value from `min` to `max`.
fn may_compare<T: PartialOrd + Copy>(op: BinaryOp, min: T, max: T, number: T) -> bool {
    match op {
        BinaryOp::Equal => min <= number && number <= max,
        BinaryOp::Less => min < number,
        BinaryOp::LessOrEqual => min <= number,
        BinaryOp::Greater => max > number,
        BinaryOp::GreaterOrEqual => max >= number,
        _ => true,
    }
}

/// Leaves out the blocks of all columns that are outside the blocks in which a comparison may hold.
pub(super) fn leave_out(cursors: &mut [FieldCursor], test: &NumberTest<'_>) -> Result<(), QueryError> {
    let Some(cursor) = cursors.get_mut(test.column) else { return Ok(()) };
    let read_as = cursor.read_as;
    let before = cursor.part_count();
    cursor.retain(&|block| test.may_hold(block, read_as))?;
    if cursor.part_count() == before {
        return Ok(());
    }
    // In order of time.
    let kept: Vec<TimeRange> = cursor.blocks.iter().map(|block| block.summary().range).collect();
    let is_near = |block: &dyn Block| {
        let range = block.summary().range;
        let next = kept.partition_point(|kept| kept.max < range.min);
        !block.has_summary() || kept.get(next).is_some_and(|kept| kept.min <= range.max)
    };
    cursors.iter_mut().try_for_each(|cursor| cursor.retain(&is_near))
}

impl FieldCursor {
    /// The number of blocks that are left.
    fn part_count(&self) -> usize {
        self.blocks.iter().map(|block| block.part_count()).sum()
    }

    /// Leaves out blocks, none of which may have been read. What stands for several blocks is taken apart if it stays.
    fn retain(&mut self, stays: &dyn Fn(&dyn Block) -> bool) -> Result<(), QueryError> {
        let mut kept: VecDeque<Arc<dyn Block>> = VecDeque::with_capacity(self.blocks.len());
        for block in self.blocks.drain(..).filter(|block| stays(&**block)) {
            if block.part_count() == 1 {
                kept.push_back(block);
            } else {
                let range = self.range;
                let parts = block.parts()?.into_iter();
                kept.extend(parts.filter(|part| part.summary().range.overlaps(range) && stays(&**part)));
            }
        }
        self.blocks = kept;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_values_may_satisfy_what_one_of_them_does() {
        use BinaryOp::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        for op in [Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual] {
            for (min, max) in [(1, 1), (1, 4), (4, 9), (6, 9)] {
                for number in 0..=10 {
                    let some = (min..=max).any(|value| {
                        super::super::scalar::compare(
                            op,
                            Value::Integer(value).scalar(),
                            Value::Integer(number).scalar(),
                        )
                    });
                    assert!(may_compare(op, min, max, number) || !some, "{min}..{max} {op:?} {number}");
                    assert!(some || op == NotEqual || !may_compare(op, min, max, number));
                }
            }
        }
    }
}
