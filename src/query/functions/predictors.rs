//! Predictors: `holt_winters`, the damped trend with multiplicative seasons, fitted by Nelder and Mead's simplex.
//!
//! The clauses `functions.holt-winters.*` describe the computation step by step, because its digits depend on every step: on the
//! order of operations, on the starting points of the search, and on a quirk that looks like a mistake but affects the result: the
//! function that is minimised modifies its argument.

use fluxstone_model::Clause;

use super::timed_value::TimedValue;
use crate::error::QueryError;
use crate::value::Value;

/// `holt_winters` and `holt_winters_with_fit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forecast {
    /// How many values are predicted.
    pub(crate) horizon: usize,
    /// The length of a season in windows; below 2 there are no seasons.
    pub(crate) season: usize,
    /// Whether the fitted values are returned as well.
    pub(crate) with_fit: bool,
}

/// Says whether to go on.
type GoOn<'g> = dyn Fn() -> Result<(), QueryError> + 'g;

/// How many windows are computed between questions whether to go on.
const WINDOWS_UNASKED_MAX: usize = 1 << 16;
/// The maximum number of windows that are read and predicted together; the time of the search grows with them.
const WINDOWS_MAX: usize = 1 << 20;
/// The maximum length of a season; the memory of the search grows with its square.
const SEASON_MAX: usize = 1 << 10;

/// Positions in a parameter vector; the seasons follow.
const ALPHA: usize = 0;
const BETA: usize = 1;
const GAMMA: usize = 2;
const PHI: usize = 3;
const LEVEL: usize = 4;
const TREND: usize = 5;
const SEASONS: usize = 6;

impl Forecast {
    /// The memory that [`Forecast::predict`] takes at most.
    pub(crate) fn bytes(&self, points: &[(i64, f64)], interval: i64) -> usize {
        let times = points.iter().map(|point| point.0);
        let (Some(first), Some(last)) = (times.clone().min(), times.max()) else { return 0 };
        let read = (i128::from(last) - i128::from(first)) / i128::from(interval) + 2;
        let slots = usize::try_from(read).unwrap_or(usize::MAX).saturating_add(self.horizon).min(WINDOWS_MAX);
        let parameters = self.season.min(SEASON_MAX) + SEASONS;
        (slots * (3 * size_of::<f64>() + size_of::<TimedValue>()))
            .saturating_add((parameters + 8).saturating_mul(parameters + 8) * size_of::<f64>())
    }

    /// Predicts from values at window starts, in order of time. Meanwhile `go_on` is asked whether to.
    pub(crate) fn predict(
        &self,
        points: &[(i64, f64)],
        interval: i64,
        go_on: &GoOn<'_>,
    ) -> Result<Vec<TimedValue>, QueryError> {
        let season = if self.season >= 2 { self.season } else { 0 };
        let [(first, _), .., (last, _)] = *points else { return Ok(Vec::new()) };
        if points.len() < season || rounded(last, interval) <= rounded(first, interval) {
            return Ok(Vec::new());
        }
        let slots = (i128::from(rounded(last, interval)) - i128::from(rounded(first, interval))) / i128::from(interval)
            + 1
            + i128::try_from(self.horizon).unwrap_or(i128::MAX >> 1);
        if slots > WINDOWS_MAX as i128 || season > SEASON_MAX {
            let text = format!("holt_winters takes at most {WINDOWS_MAX} windows and seasons of {SEASON_MAX}");
            return Err(QueryError::Limit(Clause::new("functions.holt-winters.7"), text));
        }
        let model = Model { values: regular(points, interval), season };
        let mut parameters = model.fit(go_on)?;
        let fitted = model.forecast(self.horizon, &mut parameters, go_on)?;
        let (skip, start) =
            if self.with_fit { (0, first) } else { (model.values.len(), last.saturating_add(interval)) };
        let times = (0..).map(|step: i64| start.saturating_add(step.saturating_mul(interval)));
        let predicted = times.zip(fitted.into_iter().skip(skip)).filter(|(_, value)| !value.is_nan());
        Ok(predicted.map(|(time, value)| TimedValue { time, value: Value::Float(value), origin: None }).collect())
    }
}

/// Rounds `time` to the nearest multiple of `interval`.
fn rounded(time: i64, interval: i64) -> i64 {
    let up = i64::from(time % interval > interval / 2);
    (time / interval + up).saturating_mul(interval)
}

