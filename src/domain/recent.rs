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

/// See the module; takes no memory before the first run.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    /// By the remainder of the slot's number; empty before the first.
    slots: Vec<(u32, u32)>,
    /// The number of the slot that was counted last.
    last: u64,
}

impl Recent {
    /// Counts a run, at a time in milliseconds.
    pub fn add(&mut self, now_ms: u64, wasted: bool) {
        if self.slots.is_empty() {
            self.slots = vec![(0, 0); SLOTS];
        }
        let now = now_ms / SLOT_MS;
        // A clock that was set back counts for the last slot.
        for passed in (self.last + 1..=now).rev().take(SLOTS) {
            if let Some(slot) = self.slots.get_mut(place(passed)) {
                *slot = (0, 0);
            }
        }
        self.last = self.last.max(now);
        if let Some((runs, for_nothing)) = self.slots.get_mut(place(self.last)) {
            *runs = runs.saturating_add(1);
            *for_nothing = for_nothing.saturating_add(u32::from(wasted));
        }
    }

    /// What ran over the last slots, [`MINUTE`] or [`FIVE_MINUTES`] of them.
    pub fn over(&self, now_ms: u64, slots: u64) -> Ran {
        let kept = self.last.saturating_sub(SLOTS as u64 - 1);
        let from = (now_ms / SLOT_MS).saturating_sub(slots - 1).max(kept);
        let mut ran = Ran::default();
        for (runs, wasted) in (from..=self.last).filter_map(|slot| self.slots.get(place(slot))) {
            ran.runs += u64::from(*runs);
            ran.wasted += u64::from(*wasted);
        }
        ran
    }
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
            steps in prop::collection::vec((0u64..400_000, any::<bool>()), 1..60),
            slots in 1..=FIVE_MINUTES,
            later in 0u64..400_000,
        ) {
            let (mut recent, mut all, mut now) = (Recent::default(), vec![], 1_000_000);
            for (pause, wasted) in steps {
                // Most runs come one after the other.
                now += if pause < 200_000 { pause / 100 } else { pause };
                recent.add(now, wasted);
                all.push((now, wasted));
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
