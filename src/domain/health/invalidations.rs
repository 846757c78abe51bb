//! Checks of invalidations: how long they take, how many fail, match nothing, or are too many.

use super::observed::{BroadPattern, Busiest, Observed, PerMinute, Runs, WastefulRule, WideTag};
use super::thresholds::Check;
use super::wording::{Count, Last, percent, quoted};
use super::{Figure, Findings};

/// Runs below which a share of them says nothing: one of one is no pattern.
pub const RUNS_MIN: u64 = 20;

/// Runs below which the slowest of a hundred is just the slowest.
const P99_RUNS_MIN: u64 = 100;

/// Names that a walk looks at in a millisecond, about (`docs/benchmarks.md`).
const NAMES_PER_MS: u64 = 100_000;

/// Keys that the server deletes in a millisecond, about.
const KEYS_PER_MS: u64 = 1000;

/// Microseconds of a millisecond.
const MS: f64 = 1000.0;

pub(super) fn examine(observed: &Observed, findings: &mut Findings) {
    times(&observed.runs, findings);
    failures(observed, findings);
    match observed.minute {
        Some(minute) => storm(minute, observed.busiest.as_ref(), findings),
        None => findings.nothing(Check::Storm, "not known yet".to_owned()),
    }
    wasted(observed, findings);
    match &observed.broad {
        Some(broad) => broad_pattern(broad, findings),
        None => findings
            .nothing(Check::BroadPattern, "every pattern of the rules is found quickly".to_owned()),
    }
    match &observed.widest {
        Some(WideTag { tag, db, keys }) => findings.judge(
            Check::WideTag,
            Figure::Count(*keys),
            format!(
                "the widest tag, {} in database {db}, is on {} keys: to purge it takes some {} ms",
                quoted(tag),
                Count(*keys),
                Count(keys / KEYS_PER_MS)
            ),
            || {
                format!(
                    "purge it in slices: INVAL.PURGE TAGS 1 {} ASYNC; or split it into narrower tags",
                    quoted(tag)
                )
            },
        ),
        None => findings.nothing(Check::WideTag, "no key has a tag".to_owned()),
    }
}

fn times(runs: &Runs, findings: &mut Findings) {
    let none = || format!("no invalidation over {}", Last(runs.seconds));
    match runs.mean_micros {
        Some(mean) => findings.judge(
            Check::InvalidationMean,
            Figure::Amount(mean / MS),
            format!(
                "an invalidation took {:.2} ms on average over {} ({} of them)",
                mean / MS,
                Last(runs.seconds),
                Count(runs.count)
            ),
            || "see which rules are slow: INVAL.STATS rules; delete many keys with ASYNC, and see what patterns look at: INVAL.EXPLAIN".to_owned(),
        ),
        None => findings.nothing(Check::InvalidationMean, none()),
    }
    match runs.p99_micros.filter(|_| runs.count >= P99_RUNS_MIN) {
        Some(p99) => {
            let value = p99 as f64 / MS;
            let meaning = format!(
                "99 of 100 invalidations took up to {value:.2} ms over {} ({} of them)",
                Last(runs.seconds),
                Count(runs.count)
            );
            findings.judge(Check::InvalidationP99, Figure::Amount(value), meaning, || {
                "see which rules are slow at times: INVAL.STATS rules (p99, max); delete many keys with ASYNC".to_owned()
            });
        }
        None => findings.nothing(Check::InvalidationP99, few(runs.count, P99_RUNS_MIN)),
    }
}

fn few(count: u64, least: u64) -> String {
    format!("{} invalidations are too few to judge ({least})", Count(count))
}

fn failures(observed: &Observed, findings: &mut Findings) {
    let runs = &observed.runs;
    let all = runs.count.max(runs.failures);
    if all < RUNS_MIN {
        return findings.nothing(Check::FailureRate, few(all, RUNS_MIN));
    }
    let rate = percent(runs.failures, all);
    let mut meaning = format!(
        "{rate:.1} % of the invalidations failed over {} ({} of {})",
        Last(runs.seconds),
        Count(runs.failures),
        Count(all)
    );
    if let Some(why) = observed.last_failure.as_ref().filter(|_| runs.failures > 0) {
        meaning.push_str(&format!("; the last: {why}"));
    }
    findings.judge(Check::FailureRate, Figure::Amount(rate), meaning, || {
        "see who asked for what, and why it failed: INVAL.LOG GET, and ACL LOG for missing permissions".to_owned()
    });
}

