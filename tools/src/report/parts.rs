//! The parts of the page that are more than a table.

use super::charts::{self, Bar};
use super::html::{Page, text};
use crate::model::delta::Delta;
use crate::model::numbers::{count, micros, or_unknown, percent, short};
use crate::model::rows::{Row, Sort, Window};
use crate::model::snapshot::{Check, Snapshot};

/// Rows of a chart: the busiest.
const ROWS: usize = 20;

/// The figures to begin with, of the last minute.
pub fn figures(page: &mut Page, look: &Snapshot, since: Option<&Delta>) {
    let minute = look.window("1m");
    let share = |of: fn(&Window) -> Option<f64>| or_unknown(minute.and_then(of), percent);
    let rate = |of: fn(&Window) -> Option<u64>| {
        or_unknown(minute.and_then(|window| window.per_second(of(window))), short)
    };
    let p99 = minute.and_then(|window| window.p99_micros);
    let mut figures = vec![
        ("hit rate", share(|window| window.hit_rate)),
        ("runs per second", rate(|window| window.invalidations)),
        ("keys deleted per second", rate(|window| window.deleted)),
        ("p99 of a run", or_unknown(p99, |p99| micros(p99 as f64))),
        ("overhead: share of the server's time", share(|window| window.overhead)),
        ("efficiency: hit rate x (1 - overhead)", share(|window| window.efficiency)),
    ];
    if let Some(delta) = since {
        figures
            .push(("runs per second, just now", or_unknown(delta.per_second(delta.runs), short)));
        figures.push(("hit rate, just now", or_unknown(delta.hit_rate(), percent)));
    }
    page.raw("<div class=\"figures\">\n");
    for (label, value) in figures {
        let (label, value) = (text(label), text(&value));
        page.raw(&format!("<div class=\"figure\"><b>{value}</b><span>{label}</span></div>\n"));
    }
    page.raw("</div>\n");
    page.paragraph("note", "Of the last minute, where nothing else is said.");
}

/// All checks, those that are not healthy first.
pub fn health(page: &mut Page, look: &Snapshot) {
    page.begin("Health");
    if look.checks.is_empty() {
        page.paragraph("note", "The server does not say.");
    }
    look.unhealthy().into_iter().for_each(|of| check(page, of));
    let healthy: Vec<&Check> =
        look.checks.iter().filter(|check| check.status == "healthy").collect();
    if !healthy.is_empty() {
        let title = format!("{} checks are healthy", healthy.len());
        page.raw(&format!("<details><summary>{}</summary>\n", text(&title)));
        healthy.into_iter().for_each(|of| check(page, of));
        page.raw("</details>\n");
    }
    page.end();
}

fn check(page: &mut Page, check: &Check) {
    let class = match check.status.as_str() {
        status @ ("healthy" | "warning" | "critical") => status,
        _ => "",
    };
    page.raw(&format!("<div class=\"check {class}\">\n"));
    let limits = match check.limits.as_str() {
        "" => String::new(),
        limits => format!(" ({limits})"),
    };
    let head = format!("{}: {} {}{limits}", check.status, check.name, check.value);
    page.paragraph("", &head);
    page.paragraph("note", &check.meaning);
    if !check.remedy.is_empty() {
        page.paragraph("do", &format!("What to do: {}", check.remedy));
    }
    page.raw("</div>\n");
}

/// What is advised.
pub fn advice(page: &mut Page, look: &Snapshot) {
    if look.advice.is_empty() {
        return;
    }
    page.begin("Recommendations");
    for advice in &look.advice {
        page.raw("<div class=\"check\">\n");
        page.paragraph("", &format!("{}: {}", advice.about, advice.advice));
        if !advice.evidence.is_empty() {
            page.paragraph("note", &format!("Because: {}", advice.evidence));
        }
        if !advice.command.is_empty() {
            page.raw(&format!("<p><code>{}</code></p>\n", text(&advice.command)));
        }
        page.raw("</div>\n");
    }
    page.end();
}

/// Bars of runs, by whatever they are counted by.
pub fn invalidations(page: &mut Page, look: &Snapshot) {
    page.begin("Invalidations");
    page.paragraph(
        "note",
        "Runs since the start or the last reset; the end of a bar is the part that matched no key.",
    );
    let kinds = [
        ("by rule", &look.rules),
        ("by event", &look.events),
        ("by tag", &look.tags),
        ("by pattern", &look.patterns),
        ("by entity", &look.entities),
    ];
    for (title, rows) in kinds {
        page.raw(&format!("<h3>{}</h3>\n", text(title)));
        let rows = busiest(rows);
        match rows.is_empty() {
            true => page.paragraph("note", "none"),
            false => page.raw(&charts::bars(&rows.iter().map(bar).collect::<Vec<_>>())),
        }
        if !rows.is_empty() {
            page.raw("<details><summary>as a table</summary>\n");
            super::tables::rows(page, &rows, look.now_ms);
            page.raw("</details>\n");
        }
    }
    page.end();
}

fn busiest(rows: &[Row]) -> Vec<Row> {
    let mut rows = rows.to_vec();
    Sort::Runs.apply(&mut rows);
    rows.truncate(ROWS);
    rows
}

fn bar(row: &Row) -> Bar {
    let number = |value: Option<u64>| value.unwrap_or(0) as f64;
    let words =
        format!("{} runs, {} keys", or_unknown(row.runs, count), or_unknown(row.deleted, count));
    Bar { name: row.name.clone(), value: number(row.runs), wasted: number(row.wasted), words }
}

/// How long the rules take.
pub fn times(page: &mut Page, look: &Snapshot) {
    let mut rows = look.rules.clone();
    Sort::Delete.apply(&mut rows);
    rows.truncate(ROWS);
    page.begin("How long rules take");
    page.paragraph(
        "note",
        "From the median to the 99th percentile, with a dot at the 95th: above to find the keys, \
         below to delete them; the numbers are the 99th percentiles. The slowest come first.",
    );
    let rows: Vec<_> =
        rows.iter().map(|row| (row.name.clone(), &row.resolve, &row.delete)).collect();
    match rows.is_empty() {
        true => page.paragraph("note", "none ran yet"),
        false => page.raw(&charts::times(&rows)),
    }
    page.end();
}

/// What is invalidated most often.
pub fn most(page: &mut Page, look: &Snapshot) {
    page.begin("Most often invalidated");
    let kinds: Vec<_> = look.top.iter().filter(|top| !top.items.is_empty()).collect();
    if kinds.is_empty() {
        page.paragraph("note", "The server does not say, or nothing was.");
    }
    for top in kinds {
        page.raw(&format!("<h3>{}</h3>\n", text(&top.kind)));
        let bars: Vec<Bar> = top
            .items
            .iter()
            .take(ROWS)
            .map(|item| {
                let error = match item.error {
                    0 => String::new(),
                    error => format!(" (or up to {} less)", count(error)),
                };
                let words = format!("{}{error}", count(item.count));
                Bar { name: item.name.clone(), value: item.count as f64, wasted: 0.0, words }
            })
            .collect();
        page.raw(&charts::bars(&bars));
    }
    page.end();
}
