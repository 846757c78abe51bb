//! How often something ran over the last minutes, and how often for nothing.

/// Milliseconds that are counted together.
const SLOT_MS: u64 = 10_000;

/// Slots that are kept: five minutes, and the one that is not over.
const SLOTS: usize = 31;

/// Slots of a minute, the one that is not over among them.
pub const MINUTE: u64 = 6;

/// Slots of five minutes, likewise.
pub const FIVE_MINUTES: u64 = 30;

/// Runs, and those that matched nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// All runs.
    pub runs: u64,
    /// Those that matched no key.
    pub wasted: u64,
}

/// See the module; takes no memory of its own before the first run.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// The number of the slot that is counted now.
    last: u64,
    /// What it has counted; here, where a run need not go elsewhere to be counted.
    current: (u32, u32),
    /// The slots before it, by the remainder of their numbers.
    before: Vec<(u32, u32)>,
}

impl Recent {
    /// Counts runs, at a time in milliseconds.
    #[inline]
    pub fn add(&mut self, now_ms: u64, runs: u64, wasted: u64) {
        let now = slot(now_ms);
        if now > self.last {
            self.turn(now);
        }
        // Some are told late. By a clock that was set back further, they count for the last slot.
        let late = (now < self.last && self.last - now < SLOTS as u64).then(|| place(now));
        let counted = match late.and_then(|at| self.before.get_mut(at)) {
            Some(before) => before,
            None => &mut self.current,
        };
        let sum = |counted: u32, more: u64| {
            counted.saturating_add(u32::try_from(more).unwrap_or(u32::MAX))
        };
        *counted = (sum(counted.0, runs), sum(counted.1, wasted));
    }

    /// Another slot begins; those that passed without a run have none.
    #[cold]
    fn turn(&mut self, now: u64) {
        self.before.resize(SLOTS, (0, 0));
        let ended = std::mem::take(&mut self.current);
        if let Some(slot) = self.before.get_mut(place(self.last)) {
            *slot = ended;
        }
        for passed in (self.last + 1..=now).rev().take(SLOTS) {
            if let Some(slot) = self.before.get_mut(place(passed)) {
                *slot = (0, 0);
            }
        }
        self.last = now;
    }

    /// What ran over the last slots, [`MINUTE`] or [`FIVE_MINUTES`] of them.
    pub fn over(&self, now_ms: u64, slots: u64) -> Ran {
        let kept = self.last.saturating_sub(SLOTS as u64 - 1);
        let from = slot(now_ms).saturating_sub(slots - 1).max(kept);
        let before = (from..self.last).filter_map(|slot| self.before.get(place(slot)));
        let mut ran = Ran::default();
        for (runs, wasted) in before.chain((from <= self.last).then_some(&self.current)) {
            ran.runs += u64::from(*runs);
            ran.wasted += u64::from(*wasted);
        }
        ran
    }
}

/// The number of the slot that a time, in milliseconds, is counted in.
pub fn slot(ms: u64) -> u64 {
    ms / SLOT_MS
}

fn place(slot: u64) -> usize {
    usize::try_from(slot % SLOTS as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_a_list_of_all_runs_says(
            steps in prop::collection::vec((0u64..400_000, any::<bool>(), 0u64..100_000), 1..60),
            slots in 1..=FIVE_MINUTES,
            later in 0u64..400_000,
        ) {
            let (mut recent, mut all, mut now) = (Recent::default(), vec![], 1_000_000);
            for (pause, wasted, late) in steps {
                // Most runs come one after the other.
                now += if pause < 200_000 { pause / 100 } else { pause };
                let run = now - late;
                recent.add(run, 1, u64::from(wasted));
                all.push((run, wasted));
                for at in [now, now + later] {
                    let from = at / SLOT_MS - (slots - 1);
                    let of: Vec<_> = all.iter().filter(|(run, _)| run / SLOT_MS >= from).collect();
                    let wasted = of.iter().filter(|(_, wasted)| *wasted).count() as u64;
                    prop_assert_eq!(recent.over(at, slots), Ran { runs: of.len() as u64, wasted });
                }
            }
        }
    }
}
