//! Text, titles and tables on a grid of characters; nothing is ever drawn outside its area.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use crate::model::words::fit;

/// Fewest columns of the first column of a table; others give way to it, the last first.
const NAME_MIN: u16 = 16;

/// What labels and frames look like.
pub const FAINT: Style = Style::new().fg(Color::DarkGray);
/// What titles look like.
pub const TITLE: Style = Style::new().fg(Color::Cyan).add_modifier(Modifier::BOLD);
/// What is as it should be.
pub const GOOD: Style = Style::new().fg(Color::Green);
/// What wants attention.
pub const WARNING: Style = Style::new().fg(Color::Yellow);
/// What is wrong.
pub const CRITICAL: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
/// What is most important.
pub const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// How a status looks.
pub fn of_status(status: &str) -> Style {
    match status {
        "healthy" => GOOD,
        "warning" => WARNING,
        "critical" => CRITICAL,
        _ => FAINT,
    }
}

/// A column of a table.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its head.
    pub title: &'static str,
    /// Columns of the grid; 0 for the first, which takes what is left.
    pub width: u16,
    /// Whether its values end at its right side, as numbers do.
    pub right: bool,
}

/// A column of numbers.
pub const fn number(title: &'static str, width: u16) -> Column {
    Column { title, width, right: true }
}

/// A column of words.
pub const fn words(title: &'static str, width: u16) -> Column {
    Column { title, width, right: false }
}

/// A row of a table.
pub struct Line {
    /// Its values, by column.
    pub cells: Vec<String>,
    /// How it looks.
    pub style: Style,
}

/// Writes words one after the other in a line, each with its style; gives the column after them.
pub fn spans(area: Rect, buffer: &mut Buffer, spans: &[(&str, Style)]) -> u16 {
    let mut x = area.x;
    for (text, style) in spans {
        let left = area.right().saturating_sub(x);
        if area.height == 0 || left == 0 {
            break;
        }
        x = buffer.set_stringn(x, area.y, fit(text, left.into()), left.into(), *style).0;
    }
    x
}

/// Writes a text that ends at the right side of a line.
pub fn right(area: Rect, buffer: &mut Buffer, text: &str, style: Style) {
    let text = fit(text, area.width.into());
    let width = u16::try_from(text.width()).unwrap_or(area.width).min(area.width);
    let x = area.right().saturating_sub(width);
    spans(Rect { x, width, ..area }, buffer, &[(&text, style)]);
}

/// Draws a title over a line from side to side; gives the area below it.
pub fn titled(area: Rect, buffer: &mut Buffer, title: &str) -> Rect {
    if area.height > 0 {
        let text = format!("── {title} ");
        let end = spans(area, buffer, &[("── ", FAINT), (title, TITLE), (" ", FAINT)]);
        let left = usize::from(area.right().saturating_sub(end));
        debug_assert!(text.width() <= usize::from(area.width) || left == 0);
        buffer.set_stringn(end, area.y, "─".repeat(left), left, FAINT);
    }
    below(area, 1)
}

/// What is left of an area below so many lines.
pub fn below(area: Rect, lines: u16) -> Rect {
    let lines = lines.min(area.height);
    Rect { y: area.y + lines, height: area.height - lines, ..area }
}

/// Draws a table: its head, and the rows from `scroll` on that fit.
pub fn table(area: Rect, buffer: &mut Buffer, columns: &[Column], rows: &[Line], scroll: usize) {
    let mut shown = columns.len();
    let taken = |shown: usize| -> u16 {
        columns.iter().take(shown).skip(1).map(|column| column.width + 1).sum()
    };
    while shown > 1 && taken(shown) + NAME_MIN > area.width {
        shown -= 1;
    }
    let first = area.width.saturating_sub(taken(shown));
    let columns = columns.get(..shown).unwrap_or_default();
    let heads = columns.iter().map(|column| column.title.to_owned()).collect();
    let head = Line { cells: heads, style: FAINT };
    // Never past the end: the last row stays in sight.
    let scroll = scroll.min(rows.len().saturating_sub(1));
    let mut area = area;
    for line in std::iter::once(&head).chain(rows.iter().skip(scroll)) {
        if area.height == 0 {
            break;
        }
        let mut x = area.x;
        for (column, cell) in columns.iter().zip(&line.cells) {
            let width = if column.width == 0 { first } else { column.width };
            let place = Rect { x, width, height: 1, ..area };
            match column.right {
                true => right(place, buffer, cell, line.style),
                false => {
                    spans(place, buffer, &[(cell, line.style)]);
                }
            }
            x = x.saturating_add(width + 1);
        }
        area = below(area, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(buffer: &Buffer, y: u16) -> String {
        (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect()
    }

    #[test]
    fn columns_give_way_to_the_name() {
        let columns = [words("name", 0), number("runs", 5), number("keys", 6)];
        let cells = ["a-name-that-is-far-too-long", "12", "345"].map(str::to_owned).to_vec();
        let lines = [Line { cells, style: Style::new() }];
        let mut wide = Buffer::empty(Rect::new(0, 0, 30, 2));
        table(wide.area, &mut wide, &columns, &lines, 9);
        assert_eq!(row(&wide, 0), "name               runs   keys");
        assert_eq!(row(&wide, 1), "a-name-that-is-f…    12    345");
        let mut narrow = Buffer::empty(Rect::new(0, 0, 24, 2));
        table(narrow.area, &mut narrow, &columns, &lines, 0);
        assert_eq!(row(&narrow, 1), "a-name-that-is-fa…    12");
    }

    #[test]
    fn nothing_is_drawn_outside() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 3));
        let area = Rect::new(2, 1, 4, 1);
        let left = titled(area, &mut buffer, "a long title");
        assert_eq!(left.height, 0);
        right(left, &mut buffer, "x", STRONG);
        assert_eq!(row(&buffer, 1), "  ── …    ");
        assert_eq!((row(&buffer, 0).trim(), row(&buffer, 2).trim()), ("", ""));
    }
}
