//! Predictors: `holt_winters`, step by step as in its clauses, since its digits depend on each step.

#![expect(clippy::many_single_char_names, reason = "the letters of the clauses")]

use fluxstone_model::Timestamp;
use fluxstone_query::Value;

use super::timed_value::TimedValue;
use crate::value::float;

/// `holt_winters(call, horizon, season)`, or `holt_winters_with_fit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// The number of predicted values: *h*.
    pub horizon: usize,
    /// The windows of a season: *m*.
    pub season: usize,
    /// Whether the fitted values are returned too.
    pub with_fit: bool,
}

/// Predicts from results of a call, in order of time. Nulls are skipped.
///
/// Transcribes `functions.holt-winters.1`, `functions.holt-winters.6`.
pub fn predict(forecast: &Forecast, results: &[TimedValue], interval: i64) -> Vec<TimedValue> {
    let known: Vec<(i64, f64)> = results.iter().filter_map(|p| Some((p.time.0, float(&p.value)?))).collect();
    let m = if forecast.season >= 2 { forecast.season } else { 0 };
    let (Some((first, _)), Some((last, _))) = (known.first(), known.last()) else { return Vec::new() };
    if known.len() < 2 || known.len() < m || rounded(*last, interval) <= rounded(*first, interval) {
        return Vec::new();
    }
    let y = slots(&known, interval);
    let mut parameters = fit(&y, m);
    let values = run(&y, m, &mut parameters, forecast.horizon);
    let (values, start) =
        if forecast.with_fit { (&values[..], *first) } else { (&values[y.len()..], *last + interval) };
    let mut predicted = Vec::new();
    for (step, value) in (0..).zip(values) {
        if !value.is_nan() {
            predicted.push(TimedValue::new(Timestamp(start + step * interval), Value::Float(*value)));
        }
    }
    predicted
}

/// The multiple of the interval towards zero, or the next one if more than half of an interval is cut off.
fn rounded(time: i64, interval: i64) -> i64 {
    let cut = time % interval;
    if cut > interval / 2 { time - cut + interval } else { time - cut }
}

/// *y*: one slot for each interval from the first value to the last, NaN if it has no value.
///
/// Transcribes `functions.holt-winters.1`.
fn slots(known: &[(i64, f64)], interval: i64) -> Vec<f64> {
    let mut y = Vec::new();
    let mut next = rounded(known[0].0, interval);
    for (time, value) in known {
        while next < rounded(*time, interval) {
            y.push(f64::NAN);
            next += interval;
        }
        if next == rounded(*time, interval) {
            y.push(*value);
            next += interval;
        }
    }
    y
}

/// The best parameters of sixteen searches: α, β, γ, φ, *l*, *b* and the seasons.
///
/// Transcribes `functions.holt-winters.2`.
fn fit(y: &[f64], m: usize) -> Vec<f64> {
    let (mut l, mut b) = (0.0, 0.0);
    let mut seasons = vec![0.0; m];
    if m == 0 {
        l = 0.5 * y[0];
        b = if y[1].is_nan() { 0.0 } else { 0.5 * (y[1] - y[0]) };
    } else {
        let length = m as f64;
        let value = |at: usize| y.get(at).copied().filter(|value| !value.is_nan());
        for i in 0..m {
            l += value(i).map_or(0.0, |now| (1.0 / length) * now);
            if let (Some(now), Some(later)) = (value(i), value(m + i)) {
                b += (1.0 / (length * length)) * (later - now);
            }
        }
        for (i, season) in seasons.iter_mut().enumerate() {
            *season = value(i).map_or(0.0, |now| now / l);
        }
    }
    let mut best: Option<(f64, Vec<f64>)> = None;
    for alpha in [0.3, 0.7] {
        for beta in [0.3, 0.7] {
            for gamma in [0.3, 0.7] {
                for phi in [0.3, 0.7] {
                    let mut start = vec![alpha, beta, gamma, phi, l, b];
                    start.extend(&seasons);
                    let found = search(y, m, &start);
                    if best.as_ref().is_none_or(|(least, _)| found.0 < *least) {
                        best = Some(found);
                    }
                }
            }
        }
    }
    best.map(|(_, parameters)| parameters).unwrap_or_default()
}

/// The forecast for a vector of parameters, which it modifies: the first four are clamped, and the seasons are left in their final
/// state.
///
/// Transcribes `functions.holt-winters.4`, `functions.holt-winters.5`.
fn run(y: &[f64], m: usize, parameters: &mut [f64], horizon: usize) -> Vec<f64> {
    for parameter in &mut parameters[..4] {
        *parameter = parameter.clamp(0.0, 1.0);
    }
    let [alpha, beta, gamma, phi, mut l, mut b] = [0, 1, 2, 3, 4, 5].map(|at| parameters[at]);
    let s = &mut parameters[6..];
    let mut value = y[0];
    let mut rho = phi;
    let mut o = if m == 0 { 0 } else { m - 1 };
    let mut forecast = vec![value];
    for t in 1..y.len() + horizon {
        let (before, ahead) = if m == 0 { (1.0, 1.0) } else { (s[(t + o - m) % m], s[(t + t % m + o - m) % m]) };
        let new_l = alpha * (value / before) + (1.0 - alpha) * (l + phi * b);
        let new_b = beta * (new_l - l) + ((1.0 - beta) * phi) * b;
        let new_s = gamma * (value / (l + phi * b)) + (1.0 - gamma) * before;
        value = (new_l + rho * new_b) * ahead;
        (l, b) = (new_l, new_b);
        rho += power(phi, t as u64);
        if m > 0 {
            s[(t + o) % m] = new_s;
            o += 1;
        }
        forecast.push(value);
    }
    forecast
}

