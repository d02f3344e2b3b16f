//! Rows, columns, order, sources.

use fluxstone_compat::Profile;

use super::{answer, check, check_profiles};

const HIVE: &str = "hive,apiary=north,keeper=ann temp=34.5,bees=12000i,note=\"calm\" 10\n\
    hive,apiary=south,keeper=ann temp=35.25,bees=9000i 20\n\
    hive,apiary=south temp=33,queen=false 30";

// spec: select.rows.1, select.rows.2
#[test]
fn a_row_exists_where_a_selected_field_has_a_value() {
    check(
        "m,t=x a=1,b=2 1\nm,t=x a=3 2\nm,t=x b=4 3\nm,t=y c=1 1\nm,t=y a=5 2",
        "SELECT a, t, b, u FROM m",
        &["m time,a,t,b,u", "1 1 'x' 2 -", "2 5 'y' - -", "2 3 'x' - -", "3 - 'x' 4 -"],
    );
}

// spec: select.rows.3
#[test]
fn no_rows_make_no_series() {
    for query in [
        "SELECT nosuch FROM hive",
        "SELECT apiary FROM hive",
        "SELECT temp FROM nosuch",
        "SELECT temp FROM hive WHERE time > 40s",
        "SELECT temp FROM hive WHERE temp > 40",
        "SELECT temp FROM hive WHERE time > 20s AND time < 10s",
        "SELECT * FROM nosuch",
        "SELECT mean(nosuch) FROM hive",
    ] {
        check(HIVE, query, &[]);
    }
}

// spec: select.rows.4
#[test]
fn the_first_column_is_the_time() {
    check(HIVE, "SELECT temp, time FROM hive LIMIT 1", &["hive time,temp", "10 34.5"]);
    check(HIVE, "SELECT temp, time AS at FROM hive LIMIT 1", &["hive at,temp", "10 34.5"]);
}

// spec: select.columns.wildcard.1
#[test]
fn a_wildcard_means_fields_and_ungrouped_tags_in_byte_order() {
    let columns = |query: &str| answer(HIVE, query, Profile::Documented).remove(0);
    assert_eq!(columns("SELECT * FROM hive"), "hive time,apiary,bees,keeper,note,queen,temp");
    assert_eq!(columns("SELECT * FROM hive GROUP BY keeper"), "hive{keeper=} time,apiary,bees,note,queen,temp");
    assert_eq!(columns("SELECT * FROM hive GROUP BY *"), "hive{apiary=north,keeper=ann} time,bees,note,queen,temp");
    assert_eq!(columns("SELECT *::tag, temp FROM hive"), "hive time,apiary,keeper,temp");
    assert_eq!(columns("SELECT *::field FROM hive"), "hive time,bees,note,queen,temp");
    assert_eq!(columns("SELECT /e.*e/ AS x FROM hive"), "hive time,bees,keeper,queen");
    let same_name = "m,k=tag k=1 1";
    check(same_name, "SELECT * FROM m", &["m time,k,k_1", "1 1 'tag'"]);
}

// spec: select.columns.kind.1
#[test]
fn a_name_is_a_field_if_any_source_has_such_a_field() {
    let points = "t1,host=a v=1 1\nt2 host=\"b\",v=2 2";
    check(points, "SELECT host, v FROM t1, t2", &["t1 time,host,v", "1 - 1", "t2 time,host,v", "2 'b' 2"]);
    check(points, "SELECT host, v FROM t1", &["t1 time,host,v", "1 'a' 1"]);
    check(points, "SELECT host::tag, v FROM t1, t2", &["t1 time,host,v", "1 'a' 1", "t2 time,host,v", "2 - 2"]);
    check(HIVE, "SELECT apiary::field, temp FROM hive LIMIT 1", &["hive time,apiary,temp", "10 - 34.5"]);
    check(HIVE, "SELECT Temp, temp FROM hive LIMIT 1", &["hive time,Temp,temp", "10 - 34.5"]);
}

// spec: select.columns.kind.2
#[test]
fn of_several_types_the_first_of_float_integer_string_boolean_counts() {
    let points = "a v=1i 1\na v=2.5 2\nb v=\"x\" 1\nc v=true 1";
    check(points, "SELECT v FROM a, b", &["a time,v", "1 1", "2 2.5"]);
    check(points, "SELECT v FROM b, c", &["b time,v", "1 'x'"]);
    check(points, "SELECT v FROM a WHERE time < 2s", &["a time,v", "1 1i"]);
}

// spec: select.columns.kind.3
#[test]
fn casts_convert_between_numbers_only() {
    let points = "m f=-1.9,i=3i,s=\"1\" 1";
    check(
        points,
        "SELECT f::integer, i::float, f::string, s::integer, s::string FROM m",
        &["m time,f,i,f_1,s,s_1", "1 -1i 3 - - '1'"],
    );
}

// spec: select.columns.names.1
#[test]
fn columns_are_named_by_alias_or_by_expression() {
    check(
        "m a=1,b=2 1",
        "SELECT a AS x, a + b, a * 2, (b), a + b * a FROM m",
        &["m time,x,a_b,a,b,a_b_a", "1 1 3 2 2 3"],
    );
    check("m a=1,b=2 1", "SELECT MAX(a), max(a) + min(b), \"mean\"(b) FROM m", &["m time,max,max_min,mean", "0 1 3 2"]);
}

