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
        /// `compat.write.comments`: a backslash or quote in a comment makes the comment swallow the next lines.
        comments_swallow_lines,
        /// `compat.write.string-tail`: a carriage return after a string's closing quote becomes part of the string, which loses its last byte.
        string_tails,
        /// `compat.write.final-backslash`: the error for a body that ends in a backslash contains a NUL.
        final_backslash,
    }
}

semantics! {
    /// What SELECT means.
    SelectSemantics {
        /// `compat.select.time-bounds`: `time = t` also includes the nanosecond after `t`, and of `time >= t` and `time > t` the first one wins.
        time_bounds,
        /// `compat.select.bare-condition`: a condition that is just a literal or a column selects nothing.
        bare_condition,
        /// `compat.select.absent-operand`: AND and OR are false when one side compares an absent field.
        absent_operand,
        /// `compat.select.time-twice`: the second of two adjacent projections of `time` is a column of nulls.
        time_twice,
        /// `compat.select.slimit-order`: SLIMIT and SOFFSET count groups in the order of their tag values joined by `|`.
        slimit_order,
        /// `compat.select.soffset`: SOFFSET without SLIMIT returns nothing.
        soffset_alone,
        /// `compat.select.batches`: the results of all groups are evaluated in one stream, so a group may be answered as several series.
        batches,
        /// `compat.select.forecast-desc`: `holt_winters` predicts nothing under DESC.
        no_forecast_descending,
        /// `compat.select.offset-alone`: OFFSET without LIMIT stops reading points in each shard after the first row that it does not skip.
        offset_alone,
        /// `compat.select.sub-order`: the points of a sub-query come one series after another.
        points_by_series,
        /// `compat.select.distinct-word`: DISTINCT as a word in parentheses or arithmetic is an error.
        distinct_word,
        /// `compat.select.now-in-field`: a comparison of a field with `now()` keeps everything.
        now_in_field,
        /// `compat.select.boolean-of-comparison`: a comparison that is compared with a boolean is an error.
        boolean_of_comparison,
    }
}

semantics! {
    /// How writes and statements other than SELECT and SHOW are executed, and how statements report errors.
    StatementSemantics {
        /// `compat.write.conflict`: the text for a field type conflict of a write of one point.
        type_conflict,
        /// `compat.write.cache`: values of one request that do not fit into the cache are refused.
        cache_limit,
        /// `compat.auth.request-database`: statements also require what InfluxDB required, mostly on the `db` parameter.
        request_privileges,
        /// `compat.query.error-order`: an execution error before the last statement is overwritten by `not executed`, and the last
        /// statement has no result.
        overwritten_errors,
        /// `compat.query.error-id`: errors of name resolution carry statement id 0.
        error_id_zero,
        /// `compat.continuous-query.last-run`: the last runs of continuous queries are forgotten when the server ends.
        forgets_runs,
        /// `compat.delete.future`: DELETE and DROP SERIES without an upper time bound keep points in the future.
        deletes_up_to_now,
        /// `compat.delete.time-conditions`: in DELETE, `time != t` has no effect, and time ranges joined by OR are intersected.
        delete_time_conditions,
        /// `compat.delete.conditions`: a deletion whose condition is not made of comparisons selects nothing, or is obeyed in part.
        other_delete_conditions,
    }
}

semantics! {
    /// What SHOW statements list.
    ListingSemantics {
        /// `compat.show.time-right`: SHOW statements and DROP SERIES reject `time` only on the left side of a comparison.
        time_on_the_right,
        /// `compat.show.underscore`: SHOW TAG VALUES ignores comparisons of tags whose names begin with an underscore.
        underscore_tags,
        /// `compat.show.field-key-order`: SHOW FIELD KEYS lists the keys of several shards in heap order.
        field_key_order,
        /// `compat.show.literal`: the error for a condition without a comparison shows an internal value.
        shown_literal,
        /// `compat.show.chunks`: chunks of listings are not marked as partial.
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
        /// `compat.query.row-limit-overrun`: after a statement that reached `max-row-limit`, the next one still runs, and its result is discarded.
        row_limit_overrun,
        /// `compat.query.keep-alive`: the connection closes after an accepted query even if the request asks to keep it.
        always_closes,
        /// `compat.query.infinity`: an infinite value replaces the JSON document with the error text of an encoder.
        infinity_in_json,
        /// `compat.query.gzip-bytes`: answers are compressed to the bytes that Go makes of them.
        gzip_bytes,
        /// `compat.auth.url-credentials`: the `Authorization` header takes precedence over `u` and `p`.
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