fn storm(minute: PerMinute, busiest: Option<&Busiest>, findings: &mut Findings) {
    let PerMinute { count, seconds } = minute;
    let mut meaning = format!("{} invalidations over {}", Count(count), Last(seconds));
    let mut remedy = None;
    if let Some(Busiest { event, rule, purges, user }) = busiest {
        match event {
            Some((event, runs)) => {
                meaning.push_str(&format!(
                    "; most by event {}: {} ({:.0} %)",
                    quoted(event),
                    Count(*runs),
                    percent(*runs, count.max(*runs))
                ));
                let rule = rule.as_ref().map(|(rule, _)| rule.as_str());
                remedy = Some(match rule {
                    Some(rule) => {
                        meaning.push_str(&format!(", rule {}", quoted(rule)));
                        format!(
                            "find out what sends event {}; collect it: set \"batched\" in rule {rule} (INVAL.RULE GET {rule}), or stop the rule for now: INVAL.RULE DISABLE {rule}",
                            quoted(event),
                            rule = quoted(rule)
                        )
                    }
                    None => format!("find out what sends event {}", quoted(event)),
                });
            }
            None => {
                meaning.push_str(&format!("; most by purges: {}", Count(*purges)));
                remedy = Some("find out what purges so often; purge many keys with one command, or make it an event with a \"batched\" rule".to_owned());
            }
        }
        if let Some(user) = user {
            meaning.push_str(&format!(", user {}", quoted(user)));
        }
    }
    findings.judge(Check::Storm, Figure::Count(count), meaning, || {
        remedy
            .unwrap_or_else(|| "find out what invalidates so often: INVAL.STATS events".to_owned())
    });
}

fn wasted(observed: &Observed, findings: &mut Findings) {
    let runs = &observed.runs;
    let worst = observed.wasteful.as_ref().filter(|worst| worst.runs >= RUNS_MIN);
    if runs.count < RUNS_MIN {
        findings.nothing(Check::Wasted, few(runs.count, RUNS_MIN));
    } else {
        let share = percent(runs.wasted, runs.count);
        let mut meaning = format!(
            "{share:.1} % of the invalidations matched no key over {} ({} of {})",
            Last(runs.seconds),
            Count(runs.wasted),
            Count(runs.count)
        );
        if let Some(worst) = worst {
            meaning.push_str(&format!(
                "; most by rule {}: {} of {} runs",
                quoted(&worst.rule),
                Count(worst.wasted),
                Count(worst.runs)
            ));
        }
        findings.judge(Check::Wasted, Figure::Amount(share), meaning, || match worst {
            Some(worst) => mend(worst),
            None => "see which events and purges match nothing: INVAL.STATS events".to_owned(),
        });
    }
    match worst {
        Some(worst) => {
            let share = percent(worst.wasted, worst.runs);
            let meaning = format!(
                "rule {} matched no key in {share:.1} % of its runs over {} ({} of {})",
                quoted(&worst.rule),
                Last(runs.seconds),
                Count(worst.wasted),
                Count(worst.runs)
            );
            findings.judge(Check::WastefulRule, Figure::Amount(share), meaning, || mend(worst));
        }
        None => findings.nothing(
            Check::WastefulRule,
            format!("no rule ran often enough to judge ({RUNS_MIN})"),
        ),
    }
}

fn mend(worst: &WastefulRule) -> String {
    let (rule, event) = (quoted(&worst.rule), quoted(&worst.event));
    format!(
        "hold what rule {rule} names against the names of your keys: INVAL.RULE GET {rule}, INVAL.EXPLAIN EVENT {event} with a payload; mend it, or stop it: INVAL.RULE DISABLE {rule}"
    )
}

fn broad_pattern(broad: &BroadPattern, findings: &mut Findings) {
    let BroadPattern { rule, pattern, names, rules } = broad;
    let mut meaning = format!(
        "pattern {} of rule {} has no literal beginning: each run looks at all {} names, some {} ms",
        quoted(pattern),
        quoted(rule),
        Count(*names),
        Count(names / NAMES_PER_MS)
    );
    if *rules > 1 {
        meaning.push_str(&format!("; {rules} rules have such a pattern"));
    }
    findings.judge(Check::BroadPattern, Figure::Count(*names), meaning, || {
        format!(
            "begin it with what all its keys begin with, or tag those keys and name the tag: INVAL.RULE GET {}",
            quoted(rule)
        )
    });
}
