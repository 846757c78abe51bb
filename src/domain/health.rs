//! Figures -> findings: a level, a sentence with the figures, and what to do.
//!
//! All that is judged is in [`observed::Observed`], all that it is held against in
//! [`thresholds::Thresholds`]; nothing else is looked at.

mod cache;
pub mod invalidations;
pub mod observed;
mod queues;
mod sound;
pub mod thresholds;
pub mod watch;
pub mod wording;

use observed::Observed;
use thresholds::{Bad, Bounds, Check, Thresholds};

/// From good to bad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// As it should be.
    #[default]
    Healthy,
    /// Answers are right; something wants attention.
    Warning,
    /// Answers may have been wrong, commands are refused, or the cache does not do its work.
    Critical,
}

impl Level {
    /// As replies write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// A value that was measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Figure {
    /// How many.
    Count(u64),
    /// How much; shown with one digit after the point.
    Amount(f64),
}

impl Figure {
    fn value(self) -> f64 {
        match self {
            Self::Count(count) => count as f64,
            Self::Amount(amount) => amount,
        }
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its name.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was measured; `None`: there is nothing to judge.
    pub value: Option<Figure>,
    /// What it is counted in; empty for plain numbers.
    pub unit: &'static str,
    /// From where on it is a warning, and critical.
    pub bounds: Bounds,
    /// What the value says.
    pub meaning: String,
    /// What to do; empty when nothing is to be done.
    pub remedy: String,
}

/// How bad a value is: a warning from its threshold on, critical beyond its threshold.
pub fn level(value: f64, bad: Bad, bounds: Bounds) -> Level {
    let past = |bound: u64, or_at: bool| match bad {
        Bad::Low => value < bound as f64 || (or_at && value == bound as f64),
        Bad::High => value > bound as f64 || (or_at && value == bound as f64),
    };
    if bounds.critical.is_some_and(|bound| past(bound, false)) {
        Level::Critical
    } else if bounds.warning.is_some_and(|bound| past(bound, true)) {
        Level::Warning
    } else {
        Level::Healthy
    }
}

/// The findings of one examination as they come.
struct Findings<'t> {
    thresholds: &'t Thresholds,
    list: Vec<Finding>,
}

impl Findings<'_> {
    /// Holds a value against the thresholds of its check; `remedy` is asked when it is bad.
    fn judge(
        &mut self,
        check: Check,
        value: Figure,
        meaning: String,
        remedy: impl FnOnce() -> String,
    ) {
        let level = level(value.value(), check.bad(), self.thresholds.get(check));
        self.tell(check, Some(value), level, meaning, remedy);
    }

    /// There is nothing to judge.
    fn nothing(&mut self, check: Check, meaning: String) {
        self.tell(check, None, Level::Healthy, meaning, String::new);
    }

    /// Adds a finding whose level is known.
    fn tell(
        &mut self,
        check: Check,
        value: Option<Figure>,
        level: Level,
        meaning: String,
        remedy: impl FnOnce() -> String,
    ) {
        self.list.push(Finding {
            check: check.name(),
            level,
            value,
            unit: check.unit(),
            bounds: self.thresholds.get(check),
            meaning,
            remedy: if level == Level::Healthy { String::new() } else { remedy() },
        });
    }
}

/// Runs all checks.
pub fn examine(observed: &Observed, thresholds: &Thresholds) -> Vec<Finding> {
    let mut findings = Findings { thresholds, list: sound::findings(&observed.sound) };
    cache::examine(observed, &mut findings);
    invalidations::examine(observed, &mut findings);
    queues::examine(observed, &mut findings);
    findings.list
}

/// The worst level of all.
pub fn worst(findings: &[Finding]) -> Level {
    findings.iter().map(|finding| finding.level).max().unwrap_or_default()
}

#[cfg(test)]
mod tests;
