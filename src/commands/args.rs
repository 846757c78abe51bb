//! The arguments of a command, taken from left to right.

use std::fmt::Display;

use crate::domain::error::{Error, Result};

/// A cursor over the words after the command's name.
pub struct Args<'a> {
    words: &'a [&'a [u8]],
    at: usize,
    syntax: &'a dyn Display,
}

impl<'a> Args<'a> {
    /// `syntax` goes into every error.
    pub fn new(words: &'a [&'a [u8]], syntax: &'a dyn Display) -> Self {
        Self { words, at: 0, syntax }
    }

    /// The next word, not taken.
    pub fn peek(&self) -> Option<&'a [u8]> {
        self.words.get(self.at).copied()
    }

    /// Takes the next word.
    ///
    /// # Errors
    /// There is none.
    pub fn next(&mut self, what: &str) -> Result<&'a [u8]> {
        let word = self.peek().ok_or_else(|| self.usage(format!("missing {what}")))?;
        self.at += 1;
        Ok(word)
    }

    /// Takes the next word as text.
    ///
    /// # Errors
    /// There is none, or it is not UTF-8.
    pub fn text(&mut self, what: &'static str) -> Result<&'a str> {
        let word = self.next(what)?;
        std::str::from_utf8(word).map_err(|_| Error::NotUtf8 { what, name: word.to_vec() })
    }

    /// Takes the next word as a whole number.
    ///
    /// # Errors
    /// There is none, or it is not one.
    pub fn number(&mut self, what: &'static str) -> Result<u64> {
        let word = self.next(what)?;
        let digits = std::str::from_utf8(word)
            .ok()
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = digits
            .and_then(|text| text.parse::<i64>().ok())
            .and_then(|number| u64::try_from(number).ok());
        number.ok_or_else(|| Error::NotANumber { what, found: word.to_vec() })
    }

    /// Takes the next word if it is `keyword`, in any case.
    pub fn keyword(&mut self, keyword: &str) -> bool {
        let hit = self.peek().is_some_and(|word| word.eq_ignore_ascii_case(keyword.as_bytes()));
        self.at += usize::from(hit);
        hit
    }

    /// Takes a counted list: `n word ...`, with at least one word.
    ///
    /// # Errors
    /// The count is 0, or there are fewer words.
    pub fn counted(&mut self, what: &'static str) -> Result<&'a [&'a [u8]]> {
        let count = usize::try_from(self.number("count")?).unwrap_or(usize::MAX);
        if count == 0 {
            return Err(self.usage(format!("0 {what}")));
        }
        let left = self.words.len() - self.at;
        if count > left {
            return Err(self.usage(format!("{count} {what} announced, {left} words left")));
        }
        let list = self.words.get(self.at..self.at + count).unwrap_or_default();
        self.at += count;
        Ok(list)
    }

    /// Takes all the rest, at least one word.
    ///
    /// # Errors
    /// Nothing is left.
    pub fn rest(&mut self, what: &str) -> Result<&'a [&'a [u8]]> {
        self.next(what)?;
        let list = self.words.get(self.at - 1..).unwrap_or_default();
        self.at = self.words.len();
        Ok(list)
    }

    /// Takes words until one of `keywords`, at least one word.
    ///
    /// # Errors
    /// There is no word before a keyword or the end.
    pub fn until(&mut self, keywords: &[&str], what: &str) -> Result<Vec<&'a [u8]>> {
        let is_keyword = |word: &[u8]| {
            keywords.iter().any(|keyword| word.eq_ignore_ascii_case(keyword.as_bytes()))
        };
        let mut list = vec![];
        while let Some(word) = self.peek().filter(|word| !is_keyword(word)) {
            list.push(word);
            self.at += 1;
        }
        if list.is_empty() { Err(self.usage(format!("missing {what}"))) } else { Ok(list) }
    }

    /// Whether all words are taken.
    pub fn is_done(&self) -> bool {
        self.at >= self.words.len()
    }

    /// Refuses what is left.
    ///
    /// # Errors
    /// A word is left.
    pub fn finish(&self) -> Result<()> {
        match self.peek() {
            Some(word) => Err(self.unexpected(word)),
            None => Ok(()),
        }
    }

    /// The error for a word that does not belong.
    pub fn unexpected(&self, word: &[u8]) -> Error {
        self.usage(format!("unexpected argument '{}'", crate::domain::name::Shown(word)))
    }

    /// The error for arguments that do not fit.
    pub fn usage(&self, found: String) -> Error {
        Error::Usage { found, syntax: self.syntax.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_taken_in_order_and_none_is_left() {
        let words: [&[u8]; 7] = [b"key", b"2", b"a", b"b", b"count", b"10", b"x"];
        let mut args = Args::new(&words, &"CMD key n a [a ...] [COUNT n]");
        assert_eq!(args.next("key").unwrap(), b"key");
        assert_eq!(args.counted("tags").unwrap(), [&b"a"[..], b"b"]);
        assert!(!args.keyword("LIMIT") && args.keyword("COUNT"));
        assert_eq!(args.number("count").unwrap(), 10);
        assert_eq!(
            args.finish().unwrap_err().to_string(),
            "unexpected argument 'x'; usage: CMD key n a [a ...] [COUNT n]"
        );
        assert_eq!(args.rest("more").unwrap(), [&b"x"[..]]);
        assert!(args.is_done() && args.finish().is_ok());
        assert_eq!(
            args.next("key").unwrap_err().to_string(),
            "missing key; usage: CMD key n a [a ...] [COUNT n]"
        );
    }

    #[test]
    fn numbers_are_whole_and_in_range() {
        for bad in ["", "-1", "1.5", "x", "9223372036854775808", "+1"] {
            let words = [bad.as_bytes()];
            assert!(Args::new(&words, &"").number("count").is_err(), "{bad}");
        }
        let words = [&b"9223372036854775807"[..]];
        assert_eq!(Args::new(&words, &"").number("count").unwrap(), i64::MAX as u64);
    }

    #[test]
    fn lists_have_as_many_words_as_they_say() {
        for bad in [&["0"][..], &["2", "a"], &["x", "a"], &[]] {
            let words: Vec<&[u8]> = bad.iter().map(|word| word.as_bytes()).collect();
            assert!(Args::new(&words, &"").counted("keys").is_err(), "{bad:?}");
        }
    }
}
