//! Contenders take turns, and a row says what came of it.

use super::process::Cost;
use super::summary::{Summary, ratios};

/// What a row must reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bar {
    AtMost(f64),
    AtLeast(f64),
    /// Shown to compare; nothing is asked of it.
    None,
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    pub name: String,
    pub what: String,
    pub bar: Bar,
    /// `x` for a ratio, or the unit.
    pub unit: &'static str,
    /// The figure that decides; none where the server does not have the feature.
    pub measured: Option<Summary>,
    /// The same ratio of wall times.
    pub wall: Option<Summary>,
    /// What else was seen, or why nothing was.
    pub note: String,
}

impl Row {
    /// A figure that is no ratio of two contenders.
    pub fn figure(name: &str, what: &str, bar: Bar, unit: &'static str, measured: Summary) -> Self {
        Self {
            name: name.to_owned(),
            what: what.to_owned(),
            bar,
            unit,
            measured: Some(measured),
            wall: None,
            note: String::new(),
        }
    }

    /// The cost of one contender over that of another.
    pub fn ratio(name: &str, what: &str, bar: Bar, of: &Series, to: &Series) -> Self {
        let measured = Summary::of(&ratios(&of.cpu(), &to.cpu()));
        let wall = Some(Summary::of(&ratios(&of.wall(), &to.wall())));
        let note = format!("{}; {}", of.show(), to.show());
        Self { wall, note, ..Self::figure(name, what, bar, "x", measured) }
    }

    /// A row that could not be measured.
    pub fn missing(name: &str, what: &str, bar: Bar, unit: &'static str, why: &str) -> Self {
        let row = Self::figure(name, what, bar, unit, Summary::default());
        Self { measured: None, note: why.to_owned(), ..row }
    }

    pub fn note(mut self, more: &str) -> Self {
        if !self.note.is_empty() {
            self.note.push_str("; ");
        }
        self.note.push_str(more);
        self
    }

    /// Whether the bar is reached; none where there is no bar or no figure.
    pub fn is_met(&self) -> Option<bool> {
        let median = self.measured?.median;
        match self.bar {
            Bar::AtMost(most) => Some(median <= most),
            Bar::AtLeast(least) => Some(median >= least),
            Bar::None => None,
        }
    }
}

/// What one contender cost, round by round, for each of its units of work.
#[derive(Clone, Debug)]
pub struct Series {
    pub name: String,
    /// What the cost is shown for: a key, a command, a purge.
    pub per: &'static str,
    /// Units of work of one round.
    pub units: usize,
    pub costs: Vec<Cost>,
}

impl Series {
    /// Adds what the same contender cost in more rounds.
    pub fn extend(&mut self, more: Self) {
        self.costs.extend(more.costs);
    }

    /// So many rounds each taken for one.
    pub fn joined(self, rounds: usize) -> Self {
        let of = |some: &[Cost]| Cost {
            cpu: some.iter().map(|cost| cost.cpu).sum(),
            wall: some.iter().map(|cost| cost.wall).sum(),
        };
        let costs = self.costs.chunks_exact(rounds).map(of).collect();
        Self { costs, units: self.units * rounds, ..self }
    }

    /// Round by round the mean of this and another that does the same.
    pub fn mean(&self, other: &Self) -> Self {
        let of = |(a, b): (&Cost, &Cost)| Cost {
            cpu: a.cpu.midpoint(b.cpu),
            wall: a.wall.midpoint(b.wall),
        };
        Self { costs: self.costs.iter().zip(&other.costs).map(of).collect(), ..self.clone() }
    }

    /// Nanoseconds of CPU a unit.
    pub fn cpu(&self) -> Vec<f64> {
        self.costs.iter().map(|cost| cost.cpu as f64 / self.units as f64).collect()
    }

    /// Nanoseconds of waiting a unit.
    pub fn wall(&self) -> Vec<f64> {
        self.costs.iter().map(|cost| cost.wall as f64 / self.units as f64).collect()
    }

    fn show(&self) -> String {
        let cpu = Summary::of(&self.cpu()).median;
        let wall = Summary::of(&self.wall()).median;
        format!("{}: {} CPU, {} wall a {}", self.name, span(cpu), span(wall), self.per)
    }
}

/// Nanoseconds for a reader.
pub fn span(nanos: f64) -> String {
    match nanos {
        n if n < 1e3 => format!("{n:.0} ns"),
        n if n < 1e6 => format!("{:.2} us", n / 1e3),
        n if n < 1e9 => format!("{:.2} ms", n / 1e6),
        n => format!("{:.2} s", n / 1e9),
    }
}

/// A round number for a reader.
pub fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Somebody who does the work of a row.
pub struct Contender<'a> {
    series: Series,
    /// Prepares a round, does it, and tells the cost of the doing alone.
    round: Box<dyn FnMut(usize) -> Cost + 'a>,
}

impl<'a> Contender<'a> {
    pub fn new(
        name: &str,
        per: &'static str,
        units: usize,
        round: impl FnMut(usize) -> Cost + 'a,
    ) -> Self {
        let series = Series { name: name.to_owned(), per, units, costs: vec![] };
        Self { series, round: Box::new(round) }
    }

    /// Has `prepare` done before each round, at no cost.
    pub fn after(self, mut prepare: impl FnMut() + 'a) -> Self {
        let mut round = self.round;
        let round = move |at| {
            prepare();
            round(at)
        };
        Self { round: Box::new(round), ..self }
    }
}

/// Most dots that tell how far a row is.
const DOTS_MAX: usize = 60;

/// Lets the contenders take turns; each round begins with the next one, and every other goes the
/// other way round, so that who goes first, or after whom, favours nobody. A first round warms
/// up and does not count.
pub fn alternate(rounds: usize, mut contenders: Vec<Contender>) -> Vec<Series> {
    for round in 0..=rounds {
        let mut order: Vec<&mut Contender> = contenders.iter_mut().collect();
        let first = round % order.len();
        order.rotate_left(first);
        if round % 2 == 1 {
            order.reverse();
        }
        for contender in order {
            let cost = (contender.round)(round);
            if round > 0 {
                contender.series.costs.push(cost);
            }
        }
        if round % rounds.div_ceil(DOTS_MAX).max(1) == 0 {
            eprint!(".");
        }
    }
    eprintln!();
    contenders.into_iter().map(|contender| contender.series).collect()
}
