//! How the deleted keys of a rule with `warmCache` are queued for warming.

use serde_json::Number;

use super::State;
use super::class_document::whole;
use super::error::{Error, Result};

/// Longest time before a worker should begin, in milliseconds: an hour. What waits longer is
/// better computed when somebody asks for it.
pub const DELAY_MAX_MS: u64 = 3_600_000;

/// What a rule says beside `warmCache`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WarmTerms {
    /// Milliseconds between the deletion and the time when a worker should begin; when absent,
    /// the configuration's.
    pub delay_ms: Option<u64>,
    /// Whether only keys are queued that were touched lately.
    pub hot_only: bool,
}

impl WarmTerms {
    /// The terms of a rule that warms or does not.
    ///
    /// # Errors
    /// Too long a delay; or terms for keys that are not queued.
    pub fn parse(warms: bool, delay: Option<&Number>, hot_only: bool) -> Result<Self> {
        let alone = |field| Err(Error::WarmTermsAlone { field });
        match (delay, hot_only) {
            (Some(_), _) if !warms => return alone("warmDelay"),
            (None, true) if !warms => return alone("warmHot"),
            _ => {}
        }
        let delay_ms = whole("warmDelay", delay, "milliseconds", (0, DELAY_MAX_MS))?;
        Ok(Self { delay_ms, hot_only })
    }

    /// As records of jobs write them, in one word with whether the rule warms: `0`, `1`, or
    /// `1,[delay],<0|1>`.
    pub(super) fn to_word(self, warms: bool) -> Vec<u8> {
        if self == Self::default() || !warms {
            return if warms { b"1" } else { b"0" }.to_vec();
        }
        let delay = self.delay_ms.map(|ms| ms.to_string()).unwrap_or_default();
        format!("1,{delay},{}", u8::from(self.hot_only)).into_bytes()
    }

    /// Reads what [`WarmTerms::to_word`] writes.
    pub(super) fn of_word(word: &str) -> Option<(bool, Self)> {
        let mut parts = word.split(',');
        let warms = parts.next()? == "1";
        let delay_ms = match parts.next() {
            None | Some("") => None,
            Some(ms) => Some(ms.parse().ok()?),
        };
        Some((warms, Self { delay_ms, hot_only: parts.next() == Some("1") }))
    }
}

impl State {
    /// Whether a rule, or a job of one, says how its keys are queued: older modules do not read
    /// that.
    pub(super) fn has_warm_terms(&self) -> bool {
        let mut of_jobs = self.jobs.under_way.iter().flat_map(|job| &job.head.rules);
        self.rules.iter().any(|rule| rule.warm_terms != WarmTerms::default())
            || of_jobs.any(|rule| rule.warm_terms != WarmTerms::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_need_a_rule_that_warms_and_a_delay_within_bounds() {
        let told = |warms, delay_ms: Option<u64>, hot| {
            let delay = delay_ms.map(Number::from);
            WarmTerms::parse(warms, delay.as_ref(), hot).map_err(|error| error.to_string())
        };
        for delay_ms in [None, Some(0), Some(DELAY_MAX_MS)] {
            let terms = WarmTerms { delay_ms, hot_only: true };
            assert_eq!(told(true, delay_ms, true), Ok(terms));
        }
        assert_eq!(told(false, None, false), Ok(WarmTerms::default()));
        assert_eq!(
            told(true, Some(DELAY_MAX_MS + 1), false).unwrap_err(),
            "warmDelay '3600001' is not a whole number of milliseconds from 0 to 3600000"
        );
        let alone = "without warmCache: none of the rule's keys is queued; set \"warmCache\": true, or leave it out";
        assert_eq!(told(false, Some(0), false).unwrap_err(), format!("warmDelay {alone}"));
        assert_eq!(told(false, None, true).unwrap_err(), format!("warmHot {alone}"));
    }

    #[test]
    fn words_are_read_back_and_are_the_old_ones_where_nothing_is_said() {
        for delay_ms in [None, Some(0), Some(7)] {
            for hot_only in [false, true] {
                let terms = WarmTerms { delay_ms, hot_only };
                let word = String::from_utf8(terms.to_word(true)).unwrap();
                assert_eq!(WarmTerms::of_word(&word), Some((true, terms)), "{word}");
            }
        }
        let plain = WarmTerms::default();
        assert_eq!((plain.to_word(false), plain.to_word(true)), (b"0".to_vec(), b"1".to_vec()));
        assert_eq!(WarmTerms::of_word("0"), Some((false, plain)));
        assert_eq!(WarmTerms::of_word("1,x,0"), None);
    }
}
