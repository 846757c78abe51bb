//! Middle and spread of what was measured.

/// The middle of some values, and how far they lie apart.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    pub median: f64,
    /// Between these lies the middle half.
    pub low: f64,
    pub high: f64,
    pub min: f64,
    pub max: f64,
}

impl Summary {
    /// Of no value at all everything is zero.
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (sorted.first(), sorted.last()) else {
            return Self::default();
        };
        let (below, above) = (sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2]);
        let quarter = (sorted.len() - 1) / 4;
        let (low, high) = (sorted[quarter], sorted[sorted.len() - 1 - quarter]);
        Self { median: f64::midpoint(below, above), low, high, min, max }
    }

    /// Each value times `factor`, which is positive.
    pub fn times(self, factor: f64) -> Self {
        let Self { median, low, high, min, max } = self;
        let [median, low, high, min, max] =
            [median, low, high, min, max].map(|value| value * factor);
        Self { median, low, high, min, max }
    }
}

/// The quotients of values that were measured beside each other, round by round: what slows
/// the machine down for a while slows both and leaves the quotient.
pub fn ratios(of: &[f64], to: &[f64]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of / to).collect()
}

/// The smallest value that at least `percent` of the sorted values do not exceed.
pub fn percentile(sorted: &[u64], percent: f64) -> u64 {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or_default()
}
