//! Names are bytes with a type: keys and tags need not be UTF-8.

use std::fmt;
use std::ops::Range;

/// What a database number is: the index that `SELECT` takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Db(pub u32);

/// Keys of the module itself start with this; they are never tagged, indexed or purged.
pub const OWN_PREFIX: &[u8] = b"inval:";

/// How much of a name an error or a log line shows, in bytes: enough to recognise it.
const SHOWN_BYTES: usize = 96;

/// A name as people can read it: ASCII, other bytes escaped, long names cut.
pub struct Shown<'a>(pub &'a [u8]);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cut = self.0.get(..SHOWN_BYTES).unwrap_or(self.0);
        write!(f, "{}", cut.escape_ascii())?;
        if cut.len() < self.0.len() {
            write!(f, "... ({} bytes)", self.0.len())?;
        }
        Ok(())
    }
}

/// Many names in one allocation: what a plan carries out of the state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameList {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl NameList {
    /// Appends a copy of `name`.
    pub fn push(&mut self, name: &[u8]) {
        self.bytes.extend_from_slice(name);
        self.ends.push(self.bytes.len());
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The name at `at`, in the order they were pushed.
    pub fn get(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)?;
        let start = match at {
            0 => 0,
            _ => *self.ends.get(at - 1)?,
        };
        self.bytes.get(start..end)
    }

    /// The lengths of the names in a range.
    pub fn lengths(&self, range: Range<usize>) -> impl Iterator<Item = usize> {
        let mut start = self.start_of(range.start);
        self.ends.get(range).unwrap_or_default().iter().map(move |end| {
            let len = end - start;
            start = *end;
            len
        })
    }

    /// The names in a range, one after the other.
    pub fn joined(&self, range: Range<usize>) -> &[u8] {
        self.bytes.get(self.start_of(range.start)..self.start_of(range.end)).unwrap_or_default()
    }

    fn start_of(&self, at: usize) -> usize {
        at.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0)
    }

    /// All names, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let name = self.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            name
        })
    }

    /// Keeps the first `len` names.
    pub fn truncate(&mut self, len: usize) {
        if len < self.len() {
            self.ends.truncate(len);
            self.bytes.truncate(self.ends.last().copied().unwrap_or(0));
        }
    }
}

impl<'a> FromIterator<&'a [u8]> for NameList {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(names: I) -> Self {
        let mut list = Self::default();
        for name in names {
            list.push(name);
        }
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_gives_back_what_was_pushed() {
        let names: [&[u8]; 4] = [b"a", b"", b"b\0\xff", b"long name"];
        let mut list: NameList = names.into_iter().collect();
        assert_eq!(list.iter().collect::<Vec<_>>(), names);
        assert_eq!(list.lengths(0..4).collect::<Vec<_>>(), [1, 0, 3, 9]);
        assert_eq!(list.lengths(2..3).collect::<Vec<_>>(), [3]);
        assert_eq!((list.joined(1..3), list.joined(4..4)), (&b"b\0\xff"[..], &b""[..]));
        list.truncate(2);
        assert_eq!(list.iter().collect::<Vec<_>>(), names[..2]);
        assert_eq!(list.get(2), None);
    }

    #[test]
    fn a_shown_name_is_ascii_and_short() {
        assert_eq!(Shown(b"a\0\xff'").to_string(), "a\\x00\\xff\\'");
        let long = Shown(&[b'x'; 200]).to_string();
        assert!(long.ends_with("... (200 bytes)") && long.len() < 130, "{long}");
    }
}
