//! The rows of statistics: of a rule, an event, a tag, a pattern, an entity, a window of time.

use std::cmp::Ordering;

use super::node::Node;

/// A distribution of times, in microseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times {
    /// The mean.
    pub mean: Option<f64>,
    /// The time that half of all did not exceed.
    pub p50: Option<u64>,
    /// The time that 95 of 100 did not exceed.
    pub p95: Option<u64>,
    /// The time that 99 of 100 did not exceed.
    pub p99: Option<u64>,
    /// The longest.
    pub max: Option<u64>,
}

impl Times {
    fn of(node: &Node) -> Self {
        let of = |name| node.get(name).count();
        let mean = node.get("mean").number();
        Self { mean, p50: of("p50"), p95: of("p95"), p99: of("p99"), max: of("max") }
    }
}

/// What something came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Its name, as it may be shown.
    pub name: String,
    /// How often it ran.
    pub runs: Option<u64>,
    /// Runs that matched no key.
    pub wasted: Option<u64>,
    /// Runs that were refused.
    pub failures: Option<u64>,
    /// Keys that were found.
    pub matched: Option<u64>,
    /// Keys that were deleted.
    pub deleted: Option<u64>,
    /// Keys that were marked as stale.
    pub marked: Option<u64>,
    /// Keys that were named and not there.
    pub absent: Option<u64>,
    /// Keys outside the fence.
    pub refused: Option<u64>,
    /// Keys that were queued to be computed again.
    pub warmed: Option<u64>,
    /// When it ran last, in milliseconds since 1970; 0 for never.
    pub last_ms: Option<u64>,
    /// Time to find the keys.
    pub resolve: Times,
    /// Time to delete them.
    pub delete: Times,
}

impl Row {
    /// The row of this name.
    pub fn of(name: &Node, node: &Node) -> Self {
        let of = |field| node.get(field).count();
        Self {
            name: match node.get("kind").words().filter(|kind| kind != "tag") {
                // A key and a pattern may be the same text.
                Some(kind) => format!("{} ({kind})", name.line()),
                None => name.line(),
            },
            runs: of("runs"),
            // Before there were statistics of waste they had this name.
            wasted: of("wasted").or_else(|| of("empty_runs")),
            failures: of("failures"),
            matched: of("keys_matched"),
            deleted: of("keys_deleted"),
            marked: of("keys_marked"),
            absent: of("keys_absent"),
            refused: of("keys_refused"),
            warmed: of("keys_warmed"),
            last_ms: of("last_ms"),
            resolve: Times::of(node.get("resolve_micros")),
            delete: Times::of(node.get("delete_micros")),
        }
    }

    /// All rows of a section; those without a run are left out.
    pub fn all(section: &Node) -> Vec<Self> {
        let rows = section.fields().into_iter().map(|(name, node)| Self::of(name, node));
        rows.filter(|row| row.runs != Some(0)).collect()
    }

    /// Keys that a run deletes or marks, on average.
    pub fn keys_per_run(&self) -> Option<f64> {
        let keys = self.deleted? + self.marked.unwrap_or(0);
        self.runs.filter(|runs| *runs > 0).map(|runs| keys as f64 / runs as f64)
    }

    /// The share of runs that matched no key.
    pub fn wasted_share(&self) -> Option<f64> {
        let wasted = self.wasted?;
        self.runs.filter(|runs| *runs > 0).map(|runs| wasted as f64 / runs as f64)
    }
}

/// By what rows are sorted, the largest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Runs.
    #[default]
    Runs,
    /// Keys deleted.
    Deleted,
    /// Runs that matched no key.
    Wasted,
    /// Keys per run.
    Width,
    /// 99th percentile of the time to find.
    Find,
    /// 99th percentile of the time to delete.
    Delete,
    /// When it ran last.
    Last,
}

impl Sort {
    /// All, in the order of the key `s`.
    pub const ALL: [Self; 7] = [
        Self::Runs,
        Self::Deleted,
        Self::Wasted,
        Self::Width,
        Self::Find,
        Self::Delete,
        Self::Last,
    ];

    /// The next one, and after the last the first.
    pub fn next(self) -> Self {
        let after = Self::ALL.into_iter().skip_while(|sort| *sort != self).nth(1);
        after.unwrap_or_default()
    }

    fn key(self, row: &Row) -> Option<f64> {
        let count = |value: Option<u64>| value.map(|value| value as f64);
        match self {
            Self::Runs => count(row.runs),
            Self::Deleted => count(row.deleted),
            Self::Wasted => count(row.wasted),
            Self::Width => row.keys_per_run(),
            Self::Find => count(row.resolve.p99),
            Self::Delete => count(row.delete.p99),
            Self::Last => count(row.last_ms),
        }
    }

