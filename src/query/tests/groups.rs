//! GROUP BY tags and time, and fill.

use fluxstone_compat::Profile;
use proptest::prelude::*;

use super::{check, check_profiles, context, lines, pieces};

const TIDE: &str = "tide,pier=a h=0 0\ntide,pier=a h=1 60\ntide,pier=a h=2 120\ntide,pier=a h=5 300\n\
    tide,pier=b h=10 90\ntide,pier=b h=40 270";

// spec: select.group.1
#[test]
fn each_combination_of_grouped_tags_is_a_series() {
    let points = "m,a=1,b=2 v=1 1\nm,b=2 v=2 2\nm,a=1 v=4 3";
    check(
        points,
        "SELECT sum(v) FROM m GROUP BY b, nosuch, a",
        &[
            "m{a=,b=2,nosuch=} time,sum",
            "0 2",
            "m{a=1,b=,nosuch=} time,sum",
            "0 4",
            "m{a=1,b=2,nosuch=} time,sum",
            "0 1",
        ],
    );
    check(points, "SELECT sum(v) FROM m GROUP BY v", &["m{v=} time,sum", "0 7"]);
    check(points, "SELECT sum(v) FROM m GROUP BY /a|c/", &["m{a=} time,sum", "0 2", "m{a=1} time,sum", "0 5"]);
    check(points, "SELECT sum(v) FROM m WHERE v > 3 GROUP BY *", &["m{a=1,b=} time,sum", "0 4"]);
}

// spec: select.group.time.1, select.group.time.2
#[test]
fn windows_may_extend_beyond_the_range() {
    check(
        TIDE,
        "SELECT count(h) FROM tide WHERE time >= 1m AND time <= 5m GROUP BY time(2m)",
        &["tide time,count", "0 2i", "120 1i", "240 2i"],
    );
    check(
        TIDE,
        "SELECT count(h) FROM tide WHERE time >= 1m AND time < 4m GROUP BY time(2m)",
        &["tide time,count", "0 2i", "120 1i"],
    );
    check(
        TIDE,
        "SELECT sum(h) FROM tide WHERE time >= 0s AND time < 5m GROUP BY time(2m, 30s), pier",
        &[
            "tide{pier=a} time,sum",
            "-90 0",
            "30 3",
            "150 -",
            "270 -",
            "tide{pier=b} time,sum",
            "-90 -",
            "30 10",
            "150 -",
            "270 40",
        ],
    );
    check(
        TIDE,
        "SELECT sum(h) FROM tide WHERE time >= 4m AND time < 5m GROUP BY time(1m), pier",
        &["tide{pier=b} time,sum", "240 40"],
    );
    check(
        TIDE,
        "SELECT sum(h) FROM tide WHERE time >= 0s AND time < 3m GROUP BY time(1m) ORDER BY time DESC",
        &["tide time,sum", "120 2", "60 11", "0 0"],
    );
    check(TIDE, "SELECT sum(h) FROM tide WHERE time >= 0s GROUP BY time(0s)", &["tide time,sum", "0 58"]);
}

// spec: select.group.time.2
#[test]
fn windows_of_an_open_range_begin_with_the_data() {
    check(
        TIDE,
        "SELECT max(h) FROM tide WHERE time < 6m AND pier = 'b' GROUP BY time(1m)",
        &["tide time,max", "60 10", "120 -", "180 -", "240 40", "300 -"],
    );
    check(
        TIDE,
        "SELECT max(h) FROM tide WHERE time < 5m AND pier = 'b' GROUP BY time(1m) ORDER BY time DESC",
        &["tide time,max", "240 40", "180 -", "120 -", "60 10"],
    );
}

const N: &str = "n f=1,i=0i,s=\"x\",b=true 0\nn f=4,i=10i,s=\"y\",b=true 180";

fn filled(function: &str, fill: &str, want: &str) {
    let query = format!("SELECT {function} FROM n WHERE time >= 0s AND time < 5m GROUP BY time(1m) {fill}");
    let lines = super::answer(N, &query, fluxstone_compat::Profile::Documented);
    let cells: Vec<&str> = lines.iter().skip(1).filter_map(|line| line.split_once(' ')).map(|(_, cell)| cell).collect();
    assert_eq!(cells.join(" "), want, "{query}");
}

