//! Checks of the cache itself: does it hit, does it have memory, is the server quick.

use super::observed::{ClassReads, Cold, Emptied, Memory, Observed, PerMinute, Reads};
use super::thresholds::{Bad, Check};
use super::wording::{Count, Last, Seconds, percent, quoted};
use super::{Figure, Findings, Level, level};

/// Reads below which a hit rate says nothing: with a hundred, chance moves it by some 5 percent.
const READS_MIN: u64 = 100;

/// Bytes of a mebibyte.
const MIB: u64 = 1 << 20;

pub(super) fn examine(observed: &Observed, findings: &mut Findings) {
    let rate = observed.reads.map(|reads| (reads, percent(reads.hits, reads.hits + reads.misses)));
    let judged = rate.filter(|(reads, _)| reads.hits + reads.misses >= READS_MIN);
    match judged {
        Some((reads, rate)) => {
            hit_rate(observed, reads, rate, findings);
            efficiency(observed, rate, findings);
        }
        None => {
            let reads = observed.reads.map_or(0, |reads| reads.hits + reads.misses);
            let few = format!("{} reads so far are too few to judge ({READS_MIN})", Count(reads));
            findings.nothing(Check::HitRate, few.clone());
            findings.nothing(Check::Efficiency, few);
        }
    }
    match observed.evicted {
        Some(evicted) => evictions(evicted, findings),
        None => findings.nothing(Check::Evictions, "not known yet".to_owned()),
    }
    match &observed.memory {
        Some(memory) => server_memory(memory, findings),
        None => findings.nothing(
            Check::ServerMemory,
            "maxmemory is not set: the server takes what it needs".to_owned(),
        ),
    }
    match observed.latency_ms {
        Some((mean, worst)) => findings.judge(
            Check::Latency,
            Figure::Amount(mean),
            format!(
                "the server came to its clients {mean:.1} ms late on average, {worst:.0} ms at worst, over the last minute"
            ),
            || {
                "see what keeps it busy: SLOWLOG GET, INFO commandstats; purge many keys with ASYNC"
                    .to_owned()
            },
        ),
        None => findings.nothing(Check::Latency, "not known yet".to_owned()),
    }
}

fn hit_rate(observed: &Observed, reads: Reads, rate: f64, findings: &mut Findings) {
    let all = reads.hits + reads.misses;
    let bounds = findings.thresholds.get(Check::HitRate);
    // What is well needs no cause.
    let is_bad = level(rate, Bad::Low, bounds) > Level::Healthy;
    let cold = observed.cold.as_ref().filter(|_| is_bad);
    let mut meaning = format!(
        "hit rate {rate:.1} % over {} ({} of {} reads)",
        Last(reads.seconds),
        Count(reads.hits),
        Count(all)
    );
    if let Some(cold) = cold {
        meaning.push_str(&format!("; the cache is cold: {}", cause(cold)));
    }
    let worst = observed.worst_class.as_ref().filter(|class| is_bad && class.reads >= READS_MIN);
    let worst = worst.filter(|class| percent(class.hits, class.reads) < rate);
    if let Some(ClassReads { class, hits, reads }) = worst {
        meaning.push_str(&format!(
            "; lowest of class {}: {:.1} % ({} of {} fetches)",
            quoted(class),
            percent(*hits, *reads),
            Count(*hits),
            Count(*reads)
        ));
    }
    findings.judge(Check::HitRate, Figure::Amount(rate), meaning, || match cold {
        Some(Cold { cause: Emptied::Invalidated(what, _), .. }) => format!(
            "wait until readers have filled it again; if {what} is not meant to take so much, narrow it (INVAL.EXPLAIN), or have it warm what it deletes (\"warmCache\")"
        ),
        Some(_) => "wait until readers have filled it, or fill it before: read the busiest keys once, or have rules queue them for workers (\"warmCache\")".to_owned(),
        None => match worst {
            Some(class) => format!(
                "look at class {0}: a longer ttl or grace, or fewer invalidations: INVAL.CLASS GET {0}; the recommendations below tell which",
                quoted(&class.class)
            ),
            None => "keep values longer where the recommendations below say so, invalidate less (INVAL.STATS rules), and warm what is read often (\"warmCache\")".to_owned(),
        },
    });
}

/// What emptied the cache, and when.
fn cause(Cold { cause, seconds }: &Cold) -> String {
    let ago = Seconds(*seconds);
    match cause {
        Emptied::Started => format!("started empty {ago} ago"),
        Emptied::Flushed(share) => format!("{share:.0} % of all keys were flushed {ago} ago"),
        Emptied::Invalidated(what, share) => {
            format!("{share:.0} % of all keys were deleted {ago} ago by {what}")
        }
    }
}

/// A low hit rate is told as such: here it counts only what invalidations take of it.
fn efficiency(observed: &Observed, rate: f64, findings: &mut Findings) {
    let overhead = observed.runs.overhead.clamp(0.0, 1.0);
    let value = rate * (1.0 - overhead);
    let bounds = findings.thresholds.get(Check::Efficiency);
    let meaning = format!(
        "efficiency {value:.1} %: hit rate {rate:.1} %, and invalidations take {:.1} % of the server's time",
        overhead * 100.0
    );
    let is_theirs = level(rate, Bad::Low, bounds) == Level::Healthy;
    let level = if is_theirs { level(value, Bad::Low, bounds) } else { Level::Healthy };
    findings.tell(Check::Efficiency, Some(Figure::Amount(value)), level, meaning, || {
        "invalidate less or cheaper: INVAL.STATS rules shows the time of each; collect bursts with \"batched\"".to_owned()
    });
}

fn evictions(evicted: PerMinute, findings: &mut Findings) {
    let PerMinute { count, seconds } = evicted;
    let meaning = format!("{} keys were evicted over {}", Count(count), Last(seconds));
    findings.judge(Check::Evictions, Figure::Count(count), meaning, || {
        "values go before their time for want of memory: raise maxmemory (CONFIG SET maxmemory), or shorten the ttl of what is seldom read (recommendations)".to_owned()
    });
}

fn server_memory(memory: &Memory, findings: &mut Findings) {
    let Memory { used, max, policy } = memory;
    let value = percent(*used, *max);
    let mut meaning = format!(
        "{value:.1} % of maxmemory is used ({} of {} MiB)",
        Count(used / MIB),
        Count(max / MIB)
    );
    // A cache that evicts any key is meant to be full.
    if policy.starts_with("allkeys-") {
        meaning.push_str(&format!(", and {policy} makes room"));
        return findings.tell(
            Check::ServerMemory,
            Some(Figure::Amount(value)),
            Level::Healthy,
            meaning,
            String::new,
        );
    }
    meaning.push_str(&format!(", and {policy} does not evict every key: writes will be refused"));
    findings.judge(Check::ServerMemory, Figure::Amount(value), meaning, || {
        format!(
            "raise it: CONFIG SET maxmemory {}; or let the server evict: CONFIG SET maxmemory-policy allkeys-lru",
            max.saturating_mul(2)
        )
    });
}
