//! What happened between two looks at a server.

use super::snapshot::Snapshot;

/// What happened between two looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Delta {
    /// Seconds between them.
    pub seconds: f64,
    /// Runs of events, purges and what was collected.
    pub runs: Option<u64>,
    /// Keys deleted.
    pub deleted: Option<u64>,
    /// Keys marked as stale.
    pub marked: Option<u64>,
    /// Runs that matched no key.
    pub wasted: Option<u64>,
    /// Reads that found a value, and that found none.
    pub reads: Option<(u64, u64)>,
}

impl Delta {
    /// What happened from `earlier` to `later`; `None` when these cannot be compared: another
    /// process answered, the counters were set to nothing, or no time went by.
    pub fn between(earlier: &Snapshot, later: &Snapshot) -> Option<Self> {
        let millis = later.now_ms.checked_sub(earlier.now_ms).filter(|millis| *millis > 0)?;
        if earlier.server.run_id != later.server.run_id {
            return None;
        }
        let of = |field: fn(&Snapshot) -> Option<u64>| match (field(earlier), field(later)) {
            // A counter that went back began anew.
            (Some(before), Some(after)) => after.checked_sub(before).map(Some).ok_or(()),
            _ => Ok(None),
        };
        let reads = |at: fn(&super::rows::Window) -> Option<u64>| {
            let of = |look: &Snapshot| at(look.window("start")?);
            match (of(earlier), of(later)) {
                (Some(before), Some(after)) => after.checked_sub(before).map(Some).ok_or(()),
                _ => Ok(None),
            }
        };
        let compare = || {
            let (hits, misses) = (reads(|window| window.hits)?, reads(|window| window.misses)?);
            Ok::<_, ()>(Self {
                seconds: millis as f64 / 1000.0,
                runs: of(|look| look.totals.runs)?,
                deleted: of(|look| look.totals.deleted)?,
                marked: of(|look| look.totals.marked)?,
                wasted: of(|look| look.totals.wasted)?,
                reads: hits.zip(misses),
            })
        };
        compare().ok()
    }

    /// A count of it per second.
    pub fn per_second(&self, count: Option<u64>) -> Option<f64> {
        count.map(|count| count as f64 / self.seconds)
    }

    /// The share of reads that found a value; `None` without reads.
    pub fn hit_rate(&self) -> Option<f64> {
        let (hits, misses) = self.reads?;
        let all = hits + misses;
        (all > 0).then(|| hits as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::snapshot::samples;

    #[test]
    fn two_looks_give_rates() {
        let earlier = Snapshot::of(samples::busy());
        let mut later = earlier.clone();
        later.now_ms += 2000;
        later.totals.runs = later.totals.runs.map(|runs| runs + 10);
        if let Some(window) = later.windows.iter_mut().find(|window| window.name == "start") {
            window.hits = window.hits.map(|hits| hits + 3);
            window.misses = window.misses.map(|misses| misses + 1);
        }
        let delta = Delta::between(&earlier, &later).unwrap();
        assert_eq!(delta.per_second(delta.runs), Some(5.0));
        assert_eq!((delta.deleted, delta.hit_rate()), (Some(0), Some(0.75)));
    }

    #[test]
    fn what_began_anew_is_not_compared() {
        let earlier = Snapshot::of(samples::busy());
        assert_eq!(Delta::between(&earlier, &earlier), None, "no time went by");
        let mut later = earlier.clone();
        later.now_ms += 1000;
        later.totals.deleted = Some(0);
        assert_eq!(Delta::between(&earlier, &later), None, "a counter went back");
        let mut later = earlier.clone();
        later.now_ms += 1000;
        later.server.run_id = Some("another".to_owned());
        assert_eq!(Delta::between(&earlier, &later), None, "another process");
    }

    #[test]
    fn what_is_missing_has_no_rate() {
        let later = Snapshot { now_ms: 5, ..Snapshot::default() };
        let delta = Delta::between(&Snapshot::default(), &later).unwrap();
        assert_eq!((delta.runs, delta.hit_rate()), (None, None));
    }
}