/// Returns one value for each window from the first to the last, NaN for empty windows.
fn regular(points: &[(i64, f64)], interval: i64) -> Vec<f64> {
    let mut values = Vec::new();
    let mut last = None;
    for (time, value) in points {
        let slot = rounded(*time, interval) / interval;
        let skipped = match last {
            None => 0,
            Some(last) if slot > last => slot - last - 1,
            Some(_) => continue,
        };
        values.extend((0..skipped).map(|_| f64::NAN));
        values.push(*value);
        last = Some(slot);
    }
    values
}

/// The series that is fitted.
struct Model {
    values: Vec<f64>,
    /// Zero if there are no seasons.
    season: usize,
}

impl Model {
    /// Returns the best parameters of sixteen searches.
    fn fit(&self, go_on: &GoOn<'_>) -> Result<Vec<f64>, QueryError> {
        const GUESSES: [f64; 2] = [0.3, 0.7];
        let mut start = self.start();
        let mut best: Option<(f64, Vec<f64>)> = None;
        for alpha in GUESSES {
            for beta in GUESSES {
                for gamma in GUESSES {
                    for phi in GUESSES {
                        start[ALPHA] = alpha;
                        start[BETA] = beta;
                        start[GAMMA] = gamma;
                        start[PHI] = phi;
                        let found = self.search(&start, go_on)?;
                        if best.as_ref().is_none_or(|best| found.0 < best.0) {
                            best = Some(found);
                        }
                    }
                }
            }
        }
        Ok(best.map(|(_, parameters)| parameters).unwrap_or(start))
    }

    /// The initial level, trend and seasons.
    fn start(&self) -> Vec<f64> {
        let y = &self.values;
        let mut start = vec![0.0; SEASONS + self.season];
        if self.season == 0 {
            start[LEVEL] = 0.5 * y[0];
            start[TREND] = if y[1].is_nan() { 0.0 } else { 0.5 * (y[1] - y[0]) };
            return start;
        }
        let m = self.season as f64;
        for i in 0..self.season {
            if let Some(value) = y.get(i).filter(|value| !value.is_nan()) {
                start[LEVEL] += (1.0 / m) * value;
            }
            if let (Some(now), Some(next)) = (y.get(i), y.get(self.season + i))
                && !(next - now).is_nan()
            {
                start[TREND] += (1.0 / (m * m)) * (next - now);
            }
        }
        for i in 0..self.season {
            if let Some(value) = y.get(i).filter(|value| !value.is_nan()) {
                start[SEASONS + i] = value / start[LEVEL];
            }
        }
        start
    }

    /// Returns the smoothed series and `horizon` more values. Clamps the first four parameters to [0, 1] and leaves the seasons in
    /// their final state.
    fn forecast(&self, horizon: usize, parameters: &mut [f64], go_on: &GoOn<'_>) -> Result<Vec<f64>, QueryError> {
        go_on()?;
        for parameter in &mut parameters[..=PHI] {
            *parameter = parameter.clamp(0.0, 1.0);
        }
        let (alpha, beta, gamma, phi) = (parameters[ALPHA], parameters[BETA], parameters[GAMMA], parameters[PHI]);
        let (mut level, mut trend) = (parameters[LEVEL], parameters[TREND]);
        let seasons = &mut parameters[SEASONS..];
        let m = self.season;
        let mut y = self.values[0];
        let mut damping = phi;
        let mut powers = Powers::new(phi);
        let mut offset = m.wrapping_sub(1);
        let mut forecast = Vec::with_capacity(self.values.len() + horizon);
        forecast.push(y);
        for t in 1..self.values.len() + horizon {
            if t.is_multiple_of(WINDOWS_UNASKED_MAX) {
                go_on()?;
            }
            let (before, ahead) = if m == 0 {
                (1.0, 1.0)
            } else {
                (seasons[(t + offset - m) % m], seasons[(t + offset - m + t % m) % m])
            };
            let damped = level + phi * trend;
            let new_level = alpha * (y / before) + (1.0 - alpha) * damped;
            let new_trend = beta * (new_level - level) + ((1.0 - beta) * phi) * trend;
            let new_season = gamma * (y / damped) + (1.0 - gamma) * before;
            y = (new_level + damping * new_trend) * ahead;
            (level, trend) = (new_level, new_trend);
            damping += powers.of(t as u64);
            if m > 0 {
                seasons[(t + offset) % m] = new_season;
                offset += 1;
            }
            forecast.push(y);
        }
        Ok(forecast)
    }

