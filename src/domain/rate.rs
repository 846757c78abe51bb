//! How many of something a second, over the last minute.

/// Seconds that are counted apart.
const SECONDS: usize = 60;

/// Counts by second; takes no memory before the first.
#[derive(Clone, Debug, Default)]
pub struct Rate {
    /// Of each second of the last minute, at its remainder; empty before the first.
    counts: Vec<u64>,
    /// The second that was counted last.
    last_s: u64,
}

impl Rate {
    /// Counts some, at a time in seconds.
    pub fn add(&mut self, count: u64, now_s: u64) {
        if self.counts.is_empty() {
            self.counts = vec![0; SECONDS];
        }
        self.forget(now_s);
        if let Some(slot) = self.counts.get_mut(slot(now_s)) {
            *slot += count;
        }
    }

    /// The mean of the last minute, this second not counted, which is not over.
    pub fn per_second(&mut self, now_s: u64) -> f64 {
        self.forget(now_s);
        let now = self.counts.get(slot(now_s)).copied().unwrap_or(0);
        (self.counts.iter().sum::<u64>() - now) as f64 / (SECONDS - 1) as f64
    }

    fn forget(&mut self, now_s: u64) {
        let passed = now_s.saturating_sub(self.last_s).min(SECONDS as u64);
        for second in 0..passed {
            if let Some(slot) = self.counts.get_mut(slot(now_s.saturating_sub(second))) {
                *slot = 0;
            }
        }
        self.last_s = self.last_s.max(now_s);
    }
}

fn slot(second: u64) -> usize {
    usize::try_from(second % SECONDS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn as_a_list_of_all_counts_says(
            steps in prop::collection::vec((0u64..40, 0u64..100), 1..50)
        ) {
            let (mut rate, mut all, mut now) = (Rate::default(), vec![], 1_000_000);
            for (pause, count) in steps {
                now += pause;
                rate.add(count, now);
                all.push((now, count));
                let last = all.iter().filter(|(at, _)| *at < now && *at + 60 > now);
                let sum: u64 = last.map(|(_, count)| count).sum();
                prop_assert!((rate.per_second(now) - sum as f64 / 59.0).abs() < 1e-9);
            }
            prop_assert_eq!(rate.per_second(now + 60), 0.0);
        }
    }
}
