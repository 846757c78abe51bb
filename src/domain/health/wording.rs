//! Figures as sentences of findings write them.

use std::fmt;

/// A count, in groups of three digits.
pub struct Count(pub u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let digits = self.0.to_string();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// A time in seconds, in the largest unit that leaves no fraction of note.
pub struct Seconds(pub u64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            s if s < 120 => write!(f, "{s} s"),
            s if s < 7200 => write!(f, "{} minutes", s / 60),
            s if s < 172_800 => write!(f, "{} hours", s / 3600),
            s => write!(f, "{} days", s / 86_400),
        }
    }
}

/// The time that a window covers: `the last 5 minutes`.
pub struct Last(pub u64);

impl fmt::Display for Last {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            60 => f.write_str("the last minute"),
            s => write!(f, "the last {}", Seconds(s)),
        }
    }
}

/// How many of how many, in percent.
pub fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

/// A word of a command line, as `redis-cli` reads it: in quotes where it must be.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-.:*".contains(c);
    let is_hard = |c: char| c == '\'' || c == '\\' || c.is_control();
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if !word.contains(is_hard) {
        return format!("'{word}'");
    }
    let mut out = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_easy_to_read() {
        let rows = [(0, "0"), (999, "999"), (1204, "1,204"), (12_345_678, "12,345,678")];
        for (count, text) in rows {
            assert_eq!(Count(count).to_string(), text);
        }
        let rows = [(42, "42 s"), (300, "5 minutes"), (7200, "2 hours"), (864_000, "10 days")];
        for (seconds, text) in rows {
            assert_eq!(Seconds(seconds).to_string(), text);
        }
        assert_eq!(Last(60).to_string(), "the last minute");
        assert_eq!((percent(1, 0), percent(1, 8)), (0.0, 12.5));
    }

    #[test]
    fn words_are_quoted_where_they_must_be() {
        for (word, text) in [
            ("a:*", "a:*"),
            ("", "''"),
            (r#"{"a":1}"#, r#"'{"a":1}'"#),
            ("it's", r#""it's""#),
            ("a\\", r#""a\\""#),
            ("a\n\"", r#""a\x0a\"""#),
        ] {
            assert_eq!(quoted(word), text);
        }
    }
}