    /// The sum of squared errors; infinite if the forecast is NaN.
    fn error(&self, parameters: &mut [f64], go_on: &GoOn<'_>) -> Result<f64, QueryError> {
        let forecast = self.forecast(0, parameters, go_on)?;
        let mut sum = 0.0;
        for (found, wanted) in forecast.iter().zip(&self.values).filter(|(_, wanted)| !wanted.is_nan()) {
            if found.is_nan() {
                return Ok(f64::INFINITY);
            }
            sum += (found - wanted) * (found - wanted);
        }
        Ok(sum)
    }

    /// Runs Nelder and Mead's search from `start`; returns the least error and its parameters.
    fn search(&self, start: &[f64], go_on: &GoOn<'_>) -> Result<(f64, Vec<f64>), QueryError> {
        const ROUNDS_MAX: usize = 1000;
        const EPSILON: f64 = 1e-4;
        let mut simplex = Simplex::new(self, start, go_on)?;
        for _ in 0..ROUNDS_MAX {
            simplex.step()?;
            if simplex.deviation() < EPSILON {
                break;
            }
        }
        let least = simplex.least();
        let parameters = simplex.vertices.swap_remove(least);
        // Computing the error must not modify the parameters here.
        Ok((self.error(&mut parameters.clone(), go_on)?, parameters))
    }
}

/// A simplex with the error at each of its vertices.
struct Simplex<'m> {
    model: &'m Model,
    go_on: &'m GoOn<'m>,
    vertices: Vec<Vec<f64>>,
    errors: Vec<f64>,
}

