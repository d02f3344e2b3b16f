//! Trees of all shapes, for properties.

use proptest::option::of;
use proptest::prelude::*;

use crate::influxql::ast::{
    BinaryOp, Cast, Dimension, Expr, ExprKind, Field, Fill, GroupBy, Limits, Measurement, MeasurementFilter,
    MeasurementName, Order, Privilege, Regex, Resample, RetentionOptions, Select, Show, Source, Statement,
    SubscriptionMode, TagKeyFilter, Target, VarRef, WildcardKind, Window, WindowOffset,
};
use crate::influxql::compile_regex;
use crate::model::Nanos;

/// One of `values`.
pub(super) fn any_of<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = T> + Clone + use<T> {
    proptest::sample::select(values.to_vec())
}

/// Any name that a text can hold, often a bare one.
fn name() -> BoxedStrategy<String> {
    let other =
        prop_oneof!["[^\r\0]{0,6}", Just("select".to_owned()), Just("a.b".to_owned()), Just("a\"\\\n'".to_owned())];
    prop_oneof![3 => "[a-z_][a-z0-9_]{0,4}", 1 => other]
        .prop_filter("time is special", |name| !name.eq_ignore_ascii_case("time"))
        .boxed()
}

fn regex() -> BoxedStrategy<Regex> {
    prop_oneof![Just(""), Just("^a/b$"), Just("a b|c"), Just("\\d\\\\/x")]
        .prop_map(|text| compile_regex(text).unwrap())
        .boxed()
}

/// Lengths that literals can say.
fn nanos() -> BoxedStrategy<Nanos> {
    let units = prop_oneof![Just(1_000), Just(Nanos::SECOND.0), Just(Nanos::HOUR.0), Just(Nanos::WEEK.0)];
    (units, -10_000i64..10_000).prop_map(|(unit, count)| Nanos(unit * count)).boxed()
}

fn positive() -> BoxedStrategy<Nanos> {
    nanos().prop_map(|nanos| Nanos(nanos.0.abs().max(1_000))).boxed()
}

fn column() -> BoxedStrategy<Expr> {
    let casts = [Cast::Float, Cast::Integer, Cast::String, Cast::Boolean, Cast::Field, Cast::Tag];
    let cast = of(any_of(&casts));
    (name(), cast).prop_map(|(name, cast)| ExprKind::Var(VarRef { name, cast }).into()).boxed()
}

fn wildcard() -> BoxedStrategy<Expr> {
    let kinds = [None, Some(WildcardKind::Field), Some(WildcardKind::Tag)];
    any_of(&kinds).prop_map(|kind| ExprKind::Wildcard(kind).into()).boxed()
}

fn literal() -> BoxedStrategy<Expr> {
    prop_oneof![
        any::<i64>().prop_map(ExprKind::Integer),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(ExprKind::Number),
        "[^\r\0]{0,6}".prop_map(ExprKind::String),
        any::<bool>().prop_map(ExprKind::Boolean),
        nanos().prop_map(ExprKind::Duration),
    ]
    .prop_map(Expr::from)
    .boxed()
}

/// Joins with brackets where they are needed.
fn binary(op: BinaryOp, lhs: Expr, rhs: Expr) -> Expr {
    let bracketed = |expr: Expr, least: u8| match &expr.kind {
        ExprKind::Binary { op, .. } if op.precedence() < least => ExprKind::Paren(Box::new(expr)).into(),
        _ => expr,
    };
    let lhs = Box::new(bracketed(lhs, op.precedence()));
    let rhs = Box::new(bracketed(rhs, op.precedence() + 1));
    ExprKind::Binary { op, lhs, rhs }.into()
}

fn arithmetic() -> BoxedStrategy<Expr> {
    let ops = [BinaryOp::Add, BinaryOp::Subtract, BinaryOp::Multiply, BinaryOp::Divide];
    prop_oneof![2 => column(), 1 => literal()]
        .prop_recursive(4, 16, 2, move |inner| {
            let ops = any_of(&ops);
            prop_oneof![
                3 => (ops, inner.clone(), inner.clone()).prop_map(|(op, lhs, rhs)| binary(op, lhs, rhs)),
                1 => inner.prop_map(|inner| ExprKind::Paren(Box::new(inner)).into()),
            ]
        })
        .boxed()
}

