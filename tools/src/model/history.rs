//! What a sparkline shows: the figures between the latest looks.

use std::collections::VecDeque;

use super::delta::Delta;
use super::snapshot::Snapshot;

/// Looks kept, for as many columns as a wide terminal has.
const LOOKS_MAX: usize = 512;

/// What happened between two neighbouring looks; `None` where that is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Share of reads that found a value, 0 to 1.
    pub hit_rate: Option<f64>,
    /// Runs per second.
    pub runs: Option<f64>,
    /// Keys deleted or marked per second.
    pub keys: Option<f64>,
}

/// The latest look, and the figures between those before.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The latest look.
    pub latest: Option<Snapshot>,
    points: VecDeque<Point>,
}

impl History {
    /// Adds a look.
    pub fn add(&mut self, look: Snapshot) {
        if let Some(before) = &self.latest {
            let point = Delta::between(before, &look).map(|delta| Point {
                hit_rate: delta.hit_rate(),
                runs: delta.per_second(delta.runs),
                keys: delta
                    .per_second(delta.deleted.map(|deleted| deleted + delta.marked.unwrap_or(0))),
            });
            self.points.push_back(point.unwrap_or_default());
            if self.points.len() > LOOKS_MAX {
                self.points.pop_front();
            }
        }
        self.latest = Some(look);
    }

    /// The latest points, at most so many, the newest last.
    pub fn points(&self, most: usize) -> impl Iterator<Item = &Point> {
        self.points.iter().skip(self.points.len().saturating_sub(most))
    }

    /// The newest point.
    pub fn newest(&self) -> Option<&Point> {
        self.points.back()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_between_looks_and_bounded() {
        let mut history = History::default();
        for at in 0..LOOKS_MAX as u64 + 10 {
            let mut look = Snapshot { now_ms: at * 1000, ..Snapshot::default() };
            look.totals.runs = Some(at * 4);
            history.add(look);
        }
        assert_eq!(history.points(usize::MAX).count(), LOOKS_MAX);
        assert_eq!(history.points(3).map(|point| point.runs).collect::<Vec<_>>(), [Some(4.0); 3]);
        history.add(Snapshot::default());
        assert_eq!(history.newest(), Some(&Point::default()), "a gap");
    }
}
