//! Medians of runs, ratios between servers, and geometric means of ratios.

/// Returns the median, which is the mean of the middle two of an even number of times, or `None` if there are no times.
pub(super) fn median(times: &[f64]) -> Option<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(sorted[sorted.len() / 2 - 1], upper))
}

/// Returns how many times as much the peer needed as Fluxstone.
pub(super) fn ratio(ours: Option<f64>, peers: Option<f64>) -> Option<f64> {
    let (ours, peers) = (ours?, peers?);
    if ours > 0.0 { Some(peers / ours) } else { None }
}

/// Returns the geometric mean of ratios, in which a factor of 2 and one of 1/2 cancel out, or `None` if there are none.
pub(super) fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    if ratios.is_empty() {
        return None;
    }
    let sum: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    Some((sum / ratios.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }

    #[test]
    fn a_ratio_is_the_peers_cost_divided_by_ours() {
        assert_eq!(ratio(Some(2.0), Some(8.0)), Some(4.0));
        assert_eq!(ratio(Some(0.0), Some(8.0)), None);
        assert_eq!(ratio(None, Some(8.0)), None);
        assert_eq!(ratio(Some(2.0), None), None);
    }

    #[test]
    fn the_geometric_mean_of_a_gain_and_the_same_loss_is_one() {
        assert_eq!(geometric_mean(&[]), None);
        assert!((geometric_mean(&[2.0, 0.5]).unwrap() - 1.0).abs() < 1e-12);
        assert!((geometric_mean(&[2.0, 8.0]).unwrap() - 4.0).abs() < 1e-12);
    }
}
