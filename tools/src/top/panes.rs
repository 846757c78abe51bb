//! The tables: rows of statistics, the log, what is invalidated most often.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;

use super::app::App;
use super::grid::{
    CRITICAL, Column, FAINT, Line, WARNING, below, number, spans, table, titled, words,
};
use crate::model::numbers::{age, clock, count, micros, or_unknown, percent, short};
use crate::model::rows::{Row, Sort};
use crate::model::snapshot::{Snapshot, Top};

/// Rows in each of the lists of the slowest and the widest.
const EXTREMES: usize = 3;

/// Fewest columns of the list of a kind.
const KIND_WIDTH: u16 = 26;

fn time(value: Option<u64>) -> String {
    or_unknown(value, |value| micros(value as f64))
}

/// Invalidations by rule, event, tag, pattern or entity.
pub fn rows(app: &App, look: &Snapshot, area: Rect, buffer: &mut Buffer) {
    let mut rows = app.by.rows(look).to_vec();
    app.sort.apply(&mut rows);
    let by = |sort: Sort, plain: &'static str, sorted: &'static str| {
        if app.sort == sort { sorted } else { plain }
    };
    let columns = [
        words(app.by.name(), 0),
        number(by(Sort::Runs, "runs", "▼runs"), 7),
        number(by(Sort::Deleted, "deleted", "▼deleted"), 8),
        number(by(Sort::Wasted, "wasted", "▼wasted"), 8),
        number(by(Sort::Find, "find p99", "▼find p99"), 9),
        number(by(Sort::Delete, "del p99", "▼del p99"), 9),
        number(by(Sort::Width, "keys/run", "▼keys/run"), 9),
        number(by(Sort::Last, "last", "▼last"), 11),
        number("marked", 7),
        number("failed", 7),
        number("warmed", 7),
        number("absent", 7),
    ];
    let number = |value| or_unknown(value, count);
    let line = |row: &Row| {
        let failed = row.failures.is_some_and(|failures| failures > 0);
        let cells = vec![
            row.name.clone(),
            number(row.runs),
            number(row.deleted),
            or_unknown(row.wasted_share(), percent),
            time(row.resolve.p99),
            time(row.delete.p99),
            or_unknown(row.keys_per_run(), short),
            or_unknown(row.last_ms, |at| age(at, look.now_ms)),
            number(row.marked),
            number(row.failures),
            number(row.warmed),
            number(row.absent),
        ];
        Line { cells, style: if failed { WARNING } else { Style::new() } }
    };
    let title = format!("invalidations by {} ({})", app.by.name(), rows.len());
    let area = titled(area, buffer, &title);
    let lines: Vec<Line> = rows.iter().map(line).collect();
    table_or(area, buffer, &columns, &lines, app.scroll, "none ran yet");
}

/// The latest invalidations.
pub fn log(look: &Snapshot, area: Rect, buffer: &mut Buffer, scroll: usize) {
    let columns = [
        words("event or purge", 0),
        words("at", 8),
        number("deleted", 8),
        number("time", 9),
        words("kind", 6),
        words("by", 10),
        words("rules", 20),
        number("matched", 8),
    ];
    let lines = look.log.iter().map(|entry| {
        let [find, delete] = entry.micros;
        let [matched, deleted, _] = entry.keys;
        let what = match entry.failure.as_str() {
            "" => entry.what.clone(),
            failure => format!("{}: {failure}", entry.what),
        };
        let cells = vec![
            what,
            clock(entry.at_ms),
            or_unknown(deleted, count),
            time(find.zip(delete).map(|(find, delete)| find + delete)),
            entry.kind.clone(),
            entry.by.clone(),
            entry.rules.clone(),
            or_unknown(matched, count),
        ];
        Line { cells, style: if entry.failure.is_empty() { Style::new() } else { CRITICAL } }
    });
    let lines: Vec<Line> = lines.collect();
    let area = titled(area, buffer, "latest");
    table_or(area, buffer, &columns, &lines, scroll, "nothing is logged");
}

