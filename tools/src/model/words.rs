//! Bytes of others as words that may be shown: names of keys are any bytes.

use std::fmt::Write;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Bytes as text of one line: what is no UTF-8, steers a terminal or cannot be seen is written as
/// `\n`, `\x00` or `\u{202e}`, and so is `\` itself.
pub fn printable(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|letter| push(&mut out, letter));
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

fn push(out: &mut String, letter: char) {
    let _ = match letter {
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        '\t' => out.write_str("\\t"),
        '\\' => out.write_str("\\\\"),
        _ if letter.is_ascii_control() => write!(out, "\\x{:02x}", u32::from(letter)),
        _ if is_unseen(letter) => write!(out, "\\u{{{:x}}}", u32::from(letter)),
        _ => out.write_char(letter),
    };
}

/// Controls, marks without a width, what turns the direction of writing, and what no document
/// may hold.
fn is_unseen(letter: char) -> bool {
    letter.width().unwrap_or(0) == 0
        || letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2060}'..='\u{206f}' | '\u{fff0}'..='\u{ffff}' | '\u{e000}'..='\u{f8ff}')
}

/// A text in at most so many columns of a terminal; `…` stands for what is cut off its end.
pub fn fit(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut left = columns.saturating_sub(1);
    for letter in text.chars() {
        let width = letter.width().unwrap_or(0);
        if width > left {
            break;
        }
        left -= width;
        out.push(letter);
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// A text in lines of at most so many columns, broken between words where it can be; the lines after
/// the first begin as far in as the first does, and two columns more.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let indent = text.len() - text.trim_start_matches(' ').len();
    let inset = " ".repeat((indent + 2).min(columns / 2));
    let mut lines = vec![];
    let mut line = " ".repeat(indent.min(columns / 2));
    let mut is_empty = true;
    for word in text.split(' ').skip(indent) {
        let gap = usize::from(!is_empty);
        if line.width() + gap + word.width() > columns && !is_empty {
            lines.push(std::mem::replace(&mut line, inset.clone()));
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        for letter in word.chars() {
            if line.width() + letter.width().unwrap_or(0) > columns && !is_empty {
                lines.push(std::mem::replace(&mut line, inset.clone()));
            }
            line.push(letter);
            is_empty = false;
        }
        is_empty = false;
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        assert_eq!(printable(b"user:\xff\x00\x1b[2J\\"), "user:\\xff\\x00\\x1b[2J\\\\");
        assert_eq!(
            printable("a\u{202e}b\u{200b}\u{301}".as_bytes()),
            "a\\u{202e}b\\u{200b}\\u{301}"
        );
        assert_eq!(printable("käse:日本".as_bytes()), "käse:日本");
        assert_eq!(printable(b"\r\n\t"), "\\r\\n\\t");
    }

    #[test]
    fn what_does_not_fit_is_cut() {
        assert_eq!(fit("badge", 5), "badge");
        assert_eq!(fit("badges", 5), "badg…");
        assert_eq!(fit("日本語", 4), "日…");
        assert_eq!(fit("日本語", 0), "");
    }

    #[test]
    fn long_lines_are_broken_between_words() {
        assert_eq!(wrap("", 9), [""]);
        assert_eq!(wrap("  a bc def gh", 9), ["  a bc", "    def", "    gh"]);
        assert_eq!(wrap("abcdefghij k", 5), ["abcde", "  fgh", "  ij", "  k"]);
        for columns in 4..12 {
            for line in wrap("  日本語 abcdefghijklmnopq r  s", columns) {
                assert!(line.width() <= columns, "{columns}: {line:?}");
            }
        }
    }
}
