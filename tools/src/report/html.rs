//! HTML as it is written: every text escaped, every element closed, so that it is XML as well.

use crate::svg::escape;

/// A text of others for the page.
pub fn text(words: &str) -> String {
    escape(words)
}

/// A value of a table.
pub struct Cell {
    /// What it says.
    pub words: String,
    /// Whether it is a number, which ends at the right.
    pub right: bool,
}

/// A cell of words.
pub fn words(words: impl Into<String>) -> Cell {
    Cell { words: words.into(), right: false }
}

/// A cell with a number.
pub fn number(words: impl Into<String>) -> Cell {
    Cell { words: words.into(), right: true }
}

/// The page as far as it is written.
#[derive(Default)]
pub struct Page {
    out: String,
}

impl Page {
    /// Adds markup.
    pub fn raw(&mut self, markup: &str) {
        self.out.push_str(markup);
    }

    /// Begins a section.
    pub fn begin(&mut self, title: &str) {
        self.raw(&format!("<section>\n<h2>{}</h2>\n", text(title)));
    }

    /// Ends it.
    pub fn end(&mut self) {
        self.raw("</section>\n");
    }

    /// Adds a paragraph of a class.
    pub fn paragraph(&mut self, class: &str, words: &str) {
        self.raw(&format!("<p class=\"{class}\">{}</p>\n", text(words)));
    }

    /// Adds a table; rows have as many cells as there are heads.
    pub fn table(&mut self, heads: &[&str], rows: Vec<Vec<Cell>>) {
        self.raw("<div class=\"wide\"><table>\n<thead><tr>");
        let rights = rows.first().map_or(vec![], |row| row.iter().map(|cell| cell.right).collect());
        for (at, head) in heads.iter().enumerate() {
            let class = class(rights.get(at) == Some(&true));
            self.raw(&format!("<th{class}>{}</th>", text(head)));
        }
        self.raw("</tr></thead>\n<tbody>\n");
        for row in rows {
            self.raw("<tr>");
            for cell in row {
                self.raw(&format!("<td{}>{}</td>", class(cell.right), text(&cell.words)));
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody></table></div>\n");
    }

    /// The page.
    pub fn finish(self) -> String {
        self.out
    }
}

fn class(right: bool) -> &'static str {
    if right { " class=\"n\"" } else { "" }
}
