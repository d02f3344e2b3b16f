//! Random valid statements, as text, over the data of [`mod@super::points`]. They may contain sub-queries.

use super::choices::Choices;

/// The columns that a query may name.
struct Names {
    numbers: Vec<String>,
    /// Fields of other or unknown types.
    others: Vec<String>,
    tags: Vec<String>,
}

/// Returns a SELECT as text. It may read the retention policy `other`.
pub fn select(choices: &mut Choices<'_>) -> String {
    statement(choices, 0).0
}

fn stored() -> Names {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Names { numbers: names(&["f", "i"]), others: names(&["s", "b", "v"]), tags: names(&["host", "dc"]) }
}

/// Returns a statement nested `depth` levels deep, and the names of its columns.
fn statement(choices: &mut Choices<'_>, depth: usize) -> (String, Names) {
    let (from, names) = sources(choices, depth);
    let (grouped, tags) = grouped_tags(choices, &names);
    let kind = choices.below(8);
    let windows = (kind > 4).then(|| windows(choices));
    let (fields, shown) = if kind < 3 {
        raw_fields(choices, &names, depth > 0)
    } else {
        calls(choices, &names, windows.is_some(), depth > 0)
    };
    let mut text = format!("SELECT {fields} FROM {from}");
    text.push_str(&where_clause(choices, &names, windows.is_some()));
    // Without windows, fill concerns only arithmetic of functions.
    let fill = if windows.is_some() || choices.once_in(4) { fill(choices) } else { "" };
    let dimensions: Vec<String> = windows.into_iter().chain(grouped).collect();
    if !dimensions.is_empty() {
        text.push_str(" GROUP BY ");
        text.push_str(&dimensions.join(", "));
    }
    text.push_str(fill);
    text.push_str(tail(choices));
    (text, Names { tags, ..shown })
}

fn sources(choices: &mut Choices<'_>, depth: usize) -> (String, Names) {
    if depth < 3 && choices.below(4) == 3 {
        let (inner, names) = statement(choices, depth + 1);
        if choices.once_in(6) {
            let (second, _) = statement(choices, depth + 2);
            return (format!("({inner}), ({second})"), names);
        }
        let beside = if choices.once_in(8) { ", m" } else { "" };
        return (format!("({inner}){beside}"), names);
    }
    let from = choices.one_of(&[
        "m",
        "m",
        "m",
        "m",
        "n",
        "m, n",
        "m, m",
        "/./",
        "/^m$/, n",
        "other.m",
        "m, other.m",
        "other././",
        "nope",
    ]);
    (from.to_owned(), stored())
}

/// Returns the dimensions that are tags, and the tags that they show.
fn grouped_tags(choices: &mut Choices<'_>, names: &Names) -> (Vec<String>, Vec<String>) {
    let all = names.tags.clone();
    match choices.below(10) {
        0..=3 => (Vec::new(), Vec::new()),
        4 => (vec!["*".into()], all),
        5 => (vec!["/o/".into()], all.into_iter().filter(|tag| tag.contains('o')).collect()),
        6 => (vec!["nope".into()], vec!["nope".into()]),
        7 => (vec!["dc".into(), "host".into()], vec!["dc".into(), "host".into()]),
        8 => (vec!["dc".into()], vec!["dc".into()]),
        _ => (vec!["host".into()], vec!["host".into()]),
    }
}

fn any_field(choices: &mut Choices<'_>, names: &Names) -> String {
    let all = [&names.numbers[..], &names.others].concat();
    if all.is_empty() || choices.once_in(24) { "nope".into() } else { choices.name(&all) }
}

fn number(choices: &mut Choices<'_>, names: &Names) -> String {
    if names.numbers.is_empty() || choices.once_in(40) {
        any_field(choices, names)
    } else {
        choices.name(&names.numbers)
    }
}

