//! SELECT: for any data and any statement, the evaluator returns the same answer as the executable semantics.
//!
//! The input bytes are the decisions of the generators of the differential test (`tests/semantics`), so the fuzzer searches for
//! decisions that reach new code.
#![no_main]

#[path = "../../tests/semantics/data.rs"]
mod data;
#[path = "../../tests/semantics/answers.rs"]
mod answers;
#[path = "../../tests/semantics/stores.rs"]
mod stores;

use fluxstone_grammar::Choices;
use fluxstone_grammar::statements::select;
use libfuzzer_sys::fuzz_target;

use answers::Bench;

// spec: select.where.1, select.order.1
fuzz_target!(|bytes: &[u8]| {
    let (for_data, for_statement) = bytes.split_at(bytes.len() / 2);
    let text = select(&mut Choices::new(for_statement));
    let bench = Bench::new(data::steps(&mut Choices::new(for_data)), 3);
    if let Some(difference) = bench.difference(&text, 2) {
        panic!("{difference}");
    }
});
