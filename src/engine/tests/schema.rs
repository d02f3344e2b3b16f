//! Listings of the schema.

use super::*;

const HOUSE: &str = "temp,room=attic,house=oak c=21.5 1000000000
temp,room=cellar,house=oak c=12.25 2000000000
temp,room=attic,house=elm c=19,hum=40i 3000000000
door,house=oak open=t,who=\"ann\" 4000000000
door,house=elm,side=back open=f 5000000000
rain mm=3i 6000000000";

fn filled(bench: Bench) -> Bench {
    bench.done("CREATE DATABASE d");
    assert_eq!(bench.write(HOUSE), "");
    bench
}

/// Runs each statement and compares its first result.
fn check(bench: &Bench, cases: &[(&str, &str)]) {
    for (statement, want) in cases {
        assert_eq!(bench.run(statement), format!("0:{want}"), "{statement}");
    }
}

// spec: statements.schema.1
#[test]
fn measurements_are_listed_by_name() {
    check(
        &filled(Bench::new()),
        &[
            ("SHOW MEASUREMENTS", " measurements{} name | door | rain | temp"),
            ("SHOW MEASUREMENTS LIMIT 1 OFFSET 1", " measurements{} name | rain"),
            ("SHOW MEASUREMENTS OFFSET 9", ""),
            ("SHOW MEASUREMENTS WITH MEASUREMENT =~ /^[dr]/", " measurements{} name | door | rain"),
            ("SHOW MEASUREMENTS WITH MEASUREMENT = rain", " measurements{} name | rain"),
        ],
    );
}

// spec: statements.schema.2
#[test]
fn a_condition_applies_to_each_measurement_as_a_whole() {
    let names = |names: &str| format!(" measurements{{}} name{names}");
    let cases = [
        ("house = 'oak'", names(" | door | temp")),
        ("room = 'cellar' AND house = 'elm'", names(" | temp")),
        ("(room = 'cellar' OR side = 'back') AND house = 'oak'", names(" | door | temp")),
        ("house =~ /^e/", names(" | door | temp")),
        ("house != 'oak'", String::new()),
        ("side != 'front'", names(" | door")),
        ("room !~ /zzz/", names(" | temp")),
        ("room = ''", String::new()),
        ("room != ''", names(" | temp")),
        ("room =~ /.*/", names(" | temp")),
        ("_name =~ /^[dt]/ AND house = 'elm'", names(" | door | temp")),
        ("c = '21.5'", String::new()),
        ("c > 1", " error: invalid tag comparison operator".into()),
        ("c = 21.5", " error: right side of '=' must be a tag value string".into()),
        ("'oak' = house", " error: left side of '=' must be a tag key".into()),
    ];
    let bench = filled(Bench::new());
    for (condition, want) in cases {
        check(&bench, &[(&format!("SHOW MEASUREMENTS WHERE {condition}"), &want)]);
    }
    check(&bench, &[("SHOW TAG KEYS WHERE room = 'cellar'", " temp{} tagKey | house | room")]);
}

// spec: statements.schema.3, statements.schema.4
#[test]
fn series_are_listed_by_measurement_and_key() {
    check(
        &filled(Bench::new()),
        &[
            (
                "SHOW SERIES",
                " key | door,house=elm,side=back | door,house=oak | rain | temp,house=elm,room=attic | temp,house=oak,room=attic | temp,house=oak,room=cellar",
            ),
            ("SHOW SERIES FROM rain, nope, /^do/ LIMIT 2 OFFSET 1", " key | door,house=oak | rain"),
            ("SHOW SERIES WHERE room = 'attic' AND house = 'elm'", " key | temp,house=elm,room=attic"),
            ("SHOW SERIES WHERE house = ''", " key | rain"),
            ("SHOW SERIES WHERE house !~ /o/", " key | door,house=elm,side=back | rain | temp,house=elm,room=attic"),
            ("SHOW SERIES WHERE nokey != 'x' AND side = 'back'", " key | door,house=elm,side=back"),
            ("SHOW SERIES WHERE mm = 7", " key | rain"),
            ("SHOW SERIES WHERE mm > 7", " error: invalid tag comparison operator"),
        ],
    );
}