/// Returns columns without functions. Those of inner statements have aliases for the outer ones to use.
fn raw_fields(choices: &mut Choices<'_>, names: &Names, is_inner: bool) -> (String, Names) {
    if choices.once_in(6) {
        let wildcard = choices.one_of(&["*", "*::field", "*, f", "/^[fi]/", "*::tag, f"]);
        let numbers = names.numbers.clone();
        let others = [&names.others[..], &names.tags].concat();
        return (wildcard.to_owned(), Names { numbers, others, tags: Vec::new() });
    }
    let mut shown = Names { numbers: Vec::new(), others: Vec::new(), tags: Vec::new() };
    let mut fields = Vec::new();
    if choices.once_in(12) {
        // No field at all: tags, and columns that are only a cast.
        let columns = ["host", "dc", "nope::tag", "nope::float", "nope::integer, host", "*::tag", "host, nope::string"];
        return (choices.one_of(&columns).to_owned(), shown);
    }
    for at in 0..=choices.below(3) {
        let alias = format!("c{at}");
        let (field, list) = match choices.below(12) {
            0..=3 => (number(choices, names), &mut shown.numbers),
            4 | 5 => (any_field(choices, names), &mut shown.others),
            6 => (choices.one_of(&["host", "dc", "nope"]).to_owned(), &mut shown.others),
            7 => (format!("{} {} 2", number(choices, names), operator(choices)), &mut shown.numbers),
            8 => {
                let (a, b) = (number(choices, names), number(choices, names));
                (format!("({a} {} {b}) {} {a}", operator(choices), operator(choices)), &mut shown.numbers)
            }
            9 => {
                let cast = choices.one_of(&["integer", "float", "field"]);
                (format!("{}::{cast}", number(choices, names)), &mut shown.numbers)
            }
            10 => {
                let cast = choices.one_of(&["string", "boolean", "tag", "integer", "float"]);
                (format!("{}::{cast}", any_field(choices, names)), &mut shown.others)
            }
            _ => ("1 / 3 * ".to_owned() + &number(choices, names), &mut shown.numbers),
        };
        list.push(alias.clone());
        let has_alias = is_inner || choices.once_in(4);
        fields.push(if has_alias { format!("{field} AS {alias}") } else { field });
    }
    if choices.once_in(10) {
        fields.push("time".into());
    }
    (fields.join(", "), shown)
}

fn operator(choices: &mut Choices<'_>) -> &'static str {
    choices.one_of(&["+", "-", "*", "/"])
}

/// Returns columns with functions.
fn calls(choices: &mut Choices<'_>, names: &Names, has_windows: bool, is_inner: bool) -> (String, Names) {
    let mut shown = Names { numbers: Vec::new(), others: Vec::new(), tags: Vec::new() };
    let alias = |field: String, at: usize, choices: &mut Choices<'_>| {
        if is_inner || choices.once_in(4) { format!("{field} AS c{at}") } else { field }
    };
    let mut fields = Vec::new();
    match choices.below(10) {
        // A selector with other columns of its point.
        0 | 1 => {
            let (field, is_number) = selector(choices, names);
            let list = if is_number { &mut shown.numbers } else { &mut shown.others };
            list.push("c0".into());
            fields.push(alias(field, 0, choices));
            for at in 1..=choices.below(3) {
                let beside = any_field(choices, names);
                let beside =
                    if choices.once_in(3) { choices.one_of(&["host", "dc", "nope"]).to_owned() } else { beside };
                shown.others.push(format!("c{at}"));
                fields.push(alias(beside, at, choices));
            }
        }
        2 => {
            let function =
                choices.one_of(&["count", "mean", "sum", "max", "first", "last", "spread", "distinct", "mode"]);
            fields.push(format!("{function}({})", choices.one_of(&["*", "/^[fiv]/", "*::field", "/^c/"])));
        }
        3 => {
            fields.push(alias(format!("distinct({})", any_field(choices, names)), 0, choices));
            shown.others.push("c0".into());
        }
        _ => {
            for at in 0..=choices.below(3) {
                let (field, is_number) = match choices.below(8) {
                    0 => {
                        let (a, b) =
                            (call(choices, names, has_windows, true).0, call(choices, names, has_windows, true).0);
                        (format!("{a} {} {b}", operator(choices)), true)
                    }
                    1 => (format!("2 * {} + 1 / 4", call(choices, names, has_windows, true).0), true),
                    2 => (typed_arithmetic(choices, names), true),
                    _ => call(choices, names, has_windows, false),
                };
                let list = if is_number { &mut shown.numbers } else { &mut shown.others };
                list.push(format!("c{at}"));
                fields.push(alias(field, at, choices));
            }
        }
    }
    (fields.join(", "), shown)
}

/// Returns arithmetic of two or three calls over different fields, of which groups often have only some.
fn typed_arithmetic(choices: &mut Choices<'_>, names: &Names) -> String {
    let mut side = || {
        let field = if choices.once_in(8) { "nope".to_owned() } else { number(choices, names) };
        let function = choices.one_of(&["count", "first", "last", "min", "max", "sum", "mean", "spread"]);
        (format!("{function}({field})"), operator(choices), choices.once_in(4))
    };
    let [(a, op, _), (b, other_op, has_third), (c, ..)] = [side(), side(), side()];
    if has_third { format!("({a} {op} {b}) {other_op} {c}") } else { format!("{a} {op} {b}") }
}