fn condition() -> BoxedStrategy<Expr> {
    let ops = [
        BinaryOp::Or,
        BinaryOp::And,
        BinaryOp::Equal,
        BinaryOp::NotEqual,
        BinaryOp::Less,
        BinaryOp::LessOrEqual,
        BinaryOp::Greater,
        BinaryOp::GreaterOrEqual,
        BinaryOp::Add,
        BinaryOp::Divide,
    ];
    let operand = prop_oneof![
        column(),
        literal(),
        wildcard(),
        name().prop_map(|name| ExprKind::Distinct(name).into()),
        (column(), regex(), any::<bool>()).prop_map(|(column, regex, negated)| {
            let op = if negated { BinaryOp::NotMatch } else { BinaryOp::Match };
            binary(op, column, ExprKind::Regex(regex).into())
        }),
    ];
    operand
        .prop_recursive(4, 24, 3, move |inner| {
            let ops = any_of(&ops);
            let arg = prop_oneof![3 => inner.clone(), 1 => regex().prop_map(|regex| ExprKind::Regex(regex).into())];
            let function = prop_oneof![Just("now"), Just("distinct"), Just("my func"), Just("from")];
            prop_oneof![
                4 => (ops, inner.clone(), inner.clone()).prop_map(|(op, lhs, rhs)| binary(op, lhs, rhs)),
                1 => inner.prop_map(|inner| ExprKind::Paren(Box::new(inner)).into()),
                1 => (function, prop::collection::vec(arg, 0..3))
                    .prop_map(|(name, args)| ExprKind::Call { name: name.to_owned(), args }.into()),
            ]
        })
        .boxed()
}

fn measurement() -> BoxedStrategy<Measurement> {
    let last = prop_oneof![3 => name().prop_map(MeasurementName::Name), 1 => regex().prop_map(MeasurementName::Regex)];
    let qualifier = || prop_oneof![2 => Just(String::new()), 1 => name()];
    (qualifier(), qualifier(), last).prop_map(|(database, policy, name)| Measurement { database, policy, name }).boxed()
}

fn unqualified() -> BoxedStrategy<Measurement> {
    measurement()
        .prop_map(|measurement| Measurement { database: String::new(), policy: String::new(), ..measurement })
        .boxed()
}

fn target() -> BoxedStrategy<Target> {
    (measurement(), name())
        .prop_map(|(Measurement { database, policy, name }, other)| Target {
            measurement: match name {
                MeasurementName::Name(name) => Some(name),
                MeasurementName::Regex(_) if database.is_empty() && policy.is_empty() => Some(other),
                MeasurementName::Regex(_) => None,
            },
            database,
            policy,
        })
        .boxed()
}

fn order() -> BoxedStrategy<Option<Order>> {
    any_of(&[None, Some(Order::Ascending), Some(Order::Descending)]).boxed()
}

fn limits() -> BoxedStrategy<Limits> {
    let limit = || prop_oneof![Just(0u64), 1..100u64, Just(i64::MAX as u64)];
    (limit(), limit(), limit(), limit())
        .prop_map(|(limit, offset, slimit, soffset)| Limits { limit, offset, slimit, soffset })
        .boxed()
}

fn fill() -> BoxedStrategy<Option<Fill>> {
    prop_oneof![
        Just(None),
        any_of(&[Fill::Null, Fill::None, Fill::Previous, Fill::Linear]).prop_map(Some),
        any::<i64>().prop_map(|value| Some(Fill::Integer(value))),
        (-1e9..1e9f64).prop_map(|value| Some(Fill::Number(value))),
    ]
    .boxed()
}

fn tags() -> BoxedStrategy<Vec<Dimension>> {
    let tag = prop_oneof![
        3 => name().prop_map(Dimension::Tag),
        1 => Just(Dimension::Wildcard),
        1 => regex().prop_map(Dimension::Regex),
    ];
    prop::collection::vec(tag, 0..3).boxed()
}

fn aliased(expr: BoxedStrategy<Expr>) -> BoxedStrategy<Field> {
    (expr, prop_oneof![Just(String::new()), name()]).prop_map(|(expr, alias)| Field { expr, alias }).boxed()
}

/// A SELECT of columns.
fn raw(sources: BoxedStrategy<Vec<Source>>) -> BoxedStrategy<Select> {
    let expr = prop_oneof![
        4 => arithmetic(),
        1 => wildcard(),
        1 => regex().prop_map(|regex| ExprKind::Regex(regex).into()),
    ];
    let fields = prop::collection::vec(aliased(expr.boxed()), 1..4);
    let clauses = (of(condition()), tags(), fill(), order(), limits());
    (fields, of(target()), sources, clauses)
        .prop_map(|(fields, into, sources, clauses)| {
            let (condition, dimensions, fill, order, limits) = clauses;
            Select { fields, into, sources, condition, group_by: GroupBy { dimensions }, fill, order, limits }
        })
        .boxed()
}

