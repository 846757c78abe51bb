//! What the values of a class say of its time to live.

use super::{End, Sample, Samples};
use crate::domain::State;
use crate::domain::class::{Class, SECOND_MS};
use crate::domain::class_document::ClassDocument;
use crate::domain::health::Figure;
use crate::domain::health::wording::{Seconds, percent, quoted};

/// Ended values below which nothing is advised: a share of so many is off by 18 percent at most,
/// 95 times of 100.
pub const SAMPLES_MIN: usize = 30;

/// Percent of values from which on "most" is said.
const MOST: f64 = 80.0;

/// A time to live is too long when it is so many times what nearly all values needed.
const TOO_LONG: u64 = 2;

/// Of the needed times, the one that stands for nearly all: in percent.
const NEARLY_ALL: usize = 95;

/// Something to change, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Recommendation {
    /// What it is about.
    pub about: String,
    /// What is seen, and what to do.
    pub advice: String,
    /// The figures behind it.
    pub evidence: Vec<(&'static str, Figure)>,
    /// The command that does it.
    pub command: String,
}

impl State {
    /// What may be advised for each class.
    pub fn recommendations(&mut self) -> Vec<Recommendation> {
        let classes = &self.classes;
        self.evidence.keep_classes(|name| classes.get(name).is_some());
        let known = self.evidence.classes();
        let known = known.filter_map(|(name, of)| classes.get(name).map(|(class, _)| (class, of)));
        known.filter_map(|(class, samples)| advise(class, samples)).collect()
    }
}

/// What the values of a class come to.
struct Summary {
    samples: Vec<Sample>,
    ttl_ms: u64,
}

impl Summary {
    fn share(&self, of: impl Fn(&Sample) -> bool) -> f64 {
        let count = self.samples.iter().filter(|sample| of(sample)).count();
        percent(count as u64, self.samples.len() as u64)
    }

    /// The time that nearly all values needed: until they were read last when they expired, until
    /// their end when something else ended them.
    fn needed_ms(&self) -> u64 {
        let needed = |sample: &Sample| match (sample.end, sample.is_watched) {
            (End::Expired, true) => sample.last_read_ms,
            (End::Expired, false) => self.ttl_ms,
            _ => sample.lived_ms,
        };
        nearly_all(self.samples.iter().map(needed))
    }

    fn evidence(&self) -> Vec<(&'static str, Figure)> {
        let ended = |end: End| Figure::Amount(self.share(|sample| sample.end == end));
        let seconds = |ms: u64| Figure::Amount(ms as f64 / SECOND_MS as f64);
        let reads: u64 = self.samples.iter().map(|sample| u64::from(sample.reads)).sum();
        let fills = self.samples.len() as u64;
        vec![
            ("values", Figure::Count(fills)),
            ("ttl_seconds", seconds(self.ttl_ms)),
            ("lived_p95_seconds", seconds(nearly_all(self.samples.iter().map(|of| of.lived_ms)))),
            (
                "last_read_p95_seconds",
                seconds(nearly_all(self.samples.iter().map(|of| of.last_read_ms))),
            ),
            ("reads_per_fill", Figure::Amount(reads as f64 / fills.max(1) as f64)),
            ("never_read_percent", Figure::Amount(self.share(|sample| sample.reads == 0))),
            ("invalidated_percent", ended(End::Invalidated)),
            ("overwritten_percent", ended(End::Overwritten)),
            ("expired_percent", ended(End::Expired)),
            ("evicted_percent", ended(End::Evicted)),
            (
                "refilled_unchanged_percent",
                Figure::Amount(self.share(|sample| sample.came_back == Some(true))),
            ),
        ]
    }
}

/// The time below which nearly all are; 0 of none.
fn nearly_all(times: impl Iterator<Item = u64>) -> u64 {
    let mut times: Vec<u64> = times.collect();
    times.sort_unstable();
    let at = (times.len() * NEARLY_ALL).div_ceil(100).saturating_sub(1);
    times.get(at).copied().unwrap_or(0)
}