// spec: select.fill.1
#[test]
fn empty_windows_are_filled() {
    filled("sum(f)", "", "1 - - 4 -");
    filled("count(f)", "", "1i 0i 0i 1i 0i");
    filled("count(distinct(f))", "fill(null)", "1i 0i 0i 1i 0i");
    filled("sum(f)", "fill(none)", "1 4");
    filled("sum(f)", "fill(2)", "1 2 2 4 2");
    filled("sum(i)", "fill(2.9)", "0i 2i 2i 10i 2i");
    filled("count(f)", "fill(7)", "1i 7i 7i 1i 7i");
    filled("first(s)", "fill(2)", "'x' '' '' 'y' ''");
    filled("last(b)", "fill(1)", "true false false true false");
    filled("sum(nosuch)", "fill(0)", "");
    filled("sum(f), count(nosuch)", "fill(0)", "1 - 0 - 0 - 4 - 0 -");
}

// spec: select.fill.2, compat.select.batches.1
#[test]
fn previous_and_linear_use_neighbours() {
    filled("sum(f)", "fill(previous)", "1 1 1 4 4");
    filled("sum(f)", "fill(previous) ORDER BY time DESC", "- 4 4 4 1");
    filled("sum(f)", "fill(linear)", "1 2 3 4 -");
    filled("sum(f)", "fill(linear) ORDER BY time DESC", "- 4 3 2 1");
    filled("sum(i)", "fill(linear)", "0i 3i 6i 10i -");
    filled("first(s)", "fill(linear)", "'x' - - 'y' -");
    let points = "m,h=a v=3 10\nm,h=b v=1 20";
    check_profiles(
        points,
        "SELECT sum(v) FROM m WHERE time >= 10s AND time < 30s GROUP BY time(10s), h fill(linear)",
        &["m{h=a} time,sum", "10 3", "20 -", "m{h=b} time,sum", "10 -", "20 1"],
        &["m{h=a} time,sum", "10 3", "20 1", "m{h=b} time,sum", "10 -", "20 1"],
    );
}

// spec: select.group.time.1
#[test]
fn of_several_windows_the_first_counts() {
    check(
        TIDE,
        "SELECT count(h) FROM tide WHERE time >= 1m AND time <= 5m GROUP BY time(0s), time(2m)",
        &["tide time,count", "60 5i"],
    );
}

// spec: select.fill.3
#[test]
fn fill_needs_windows() {
    check(N, "SELECT mean(f) FROM n WHERE f > 100 fill(0)", &[]);
    check(N, "SELECT mean(f), mean(nosuch) FROM n fill(0)", &["n time,mean,mean_1", "0 2.5 -"]);
}

proptest! {
    /// Groups are made only as far as they are wanted; most of these have no values in the range.
    #[test]
    fn slimit_leaves_out_series_of_the_answer(
        points in proptest::collection::vec((0..40_usize, 0..8_usize, 0..50_i64), 1..400),
        (slimit, soffset) in (1..9_usize, 0..5_usize),
        end in 1..50_i64,
        tags in proptest::sample::select(vec!["a, b", "b, a", "b", "*", "a, c"]),
        descending in any::<bool>(),
    ) {
        let points: Vec<String> = points.iter().map(|(a, b, time)| format!("m,a=a{a},b={b} v=1 {time}")).collect();
        let order = if descending { "ORDER BY time DESC" } else { "" };
        let query = format!("SELECT v FROM m WHERE time < {end}s GROUP BY {tags}");
        let series = |query: &str| -> Vec<(String, Vec<String>)> {
            let pieces = pieces(&points.join("\n"), query, &context(Profile::Documented)).unwrap();
            pieces.iter().map(|piece| (format!("{:?}", piece.tags), lines(piece))).collect()
        };
        let mut want: Vec<_> = series(&format!("{query} {order}"));
        if descending {
            want.reverse();
        }
        want = want.into_iter().skip(soffset).take(slimit).collect();
        if descending {
            want.reverse();
        }
        prop_assert_eq!(series(&format!("{query} {order} SLIMIT {slimit} SOFFSET {soffset}")), want);
    }
}
