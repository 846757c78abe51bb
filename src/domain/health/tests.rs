//! What is found for which figures.

use super::observed::*;
use super::thresholds::{Profile, Setting};
use super::*;

fn find(observed: &Observed, thresholds: &Thresholds, check: &str) -> Finding {
    let findings = examine(observed, thresholds);
    findings.into_iter().find(|finding| finding.check == check).unwrap()
}

/// An observation in which a check has a value, in its unit.
fn with(check: Check, value: u64) -> Observed {
    let mut observed = Observed {
        reads: Some(Reads { hits: 10_000, misses: 0, seconds: 300 }),
        runs: Runs { count: 1000, mean_micros: Some(1.0), seconds: 300, ..Runs::default() },
        minute: Some(PerMinute { count: 1, seconds: 60 }),
        warm_max: 100,
        ..Observed::default()
    };
    let name = || "n".to_owned();
    match check {
        Check::HitRate => {
            observed.reads = Some(Reads { hits: value, misses: 100 - value, seconds: 300 });
        }
        Check::Efficiency => observed.runs.overhead = 1.0 - value as f64 / 100.0,
        Check::Evictions => observed.evicted = Some(PerMinute { count: value, seconds: 60 }),
        Check::ServerMemory => {
            observed.memory =
                Some(Memory { used: value, max: 100, policy: "noeviction".to_owned() });
        }
        Check::Latency => observed.latency_ms = Some((value as f64, value as f64)),
        Check::InvalidationMean => observed.runs.mean_micros = Some(value as f64 * 1000.0),
        Check::InvalidationP99 => observed.runs.p99_micros = Some(value * 1000),
        Check::FailureRate => observed.runs.failures = value * 10,
        Check::Storm => observed.minute = Some(PerMinute { count: value, seconds: 60 }),
        Check::Wasted => observed.runs.wasted = value * 10,
        Check::WastefulRule => {
            let (rule, event) = (name(), name());
            observed.wasteful = Some(WastefulRule { rule, event, runs: 100, wasted: value });
        }
        Check::BroadPattern => {
            let (rule, pattern) = (name(), name());
            observed.broad = Some(BroadPattern { rule, pattern, names: value, rules: 1 });
        }
        Check::WideTag => observed.widest = Some(WideTag { tag: name(), db: 0, keys: value }),
        Check::WarmQueue => observed.warm = vec![queue(value, None)],
        Check::WarmWait => observed.warm = vec![queue(1, Some(value * 1000))],
        Check::BatchWait => {
            let overdue_ms = value * 1000;
            observed.batch = Some(OverdueBatch { rule: name(), db: 0, events: 1, overdue_ms });
        }
        Check::SourceLag => {
            observed.sources = vec![LaggingSource { source: name(), entries: value, waits_ms: 1 }];
        }
        Check::SourceWait => {
            let waits_ms = value * 1000;
            observed.sources = vec![LaggingSource { source: name(), entries: 1, waits_ms }];
        }
        Check::DeadEntries => {
            observed.dead = vec![DeadStream { stream: name(), db: 0, entries: value }];
        }
    }
    observed
}

fn queue(length: u64, waits_ms: Option<u64>) -> WarmQueue {
    let stream = "inval:warm:high".to_owned();
    WarmQueue { stream, db: 0, length, has_workers: false, waits_ms }
}

#[test]
fn each_check_has_its_level_at_below_and_above_each_threshold_of_each_profile() {
    let mut bad = 0;
    for profile in Profile::ALL {
        let thresholds = Thresholds::of(profile);
        for check in Check::all() {
            let Bounds { warning, critical } = thresholds.get(check);
            let mut rows = vec![];
            // One step to the good side, at it, and one to the bad side.
            let step = |bound: u64, by: i64| match check.bad() {
                Bad::High => bound.saturating_add_signed(by),
                Bad::Low => bound.saturating_add_signed(-by),
            };
            if let Some(bound) = warning {
                rows.push((step(bound, -1), Level::Healthy));
                rows.push((bound, Level::Warning));
                rows.push((step(bound, 1), Level::Warning));
            }
            if let Some(bound) = critical {
                let before = if warning.is_some() { Level::Warning } else { Level::Healthy };
                rows.push((step(bound, -1), before));
                rows.push((bound, before));
                rows.push((step(bound, 1), Level::Critical));
            }
            for (value, expected) in rows {
                let observed = with(check, value);
                let found = find(&observed, &thresholds, check.name());
                let what = format!("{} {value} in {}: {found:?}", check.name(), profile.as_str());
                assert_eq!(found.level, expected, "{what}");
                assert_eq!(found.remedy.is_empty(), expected == Level::Healthy, "{what}");
                assert_eq!(found.bounds, thresholds.get(check), "{what}");
                assert!(found.value.is_some_and(|of| (of.value() - value as f64).abs() < 1e-6));
                assert!(found.meaning.is_ascii() && found.remedy.is_ascii(), "{what}");
                bad += u32::from(expected > Level::Healthy);
            }
        }
    }
    assert!(bad > 100, "{bad}");
}

#[test]
fn nothing_to_judge_is_healthy() {
    for profile in Profile::ALL {
        let findings = examine(&Observed::default(), &Thresholds::of(profile));
        assert_eq!(worst(&findings), Level::Healthy, "{findings:?}");
        let names: Vec<_> = findings.iter().map(|finding| finding.check).collect();
        assert_eq!(names.len(), 26);
        assert!(Check::all().all(|check| names.contains(&check.name())));
        assert!(findings.iter().all(|finding| !finding.meaning.is_empty()));
        let judged = findings.iter().filter(|of| Check::all().any(|c| c.name() == of.check));
        assert!(judged.filter(|finding| finding.value.is_some()).count() == 0);
    }
}

