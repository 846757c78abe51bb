//! From where on a value is bad: the checks that have thresholds, and the profiles that set them.

/// A check whose value is held against thresholds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// Reads that found a value, of the last five minutes.
    HitRate,
    /// Hit rate times the share of time that invalidations leave, of the last five minutes.
    Efficiency,
    /// Keys that the server evicted, of the last minute.
    Evictions,
    /// Memory that the server uses of what it may.
    ServerMemory,
    /// How long the server is busy before it looks at its clients, on average.
    Latency,
    /// Mean time of an invalidation, of the last five minutes.
    InvalidationMean,
    /// The time that 99 of 100 invalidations stay below, of the last five minutes.
    InvalidationP99,
    /// Invalidations that failed, of the last five minutes.
    FailureRate,
    /// Invalidations of the last minute.
    Storm,
    /// Invalidations that matched no key, of the last five minutes.
    Wasted,
    /// The same of the rule that wastes most.
    WastefulRule,
    /// Names that a pattern of a rule looks at each time, because it begins with a wildcard.
    BroadPattern,
    /// Keys of the widest tag.
    WideTag,
    /// How full the fullest warm queue is.
    WarmQueue,
    /// How long the entry waits that no worker has taken from a warm queue.
    WarmWait,
    /// How long collected events are overdue.
    BatchWait,
    /// Entries that a source has not taken.
    SourceLag,
    /// How long the oldest of them waits.
    SourceWait,
    /// Entries that nobody could take: of sources, and of warm queues.
    DeadEntries,
}

/// From which side a value becomes bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// By being low.
    Low,
    /// By being high.
    High,
}

/// Thresholds of a check: a warning from the first on, critical beyond the second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    /// None: never a warning.
    pub warning: Option<u64>,
    /// None: never critical.
    pub critical: Option<u64>,
}

const fn bounds(warning: u64, critical: u64) -> Bounds {
    Bounds { warning: Some(warning), critical: Some(critical) }
}

const fn warning(warning: u64) -> Bounds {
    Bounds { warning: Some(warning), critical: None }
}

const fn critical(critical: u64) -> Bounds {
    Bounds { warning: None, critical: Some(critical) }
}

const NONE: Bounds = Bounds { warning: None, critical: None };

/// Largest value of a threshold that is no percentage: a number that configuration takes.
const ANY: u64 = 1 << 53;

/// Largest value of one that is.
const PERCENT: u64 = 100;

/// A row of the table of checks.
struct Row {
    check: Check,
    name: &'static str,
    unit: &'static str,
    bad: Bad,
    max: u64,
    /// In the order of [`Profile::ALL`].
    bounds: [Bounds; 3],
}

/// All checks with thresholds, in the order they are shown.
static ROWS: [Row; 19] = {
    use Bad::{High, Low};
    use Check::{
        BatchWait, BroadPattern, DeadEntries, Efficiency, Evictions, FailureRate, HitRate,
        InvalidationMean, InvalidationP99, Latency, ServerMemory, SourceLag, SourceWait, Storm,
        WarmQueue, WarmWait, Wasted, WastefulRule, WideTag,
    };
    const fn row(
        check: Check,
        name: &'static str,
        unit: &'static str,
        bad: Bad,
        max: u64,
        bounds: [Bounds; 3],
    ) -> Row {
        Row { check, name, unit, bad, max, bounds }
    }
    [
        row(HitRate, "hit_rate", "%", Low, PERCENT, [bounds(80, 70), warning(70), bounds(80, 60)]),
        row(Efficiency, "efficiency", "%", Low, PERCENT, [warning(85), NONE, warning(85)]),
        row(Evictions, "evictions", "/min", High, ANY, [warning(10_000), NONE, warning(1000)]),
        row(
            ServerMemory,
            "server_memory",
            "%",
            High,
            PERCENT,
            [bounds(80, 95), critical(95), bounds(80, 95)],
        ),
        row(Latency, "latency", "ms", High, ANY, [bounds(10, 50), critical(50), bounds(10, 50)]),
        row(
            InvalidationMean,
            "invalidation_mean",
            "ms",
            High,
            ANY,
            [bounds(50, 100), critical(100), bounds(50, 100)],
        ),
        row(
            InvalidationP99,
            "invalidation_p99",
            "ms",
            High,
            ANY,
            [bounds(200, 1000), critical(1000), bounds(100, 500)],
        ),
        row(
            FailureRate,
            "failure_rate",
            "%",
            High,
            PERCENT,
            [bounds(1, 5), warning(5), bounds(1, 5)],
        ),
        row(Storm, "storm", "/min", High, ANY, [critical(1000), critical(1000), bounds(500, 1000)]),
        row(Wasted, "wasted", "%", High, PERCENT, [warning(80), NONE, warning(50)]),
        row(WastefulRule, "wasteful_rule", "%", High, PERCENT, [warning(90), NONE, warning(80)]),
        row(
            BroadPattern,
            "broad_pattern",
            "names",
            High,
            ANY,
            [warning(100_000), warning(1_000_000), bounds(100_000, 10_000_000)],
        ),
        row(
            WideTag,
            "wide_tag",
            "keys",
            High,
            ANY,
            [bounds(100_000, 1_000_000), critical(1_000_000), bounds(100_000, 1_000_000)],
        ),
        row(
            WarmQueue,
            "warm_queue",
            "%",
            High,
            PERCENT,
            [bounds(50, 90), critical(90), bounds(50, 90)],
        ),
        row(
            WarmWait,
            "warm_wait",
            "s",
            High,
            ANY,
            [bounds(60, 600), warning(600), bounds(30, 300)],
        ),
        row(BatchWait, "batch_wait", "s", High, ANY, [bounds(5, 60), critical(60), bounds(5, 60)]),
        row(
            SourceLag,
            "source_lag",
            "entries",
            High,
            ANY,
            [bounds(1000, 5000), critical(5000), bounds(1000, 5000)],
        ),
        row(
            SourceWait,
            "source_wait",
            "s",
            High,
            ANY,
            [bounds(10, 60), critical(60), bounds(5, 30)],
        ),
        row(
            DeadEntries,
            "dead_entries",
            "entries",
            High,
            ANY,
            [warning(1), warning(1000), bounds(1, 100)],
        ),
    ]
};