/// What the values of a class say: of those that had the time to live that it has now.
pub fn advise(class: &Class, samples: &Samples) -> Option<Recommendation> {
    let ttl_ms = class.ttl_ms?;
    let judged = |sample: &&Sample| sample.ttl_ms == Some(ttl_ms) && sample.end != End::Deleted;
    let samples: Vec<Sample> = samples.iter().filter(judged).copied().collect();
    if samples.len() < SAMPLES_MIN {
        return None;
    }
    let summary = Summary { samples, ttl_ms };
    never_read(class, &summary)
        .or_else(|| too_short(class, &summary))
        .or_else(|| too_long(class, &summary))
}

/// Values that nobody asks for again, until their time is up.
fn never_read(class: &Class, summary: &Summary) -> Option<Recommendation> {
    let share = summary
        .share(|sample| sample.is_watched && sample.reads == 0 && sample.end == End::Expired);
    if share < MOST {
        return None;
    }
    let read = summary.samples.iter().filter(|sample| sample.reads > 0);
    let ttl_s = seconds(nearly_all(read.map(|sample| sample.last_read_ms)));
    if ttl_s >= class.ttl_seconds()? {
        return None;
    }
    let advice = format!(
        "{share:.0} % of the values of class {} are never read again before they expire: do not cache what such keys hold, or keep it for {} instead of {}",
        quoted(&class.name),
        Seconds(ttl_s),
        Seconds(class.ttl_seconds()?)
    );
    Some(recommend(class, summary, advice, ttl_s))
}

/// Values that expire and come back the same.
fn too_short(class: &Class, summary: &Summary) -> Option<Recommendation> {
    let expired = |sample: &Sample| sample.end == End::Expired;
    let same = summary.share(|sample| sample.came_back == Some(true));
    let count = summary.samples.iter().filter(|sample| expired(sample)).count();
    if count < SAMPLES_MIN || same < MOST {
        return None;
    }
    let ttl_s = class.ttl_seconds()?.saturating_mul(2);
    let advice = format!(
        "{same:.0} % of the values of class {} expire and are filled again unchanged within their time: keep them for {} instead of {}",
        quoted(&class.name),
        Seconds(ttl_s),
        Seconds(class.ttl_seconds()?)
    );
    Some(recommend(class, summary, advice, ttl_s))
}

/// Values that are not needed for nearly as long as they are kept.
fn too_long(class: &Class, summary: &Summary) -> Option<Recommendation> {
    let ttl_s = seconds(summary.needed_ms());
    if ttl_s.saturating_mul(TOO_LONG) > class.ttl_seconds()? {
        return None;
    }
    let early = summary.share(|sample| sample.end != End::Expired);
    let why = match early >= 50.0 {
        true => format!("{early:.0} % are invalidated, overwritten or evicted before they expire"),
        false => "they are not read any more".to_owned(),
    };
    let advice = format!(
        "the time to live of class {} is too long: {NEARLY_ALL} % of its values are of no use after {}, of {}: {why}",
        quoted(&class.name),
        Seconds(ttl_s),
        Seconds(class.ttl_seconds()?)
    );
    Some(recommend(class, summary, advice, ttl_s))
}

/// A time in whole seconds, at least one.
fn seconds(ms: u64) -> u64 {
    ms.div_ceil(SECOND_MS).max(1)
}

/// The class with another time to live, and all else as it is.
fn recommend(class: &Class, summary: &Summary, advice: String, ttl_s: u64) -> Recommendation {
    let document = ClassDocument { ttl: Some(ttl_s.into()), ..ClassDocument::of(class) };
    // Strings and numbers: there is nothing in them that could fail to serialise.
    let json = serde_json::to_string(&document).unwrap_or_default();
    Recommendation {
        about: format!("class {}", quoted(&class.name)),
        advice,
        evidence: summary.evidence(),
        command: format!("INVAL.CLASS SET {} {}", quoted(&class.name), quoted(&json)),
    }
}

#[cfg(test)]
mod tests;