#[test]
fn what_is_too_few_is_not_judged() {
    let thresholds = Thresholds::of(Profile::Default);
    let few = Observed {
        reads: Some(Reads { hits: 0, misses: 99, seconds: 300 }),
        runs: Runs { count: 19, wasted: 19, failures: 19, ..Runs::default() },
        wasteful: Some(WastefulRule {
            rule: "r".to_owned(),
            event: "e".to_owned(),
            runs: 1,
            wasted: 1,
        }),
        ..Observed::default()
    };
    let findings = examine(&few, &thresholds);
    assert_eq!(worst(&findings), Level::Healthy, "{findings:?}");
}

#[test]
fn a_sound_state_is_told_from_one_that_is_not() {
    let sound = Sound {
        unindexed: 1,
        index_bytes: (90, 100),
        index_full: (true, false),
        drift_missed: 2,
        drift_dead: 3,
        deferred: 4,
        copies_forgotten: 5,
        warm_refused: 6,
    };
    let mut observed = Observed { sound, ..Observed::default() };
    let thresholds = Thresholds::of(Profile::Default);
    let findings = examine(&observed, &thresholds);
    let found: Vec<_> = findings.iter().take(7).map(|of| (of.check, of.level)).collect();
    assert_eq!(
        found,
        [
            ("index", Level::Warning),
            ("index_memory", Level::Warning),
            ("drift_missed", Level::Critical),
            ("drift_dead", Level::Warning),
            ("deferred", Level::Warning),
            ("copies_forgotten", Level::Warning),
            ("warm_refused", Level::Warning),
        ]
    );
    assert!(findings.iter().take(7).all(|finding| !finding.remedy.is_empty()));
    assert!(findings[2].meaning.starts_with("2 live keys"), "{}", findings[2].meaning);
    observed.sound.index_full = (true, true);
    assert_eq!(find(&observed, &thresholds, "index_memory").level, Level::Critical);
}

#[test]
fn sentences_hold_the_figures_and_name_the_cause() {
    let thresholds = Thresholds::of(Profile::Default);
    let mut observed = with(Check::HitRate, 0);
    observed.reads = Some(Reads { hits: 1204, misses: 1583, seconds: 300 });
    let meaning = |observed: &Observed, check| find(observed, &thresholds, check).meaning;
    assert_eq!(
        meaning(&observed, "hit_rate"),
        "hit rate 43.2 % over the last 5 minutes (1,204 of 2,787 reads)"
    );
    let causes = [
        (Emptied::Started, "started empty 40 s ago"),
        (Emptied::Flushed(100.0), "100 % of all keys were flushed 40 s ago"),
        (
            Emptied::Invalidated("event x".to_owned(), 98.0),
            "98 % of all keys were deleted 40 s ago by event x",
        ),
    ];
    for (cause, text) in causes {
        observed.cold = Some(Cold { cause, seconds: 40 });
        let found = find(&observed, &thresholds, "hit_rate");
        assert!(found.meaning.ends_with(&format!("; the cache is cold: {text}")), "{found:?}");
        assert!(found.remedy.starts_with("wait until readers have filled it"), "{found:?}");
    }
    let mut observed = with(Check::Storm, 1500);
    let (event, rule) = (Some(("sold".to_owned(), 1200)), Some(("best sellers".to_owned(), 1200)));
    observed.busiest = Some(Busiest { event, rule, purges: 0, user: Some("bob".to_owned()) });
    let found = find(&observed, &thresholds, "storm");
    assert_eq!(
        found.meaning,
        "1,500 invalidations over the last minute; most by event sold: 1,200 (80 %), rule 'best sellers', user bob"
    );
    assert!(found.remedy.contains("INVAL.RULE DISABLE 'best sellers'"), "{found:?}");
    let mut observed = with(Check::WarmQueue, 95);
    observed.warm[0].waits_ms = Some(120_000);
    let found = find(&observed, &thresholds, "warm_queue");
    assert!(
        found.remedy.starts_with("no worker takes from inval:warm:high: it has no"),
        "{found:?}"
    );
    observed.warm[0].waits_ms = None;
    let found = find(&observed, &thresholds, "warm_queue");
    assert!(found.remedy.starts_with("workers have taken all of inval:warm:high"), "{found:?}");
}

#[test]
fn a_cache_that_evicts_is_meant_to_be_full_and_a_low_hit_rate_is_told_once() {
    let thresholds = Thresholds::of(Profile::Default);
    let mut observed = with(Check::ServerMemory, 99);
    assert_eq!(find(&observed, &thresholds, "server_memory").level, Level::Critical);
    if let Some(memory) = &mut observed.memory {
        "allkeys-lfu".clone_into(&mut memory.policy);
    }
    assert_eq!(find(&observed, &thresholds, "server_memory").level, Level::Healthy);
    let observed = with(Check::HitRate, 82);
    let found = find(&observed, &thresholds, "efficiency");
    assert_eq!((found.level, found.value), (Level::Healthy, Some(Figure::Amount(82.0))));
}

#[test]
fn a_threshold_that_is_switched_off_is_never_passed() {
    let mut thresholds = Thresholds::of(Profile::Default);
    let off = Setting::of(-2);
    let of_profile = thresholds.get(Check::Storm);
    let bounds =
        Bounds { warning: off.or(of_profile.warning), critical: off.or(of_profile.critical) };
    thresholds.set(Check::Storm, bounds);
    assert_eq!(find(&with(Check::Storm, 1 << 40), &thresholds, "storm").level, Level::Healthy);
}