impl<'m> Simplex<'m> {
    fn new(model: &'m Model, start: &[f64], go_on: &'m GoOn<'m>) -> Result<Simplex<'m>, QueryError> {
        let n = start.len() as f64;
        let near = ((n + 1.0).sqrt() - 1.0) / (n * 2_f64.sqrt());
        let far = ((n + 1.0).sqrt() - 1.0 + n) / (n * 2_f64.sqrt());
        let mut vertices = vec![start.to_vec()];
        for axis in 0..start.len() {
            let step = |at: usize| if at == axis { far } else { near };
            vertices.push(start.iter().enumerate().map(|(at, value)| step(at) + value).collect());
        }
        let errors = vertices.iter_mut().map(|vertex| model.error(vertex, go_on)).collect::<Result<_, _>>()?;
        Ok(Simplex { model, go_on, vertices, errors })
    }

    /// One round: reflects the worst vertex, and expands, contracts or shrinks.
    fn step(&mut self) -> Result<(), QueryError> {
        let (worst, least, second) = (self.worst(), self.least(), self.second_worst());
        let center = self.center(worst);
        let mut reflected = blend(&center, &self.vertices[worst], |c, v| c + 1.0 * (c - v));
        let reflected_error = self.model.error(&mut reflected, self.go_on)?;
        let (second_error, least_error) = (self.errors[second], self.errors[least]);
        if reflected_error < second_error && reflected_error >= least_error {
            self.replace(worst, reflected.clone(), reflected_error);
        }
        if reflected_error < least_error {
            let mut expanded = blend(&center, &reflected, |c, r| c + 2.0 * (r - c));
            let expanded_error = self.model.error(&mut expanded, self.go_on)?;
            if expanded_error < reflected_error {
                self.replace(worst, expanded, expanded_error);
            } else {
                self.replace(worst, reflected.clone(), reflected_error);
            }
        }
        // Compares with the current errors, which may be NaN.
        if reflected_error >= self.errors[second] {
            let mut contracted = if reflected_error < self.errors[worst] {
                blend(&center, &reflected, |c, r| c + 0.5 * (r - c))
            } else {
                blend(&center, &self.vertices[worst], |c, v| c - 0.5 * (c - v))
            };
            let contracted_error = self.model.error(&mut contracted, self.go_on)?;
            if contracted_error < self.errors[worst] {
                self.replace(worst, contracted, contracted_error);
            } else {
                self.shrink(least, worst, second)?;
            }
        }
        Ok(())
    }

    /// Moves all vertices halfway to the best one. Only two of the errors are recomputed.
    fn shrink(&mut self, least: usize, worst: usize, second: usize) -> Result<(), QueryError> {
        let goal = self.vertices[least].clone();
        for (at, vertex) in self.vertices.iter_mut().enumerate() {
            if at != least {
                *vertex = blend(vertex, &goal, |v, goal| goal + (v - goal) / 2.0);
            }
        }
        for at in [worst, second] {
            self.errors[at] = self.model.error(&mut self.vertices[at], self.go_on)?;
        }
        Ok(())
    }

    fn replace(&mut self, at: usize, vertex: Vec<f64>, error: f64) {
        self.vertices[at] = vertex;
        self.errors[at] = error;
    }

    /// The mean of all vertices except one.
    fn center(&self, without: usize) -> Vec<f64> {
        let n = self.vertices.len() - 1;
        let others = || self.vertices.iter().enumerate().filter(|(at, _)| *at != without).map(|(_, vertex)| vertex);
        (0..n).map(|axis| others().fold(0.0, |sum, vertex| sum + vertex[axis]) / n as f64).collect()
    }

    fn worst(&self) -> usize {
        (0..self.errors.len()).fold(0, |best, at| if self.errors[at] > self.errors[best] { at } else { best })
    }

    fn least(&self) -> usize {
        (0..self.errors.len()).fold(0, |best, at| if self.errors[at] < self.errors[best] { at } else { best })
    }

    fn second_worst(&self) -> usize {
        let worst = self.errors[self.worst()];
        (0..self.errors.len()).fold(self.least(), |best, at| {
            if self.errors[at] > self.errors[best] && self.errors[at] < worst { at } else { best }
        })
    }

    fn deviation(&self) -> f64 {
        let n = self.errors.len() as f64;
        let mean = self.errors.iter().fold(0.0, |sum, error| sum + error) / n;
        let squares = self.errors.iter().map(|error| (error - mean) * (error - mean) / (n - 1.0));
        squares.fold(0.0, |sum, square| sum + square).sqrt()
    }
}

fn blend(a: &[f64], b: &[f64], mix: impl Fn(f64, f64) -> f64) -> Vec<f64> {
    a.iter().zip(b).map(|(a, b)| mix(*a, *b)).collect()
}

/// Powers of a number between 0 and 1, by squaring its mantissa. Library functions differ in the last digit.
struct Powers {
    base: f64,
    mantissa: f64,
    exponent: i64,
}

impl Powers {
    fn new(base: f64) -> Powers {
        let (mantissa, exponent) = split(base);
        Powers { base, mantissa, exponent }
    }

    /// The base to the power of `t`, which is at least 1.
    fn of(&mut self, t: u64) -> f64 {
        if t == 1 || self.base == 0.0 || self.base == 1.0 || self.base.is_nan() {
            return self.base;
        }
        let (mut factor, mut factor_exponent) = (self.mantissa, self.exponent);
        let (mut result, mut exponent) = (1.0, 0_i64);
        let mut bits = t;
        while bits > 0 {
            if factor_exponent < -(1 << 12) {
                return 0.0;
            }
            if bits & 1 == 1 {
                result *= factor;
                exponent += factor_exponent;
            }
            factor *= factor;
            factor_exponent *= 2;
            if factor < 0.5 {
                factor += factor;
                factor_exponent -= 1;
            }
            bits >>= 1;
        }
        if exponent < -1100 {
            0.0
        } else {
            result * 2_f64.powi((exponent / 2) as i32) * 2_f64.powi((exponent - exponent / 2) as i32)
        }
    }
}

/// Splits a positive number into a mantissa in [0.5, 1) and an exponent of two.
fn split(value: f64) -> (f64, i64) {
    if value == 0.0 || !value.is_finite() {
        return (value, 0);
    }
    // Subnormal numbers are scaled to normal ones first.
    let (value, shift) = if value.abs() < f64::MIN_POSITIVE { (value * 2_f64.powi(64), -64) } else { (value, 0) };
    let bits = value.to_bits();
    let exponent = ((bits >> 52) & 0x7ff) as i64 - 1022;
    let mantissa = f64::from_bits((bits & !(0x7ff << 52)) | (1022 << 52));
    (mantissa, exponent + shift)
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "as InfluxDB prints them")]
mod tests {
    use super::*;