// spec: statements.schema.5
#[test]
fn tag_keys_and_field_keys_are_listed_for_each_measurement() {
    let bench = filled(Bench::new());
    check(
        &bench,
        &[
            ("SHOW TAG KEYS FROM temp, rain", " temp{} tagKey | house | room"),
            ("SHOW TAG KEYS FROM temp LIMIT 1 OFFSET 1", " temp{} tagKey | room"),
            ("SHOW FIELD KEYS FROM temp", " temp{} fieldKey,fieldType | c,float | hum,integer"),
            ("SHOW FIELD KEYS FROM door", " door{} fieldKey,fieldType | open,boolean | who,string"),
        ],
    );
    assert_eq!(bench.run("SHOW TAG KEYS"), "0: door{} tagKey | house | side\n0: temp{} tagKey | house | room");
    assert_eq!(bench.write("rain mm=1 1488327378000000000"), "");
    check(&bench, &[("SHOW FIELD KEYS FROM rain", " rain{} fieldKey,fieldType | mm,float | mm,integer")]);
}

// spec: compat.show.field-key-order.1
#[test]
fn as_observed_field_keys_of_several_shards_are_in_heap_order() {
    let week = 604_800_000_000_000_i64;
    for (bench, want) in [
        (Bench::new(), "f,float | f,integer | f,string | g,float | h,boolean"),
        (Bench::observed(), "f,float | f,string | g,float | f,integer | h,boolean"),
    ] {
        bench.done("CREATE DATABASE d");
        for (lines, weeks) in [("m f=1,g=1", 0), ("m f=1i,h=t", 1), ("m f=\"x\"", 2)] {
            assert_eq!(bench.write(&format!("{lines} {}", weeks * week)), "");
        }
        check(&bench, &[("SHOW FIELD KEYS", &format!(" m{{}} fieldKey,fieldType | {want}"))]);
    }
}

// spec: compat.show.literal.1
#[test]
fn as_observed_a_condition_without_a_comparison_shows_an_internal_value() {
    let (bench, observed) = (filled(Bench::new()), filled(Bench::observed()));
    for (condition, internal) in [
        ("true", "BooleanLiteral{Val:true}"),
        ("house", "VarRef{Val:\"house\", Type:0}"),
        ("'a\"b'", "StringLiteral{Val:\"a\\\"b\"}"),
        ("12", "IntegerLiteral{Val:12}"),
    ] {
        let statement = format!("SHOW MEASUREMENTS WHERE {condition}");
        check(&bench, &[(&statement, " error: invalid condition: a comparison of a tag is expected")]);
        check(&observed, &[(&statement, &format!(" error: &influxql.{internal}"))]);
    }
}

// spec: compat.show.chunks.1
#[test]
fn as_observed_listings_of_several_series_do_not_announce_more() {
    for (bench, more) in [(filled(Bench::new()), [true, false]), (filled(Bench::observed()), [false, false])] {
        let parameters = Parameters::new();
        let text = "SHOW TAG VALUES WITH KEY = house";
        let (principal, database) = (&Principal::Anyone, "d");
        let request =
            QueryRequest { principal, text, parameters: &parameters, database, read_only: true, chunk_rows: 1 };
        let mut found = Vec::new();
        bench.engine.execute(bench.engine.prepare(request).unwrap(), &AtomicBool::new(false), &mut |result| {
            found.push(result.more);
            ControlFlow::Continue(())
        });
        assert_eq!(found, more);
    }
}

// spec: http.chunked.5
#[test]
fn listings_of_the_catalog_are_one_chunk() {
    for bench in [filled(Bench::new()), filled(Bench::observed())] {
        bench.done("CREATE DATABASE e");
        for text in ["SHOW CONTINUOUS QUERIES", "SHOW DIAGNOSTICS", "SHOW SHARDS", "SHOW STATS"] {
            let parameters = Parameters::new();
            let (principal, database) = (&Principal::Anyone, "d");
            let request =
                QueryRequest { principal, text, parameters: &parameters, database, read_only: true, chunk_rows: 1 };
            let mut found = Vec::new();
            bench.engine.execute(bench.engine.prepare(request).unwrap(), &AtomicBool::new(false), &mut |result| {
                found.push((result.more, result.joins_next));
                ControlFlow::Continue(())
            });
            let (last, before) = found.split_last().unwrap();
            assert!(!before.is_empty() && before.iter().all(|&flags| flags == (true, true)), "{text}: {found:?}");
            assert_eq!(*last, (false, false), "{text}");
        }
    }
}