/// What is invalidated most often: the first kinds, in one line.
pub fn top_brief(look: &Snapshot, area: Rect, buffer: &mut Buffer) {
    let most = usize::from((area.width / KIND_WIDTH).max(1));
    let kinds: Vec<&Top> = look.top.iter().filter(|top| !top.items.is_empty()).take(most).collect();
    kinds_of(&kinds, area, buffer, 0);
}

/// What is invalidated most often, by kind, side by side as far as there is room.
pub fn top(look: &Snapshot, area: Rect, buffer: &mut Buffer, scroll: usize) {
    let kinds: Vec<&Top> = look.top.iter().filter(|top| !top.items.is_empty()).collect();
    kinds_of(&kinds, area, buffer, scroll);
}

fn kinds_of(kinds: &[&Top], area: Rect, buffer: &mut Buffer, scroll: usize) {
    if kinds.is_empty() {
        let area = titled(area, buffer, "most often invalidated");
        spans(area, buffer, &[(" -", FAINT)]);
        return;
    }
    let most = usize::from((area.width / KIND_WIDTH).max(1));
    let lines = kinds.len().div_ceil(most);
    let mut kinds = kinds.chunks(most.min(kinds.len()));
    for area in Layout::vertical(vec![Constraint::Fill(1); lines]).split(area).iter() {
        let kinds = kinds.next().unwrap_or_default();
        let places =
            Layout::horizontal(vec![Constraint::Fill(1); kinds.len()]).spacing(2).split(*area);
        for (place, top) in places.iter().zip(kinds) {
            let lines = top.items.iter().map(|item| {
                let error =
                    if item.error == 0 { String::new() } else { format!("-{}", count(item.error)) };
                let cells = vec![item.name.clone(), count(item.count), error];
                Line { cells, style: Style::new() }
            });
            let lines: Vec<Line> = lines.collect();
            let place = titled(*place, buffer, &format!("most often: {}", top.kind));
            // Of a few rows in a small pane the first are the ones that count.
            let columns = [words("name", 0), number("times", 7), number("±", 6)];
            table(place, buffer, &columns, &lines, scroll);
        }
    }
}

/// The rules that take longest, and those that delete most.
pub fn extremes(look: &Snapshot, area: Rect, buffer: &mut Buffer) {
    let [slow, wide] = Layout::horizontal([Constraint::Fill(1); 2]).spacing(2).areas(area);
    let first = |sort: Sort| {
        let mut rows = look.rules.clone();
        sort.apply(&mut rows);
        rows.truncate(EXTREMES);
        rows
    };
    let list = |rows: Vec<Row>, of: fn(&Row) -> String| -> Vec<Line> {
        let line = |row: Row| Line { cells: vec![row.name.clone(), of(&row)], style: Style::new() };
        rows.into_iter().map(line).collect()
    };
    let place = titled(slow, buffer, "slowest rules");
    let find = list(first(Sort::Find), |row| time(row.resolve.p99));
    table_or(place, buffer, &[words("rule", 0), number("find p99", 9)], &find, 0, "-");
    let delete = list(first(Sort::Delete), |row| time(row.delete.p99));
    let rest = below(place, EXTREMES as u16 + 1);
    table_or(rest, buffer, &[words("", 0), number("del p99", 9)], &delete, 0, "");
    let place = titled(wide, buffer, "widest rules");
    let keys = list(first(Sort::Width), |row| or_unknown(row.keys_per_run(), short));
    table_or(place, buffer, &[words("rule", 0), number("keys/run", 9)], &keys, 0, "-");
    let deleted = list(first(Sort::Deleted), |row| or_unknown(row.deleted, count));
    let rest = below(place, EXTREMES as u16 + 1);
    table_or(rest, buffer, &[words("", 0), number("deleted", 9)], &deleted, 0, "");
}

fn table_or(
    area: Rect,
    buffer: &mut Buffer,
    columns: &[Column],
    lines: &[Line],
    scroll: usize,
    none: &str,
) {
    match lines {
        [] => {
            spans(area, buffer, &[(" ", FAINT), (none, FAINT)]);
        }
        _ => table(area, buffer, columns, lines, scroll),
    }
}
