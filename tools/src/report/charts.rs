//! Charts as SVG in the page; their colours are those of its style.

use std::fmt::Write;

use super::html::text;
use crate::model::numbers::micros;
use crate::model::rows::Times;
use crate::model::words::fit;

/// Width of a chart, in its own units.
const WIDTH: f64 = 860.0;
/// Width for names.
const NAMES: f64 = 250.0;
/// Letters of a name that fit there.
const LETTERS: usize = 36;
/// Width for what is written behind a bar.
const VALUES: f64 = 190.0;
/// Height of a row.
const ROW: f64 = 22.0;

/// A bar and what is written behind it.
pub struct Bar {
    /// Its name.
    pub name: String,
    /// How long it is, in the unit of all bars of a chart.
    pub value: f64,
    /// The part of it that is drawn as a waste.
    pub wasted: f64,
    /// What is written behind.
    pub words: String,
}

/// A bar for each row, the longest as long as there is room.
pub fn bars(bars: &[Bar]) -> String {
    let longest = bars.iter().map(|bar| bar.value).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let room = WIDTH - NAMES - VALUES;
    let mut out = begin(bars.len() as f64 * ROW);
    for (at, bar) in bars.iter().enumerate() {
        let y = at as f64 * ROW;
        let width = (bar.value / longest * room).max(1.0);
        let wasted = (bar.wasted / longest * room).clamp(0.0, width);
        name(&mut out, &bar.name, y);
        rectangle(&mut out, "bar", NAMES, y, width - wasted);
        rectangle(&mut out, "wasted", NAMES + width - wasted, y, wasted);
        word(&mut out, "start", "", NAMES + width + 6.0, y, &bar.words);
    }
    out.push_str("</svg>\n");
    out
}

/// For each row two lines from the median to the 99th percentile, a dot at the 95th: to find, and
/// to delete. The scale is logarithmic.
pub fn times(rows: &[(String, &Times, &Times)]) -> String {
    let known = rows.iter().flat_map(|(_, find, delete)| [find.p99, delete.p99]).flatten();
    let longest = known.max().unwrap_or(1).max(10) as f64;
    let room = WIDTH - NAMES - VALUES;
    // A microsecond, and less, is at the left.
    let x = |value: f64| NAMES + value.max(1.0).ln() / longest.ln() * room;
    let height = rows.len() as f64 * ROW * 1.4;
    let mut out = begin(height + ROW);
    let mut decade = 1.0;
    while decade <= longest {
        let at = x(decade);
        let _ = write!(
            out,
            "<line class=\"axis\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"0\" y2=\"{height:.1}\"/>"
        );
        word(&mut out, "middle", "faint", at, height, &micros(decade));
        decade *= 10.0;
    }
    for (at, (of, find, delete)) in rows.iter().enumerate() {
        let y = at as f64 * ROW * 1.4;
        name(&mut out, of, y + ROW * 0.2);
        let mut shown = vec![];
        for (times, class, dot, y) in
            [(find, "span", "bar", y + 10.0), (delete, "span delete", "other", y + 20.0)]
        {
            let (Some(p50), Some(p95), Some(p99)) = (times.p50, times.p95, times.p99) else {
                continue;
            };
            let [from, middle, to] = [p50, p95, p99].map(|value| x(value as f64));
            let _ = write!(
                out,
                "<line class=\"{class}\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <circle class=\"{dot}\" cx=\"{middle:.1}\" cy=\"{y:.1}\" r=\"4\"/>"
            );
            shown.push(micros(p99 as f64));
        }
        let words = shown.join(" / ");
        word(&mut out, "start", "faint", WIDTH - VALUES + 12.0, y + ROW * 0.2, &words);
    }
    out.push_str("</svg>\n");
    out
}

fn begin(height: f64) -> String {
    let height = height.max(1.0);
    format!("<svg viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\">")
}

fn name(out: &mut String, name: &str, y: f64) {
    // The whole of a long name shows when it is pointed at.
    let _ = write!(out, "<g><title>{}</title>", text(name));
    word(out, "end", "", NAMES - 8.0, y, &fit(name, LETTERS));
    out.push_str("</g>");
}

fn word(out: &mut String, anchor: &str, class: &str, x: f64, y: f64, words: &str) {
    let _ = write!(
        out,
        "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
        y + ROW * 0.68,
        text(words)
    );
}

fn rectangle(out: &mut String, class: &str, x: f64, y: f64, width: f64) {
    if width > 0.0 {
        let (y, height) = (y + 3.0, ROW - 6.0);
        let _ = write!(
            out,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height}\" rx=\"2\"/>"
        );
    }
}
