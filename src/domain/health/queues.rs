//! Checks of what waits: for warm workers, for time to pass, for sources, for somebody to mend it.

use super::observed::{DeadStream, LaggingSource, Observed, OverdueBatch, WarmQueue};
use super::thresholds::Check;
use super::wording::{Count, Seconds, percent, quoted};
use super::{Figure, Findings};
use crate::domain::class::SECOND_MS;

pub(super) fn examine(observed: &Observed, findings: &mut Findings) {
    let most = observed.warm_max;
    let fullest = observed.warm.iter().max_by_key(|queue| queue.length).filter(|_| most > 0);
    match fullest {
        Some(queue) => warm_queue(queue, most, findings),
        None => findings.nothing(Check::WarmQueue, "nothing waits to be warmed".to_owned()),
    }
    let untaken = observed.warm.iter().filter_map(|queue| Some((queue, queue.waits_ms?)));
    match untaken.max_by_key(|(_, waits_ms)| *waits_ms) {
        Some((queue, waits_ms)) => warm_wait(queue, waits_ms, findings),
        None => findings
            .nothing(Check::WarmWait, "workers have taken all that is to be warmed".to_owned()),
    }
    match &observed.batch {
        Some(batch) => batch_wait(batch, findings),
        None => findings.nothing(Check::BatchWait, "no rule has collected events".to_owned()),
    }
    sources(&observed.sources, findings);
    dead(&observed.dead, findings);
}

fn workers(queue: &WarmQueue) -> String {
    let WarmQueue { stream, has_workers, .. } = queue;
    match (has_workers, queue.waits_ms) {
        (_, None) => format!("workers have taken all of {stream} and do not finish"),
        (true, _) => format!("no worker takes from {stream}"),
        (false, _) => format!("no worker takes from {stream}: it has no consumer group"),
    }
}

fn start_one(queue: &WarmQueue) -> String {
    let WarmQueue { stream, has_workers, .. } = queue;
    let look = match has_workers {
        true => format!("look after the workers: XINFO CONSUMERS {stream} warmers, XPENDING {stream} warmers"),
        false => "start a worker (examples/warm_worker.py), or take \"warmCache\" out of the rules that nobody works for".to_owned(),
    };
    format!("{look}; INVAL.STATS warm shows which rules queue")
}

fn warm_queue(queue: &WarmQueue, most: u64, findings: &mut Findings) {
    let full = percent(queue.length, most).min(100.0);
    let meaning = format!(
        "{} in database {} is {full:.1} % full ({} of {} entries)",
        queue.stream,
        queue.db,
        Count(queue.length),
        Count(most)
    );
    findings.judge(Check::WarmQueue, Figure::Amount(full), meaning, || {
        format!(
            "{}: {}; the oldest entries are lost when it is full",
            workers(queue),
            start_one(queue)
        )
    });
}

fn warm_wait(queue: &WarmQueue, waits_ms: u64, findings: &mut Findings) {
    let seconds = waits_ms / SECOND_MS;
    let meaning = format!(
        "{}; its oldest entry in database {} waits for {}, of {}",
        workers(queue),
        queue.db,
        Seconds(seconds),
        Count(queue.length)
    );
    findings.judge(Check::WarmWait, Figure::Count(seconds), meaning, || start_one(queue));
}

fn batch_wait(batch: &OverdueBatch, findings: &mut Findings) {
    let OverdueBatch { rule, db, events, overdue_ms } = batch;
    let seconds = overdue_ms / SECOND_MS;
    let meaning = format!(
        "{} events that rule {} has collected in database {db} are {} overdue",
        Count(*events),
        quoted(rule),
        Seconds(seconds)
    );
    findings.judge(Check::BatchWait, Figure::Count(seconds), meaning, || {
        "the server is too busy to carry them out: SLOWLOG GET, INFO commandstats; INVAL.STATS queues shows what waits".to_owned()
    });
}

fn sources(sources: &[LaggingSource], findings: &mut Findings) {
    let remedy = |source: &LaggingSource| {
        format!(
            "more comes than is taken, or what is next is refused: INVAL.SOURCE LIST, the server's log; give source {} more time: CONFIG SET inval.source-slice-us 5000",
            quoted(&source.source)
        )
    };
    match sources.iter().max_by_key(|source| source.entries) {
        Some(source) => {
            let meaning = format!(
                "source {} is {} entries behind",
                quoted(&source.source),
                Count(source.entries)
            );
            findings
                .judge(Check::SourceLag, Figure::Count(source.entries), meaning, || remedy(source));
        }
        None => findings.nothing(Check::SourceLag, "no source is behind".to_owned()),
    }
    match sources.iter().max_by_key(|source| source.waits_ms) {
        Some(source) => {
            let seconds = source.waits_ms / SECOND_MS;
            let meaning = format!(
                "the oldest entry that source {} has not taken waits for {}",
                quoted(&source.source),
                Seconds(seconds)
            );
            findings.judge(Check::SourceWait, Figure::Count(seconds), meaning, || remedy(source));
        }
        None => findings.nothing(Check::SourceWait, "no source is behind".to_owned()),
    }
}

fn dead(streams: &[DeadStream], findings: &mut Findings) {
    let entries = streams.iter().map(|stream| stream.entries).sum();
    let Some(most) = streams.iter().max_by_key(|stream| stream.entries) else {
        return findings.nothing(Check::DeadEntries, "every entry could be taken".to_owned());
    };
    let meaning = format!(
        "{} entries could not be taken, most of them in {} of database {} ({})",
        Count(entries),
        quoted(&most.stream),
        most.db,
        Count(most.entries)
    );
    findings.judge(Check::DeadEntries, Figure::Count(entries), meaning, || {
        let stream = quoted(&most.stream);
        format!("read the reasons: XRANGE {stream} - + COUNT 10; mend the cause, add the entries again, then DEL {stream}")
    });
}