/// φᵗ, squaring the mantissa in [0.5, 1) for the bits of *t* from the least, with the exponent kept apart.
///
/// Transcribes `functions.holt-winters.5`.
fn power(base: f64, t: u64) -> f64 {
    if t == 1 || base == 0.0 || base == 1.0 || base.is_nan() {
        return base;
    }
    let (mut mantissa, mut exponent) = (base, 0_i32);
    while mantissa < 0.5 {
        mantissa *= 2.0;
        exponent -= 1;
    }
    let (mut result, mut result_exponent) = (1.0, 0_i32);
    let mut bits = t;
    while bits > 0 {
        if exponent < -4096 {
            return 0.0;
        }
        if bits % 2 == 1 {
            result *= mantissa;
            result_exponent += exponent;
        }
        mantissa *= mantissa;
        exponent *= 2;
        if mantissa < 0.5 {
            mantissa *= 2.0;
            exponent -= 1;
        }
        bits /= 2;
    }
    if result_exponent < -1100 {
        return 0.0;
    }
    // In two steps, as the factor itself may be too small for a float.
    result * 2_f64.powi(result_exponent / 2) * 2_f64.powi(result_exponent - result_exponent / 2)
}

/// The sum of the squared errors of a forecast. Transcribes `functions.holt-winters.4`.
fn error(y: &[f64], m: usize, parameters: &mut [f64]) -> f64 {
    let mut sum = 0.0;
    for (found, wanted) in run(y, m, parameters, 0).iter().zip(y) {
        if wanted.is_nan() {
            continue;
        }
        if found.is_nan() {
            return f64::INFINITY;
        }
        sum += (found - wanted) * (found - wanted);
    }
    sum
}

/// Nelder and Mead's search from P = `start`: the least error and its vector.
///
/// Transcribes `functions.holt-winters.3`.
fn search(y: &[f64], m: usize, start: &[f64]) -> (f64, Vec<f64>) {
    let dimensions = start.len();
    let n = dimensions as f64;
    let p = ((n + 1.0).sqrt() - 1.0 + n) / (n * 2_f64.sqrt());
    let q = ((n + 1.0).sqrt() - 1.0) / (n * 2_f64.sqrt());
    let mut v = vec![start.to_vec()];
    for i in 0..dimensions {
        v.push(start.iter().enumerate().map(|(j, value)| if j == i { p + value } else { q + value }).collect());
    }
    let mut f: Vec<f64> = v.iter_mut().map(|vertex| error(y, m, vertex)).collect();
    let each = |with: &dyn Fn(usize) -> f64| -> Vec<f64> { (0..dimensions).map(with).collect() };
    for _ in 0..1000 {
        let (mut g, mut s) = (0, 0);
        for i in 0..f.len() {
            g = if f[i] > f[g] { i } else { g };
            s = if f[i] < f[s] { i } else { s };
        }
        let mut h = s;
        for i in 0..f.len() {
            h = if f[i] > f[h] && f[i] < f[g] { i } else { h };
        }
        let c = each(&|j| {
            let others = (0..v.len()).filter(|i| *i != g);
            others.fold(0.0, |sum, i| sum + v[i][j]) / n
        });
        let mut r = each(&|j| c[j] + 1.0 * (c[j] - v[g][j]));
        let f_r = error(y, m, &mut r);
        let (f_h, f_s) = (f[h], f[s]);
        if f_r < f_h && f_r >= f_s {
            (v[g], f[g]) = (r.clone(), f_r);
        }
        if f_r < f_s {
            let mut e = each(&|j| c[j] + 2.0 * (r[j] - c[j]));
            let f_e = error(y, m, &mut e);
            (v[g], f[g]) = if f_e < f_r { (e, f_e) } else { (r.clone(), f_r) };
        }
        if f_r >= f[h] {
            let is_outside = f_r < f[g];
            let mut k = each(&|j| if is_outside { c[j] + 0.5 * (r[j] - c[j]) } else { c[j] - 0.5 * (c[j] - v[g][j]) });
            let f_k = error(y, m, &mut k);
            if f_k < f[g] {
                (v[g], f[g]) = (k, f_k);
            } else {
                let least = v[s].clone();
                for i in (0..v.len()).filter(|i| *i != s) {
                    v[i] = (0..dimensions).map(|j| least[j] + (v[i][j] - least[j]) / 2.0).collect();
                }
                f[g] = error(y, m, &mut v[g]);
                f[h] = error(y, m, &mut v[h]);
            }
        }
        let mean = f.iter().fold(0.0, |sum, f| sum + f) / (n + 1.0);
        let spread = f.iter().fold(0.0, |sum, f| sum + (f - mean) * (f - mean) / n);
        if spread.sqrt() < 1e-4 {
            break;
        }
    }
    let mut s = 0;
    for i in 0..f.len() {
        s = if f[i] < f[s] { i } else { s };
    }
    (error(y, m, &mut v[s].clone()), v[s].clone())
}