    const WEEK: [f64; 8] = [10.0, 12.0, 15.0, 11.0, 12.5, 14.5, 17.2, 13.0];

    fn predict(values: &[(i64, f64)], horizon: usize, season: usize, with_fit: bool) -> Vec<(i64, f64)> {
        let forecast = Forecast { horizon, season, with_fit };
        let points = forecast.predict(values, 10, &|| Ok(())).unwrap();
        let number = |point: TimedValue| match point.value {
            Value::Float(v) => (point.time, v),
            other => panic!("{other:?}"),
        };
        points.into_iter().map(number).collect()
    }

    fn week() -> Vec<(i64, f64)> {
        (0..).step_by(10).zip(WEEK).collect()
    }

    // spec: functions.holt-winters.2, functions.holt-winters.3, functions.holt-winters.4, functions.holt-winters.5
    #[test]
    fn predictions_agree_to_the_last_digit() {
        assert_eq!(predict(&week(), 2, 0, false), [(80, 15.025015167303426), (90, 15.352451723921504)]);
        assert_eq!(predict(&week(), 2, 1, false), predict(&week(), 2, 0, false));
        assert_eq!(
            predict(&week(), 4, 4, false),
            [(80, 12.55380706696689), (90, 12.660441283548451), (100, 12.989697365450306), (110, 8.047704675206532)]
        );
        assert_eq!(predict(&week(), 1, 3, false), [(80, 14.381907217582826)]);
    }

    // spec: functions.holt-winters.1, functions.holt-winters.6
    #[test]
    fn gaps_are_skipped_and_filled_by_the_fit() {
        let gap = [(0, 4.0), (10, 6.0), (20, 5.0), (50, 9.0), (60, 8.0)];
        let want = [
            (0, 4.0),
            (10, 5.368991060227003),
            (20, 6.033404920978514),
            (30, 6.717181610489153),
            (40, 7.379852382698109),
            (50, 8.010562562847623),
            (60, 8.60752748172511),
            (70, 9.171776708012414),
            (80, 9.7051150377919),
        ];
        assert_eq!(predict(&gap, 2, 0, true), want);
        assert_eq!(predict(&gap, 2, 0, false), want[7..]);
        let second_missing = [(0, 4.0), (20, 5.0), (30, 9.0), (40, 8.0)];
        assert_eq!(predict(&second_missing, 2, 2, false), [(50, 13.739437361299775), (60, 16.050943589025454)]);
    }

    // spec: functions.holt-winters.1, functions.holt-winters.6
    #[test]
    fn too_few_values_predict_nothing() {
        assert_eq!(predict(&[], 2, 0, true), []);
        assert_eq!(predict(&[(0, 4.0)], 2, 0, true), []);
        assert_eq!(predict(&[(0, 4.0), (1, 5.0)], 2, 0, true), []);
        assert_eq!(predict(&week(), 2, 9, true), []);
        let zeros: Vec<_> = (0..50).step_by(10).map(|time| (time, 0.0)).collect();
        assert_eq!(predict(&zeros, 2, 2, true), [(0, 0.0)]);
    }

    // spec: functions.holt-winters.7
    #[test]
    fn excessive_memory_or_time_is_refused() {
        let refused = |values: &[(i64, f64)], horizon, season| {
            let forecast = Forecast { horizon, season, with_fit: false };
            matches!(forecast.predict(values, 1, &|| Ok(())), Err(QueryError::Limit(..)))
        };
        assert!(refused(&[(0, 1.0), (1 << 30, 1.0)], 1, 0));
        assert!(refused(&[(0, 1.0), (1, 1.0)], usize::MAX, 0));
        let many: Vec<_> = (0..2000).map(|time| (time, 1.0)).collect();
        assert!(refused(&many, 1, 2000));
    }

    #[test]
    fn a_search_stops_when_it_is_interrupted() {
        let forecast = Forecast { horizon: 1, season: 2, with_fit: false };
        let stopped = forecast.predict(&week(), 10, &|| Err(QueryError::Interrupted));
        assert_eq!(stopped, Err(QueryError::Interrupted));
    }
}