/// Returns a selector, and whether its results are numbers.
fn selector(choices: &mut Choices<'_>, names: &Names) -> (String, bool) {
    let (numeric, other) = (number(choices, names), any_field(choices, names));
    match choices.below(8) {
        0 => (format!("first({other})"), false),
        1 => (format!("last({other})"), false),
        2 => (format!("min({numeric})"), true),
        3 => (format!("max({numeric})"), true),
        4 => (format!("percentile({numeric}, {})", percent(choices)), true),
        5 => (format!("top({numeric}, {})", choices.below(4)), true),
        6 => (
            format!(
                "bottom({numeric}, {}, {})",
                choices.one_of(&["host", "dc", "s", "nope, host"]),
                1 + choices.below(3)
            ),
            true,
        ),
        _ => (format!("max({numeric}) * 2"), true),
    }
}

fn percent(choices: &mut Choices<'_>) -> &'static str {
    choices.one_of(&["0", "5", "20", "33.3", "50", "90", "100", "120"])
}

/// Returns a call, and whether its results are numbers. Some calls cannot be combined with others.
fn call(choices: &mut Choices<'_>, names: &Names, has_windows: bool, must_be_number: bool) -> (String, bool) {
    let (numeric, any) = (number(choices, names), any_field(choices, names));
    if choices.once_in(4) && !has_windows {
        let over = if choices.once_in(5) { format!("{numeric} + {}", number(choices, names)) } else { numeric };
        return (transformation(choices, &over), true);
    }
    if choices.once_in(4) && has_windows {
        let inner = aggregate(choices, &numeric);
        let once = transformation(choices, &inner);
        return (if choices.once_in(6) { format!("cumulative_sum({once})") } else { once }, true);
    }
    if choices.once_in(60) && has_windows {
        let function = choices.one_of(&["holt_winters", "holt_winters_with_fit"]);
        let inner = aggregate(choices, &numeric);
        return (format!("{function}({inner}, {}, {})", 1 + choices.below(3), choices.below(4)), true);
    }
    if must_be_number || choices.once_in(2) {
        return (aggregate(choices, &numeric), true);
    }
    match choices.below(8) {
        0 => (format!("count({any})"), true),
        1 => (format!("count(distinct({any}))"), true),
        2 => (format!("mode({any})"), false),
        3 => (format!("first({any})"), false),
        4 => (format!("last({any})"), false),
        5 => (format!("sample({any}, 100)"), false),
        6 => (format!("max({any})"), false),
        _ if has_windows => (aggregate(choices, &numeric), true),
        _ => (format!("elapsed({any})"), true),
    }
}

fn aggregate(choices: &mut Choices<'_>, field: &str) -> String {
    match choices.below(14) {
        0 => format!("percentile({field}, {})", percent(choices)),
        1 => format!("median({field})"),
        2 => format!("mode({field})"),
        3 => format!("stddev({field})"),
        4 => format!("spread({field})"),
        5 => format!("count({field})"),
        6 => format!("min({field})"),
        7 => format!("max({field})"),
        8 => format!("first({field})"),
        9 => format!("last({field})"),
        10 | 11 => format!("mean({field})"),
        _ => format!("sum({field})"),
    }
}

fn transformation(choices: &mut Choices<'_>, over: &str) -> String {
    match choices.below(10) {
        0 => format!("derivative({over})"),
        1 => format!("derivative({over}, {})", choices.one_of(&["1u", "10u", "1s"])),
        2 => format!("non_negative_derivative({over})"),
        3 => format!("non_negative_derivative({over}, 2u)"),
        4 => format!("elapsed({over})"),
        5 => format!("elapsed({over}, {})", choices.one_of(&["1u", "3u", "1ms"])),
        6 => format!("cumulative_sum({over})"),
        7 => format!("moving_average({over}, {})", 2 + choices.below(3)),
        _ => format!("difference({over})"),
    }
}

fn windows(choices: &mut Choices<'_>) -> String {
    let windows =
        ["time(7u)", "time(10u)", "time(10u, 3u)", "time(5u, -2u)", "time(4u, now())", "time(1s)", "time(13u, 29u)"];
    choices.one_of(&windows).to_owned()
}

fn fill(choices: &mut Choices<'_>) -> &'static str {
    choices.one_of(&[
        "",
        "",
        " fill(null)",
        " fill(none)",
        " fill(previous)",
        " fill(linear)",
        " fill(7)",
        " fill(1.5)",
        " fill(-1.5)",
    ])
}

fn tail(choices: &mut Choices<'_>) -> &'static str {
    let tails = [
        "",
        "",
        "",
        "",
        " ORDER BY time DESC",
        " ORDER BY time DESC",
        " LIMIT 3",
        " LIMIT 2 OFFSET 1",
        " OFFSET 4",
        " ORDER BY time DESC LIMIT 2",
        " SLIMIT 1",
        " LIMIT 1 SLIMIT 2 SOFFSET 1",
        " SOFFSET 1",
        " ORDER BY time DESC SLIMIT 1",
    ];
    choices.one_of(&tails)
}

/// Returns conditions on fields, tags and times. Windows need a bound on time.
fn where_clause(choices: &mut Choices<'_>, names: &Names, needs_bound: bool) -> String {
    let mut parts = Vec::new();
    if choices.below(3) == 2 {
        parts.push(condition(choices, names, 0));
    }
    if needs_bound || choices.below(3) == 2 {
        // Which bound is left out, if one is.
        let open = if needs_bound && choices.bounds_windows() { 2 } else { choices.below(8) };
        if open != 0 {
            parts.push(bound(choices, true));
        }
        if open != 1 {
            parts.push(bound(choices, false));
        }
    }
    let joined = choices.one_of(&[" AND ", " AND ", " AND ", " AND "]);
    if parts.is_empty() { String::new() } else { format!(" WHERE {}", parts.join(joined)) }
}

fn bound(choices: &mut Choices<'_>, is_lower: bool) -> String {
    let nanos = if is_lower { choices.between(-10, 40) } else { choices.between(10, 80) } * 500;
    let op = match (is_lower, choices.below(2)) {
        (true, 0) => ">",
        (true, _) => ">=",
        (false, 0) => "<",
        (false, _) => "<=",
    };
    match choices.below(6) {
        0 if nanos >= 0 => format!("time {op} {}u", nanos / 1000),
        1 => format!("time {op} now() - {}u", (50_000 - nanos) / 1000),
        2 => format!("{nanos} {} time", mirrored(op)),
        3 if nanos >= 0 && nanos % 1000 == 0 => format!("time {op} '1970-01-01  0:00:00,{nanos:09}'"),
        3 if nanos >= 0 => format!("TIME {op} '1970-01-01T00:00:00.{nanos:09}Z'"),
        4 if nanos >= 0 => format!("time {op} '1970-01-01 00:00:00' + {}u", nanos / 1000),
        _ => format!("time {op} {nanos}"),
    }
}

fn mirrored(op: &str) -> &'static str {
    match op {
        ">" => "<",
        ">=" => "<=",
        "<" => ">",
        _ => ">=",
    }
}

fn condition(choices: &mut Choices<'_>, names: &Names, depth: usize) -> String {
    if depth < 3 && choices.below(3) == 2 {
        let (lhs, rhs) = (condition(choices, names, depth + 1), condition(choices, names, depth + 1));
        return format!("({lhs} {} {rhs})", choices.one_of(&["AND", "OR"]));
    }
    let ordering = choices.one_of(&["=", "!=", "<", "<=", ">", ">="]);
    let equality = choices.one_of(&["=", "!="]);
    let matching = choices.one_of(&["=~", "!~"]);
    let (numeric, any) = (number(choices, names), any_field(choices, names));
    let tag = choices.one_of(&["host", "dc", "nope"]);
    match choices.below(20) {
        0..=2 => format!("{numeric} {ordering} {}", choices.one_of(&["0.5", "-0.25", "1", "2", "0"])),
        3 => format!("{} {ordering} {numeric}", choices.one_of(&["1", "0.25"])),
        4 => format!("{numeric} {ordering} {}", number(choices, names)),
        5 => format!("{numeric} {} 2 {ordering} 1", operator(choices)),
        6 => format!("{numeric} {} {} {ordering} 7 / 2", operator(choices), number(choices, names)),
        7 => format!("{any} {equality} '{}'", choices.one_of(&["", "u", "x"])),
        8 => format!("{any} {matching} /{}/", choices.one_of(&["u", "^$", "[0-9]"])),
        9 => format!("{any} {equality} {}", choices.one_of(&["true", "false"])),
        10 => format!("{any} {ordering} {any}"),
        11 | 12 => format!("{tag} {equality} '{}'", choices.one_of(&["", "a", "b", "x"])),
        13 => format!("'{}' {equality} {tag}", choices.one_of(&["", "a", "x"])),
        14 => format!("{tag} {matching} /{}/", choices.one_of(&["a", "^[ab]$", "^$", "x"])),
        15 => format!("{tag} {equality} {}", choices.one_of(&["host", "dc", "s", "v", "nope"])),
        16 => format!("{tag} {ordering} {}", choices.one_of(&["1", "'a'", "true"])),
        17 => format!("_name {equality} '{}'", choices.one_of(&["m", "n"])),
        18 => choices.one_of(&["true", "b", "1 = 1", "'a' = 'b'", "f + 1", "i * f", "2 > 1.5"]).to_owned(),
        _ => format!(
            "{any}::{} {equality} {}",
            choices.one_of(&["string", "integer", "tag", "field"]),
            choices.one_of(&["'u'", "1"])
        ),
    }
}
