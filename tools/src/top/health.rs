//! Checks that are not healthy, each with what to do, and what is advised.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::grid::{FAINT, GOOD, STRONG, TITLE, below, of_status, spans, titled};
use crate::model::snapshot::{Advice, Check, Snapshot};
use crate::model::words::wrap;

type Words = (String, Style);

/// What is wrong, and what to do: in full where there is room for it, else without what to
/// do, else in a line each.
pub fn brief(look: &Snapshot, area: Rect, buffer: &mut Buffer) {
    let area = titled(area, buffer, "health");
    let mut lines: Vec<(String, String, Style)> = vec![];
    for check in look.unhealthy() {
        let short = format!("● {}: {}", check.name, check.meaning);
        let full = format!("{short} -> {}", check.remedy);
        lines.push((short, full, of_status(&check.status)));
    }
    for advice in &look.advice {
        let text = format!("{}: {}", advice.about, advice.advice);
        lines.push((text.clone(), text, Style::new()));
    }
    let width = usize::from(area.width);
    let full: Vec<Words> = lines.iter().map(|(_, full, style)| (full.clone(), *style)).collect();
    let short: Vec<Words> = lines.iter().map(|(short, _, style)| (short.clone(), *style)).collect();
    let rows =
        |lines: &[Words]| lines.iter().map(|(text, _)| wrap(text, width).len()).sum::<usize>();
    match (lines.len(), usize::from(area.height)) {
        (0, _) => wrapped(area, buffer, &[well(look)], 0),
        (_, height) if rows(&full) <= height => wrapped(area, buffer, &full, 0),
        (_, height) if rows(&short) <= height => wrapped(area, buffer, &short, 0),
        (count, height) => {
            let shown = if count > height { height.saturating_sub(1) } else { count };
            let mut rest = area;
            for (short, _, style) in lines.iter().take(shown) {
                spans(rest, buffer, &[(short, *style)]);
                rest = below(rest, 1);
            }
            let more = format!("and {} more: page 5", count - shown);
            spans(rest, buffer, &[(if count > shown { &more } else { "" }, FAINT)]);
        }
    }
}

/// All checks and all advice.
pub fn all(look: &Snapshot, area: Rect, buffer: &mut Buffer, scroll: usize) {
    let area = titled(area, buffer, "health");
    let ill = look.unhealthy();
    let mut lines: Vec<Words> = vec![];
    for check in &ill {
        check_lines(&mut lines, check);
    }
    if ill.is_empty() {
        lines.push(well(look));
    }
    if !look.advice.is_empty() {
        lines.push((String::new(), FAINT));
        lines.push(("advice".to_owned(), TITLE));
        look.advice.iter().for_each(|advice| advice_lines(&mut lines, advice));
    }
    lines.push((String::new(), FAINT));
    for check in look.checks.iter().filter(|check| check.status == "healthy") {
        lines.push((format!("● {} {}: {}", check.name, check.value, check.meaning), GOOD));
    }
    wrapped(area, buffer, &lines, scroll);
}

fn well(look: &Snapshot) -> Words {
    match look.status.as_str() {
        "" => ("the server does not say".to_owned(), FAINT),
        _ => (format!("all {} checks are healthy", look.checks.len()), GOOD),
    }
}

fn check_lines(lines: &mut Vec<Words>, check: &Check) {
    let style = of_status(&check.status);
    let limits = match check.limits.as_str() {
        "" => String::new(),
        limits => format!(" ({limits})"),
    };
    let head = format!("● {}: {}{limits}", check.name, check.value);
    lines.push((head, style));
    lines.push((format!("  {}", check.meaning), Style::new()));
    if !check.remedy.is_empty() {
        lines.push((format!("  what to do: {}", check.remedy), STRONG));
    }
}

fn advice_lines(lines: &mut Vec<Words>, advice: &Advice) {
    lines.push((format!("{}: {}", advice.about, advice.advice), Style::new()));
    if !advice.evidence.is_empty() {
        lines.push((format!("  because: {}", advice.evidence), FAINT));
    }
    if !advice.command.is_empty() {
        lines.push((format!("  {}", advice.command), STRONG));
    }
}

/// Writes lines, each broken where it does not fit.
pub fn wrapped(area: Rect, buffer: &mut Buffer, lines: &[Words], scroll: usize) {
    let broken = lines.iter().flat_map(|(text, style)| {
        wrap(text, area.width.into()).into_iter().map(move |line| (line, *style))
    });
    let lines: Vec<Words> = broken.collect();
    let most = lines.len().saturating_sub(area.height.into());
    let mut rest = area;
    for (line, style) in lines.iter().skip(scroll.min(most)) {
        spans(rest, buffer, &[(line, *style)]);
        rest = below(rest, 1);
    }
}
