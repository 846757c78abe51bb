//! The tables of the page.

use super::html::{Cell, Page, number, text, words};
use crate::model::numbers::{age, count, date, duration, micros, or_unknown, percent, short};
use crate::model::rows::{Row, Window};
use crate::model::section::{Field, Section};
use crate::model::snapshot::Snapshot;

/// Entries of the log that are shown.
const LOG_ROWS: usize = 50;

fn counted(value: Option<u64>) -> Cell {
    number(or_unknown(value, count))
}

fn timed(value: Option<u64>) -> Cell {
    number(or_unknown(value, |value| micros(value as f64)))
}

/// The windows of time, side by side.
pub fn windows(page: &mut Page, look: &Snapshot) {
    type Of = fn(&Window) -> String;
    let figures: [(&str, Of); 16] = [
        ("length", |of| or_unknown(of.seconds, |seconds| duration(seconds.round() as u64))),
        ("hit rate", |of| or_unknown(of.hit_rate, percent)),
        ("reads that found a value", |of| or_unknown(of.hits, count)),
        ("reads that found none", |of| or_unknown(of.misses, count)),
        ("invalidations", |of| or_unknown(of.invalidations, count)),
        ("invalidations per second", |of| or_unknown(of.per_second(of.invalidations), short)),
        ("that matched no key", |of| or_unknown(of.wasted, count)),
        ("that were given up", |of| or_unknown(of.failures, count)),
        ("keys deleted", |of| or_unknown(of.deleted, count)),
        ("keys marked as stale", |of| or_unknown(of.marked, count)),
        ("keys queued for warming", |of| or_unknown(of.warmed, count)),
        ("keys that the server evicted", |of| or_unknown(of.evicted, count)),
        ("mean time of an invalidation", |of| or_unknown(of.mean_micros, micros)),
        ("99th percentile", |of| or_unknown(of.p99_micros, |p99| micros(p99 as f64))),
        ("overhead: share of the server's time", |of| or_unknown(of.overhead, percent)),
        ("efficiency: hit rate x (1 - overhead)", |of| or_unknown(of.efficiency, percent)),
    ];
    page.begin("Windows of time");
    let names = look.windows.iter().map(|window| match window.name.as_str() {
        "start" => "since the start or reset",
        name => name,
    });
    let heads: Vec<&str> = std::iter::once("").chain(names).collect();
    let row = |(name, of): (&str, Of)| {
        let values = look.windows.iter().map(|window| number(of(window)));
        std::iter::once(words(name)).chain(values).collect()
    };
    match look.windows.is_empty() {
        true => page.paragraph("note", "The server does not say."),
        false => page.table(&heads, figures.into_iter().map(row).collect()),
    }
    page.end();
}

/// Rows of statistics.
pub fn rows(page: &mut Page, rows: &[Row], now_ms: u64) {
    let row = |row: &Row| {
        vec![
            words(row.name.clone()),
            counted(row.runs),
            counted(row.wasted),
            counted(row.failures),
            counted(row.matched),
            counted(row.deleted),
            counted(row.marked),
            counted(row.absent),
            counted(row.refused),
            counted(row.warmed),
            timed(row.resolve.p50),
            timed(row.resolve.p99),
            timed(row.delete.p50),
            timed(row.delete.p99),
            number(or_unknown(row.last_ms, |at| age(at, now_ms))),
        ]
    };
    let heads = [
        "name",
        "runs",
        "wasted",
        "failed",
        "matched",
        "deleted",
        "marked",
        "absent",
        "refused",
        "warmed",
        "find p50",
        "p99",
        "delete p50",
        "p99",
        "last, ago",
    ];
    page.table(&heads, rows.iter().map(row).collect());
}

/// The latest invalidations.
pub fn log(page: &mut Page, look: &Snapshot) {
    page.begin("Latest");
    let entries = look.log.iter().take(LOG_ROWS).map(|entry| {
        let [matched, deleted, marked] = entry.keys;
        let [find, delete] = entry.micros;
        vec![
            words(entry.what.clone()),
            words(date(entry.at_ms)),
            words(entry.kind.clone()),
            words(entry.rules.clone()),
            words(entry.by.clone()),
            number(or_unknown(entry.db, |db| db.to_string())),
            counted(matched),
            counted(deleted),
            counted(marked),
            timed(find),
            timed(delete),
            words(entry.failure.clone()),
        ]
    });
    let heads = [
        "event or purge",
        "at",
        "kind",
        "rules",
        "by",
        "db",
        "matched",
        "deleted",
        "marked",
        "find",
        "delete",
        "failure",
    ];
    match look.log.is_empty() {
        true => page.paragraph("note", "Nothing is logged."),
        false => page.table(&heads, entries.collect()),
    }
    page.end();
}

/// Everything else.
pub fn sections(page: &mut Page, look: &Snapshot) {
    for section in Section::all(look) {
        page.begin(section.title);
        match (section.is_known, section.fields.is_empty() && section.rows.is_empty()) {
            (false, _) => page.paragraph("note", "The server does not say."),
            (true, true) => page.paragraph("note", "none"),
            (true, false) => {}
        }
        // Most of them were told above.
        let folded = section.title == "Totals";
        if !section.fields.is_empty() {
            if folded {
                page.raw("<details><summary>all counters</summary>\n");
            }
            facts(page, &section.fields);
        }
        if !section.rows.is_empty() {
            rows_of(page, &section);
        }
        if folded && !section.fields.is_empty() {
            page.raw("</details>\n");
        }
        page.end();
    }
}

fn facts(page: &mut Page, fields: &[Field]) {
    page.raw("<div class=\"facts\">\n");
    for (name, value) in fields {
        let (name, value) = (text(name), text(value));
        page.raw(&format!("<div><span>{name}</span> <b>{value}</b></div>\n"));
    }
    page.raw("</div>\n");
}

/// Rows with fields that may differ: a column for each field that one of them has.
fn rows_of(page: &mut Page, section: &Section) {
    let mut heads: Vec<&str> = vec![];
    for (name, _) in section.rows.iter().flat_map(|(_, fields)| fields) {
        // Sources repeat their name.
        if name != "name" && !heads.contains(&name.as_str()) {
            heads.push(name);
        }
    }
    let row = |(name, fields): &(String, Vec<Field>)| {
        let of = |head: &&str| fields.iter().find(|(field, _)| field == head);
        let values = heads.iter().map(|head| number(of(head).map_or("", |(_, value)| value)));
        std::iter::once(words(name.clone())).chain(values).collect()
    };
    let rows = section.rows.iter().map(row).collect();
    let heads: Vec<&str> = std::iter::once("").chain(heads.iter().copied()).collect();
    page.table(&heads, rows);
}

/// Commands that were not answered.
pub fn unanswered(page: &mut Page, look: &Snapshot) {
    if look.unanswered.is_empty() {
        return;
    }
    page.begin("Not answered");
    for of in &look.unanswered {
        page.raw(&format!("<p><code>{}</code>: {}</p>\n", text(of.command), text(&of.why)));
    }
    page.end();
}