// spec: statements.schema.6
#[test]
fn a_policy_without_shards_shows_no_series() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d; CREATE RETENTION POLICY p ON d DURATION INF REPLICATION 1");
    bench.write_to("d", "p", "m,t=a f=1 1");
    for statement in ["SHOW SERIES", "SHOW TAG KEYS", "SHOW FIELD KEYS"] {
        check(&bench, &[(statement, "")]);
    }
    check(
        &bench,
        &[
            ("SHOW SERIES FROM p.m", " key | m,t=a"),
            ("SHOW MEASUREMENTS", " measurements{} name | m"),
            ("SHOW TAG VALUES WITH KEY = t", " m{} key,value | t,a"),
            ("SHOW TAG VALUES FROM x.y.m WITH KEY = t", " m{} key,value | t,a"),
        ],
    );
    bench.write("n f=1 1");
    check(
        &bench,
        &[
            ("SHOW SERIES", " key | m,t=a | n"),
            ("SHOW TAG KEYS", " m{} tagKey | t"),
            ("SHOW FIELD KEYS", " n{} fieldKey,fieldType | f,float"),
        ],
    );
}

// spec: statements.schema.7
#[test]
fn tag_values_are_listed_for_the_wanted_keys() {
    let bench = filled(Bench::new());
    check(
        &bench,
        &[
            ("SHOW TAG VALUES FROM temp WITH KEY = room", " temp{} key,value | room,attic | room,cellar"),
            ("SHOW TAG VALUES FROM temp WITH KEY != room", " temp{} key,value | house,elm | house,oak"),
            ("SHOW TAG VALUES FROM temp WITH KEY =~ /^r/ LIMIT 1 OFFSET 1", " temp{} key,value | room,cellar"),
            (
                "SHOW TAG VALUES WITH KEY IN (side, room) WHERE house = 'elm' AND side = 'back'",
                " door{} key,value | side,back",
            ),
            ("SHOW TAG VALUES WITH KEY = nope", ""),
        ],
    );
    let both = "0: door{} key,value | house,elm | house,oak | side,back\n0: temp{} key,value | house,elm | house,oak";
    assert_eq!(bench.run("SHOW TAG VALUES WITH KEY !~ /^r/"), both);
}

// spec: statements.schema.8, compat.show.time-right.1
#[test]
fn time_is_refused_in_conditions_of_listings() {
    let (bench, observed) = (filled(Bench::new()), filled(Bench::observed()));
    for statement in ["SHOW MEASUREMENTS", "SHOW SERIES", "SHOW TAG KEYS", "SHOW TAG VALUES WITH KEY = room"] {
        let name = statement.split(" WITH").next().unwrap_or_default();
        let refusal = format!(" error: {name} doesn't support time in WHERE clause");
        for condition in ["time > 0", "house = 'oak' AND (TIME < 5)", "5 < time"] {
            check(&bench, &[(&format!("{statement} WHERE {condition}"), &refusal)]);
        }
        check(&observed, &[(&format!("{statement} WHERE time > 0"), &refusal)]);
        let other = format!("{statement} WHERE 5 < time");
        check(&observed, &[(&other, " error: invalid tag comparison operator")]);
    }
}

// spec: compat.show.underscore.1
#[test]
fn as_observed_tag_values_ignore_conditions_on_underscored_keys() {
    for (bench, want) in [(Bench::new(), " m{} key,value | k,1"), (Bench::observed(), " m{} key,value | k,1 | k,2")] {
        bench.done("CREATE DATABASE d");
        bench.write("m,_h=a,k=1 f=1 1\nm,_h=b,k=2 f=1 1");
        check(&bench, &[("SHOW TAG VALUES WITH KEY = k WHERE _h = 'a'", want)]);
    }
}

// spec: storage.schema.1
#[test]
fn a_point_may_have_many_fields() {
    let bench = Bench::new();
    bench.done("CREATE DATABASE d");
    let fields = |from: usize| (from..40_000).map(|i| format!("f{i}=1i")).collect::<Vec<_>>().join(",");
    assert_eq!(bench.write(&format!("m {} 1\nm {} 2", fields(0), fields(20_000))), "");
    check(&bench, &[("SHOW FIELD KEYS LIMIT 1 OFFSET 39999", " m{} fieldKey,fieldType | f9999,integer")]);
}
