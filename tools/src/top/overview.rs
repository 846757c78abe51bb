//! The first page: rates, and the beginning of all other pages.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style};
use ratatui::widgets::{RenderDirection, Sparkline, Widget};

use super::app::App;
use super::grid::{FAINT, STRONG, below, spans, titled};
use super::{health, panes};
use crate::model::history::Point;
use crate::model::numbers::{micros, or_unknown, percent, short};
use crate::model::rows::Window;
use crate::model::snapshot::Snapshot;

/// From so many columns and rows on, two panes stand side by side.
const WIDE: (u16, u16) = (120, 32);

/// Steps of a bar that stands for all reads.
const FULL: u64 = 1000;

/// Draws the page.
pub fn draw(app: &App, look: &Snapshot, area: Rect, buffer: &mut Buffer) {
    let lines = if area.height >= WIDE.1 { 6 } else { 4 };
    let [rates, minute, rest] =
        Layout::vertical([Constraint::Length(lines), Constraint::Length(1), Constraint::Fill(1)])
            .areas(area);
    let [reads, runs] = Layout::horizontal([Constraint::Fill(1); 2]).spacing(1).areas(rates);
    hit_rate(app, look, reads, buffer);
    invalidations(app, look, runs, buffer);
    costs(look, minute, buffer);
    match area.width >= WIDE.0 && area.height >= WIDE.1 {
        true => wide(app, look, rest, buffer),
        false => narrow(app, look, rest, buffer),
    }
}

fn narrow(app: &App, look: &Snapshot, area: Rect, buffer: &mut Buffer) {
    let ill = !look.unhealthy().is_empty() || !look.advice.is_empty();
    let health_lines = if ill { Constraint::Fill(2) } else { Constraint::Length(0) };
    let [rows, log, rest] =
        Layout::vertical([Constraint::Fill(3), Constraint::Fill(2), health_lines]).areas(area);
    panes::rows(app, look, rows, buffer);
    panes::log(look, log, buffer, 0);
    health::brief(look, rest, buffer);
}

fn wide(app: &App, look: &Snapshot, area: Rect, buffer: &mut Buffer) {
    let [left, right] =
        Layout::horizontal([Constraint::Fill(11), Constraint::Fill(9)]).spacing(2).areas(area);
    let [rows, log] = Layout::vertical([Constraint::Fill(1); 2]).areas(left);
    panes::rows(app, look, rows, buffer);
    panes::log(look, log, buffer, 0);
    let [extremes, top, rest] =
        Layout::vertical([Constraint::Length(9), Constraint::Fill(1), Constraint::Fill(1)])
            .areas(right);
    panes::extremes(look, extremes, buffer);
    panes::top_brief(look, top, buffer);
    health::brief(look, rest, buffer);
}

fn hit_rate(app: &App, look: &Snapshot, area: Rect, buffer: &mut Buffer) {
    let of = |name: &str| or_unknown(look.window(name).and_then(|of| of.hit_rate), percent);
    let title = format!(
        "hit rate {}  1m {}  1h {}",
        newest(app, |of| of.hit_rate, percent),
        of("1m"),
        of("1h")
    );
    let bars = bars(app, area.width, |point| point.hit_rate.map(|rate| rate * FULL as f64));
    spark(titled(area, buffer, &title), buffer, bars, Some(FULL), Color::Green);
}

fn invalidations(app: &App, look: &Snapshot, area: Rect, buffer: &mut Buffer) {
    let minute = look.window("1m");
    let per_second = |of: fn(&Window) -> Option<u64>| {
        or_unknown(minute.and_then(|window| window.per_second(of(window))), short)
    };
    let title = format!(
        "runs/s {}  1m {}  keys/s {}",
        newest(app, |of| of.runs, short),
        per_second(|window| window.invalidations),
        per_second(|window| window.deleted),
    );
    let bars = bars(app, area.width, |point| point.runs.map(|runs| runs * 100.0));
    spark(titled(area, buffer, &title), buffer, bars, None, Color::Magenta);
}

/// The newest point of the history, or what the last minute came to before there is one.
fn newest(app: &App, of: fn(&Point) -> Option<f64>, show: fn(f64) -> String) -> String {
    or_unknown(app.history.newest().and_then(of), show)
}

fn bars(app: &App, width: u16, of: impl Fn(&Point) -> Option<f64>) -> Vec<Option<u64>> {
    let points = app.history.points(width.into());
    let mut bars: Vec<_> =
        points.map(|point| of(point).map(|value| value.round() as u64)).collect();
    bars.reverse();
    bars
}

fn spark(area: Rect, buffer: &mut Buffer, bars: Vec<Option<u64>>, max: Option<u64>, color: Color) {
    let highest = bars.iter().flatten().copied().max().unwrap_or(0);
    let line = Sparkline::default()
        .data(bars)
        .max(max.unwrap_or(highest).max(1))
        .direction(RenderDirection::RightToLeft)
        .absent_value_symbol("·")
        .absent_value_style(FAINT)
        .style(Style::new().fg(color));
    line.render(area, buffer);
}

/// What the last minute cost and was good for.
fn costs(look: &Snapshot, area: Rect, buffer: &mut Buffer) {
    let minute = look.window("1m");
    let share = |of: fn(&Window) -> Option<f64>| or_unknown(minute.and_then(of), percent);
    let figures = [
        (" 1m: overhead ", share(|window| window.overhead)),
        ("  efficiency ", share(|window| window.efficiency)),
        ("  wasted ", or_unknown(minute.and_then(wasted), percent)),
        ("  p99 ", or_unknown(minute.and_then(|of| of.p99_micros), |p99| micros(p99 as f64))),
        ("  failed ", or_unknown(minute.and_then(|of| of.failures), |count| count.to_string())),
    ];
    let words: Vec<(&str, Style)> = figures
        .iter()
        .flat_map(|(label, value)| [(*label, FAINT), (value.as_str(), STRONG)])
        .collect();
    spans(below(area, 0), buffer, &words);
}

fn wasted(window: &Window) -> Option<f64> {
    let runs = window.invalidations.filter(|runs| *runs > 0)?;
    window.wasted.map(|wasted| wasted as f64 / runs as f64)
}
