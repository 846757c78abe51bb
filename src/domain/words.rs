//! Records in words: what internal commands carry to replicas, append-only files and snapshots.

use super::database::TagExpression;
use super::pattern::Pattern;
use super::rule::Resolved;

/// A record.
pub type Words = Vec<Vec<u8>>;

/// A record as the command that carries it.
pub fn command<'w>(name: &'w [u8], words: &'w Words) -> Vec<&'w [u8]> {
    std::iter::once(name).chain(words.iter().map(Vec::as_slice)).collect()
}

/// A number, as a word.
pub fn number(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// Yes or no, as a word.
pub fn flag(on: bool) -> Vec<u8> {
    number(u64::from(on))
}

/// Writes a target: `kind text`, where the text of the kind `tags` is `0\|1 n tag .. n tag ..`.
pub fn write_target(target: &Resolved, words: &mut Words) {
    match target {
        Resolved::Tags(expression) => {
            words.extend([b"tags".to_vec(), flag(expression.all)]);
            for tags in [&expression.tags, &expression.not] {
                words.push(number(tags.len() as u64));
                words.extend(tags.iter().cloned());
            }
        }
        Resolved::Key(text) | Resolved::Tag(text) => {
            words.extend([target.kind().as_str().as_bytes().to_vec(), text.clone()]);
        }
        Resolved::Pattern(pattern) => {
            words.extend([target.kind().as_str().as_bytes().to_vec(), pattern.source().to_vec()]);
        }
    }
}

/// The words of a record, taken from left to right. `None` for a word that is not there, or not
/// of the kind.
pub struct Reader<'a>(&'a [&'a [u8]]);

impl<'a> Reader<'a> {
    /// Reads these.
    pub fn new(words: &'a [&'a [u8]]) -> Self {
        Self(words)
    }

    /// Whether all words are taken.
    pub fn is_done(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes all that are left.
    pub fn rest(&mut self) -> &'a [&'a [u8]] {
        std::mem::take(&mut self.0)
    }

    /// Takes a word.
    pub fn word(&mut self) -> Option<&'a [u8]> {
        let (word, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(word)
    }

    /// Takes a text.
    pub fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.word()?).ok()
    }

    /// Takes a number.
    pub fn number(&mut self) -> Option<u64> {
        self.text()?.parse().ok()
    }

    /// Takes a position.
    pub fn index(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok()
    }

    /// Takes yes or no.
    pub fn flag(&mut self) -> Option<bool> {
        self.number().map(|number| number == 1)
    }

    /// Takes a word, copied.
    pub fn owned(&mut self) -> Option<Vec<u8>> {
        self.word().map(<[u8]>::to_vec)
    }

    /// Takes a number and so many of something.
    pub fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        (0..count).map(|_| one(self)).collect()
    }

    /// Takes what [`write_target`] wrote.
    pub fn target(&mut self) -> Option<Resolved> {
        Some(match self.word()? {
            b"key" => Resolved::Key(self.owned()?),
            b"tag" => Resolved::Tag(self.owned()?),
            b"prefix" => Resolved::Pattern(Pattern::Prefix(self.word()?.into())),
            b"glob" => Resolved::Pattern(Pattern::glob(self.word()?).ok()?),
            b"regex" => Resolved::Pattern(Pattern::regex(self.word()?).ok()?),
            b"tags" => {
                let all = self.flag()?;
                let tags = self.many(Self::owned)?;
                Resolved::Tags(TagExpression { all, tags, not: self.many(Self::owned)? })
            }
            _ => return None,
        })
    }
}