/// A SELECT of calls in windows.
fn windowed(sources: BoxedStrategy<Vec<Source>>) -> BoxedStrategy<Select> {
    let column = prop_oneof![3 => column(), 1 => wildcard()].boxed();
    let call = |name: &'static str, args| ExprKind::Call { name: name.to_owned(), args }.into();
    let expr = prop_oneof![
        column.clone().prop_map(move |column| call("mean", vec![column])),
        (column.clone(), 0.0..100.0f64)
            .prop_map(move |(column, n)| call("percentile", vec![column, ExprKind::Number(n).into()])),
        column.prop_map(move |column| call("derivative", vec![call("max", vec![column])])),
        name().prop_map(move |name| call("count", vec![ExprKind::Distinct(name).into()])),
    ];
    let offset = of(prop_oneof![nanos().prop_map(WindowOffset::Duration), Just(WindowOffset::Now)]);
    let window = (positive(), offset).prop_map(|(interval, offset)| Window { interval, offset });
    (prop::collection::vec(aliased(expr.boxed()), 1..3), window, condition(), raw(sources))
        .prop_map(|(fields, window, condition, mut select)| {
            let time: Expr = ExprKind::Var(VarRef { name: "time".to_owned(), cast: None }).into();
            let bound = binary(BinaryOp::Greater, time, ExprKind::Integer(0).into());
            select.group_by.dimensions.push(Dimension::Time(window));
            Select { fields, condition: Some(binary(BinaryOp::And, bound, condition)), ..select }
        })
        .boxed()
}

fn select() -> BoxedStrategy<Select> {
    let measurements = prop::collection::vec(measurement().prop_map(Source::Measurement), 1..3).boxed();
    let flat = prop_oneof![raw(measurements.clone()), windowed(measurements)];
    flat.prop_recursive(2, 4, 2, |inner| {
        let source = prop_oneof![
            inner.prop_map(|select| Source::Subquery(Box::new(select))),
            measurement().prop_map(Source::Measurement),
        ];
        let sources = prop::collection::vec(source, 1..3).boxed();
        prop_oneof![raw(sources.clone()), windowed(sources)]
    })
    .boxed()
}

fn continuous_query() -> BoxedStrategy<Statement> {
    let measurements = prop::collection::vec(measurement().prop_map(Source::Measurement), 1..2);
    let select =
        (windowed(measurements.boxed()), target()).prop_map(|(select, into)| Select { into: Some(into), ..select });
    (name(), name(), of(positive()), any::<bool>(), select)
        .prop_map(|(name, database, every, covers, select)| {
            let interval = select.group_by.window().unwrap().interval;
            let for_ = covers.then(|| interval.max(every.unwrap_or_default()));
            Statement::CreateContinuousQuery {
                name,
                database,
                resample: Resample { every, for_ },
                select: Box::new(select),
            }
        })
        .boxed()
}

fn show() -> BoxedStrategy<Show> {
    let sources = prop::collection::vec(measurement(), 0..3);
    (of(name()), sources, of(condition()), order(), limits())
        .prop_map(|(database, sources, condition, order, limits)| {
            let limits = Limits { slimit: 0, soffset: 0, ..limits };
            Show { database, sources, condition, order, limits }
        })
        .boxed()
}

fn show_statement() -> BoxedStrategy<Statement> {
    let keys = prop_oneof![
        name().prop_map(TagKeyFilter::Equal),
        name().prop_map(TagKeyFilter::NotEqual),
        regex().prop_map(TagKeyFilter::Match),
        regex().prop_map(TagKeyFilter::NotMatch),
        prop::collection::vec(name(), 1..3).prop_map(TagKeyFilter::In),
    ];
    let filter = (any::<bool>(), measurement()).prop_map(|(equal, source)| MeasurementFilter {
        op: if equal { BinaryOp::Equal } else { BinaryOp::Match },
        source,
    });
    prop_oneof![
        (show(), of(filter)).prop_map(|(show, with)| {
            let show = Show { sources: Vec::new(), ..show };
            Statement::ShowMeasurements { show, with }
        }),
        show().prop_map(Statement::ShowSeries),
        show().prop_map(|show| Statement::ShowFieldKeys(Show { condition: None, ..show })),
        (show(), limits()).prop_map(|(show, limits)| Statement::ShowTagKeys(Show { limits, ..show })),
        (show(), keys).prop_map(|(show, keys)| Statement::ShowTagValues { show, keys }),
        of(name()).prop_map(|database| Statement::ShowRetentionPolicies { database }),
        name().prop_map(|user| Statement::ShowGrants { user }),
        of(name()).prop_map(|module| Statement::ShowStats { module }),
        of(name()).prop_map(|module| Statement::ShowDiagnostics { module }),
        any_of(&[
            Statement::ShowContinuousQueries,
            Statement::ShowDatabases,
            Statement::ShowQueries,
            Statement::ShowShardGroups,
            Statement::ShowShards,
            Statement::ShowSubscriptions,
            Statement::ShowUsers,
        ]),
    ]
    .boxed()
}

