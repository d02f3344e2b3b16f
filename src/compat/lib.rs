//! The one list of points where the API reference and InfluxDB 1.2.4 disagree, and the switch between them.
//!
//! The server answers as documented (or, for accidents of 1.2.4, sensibly) unless `[compat] profile = "1.2.4"` asks for the
//! observed answer. Every place in the code that asks names its [`Point`]; `spec/compatibility.md` describes each of them.
//! Weaknesses in authorization and panics are on no list: they are never reproduced.

/// A point where the profiles differ. The name is the identifier of its clause on the compatibility page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Point {
    /// `compat.write.conflict`: text of a field type conflict when nothing of the request was stored.
    WriteTypeConflict,
    /// `compat.write.comments`: a backslash or quote in a comment swallows the lines behind it.
    WriteComments,
    /// `compat.write.string-tail`: bytes behind a string belong to it, and its last byte is cut off.
    WriteStringTail,
    /// `compat.write.final-backslash`: a body that ends with a backslash shows a NUL in its error.
    WriteFinalBackslash,
    /// `compat.query.error-order`: an execution error before the last statement is overwritten by `not executed`, and the last
    /// statement has no result.
    OverwrittenErrors,
    /// `compat.query.error-id`: errors of name resolution carry statement id 0.
    ErrorIdZero,
    /// `compat.query.merged-partial`: a series of more than 10,000 rows is complete but marked partial.
    MergedPartial,
    /// `compat.query.epoch-micro`: `epoch=µ` means nanoseconds.
    EpochMicroSign,
    /// `compat.query.chunked-number`: `chunked=<number>` does nothing.
    ChunkedNumber,
    /// `compat.query.row-limit-overrun`: after a statement that met `max-row-limit` one more runs, unseen.
    RowLimitOverrun,
    /// `compat.query.infinity`: an infinite value replaces a JSON document by the text of an encoder's error.
    InfinityInJson,
    /// `compat.select.time-bounds`: `time = t` also covers the nanosecond after `t`, and of `time >= t` and `time > t` the first counts.
    TimeBounds,
    /// `compat.select.bare-condition`: a condition that is a lone literal or column selects nothing.
    BareCondition,
    /// `compat.select.absent-operand`: AND and OR are false when one side compares an absent field.
    AbsentOperand,
    /// `compat.select.time-twice`: of two projections of `time` side by side the second is a column of nulls.
    TimeTwice,
    /// `compat.select.slimit-order`: SLIMIT and SOFFSET count groups in the order of their values joined by `|`.
    SlimitOrder,
    /// `compat.select.soffset`: SOFFSET without SLIMIT answers nothing.
    SoffsetAlone,
    /// `compat.delete.future`: DELETE and DROP SERIES without an upper bound on time spare the future.
    DeletesUpToNow,
    /// `compat.delete.time-conditions`: in DELETE `time != t` restricts nothing, and times joined by OR are intersected.
    DeleteTimeConditions,
    /// `compat.show.time-right`: SHOW statements and DROP SERIES refuse time only on the left side of a comparison.
    TimeOnTheRight,
    /// `compat.show.underscore`: SHOW TAG VALUES leaves comparisons of tags that begin with an underscore out of WHERE.
    UnderscoreTags,
    /// `compat.show.field-key-order`: SHOW FIELD KEYS lists the keys of several shards in the order of a heap.
    FieldKeyOrder,
    /// `compat.show.literal`: a condition without comparison shows an internal value.
    ShownLiteral,
    /// `compat.show.chunks`: chunks of listings don't say that more of them follow.
    ListingChunks,
    /// `compat.auth.url-credentials`: the `Authorization` header beats `u` and `p`.
    HeaderBeatsUrl,
}

/// Which answers to give where sources disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// As the API reference documents.
    #[default]
    Documented,
    /// As InfluxDB 1.2.4 was observed.
    Observed,
}

/// What a null cell of a CSV answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CsvNullCells {
    /// The text of the cell above, as the API reference shows and 1.2.4 does.
    #[default]
    Repeat,
    /// Nothing.
    Empty,
}

/// The `[compat]` settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compat {
    /// `profile`.
    pub profile: Profile,
    /// `csv-null-cells`.
    pub csv_null_cells: CsvNullCells,
}

impl Compat {
    /// Whether `point` is answered as 1.2.4 did.
    pub fn observed(self, _point: Point) -> bool {
        self.profile == Profile::Observed
    }
}