// spec: select.columns.names.2
#[test]
fn names_are_unique_but_aliases_stay() {
    check("m a=1,b=2 1", "SELECT a, a, b AS a, b AS a, a FROM m", &["m time,a_1,a_2,a,a,a_3", "1 1 1 2 2 1"]);
}

// spec: select.order.1, select.order.2
#[test]
fn series_come_by_measurement_and_tags_and_descending_reverses_them() {
    let points = "n v=1 1\nm,a=x,b=1 v=2 2\nm,a=x,b=0 v=3 3\nm,a=y v=4 1";
    check(
        points,
        "SELECT v FROM n, m GROUP BY b, a",
        &["m{a=x,b=0} time,v", "3 3", "m{a=x,b=1} time,v", "2 2", "m{a=y,b=} time,v", "1 4", "n{a=,b=} time,v", "1 1"],
    );
    check(
        points,
        "SELECT v FROM n, m GROUP BY a ORDER BY time DESC",
        &["n{a=} time,v", "1 1", "m{a=y} time,v", "1 4", "m{a=x} time,v", "3 3", "2 2"],
    );
    check(
        points,
        "SELECT sum(v) FROM m GROUP BY a ORDER BY time DESC",
        &["m{a=x} time,sum", "0 5", "m{a=y} time,sum", "0 4"],
    );
}

// spec: select.order.ties.1
#[test]
fn equal_times_come_in_heap_order() {
    let points = "w,s=a v=0 10\nw,s=b v=1 10\nw,s=c v=2 10\nw,s=d v=3 10\nw,s=e v=4 10\n\
        w,s=a v=0 20\nw,s=b v=1 20\nw,s=c v=2 20\nw,s=d v=3 20\nw,s=e v=4 20";
    check(
        points,
        "SELECT v FROM w",
        &["w time,v", "10 0", "10 4", "10 1", "10 3", "10 2", "20 3", "20 2", "20 0", "20 1", "20 4"],
    );
    check(
        points,
        "SELECT v FROM w ORDER BY time DESC",
        &["w time,v", "20 4", "20 0", "20 3", "20 1", "20 2", "10 1", "10 2", "10 4", "10 3", "10 0"],
    );
}

// spec: select.from.1
#[test]
fn a_measurement_named_twice_is_read_twice() {
    let points = "cpu v=1 1\ncpu v=2 2\nmem v=3 1";
    check(points, "SELECT v FROM cpu, /^c/", &["cpu time,v", "1 1", "1 1", "2 2", "2 2"]);
    check(points, "SELECT count(v) FROM cpu, cpu", &["cpu time,count", "0 4i"]);
    check(points, "SELECT v FROM /m|x/, nosuch", &["mem time,v", "1 3"]);
}

// spec: select.from.2
#[test]
fn system_sources_are_refused() {
    check("m v=1 1", "SELECT v FROM _series", &["unable to use system source '_series': use SHOW SERIES instead"]);
    check(
        "m v=1 1",
        "SELECT v FROM \"_fieldKeys\"",
        &["unable to use system source '_fieldKeys': use SHOW FIELD KEYS instead"],
    );
    check("m v=1 1", "SELECT v FROM \"\"", &["invalid measurement"]);
}

#[test]
fn fields_with_blocks_of_different_times_are_aligned() {
    let b_times = (0..12).filter(|time| time % 3 != 1);
    let mut points: Vec<String> = (0..12).map(|time| format!("m a={time} {time}")).collect();
    points.extend(b_times.map(|time| format!("m b={time}i {time}")));
    let points = points.join("\n");
    let rows: Vec<String> = (0..12)
        .map(|time| if time % 3 == 1 { format!("{time} {time} -") } else { format!("{time} {time} {time}i") })
        .collect();
    let mut want = vec!["m time,a,b"];
    want.extend(rows.iter().map(String::as_str));
    check(&points, "SELECT a, b FROM m", &want);
    want[1..].reverse();
    check(&points, "SELECT a, b FROM m ORDER BY time DESC", &want);
}

// spec: compat.select.soffset.1, select.limit.3
#[test]
fn soffset_without_slimit_skips_groups_or_leaves_none() {
    let points = "m,k=a v=1 1\nm,k=b v=2 1";
    check_profiles(points, "SELECT v FROM m GROUP BY k SOFFSET 1", &["m{k=b} time,v", "1 2"], &[]);
}

// spec: select.rows.4, compat.select.time-twice.1
#[test]
fn only_time_in_lower_case_is_the_time() {
    let points = "m Time=1,TIME=2,v=3 5";
    check(points, "SELECT * FROM m", &["m time,TIME,Time,v", "5 2 1 3"]);
    check(points, "SELECT Time, time AS t FROM m", &["m t,Time", "5 1"]);
    let twice = "SELECT time, time, v FROM m";
    check_profiles(points, twice, &["m time,v", "5 3"], &["m time,time,v", "5 - 3"]);
    check_profiles(points, "SELECT v, time, time, time FROM m", &["m time,v", "5 3"], &["m time,v,time", "5 3 -"]);
}