fn options() -> BoxedStrategy<RetentionOptions> {
    (nanos(), 1..=i32::MAX as u32, of(nanos()))
        .prop_map(|(duration, replication, shard_duration)| RetentionOptions {
            duration: Some(duration),
            replication: Some(replication),
            shard_duration,
            name: None,
        })
        .boxed()
}

/// Statements about databases, policies, subscriptions.
fn definition() -> BoxedStrategy<Statement> {
    let modes = any_of(&[SubscriptionMode::All, SubscriptionMode::Any]);
    prop_oneof![
        (name(), of((options(), of(name())))).prop_map(|(name, with)| {
            let with = with.map(|(options, name)| RetentionOptions { name, ..options });
            Statement::CreateDatabase { name, with }
        }),
        (name(), name(), options(), any::<bool>()).prop_map(|(name, database, options, default)| {
            Statement::CreateRetentionPolicy { name, database, options, default }
        }),
        (name(), name(), options(), any::<bool>()).prop_map(|(name, database, options, default)| {
            let options = RetentionOptions { replication: options.replication.filter(|n| n % 2 == 0), ..options };
            Statement::AlterRetentionPolicy { name, database, options, default }
        }),
        (name(), name(), name(), modes, prop::collection::vec(name(), 1..3)).prop_map(
            |(name, database, policy, mode, destinations)| Statement::CreateSubscription {
                name,
                database,
                policy,
                mode,
                destinations,
            }
        ),
    ]
    .boxed()
}

/// Statements that remove something.
fn removal() -> BoxedStrategy<Statement> {
    let sources = || prop::collection::vec(unqualified(), 1..3);
    prop_oneof![
        (sources(), of(condition())).prop_map(|(sources, condition)| Statement::Delete { sources, condition }),
        condition().prop_map(|condition| Statement::DropSeries { sources: Vec::new(), condition: Some(condition) }),
        name().prop_map(|name| Statement::DropMeasurement { name }),
        name().prop_map(|name| Statement::DropDatabase { name }),
        name().prop_map(|name| Statement::DropUser { name }),
        (name(), name()).prop_map(|(name, database)| Statement::DropRetentionPolicy { name, database }),
        (name(), name()).prop_map(|(name, database)| Statement::DropContinuousQuery { name, database }),
        (name(), name(), name()).prop_map(|(name, database, policy)| Statement::DropSubscription {
            name,
            database,
            policy
        }),
        any::<u64>().prop_map(|id| Statement::DropShard { id }),
        (any::<u64>(), of(name())).prop_map(|(id, host)| Statement::KillQuery { id, host }),
    ]
    .boxed()
}

fn privilege() -> BoxedStrategy<Statement> {
    let privileges = || any_of(&[Privilege::Read, Privilege::Write, Privilege::All]);
    prop_oneof![
        (privileges(), name(), name()).prop_map(|(privilege, database, user)| Statement::Grant {
            privilege,
            database,
            user
        }),
        (privileges(), name(), name()).prop_map(|(privilege, database, user)| Statement::Revoke {
            privilege,
            database,
            user
        }),
        name().prop_map(|user| Statement::GrantAdmin { user }),
        name().prop_map(|user| Statement::RevokeAdmin { user }),
    ]
    .boxed()
}

/// All statements but those with passwords, which are never written.
pub(super) fn statement() -> BoxedStrategy<Statement> {
    prop_oneof![
        3 => select().prop_map(|select| Statement::Select(Box::new(select))),
        1 => continuous_query(),
        2 => show_statement(),
        1 => definition(),
        1 => removal(),
        1 => privilege(),
    ]
    .boxed()
}
