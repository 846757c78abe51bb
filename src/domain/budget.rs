//! How much matching one plan may do.
//!
//! A step is about a nanosecond: a byte of a name that is looked at, or compared with one place
//! of the pattern. Steps are counted, not timed, so that the same plan is refused or not
//! wherever it runs.
//!
//! What the engine of a regex does inside nobody counts: it is taken for the worst that it may
//! be until that would use the budget up, and then tried on some of the names that it saw
//! (see [`super::engine_cost`]).

use super::error::Error;
use super::name::NameList;
use super::pattern::Pattern;

/// Steps that one plan may take when nobody says otherwise. See `tests/pattern_steps.rs` for
/// what patterns take.
pub const STEPS_MAX_DEFAULT: u64 = 3_000_000_000;

/// Most steps of one plan; 0 for any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepsMax(pub u64);

impl Default for StepsMax {
    fn default() -> Self {
        Self(STEPS_MAX_DEFAULT)
    }
}

/// To fetch a name and ask for it.
const CANDIDATE_STEPS: u64 = 16;

/// To pass a name in a search through the memory of all names.
const SEARCHED_NAME_STEPS: u64 = 4;

/// What a pattern takes at worst is looked at when it is this part of the budget.
const WORTH_WEIGHING: u64 = 64;

/// To try an engine on some names.
const WEIGHING_STEPS: u64 = 100_000;

/// Names that it is tried on at most.
const SAMPLE: usize = 128;

/// What matching took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) steps: u64,
    /// Bytes that went through the engine of a regex.
    pub(super) engine_bytes: u64,
}

/// What one pattern took.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    work: Work,
    /// Steps for a byte in the engine, at worst.
    weight: u64,
    names: u64,
    /// Names that the engine saw since it was weighed, evenly spread.
    sample: NameList,
    runs: u64,
    /// One of so many is in the sample.
    spread: u64,
}

impl Tally {
    /// Before the pattern is matched.
    pub(super) fn of(pattern: &Pattern) -> Self {
        Self { weight: pattern.engine_weight_max(), spread: 1, ..Self::default() }
    }

    fn steps(&self) -> u64 {
        self.work.steps.saturating_add(self.work.engine_bytes.saturating_mul(self.weight))
    }

    fn remember(&mut self, name: &[u8]) {
        self.runs += 1;
        if !self.runs.is_multiple_of(self.spread) {
            return;
        }
        if self.sample.len() >= SAMPLE {
            self.sample = self.sample.iter().step_by(2).collect();
            self.spread *= 2;
        }
        self.sample.push(name);
    }

    /// Counts what the engine did for what it is.
    fn weigh(&mut self, pattern: &Pattern) {
        if self.work.engine_bytes > 0 {
            let weight = pattern.engine_weight(&self.sample);
            let engine = self.work.engine_bytes.saturating_mul(weight);
            let steps = self.work.steps.saturating_add(engine).saturating_add(WEIGHING_STEPS);
            self.work = Work { steps, engine_bytes: 0 };
            (self.sample, self.runs, self.spread) = (NameList::default(), 0, 1);
        }
    }
}

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Budget {
    /// 0 for no limit.
    max: u64,
    /// Steps of the other patterns.
    others: u64,
    tally: Tally,
    refused: Option<Error>,
}

impl Budget {
    /// For one plan.
    pub(super) fn new(max: StepsMax) -> Self {
        Self { max: max.0, ..Self::default() }
    }

    /// Goes on with a pattern.
    pub(super) fn resume(&mut self, tally: Tally) {
        self.others = self.others.saturating_sub(tally.steps());
        self.tally = tally;
    }

    /// Leaves the pattern for another.
    pub(super) fn pause(&mut self, pattern: &Pattern) -> Tally {
        if self.tally.steps() - self.tally.work.steps > self.max / WORTH_WEIGHING {
            self.tally.weigh(pattern);
        }
        self.others = self.steps();
        std::mem::take(&mut self.tally)
    }

    /// The memory of so many names is searched for the pattern.
    pub(super) fn search(&mut self, names: usize) {
        self.tally.work.steps += names as u64 * SEARCHED_NAME_STEPS;
    }

    /// Whether the name belongs to the pattern; false when the budget is used up.
    pub(super) fn matches(&mut self, pattern: &Pattern, name: &[u8]) -> bool {
        self.tally.names += 1;
        self.tally.work.steps += CANDIDATE_STEPS;
        if self.max != 0 && self.steps() > self.max && self.is_over(pattern) {
            return false;
        }
        let engine_bytes = self.tally.work.engine_bytes;
        let matches = pattern.matches_counting(name, &mut self.tally.work);
        if self.tally.work.engine_bytes != engine_bytes {
            self.tally.remember(name);
        }
        matches
    }

    /// Steps so far.
    pub(super) fn steps(&self) -> u64 {
        self.others.saturating_add(self.tally.steps())
    }

    /// Why the plan is refused, if it is.
    pub(super) fn refused(&mut self) -> Option<Error> {
        self.refused.take()
    }

    #[cold]
    fn is_over(&mut self, pattern: &Pattern) -> bool {
        self.tally.weigh(pattern);
        let is_over = self.steps() > self.max;
        if is_over && self.refused.is_none() {
            self.refused = Some(Error::TooManySteps {
                pattern: pattern.source().to_vec(),
                names: self.tally.names - 1,
                limit: self.max,
            });
        }
        is_over
    }
}