impl Check {
    /// All of them, in the order they are shown.
    pub fn all() -> impl ExactSizeIterator<Item = Self> {
        ROWS.iter().map(|row| row.check)
    }

    /// As replies write it.
    pub fn name(self) -> &'static str {
        self.row().map_or("", |row| row.name)
    }

    /// What its value is counted in.
    pub fn unit(self) -> &'static str {
        self.row().map_or("", |row| row.unit)
    }

    /// From which side its value becomes bad.
    pub fn bad(self) -> Bad {
        self.row().map_or(Bad::High, |row| row.bad)
    }

    /// The largest value that a threshold of it may have.
    pub fn max(self) -> u64 {
        self.row().map_or(0, |row| row.max)
    }

    /// The rows are in the order of the checks: a test says so.
    fn row(self) -> Option<&'static Row> {
        ROWS.get(self as usize)
    }
}

/// A named set of thresholds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// For a cache that its users feel: low hit rates and slow invalidations are told early.
    #[default]
    Default,
    /// For a cache that may fail: what is merely not ideal is not told.
    Relaxed,
    /// For a server that is watched round the clock: evaluated every half minute.
    Production,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Default, Self::Relaxed, Self::Production];

    /// As configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Relaxed => "relaxed",
            Self::Production => "production",
        }
    }

    /// Seconds between two evaluations.
    pub fn interval_s(self) -> u64 {
        match self {
            Self::Default | Self::Relaxed => 300,
            Self::Production => 30,
        }
    }

    /// The thresholds of a check.
    pub fn bounds(self, check: Check) -> Bounds {
        check.row().and_then(|row| row.bounds.get(self as usize)).copied().unwrap_or_default()
    }
}

/// Thresholds of all checks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds(Vec<Bounds>);

impl Thresholds {
    /// Those of a profile.
    pub fn of(profile: Profile) -> Self {
        Self(Check::all().map(|check| profile.bounds(check)).collect())
    }

    /// Those of a check.
    pub fn get(&self, check: Check) -> Bounds {
        self.0.get(check as usize).copied().unwrap_or_default()
    }

    /// Sets those of a check.
    pub fn set(&mut self, check: Check, bounds: Bounds) {
        if let Some(slot) = self.0.get_mut(check as usize) {
            *slot = bounds;
        }
    }
}

/// A threshold as it is configured: this much, or not of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Setting {
    /// What the profile says.
    OfProfile,
    /// There is none.
    Off,
    /// This much.
    Value(u64),
}

impl Setting {
    /// Reads a number of the configuration: -1 is the profile's, -2 none.
    pub fn of(number: i64) -> Self {
        match u64::try_from(number) {
            Ok(value) => Self::Value(value),
            Err(_) if number == -1 => Self::OfProfile,
            Err(_) => Self::Off,
        }
    }

    /// What it comes to.
    pub fn or(self, of_profile: Option<u64>) -> Option<u64> {
        match self {
            Self::OfProfile => of_profile,
            Self::Off => None,
            Self::Value(value) => Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_checks() {
        for (at, check) in Check::all().enumerate() {
            assert_eq!((check as usize, check.name()), (at, ROWS[at].name));
            for profile in Profile::ALL {
                let Bounds { warning, critical } = profile.bounds(check);
                for bound in [warning, critical].into_iter().flatten() {
                    assert!(bound <= check.max(), "{}", check.name());
                }
                if let (Some(warning), Some(critical)) = (warning, critical) {
                    let is_worse = match check.bad() {
                        Bad::Low => critical < warning,
                        Bad::High => critical > warning,
                    };
                    assert!(is_worse, "{} in {}", check.name(), profile.as_str());
                }
            }
        }
        assert_eq!(Thresholds::of(Profile::Relaxed).get(Check::HitRate), warning(70));
    }

    #[test]
    fn the_readme_has_the_same_table() {
        let readme = include_str!("../../../README.md");
        for check in Check::all() {
            let shown = |bound: Option<u64>| bound.map_or("-".to_owned(), |of| of.to_string());
            let cells = Profile::ALL.map(|profile| {
                let Bounds { warning, critical } = profile.bounds(check);
                format!(" {} / {} |", shown(warning), shown(critical))
            });
            let start = format!("| `{}` |", check.name());
            let row = readme.lines().find(|line| line.starts_with(&start)).unwrap();
            assert!(row.ends_with(&cells.concat()), "{row} is{}", cells.concat());
        }
    }

    #[test]
    fn settings_of_a_user_go_before_the_profile() {
        assert_eq!(Setting::of(-1).or(Some(7)), Some(7));
        assert_eq!((Setting::of(-2).or(Some(7)), Setting::of(0).or(Some(7))), (None, Some(0)));
        let mut thresholds = Thresholds::of(Profile::Default);
        thresholds.set(Check::Storm, bounds(1, 2));
        assert_eq!(thresholds.get(Check::Storm), bounds(1, 2));
        assert_eq!(thresholds.get(Check::HitRate), bounds(80, 70));
    }
}
