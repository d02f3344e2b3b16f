//! The one list of points where the API reference and InfluxDB 1.2.4 disagree, and the switch between them.
//!
//! The server answers as documented (or, for accidents of 1.2.4, sensibly) unless `[compat] profile = "1.2.4"` asks for the
//! observed answer. The profile is resolved once, at the edge, into what each part of the server needs: a struct with a field
//! for each point, which is true where 1.2.4 is followed. `spec/compatibility.md` has a clause for each point.
//! Weaknesses in authorization and panics are on no list: they are never reproduced.

/// Declares the points of one part of the server.
macro_rules! semantics {
    ($(#[$about:meta])* $name:ident { $($(#[$point:meta])* $field:ident,)* }) => {
        $(#[$about])*
        ///
        /// Each field is a point of the compatibility page: true to answer as InfluxDB 1.2.4 did, false to answer as documented.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        #[allow(clippy::struct_excessive_bools, reason = "each is a point of its own; some structs have few")]
        pub struct $name {
            $($(#[$point])* pub $field: bool,)*
        }

        impl $name {
            /// As the API reference documents.
            pub const DOCUMENTED: $name = $name { $($field: false,)* };
            /// As InfluxDB 1.2.4 was observed.
            pub const OBSERVED: $name = $name { $($field: true,)* };
        }

        impl From<Profile> for $name {
            fn from(profile: Profile) -> Self {
                match profile {
                    Profile::Documented => $name::DOCUMENTED,
                    Profile::Observed => $name::OBSERVED,
                }
            }
        }
    };
}

semantics! {
    /// What line protocol means.
    LineProtocolSemantics {
        /// `compat.write.comments`: a backslash or quote in a comment swallows the lines behind it.
        comments_swallow_lines,
        /// `compat.write.string-tail`: bytes behind a string belong to it, and its last byte is cut off.
        string_tails,
        /// `compat.write.final-backslash`: a body that ends with a backslash shows a NUL in its error.
        final_backslash,
    }
}

semantics! {
    /// What SELECT means.
    SelectSemantics {
        /// `compat.select.time-bounds`: `time = t` also covers the nanosecond after `t`, and of `time >= t` and `time > t` the first counts.
        time_bounds,
        /// `compat.select.bare-condition`: a condition that is a lone literal or column selects nothing.
        bare_condition,
        /// `compat.select.absent-operand`: AND and OR are false when one side compares an absent field.
        absent_operand,
        /// `compat.select.time-twice`: of two projections of `time` side by side the second is a column of nulls.
        time_twice,
        /// `compat.select.slimit-order`: SLIMIT and SOFFSET count groups in the order of their values joined by `|`.
        slimit_order,
        /// `compat.select.soffset`: SOFFSET without SLIMIT answers nothing.
        soffset_alone,
    }
}

semantics! {
    /// How writes and statements other than SELECT and SHOW are carried out, and how errors of statements are reported.
    StatementSemantics {
        /// `compat.write.conflict`: text of a field type conflict when nothing of the request was stored.
        type_conflict,
        /// `compat.query.error-order`: an execution error before the last statement is overwritten by `not executed`, and the last
        /// statement has no result.
        overwritten_errors,
        /// `compat.query.error-id`: errors of name resolution carry statement id 0.
        error_id_zero,
        /// `compat.delete.future`: DELETE and DROP SERIES without an upper bound on time spare the future.
        deletes_up_to_now,
        /// `compat.delete.time-conditions`: in DELETE `time != t` restricts nothing, and times joined by OR are intersected.
        delete_time_conditions,
    }
}

semantics! {
    /// What SHOW statements list.
    ListingSemantics {
        /// `compat.show.time-right`: SHOW statements and DROP SERIES refuse time only on the left side of a comparison.
        time_on_the_right,
        /// `compat.show.underscore`: SHOW TAG VALUES leaves comparisons of tags that begin with an underscore out of WHERE.
        underscore_tags,
        /// `compat.show.field-key-order`: SHOW FIELD KEYS lists the keys of several shards in the order of a heap.
        field_key_order,
        /// `compat.show.literal`: a condition without comparison shows an internal value.
        shown_literal,
        /// `compat.show.chunks`: chunks of listings don't say that more of them follow.
        chunks,
    }
}

semantics! {
    /// How requests to `/query` are read and answered.
    AnswerSemantics {
        /// `compat.query.merged-partial`: a series of more than 10,000 rows is complete but marked partial.
        merged_partial,
        /// `compat.query.epoch-micro`: `epoch=µ` means nanoseconds.
        epoch_micro_sign,
        /// `compat.query.chunked-number`: `chunked=<number>` does nothing.
        chunked_number,
        /// `compat.query.row-limit-overrun`: after a statement that met `max-row-limit` one more runs, unseen.
        row_limit_overrun,
        /// `compat.query.infinity`: an infinite value replaces a JSON document by the text of an encoder's error.
        infinity_in_json,
        /// `compat.auth.url-credentials`: the `Authorization` header beats `u` and `p`.
        header_beats_url,
    }
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