    /// Sorts rows; those with equal figures by name, those without one at the end.
    pub fn apply(self, rows: &mut [Row]) {
        rows.sort_by(|a, b| {
            let order = self.key(b).partial_cmp(&self.key(a)).unwrap_or(Ordering::Equal);
            order.then_with(|| a.name.cmp(&b.name))
        });
    }
}

/// What a window of time came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Its name: `1m`, `5m`, `1h` or `start`.
    pub name: String,
    /// How long it is, in seconds; less than its name says soon after the start.
    pub seconds: Option<f64>,
    /// Reads that found a value.
    pub hits: Option<u64>,
    /// Reads that found none.
    pub misses: Option<u64>,
    /// Share of reads that found a value, 0 to 1.
    pub hit_rate: Option<f64>,
    /// Runs of events, purges and what was collected.
    pub invalidations: Option<u64>,
    /// Events.
    pub events: Option<u64>,
    /// Purges.
    pub purges: Option<u64>,
    /// Runs that matched no key.
    pub wasted: Option<u64>,
    /// Runs that were refused.
    pub failures: Option<u64>,
    /// Keys that were deleted.
    pub deleted: Option<u64>,
    /// Keys that were marked as stale.
    pub marked: Option<u64>,
    /// Keys that were queued to be computed again.
    pub warmed: Option<u64>,
    /// Keys that the server evicted.
    pub evicted: Option<u64>,
    /// Mean time of a run, in microseconds.
    pub mean_micros: Option<f64>,
    /// 99th percentile of the time of a run, in microseconds.
    pub p99_micros: Option<u64>,
    /// Share of the server's time that invalidations took, 0 to 1.
    pub overhead: Option<f64>,
    /// Hit rate x (1 - overhead).
    pub efficiency: Option<f64>,
}

impl Window {
    /// The window of this name.
    pub fn of(name: &Node, node: &Node) -> Self {
        let count = |field| node.get(field).count();
        let number = |field| node.get(field).number();
        Self {
            name: name.line(),
            seconds: number("seconds"),
            hits: count("hits"),
            misses: count("misses"),
            hit_rate: number("hit_rate"),
            invalidations: count("invalidations"),
            events: count("events"),
            purges: count("purges"),
            wasted: count("wasted"),
            failures: count("failures"),
            deleted: count("keys_deleted"),
            marked: count("keys_marked"),
            warmed: count("keys_warmed"),
            evicted: count("evicted"),
            mean_micros: number("mean_micros"),
            p99_micros: count("p99_micros"),
            overhead: number("overhead"),
            efficiency: number("efficiency"),
        }
    }

    /// A count of this window per second.
    pub fn per_second(&self, count: Option<u64>) -> Option<f64> {
        let seconds = self.seconds.filter(|seconds| *seconds > 0.0)?;
        count.map(|count| count as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, runs: i64, deleted: i64) -> Row {
        let fields = [("runs", runs), ("keys_deleted", deleted), ("wasted", 1)];
        let fields = fields.map(|(name, value)| (Node::text(name), Node::Int(value)));
        Row::of(&Node::text(name), &Node::Map(fields.to_vec()))
    }

    #[test]
    fn a_row_has_what_the_server_gave() {
        let row = row("r", 4, 10);
        assert_eq!((row.runs, row.deleted, row.failures), (Some(4), Some(10), None));
        assert_eq!((row.keys_per_run(), row.wasted_share()), (Some(2.5), Some(0.25)));
        assert_eq!(row.resolve, Times::default());
        let empty = Row::of(&Node::text("e"), &Node::Null);
        assert_eq!((empty.keys_per_run(), empty.wasted_share()), (None, None));
    }

    #[test]
    fn rows_are_sorted_by_any_figure() {
        let mut rows = vec![row("b", 1, 9), row("a", 1, 9), row("c", 3, 3), Row::default()];
        let names = |rows: &[Row]| rows.iter().map(|row| row.name.clone()).collect::<String>();
        Sort::Runs.apply(&mut rows);
        assert_eq!(names(&rows), "cab");
        Sort::Width.apply(&mut rows);
        assert_eq!(names(&rows), "abc");
        let mut sort = Sort::default();
        for _ in Sort::ALL {
            sort = sort.next();
        }
        assert_eq!(sort, Sort::default());
    }
}
