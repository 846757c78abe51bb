//! What really happened to a plan. Reply, statistics and log are made from it and agree.

use smallvec::SmallVec;

use super::plan::Plan;

/// See the module. Times are in microseconds of a monotonic clock.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Per position in [`Plan::targets`]: keys count for the target that took them.
    pub per_target: Vec<Count>,
    /// Over all.
    pub total: Count,
    /// Keys named outside the fence.
    pub refused: u64,
    /// Keys that matched and were left by the limit.
    pub left_by_limit: u64,
    /// Warm entries that could not be written.
    pub warm_refused: u64,
    /// Index entries whose key was gone without a word.
    pub dead_names: u64,
    /// Whether nothing was to be deleted, only counted.
    pub dry_run: bool,
    /// What is said of an index that does not know every key.
    pub index_warning: Option<&'static str>,
    /// Time to find the keys.
    pub resolve_micros: u64,
    /// Time to check, delete and queue them.
    pub delete_micros: u64,
    /// Positions of the names that were there, and went or were marked; `None` means all of them.
    pub gone: Option<Vec<bool>>,
}

/// Keys, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// In the plan.
    pub matched: u64,
    /// Deleted by us.
    pub deleted: u64,
    /// Marked as stale by us.
    pub marked: u64,
    /// Gone before we came: expired, or the index was wrong.
    pub absent: u64,
    /// Queued for warming.
    pub warmed: u64,
}

impl Count {
    /// Adds another one's.
    pub fn add(&mut self, other: Self) {
        self.matched += other.matched;
        self.deleted += other.deleted;
        self.marked += other.marked;
        self.absent += other.absent;
        self.warmed += other.warmed;
    }
}

impl Outcome {
    /// An outcome in which nothing has happened yet.
    pub fn of(plan: &Plan) -> Self {
        let mut outcome = Self {
            per_target: vec![Count::default(); plan.targets.len()],
            refused: plan.refused,
            left_by_limit: plan.matched - plan.names.len() as u64,
            ..Self::default()
        };
        for at in 0..plan.names.len() {
            outcome.count(plan, at, |count| count.matched += 1);
        }
        outcome
    }

    /// Counts something about the name at `at`, for its target and in total.
    pub fn count(&mut self, plan: &Plan, at: usize, change: impl Fn(&mut Count)) {
        let target = plan.taken_by.get(at);
        if let Some(count) = target.and_then(|target| self.per_target.get_mut(*target as usize)) {
            change(count);
        }
        change(&mut self.total);
    }

    /// Per position in [`Plan::rules`].
    pub fn per_rule(&self, plan: &Plan) -> SmallVec<[Count; 4]> {
        if plan.rules.len() == 1 {
            return SmallVec::from_slice(&[self.total]);
        }
        let mut counts: SmallVec<[Count; 4]> =
            plan.rules.iter().map(|_| Count::default()).collect();
        for (target, count) in plan.targets.iter().zip(&self.per_target) {
            if let Some(sum) = counts.get_mut(target.rule) {
                sum.add(*count);
            }
        }
        counts
    }

    /// The name at `at` was not there.
    pub fn was_absent(&mut self, plan: &Plan, at: usize) {
        let gone = self.gone.get_or_insert_with(|| vec![true; plan.names.len()]);
        if let Some(slot) = gone.get_mut(at) {
            *slot = false;
        }
    }

    /// Whether the name at `at` was there, and went or was marked.
    pub fn is_gone(&self, at: usize) -> bool {
        self.gone.as_ref().is_none_or(|gone| gone.get(at).copied().unwrap_or(false))
    }
}
