//! A grid of characters as an SVG picture, and as plain text.

use std::fmt::Write;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use unicode_width::UnicodeWidthStr;

/// Width and height of a character and the size of its letters, in pixels.
const CELL: (f64, f64, f64) = (8.4, 17.0, 14.0);

/// Pixels around the grid.
const MARGIN: f64 = 12.0;

/// The colour behind everything, and that of plain letters.
const PLAIN: (&str, &str) = ("#14171c", "#d5d9e0");

/// The grid as lines, without the blanks at their ends.
pub fn plain(buffer: &Buffer) -> String {
    let mut out = String::new();
    for row in rows(buffer) {
        let line: String = runs(row).into_iter().map(|run| run.text).collect();
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// The grid as a picture.
pub fn picture(buffer: &Buffer) -> String {
    let (columns, lines) = (f64::from(buffer.area.width), f64::from(buffer.area.height));
    let (width, height) = (columns * CELL.0 + 2.0 * MARGIN, lines * CELL.1 + 2.0 * MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.1} {height:.1}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" font-family=\"ui-monospace, Menlo, Consolas, \
         'DejaVu Sans Mono', monospace\" font-size=\"{}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"{}\"/>\n",
        CELL.2, PLAIN.0
    );
    for (y, row) in rows(buffer).enumerate() {
        let y = MARGIN + y as f64 * CELL.1;
        for run in runs(row) {
            draw(&mut out, &run, y);
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Neighbouring characters that look the same.
struct Run {
    at: usize,
    width: usize,
    text: String,
    look: (Color, Color, Modifier),
}

fn rows(buffer: &Buffer) -> impl Iterator<Item = &[Cell]> {
    buffer.content.chunks(usize::from(buffer.area.width).max(1))
}

fn runs(row: &[Cell]) -> Vec<Run> {
    let mut runs: Vec<Run> = vec![];
    // A wide character has the cell behind it, too.
    let mut taken = 0;
    for (at, cell) in row.iter().enumerate() {
        if at < taken {
            continue;
        }
        let width = cell.symbol().width().max(1);
        taken = at + width;
        let look = (cell.fg, cell.bg, cell.modifier);
        match runs.last_mut().filter(|run| run.look == look) {
            Some(run) => {
                run.text.push_str(cell.symbol());
                run.width += width;
            }
            None => runs.push(Run { at, width, text: cell.symbol().to_owned(), look }),
        }
    }
    runs
}

fn draw(out: &mut String, run: &Run, y: f64) {
    let (front, back, modifier) = run.look;
    let (mut front, mut back) = (color(front, PLAIN.1), color(back, ""));
    if modifier.contains(Modifier::REVERSED) {
        (front, back) = (PLAIN.0, if front.is_empty() { PLAIN.1 } else { front });
    }
    let (x, width) = (MARGIN + run.at as f64 * CELL.0, run.width as f64 * CELL.0);
    // Writing to a string cannot fail.
    if !back.is_empty() {
        let height = CELL.1;
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height}\" fill=\"{back}\"/>"
        );
    }
    if run.text.trim().is_empty() {
        return;
    }
    if run.text.chars().all(|letter| eighths(letter).is_some()) {
        bars(out, run, y, front);
        return;
    }
    let weight = if modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
    let base = y + CELL.1 * 0.77;
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{base:.1}\" textLength=\"{width:.1}\" xml:space=\"preserve\" \
         fill=\"{front}\"{weight}>{}</text>",
        escape(&run.text)
    );
}

/// How high the bar of a character is, in eighths; `None` for those that are no bar.
fn eighths(letter: char) -> Option<u32> {
    match letter {
        ' ' => Some(0),
        '▁'..='█' => Some(u32::from(letter) - u32::from('▁') + 1),
        _ => None,
    }
}

/// Bars, which fonts draw with seams between them.
fn bars(out: &mut String, run: &Run, y: f64, front: &str) {
    for (at, letter) in run.text.chars().enumerate() {
        let height = f64::from(eighths(letter).unwrap_or(0)) / 8.0 * CELL.1;
        if height > 0.0 {
            let x = MARGIN + (run.at + at) as f64 * CELL.0;
            let top = y + CELL.1 - height;
            // A little wider and higher, so that none of what is behind shines through.
            let (width, height) = (CELL.0 + 0.2, height + 0.2);
            let _ = writeln!(
                out,
                "<rect x=\"{x:.1}\" y=\"{top:.2}\" width=\"{width:.1}\" height=\"{height:.2}\" fill=\"{front}\"/>"
            );
        }
    }
}

fn color(color: Color, otherwise: &'static str) -> &'static str {
    match color {
        Color::Green => "#7ecb8f",
        Color::Yellow => "#e5c76b",
        Color::Red => "#f07178",
        Color::Cyan => "#6cc5d9",
        Color::Magenta => "#c39ae0",
        Color::DarkGray => "#7b8494",
        _ => otherwise,
    }
}

/// A text for HTML, SVG and XML, also between quotes.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn a_picture_is_xml_with_all_that_the_grid_shows() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 20, 3));
        buffer.set_string(0, 2, "▁ █", Style::new().fg(Color::Green));
        buffer.set_string(0, 0, "<a & \"b\">", Style::new().fg(Color::Red));
        buffer.set_string(0, 1, "日本 x", Style::new().add_modifier(Modifier::REVERSED));
        assert_eq!(plain(&buffer), "<a & \"b\">\n日本 x\n▁ █\n");
        let picture = picture(&buffer);
        let document = roxmltree::Document::parse(&picture).unwrap();
        let is_text =
            |node: &roxmltree::Node| node.has_tag_name(("http://www.w3.org/2000/svg", "text"));
        let shown: Vec<_> =
            document.descendants().filter(is_text).filter_map(|node| node.text()).collect();
        let bars = document.descendants().filter(|node| node.attribute("fill") == Some("#7ecb8f"));
        let heights: Vec<_> = bars.filter_map(|node| node.attribute("height")).collect();
        assert_eq!(heights, ["2.33", "17.20"]);
        assert_eq!(shown, ["<a & \"b\">", "日本 x"]);
    }
}
