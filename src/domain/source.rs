//! Sources: streams whose entries are events, and how far each was taken.
//!
//! The position of a source is replicated and saved together with what its entries did, so that
//! each entry is taken once, whatever server takes it.

use std::collections::BTreeMap;
use std::fmt;

use super::State;
use super::error::{Error, Result};
use super::incoming::Format;
use super::name::{Db, OWN_PREFIX};
use super::rate::Rate;
use super::rule::check_name;
use super::words::{Reader, Words, number};

/// Most sources: each is looked after once a second.
pub const SOURCES_MAX: usize = 100;

/// Longest name of a stream, in bytes: it is repeated in each record.
const STREAM_MAX_BYTES: usize = 1024;

/// What the stream of entries that cannot be taken is called, after the name of its own.
pub const DEAD_SUFFIX: &[u8] = b":dead";

/// The id of an entry of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EntryId {
    /// Milliseconds since 1970, by the clock of the server that took it.
    pub ms: u64,
    /// Its number among those of the millisecond.
    pub seq: u64,
}

impl EntryId {
    /// Reads `ms-seq`, or `ms` alone for the first of the millisecond.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (ms, seq) = text.split_once('-').unwrap_or((text, "0"));
        let number = |text: &str| {
            let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            if is_number { text.parse().ok() } else { None }
        };
        Some(Self { ms: number(ms)?, seq: number(seq)? })
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// An entry of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// Names and values, in order.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What became of the entries of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Entries taken.
    pub entries: u64,
    /// Events that they were.
    pub events: u64,
    /// Entries that were no event: a tombstone, or nothing that a mapping takes.
    pub empty: u64,
    /// Entries that had been carried out already, by their id, or came after a later one.
    pub skipped: u64,
    /// Entries that could not be taken; they are in the dead stream with the reason.
    pub dead: u64,
}

impl Taken {
    fn numbers(&mut self) -> [&mut u64; 5] {
        let Self { entries, events, empty, skipped, dead } = self;
        [entries, events, empty, skipped, dead]
    }
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Source {
    /// Unique.
    pub name: String,
    /// The database of the stream, in which its events are carried out.
    pub db: Db,
    /// The stream.
    pub stream: Vec<u8>,
    /// How entries are read.
    pub format: Format,
    /// The mapping that they go through.
    pub mapping: Option<String>,
    /// The last entry that was taken.
    pub position: EntryId,
    /// What became of them, here and on the servers before.
    pub taken: Taken,
    /// Dead entries that could not be kept, here.
    pub lost: u64,
    /// Entries a second, here.
    pub rate: Rate,
    /// How often the entry that is next was refused by the server.
    pub refusals: u32,
}

impl Source {
    /// A source that begins after an entry.
    ///
    /// # Errors
    /// A bad name or stream.
    pub fn new(name: &str, db: Db, stream: &[u8], format: Format) -> Result<Self> {
        check_name("source", name)?;
        match stream.len() {
            0 => return Err(Error::EmptyName { what: "stream" }),
            bytes if bytes > STREAM_MAX_BYTES => {
                let (what, limit) = ("stream", STREAM_MAX_BYTES);
                return Err(Error::NameTooLong { what, bytes, limit });
            }
            _ if stream.starts_with(OWN_PREFIX) => {
                return Err(Error::OwnKey { key: stream.to_vec() });
            }
            _ => {}
        }
        Ok(Self {
            name: name.to_owned(),
            db,
            stream: stream.to_vec(),
            format,
            mapping: None,
            position: EntryId::default(),
            taken: Taken::default(),
            lost: 0,
            rate: Rate::default(),
            refusals: 0,
        })
    }

    /// The stream of entries that cannot be taken.
    pub fn dead_stream(&self) -> Vec<u8> {
        [&self.stream, DEAD_SUFFIX].concat()
    }

    /// Says that there is this source, and how far it was taken, in its database:
    /// `SOURCE-SET name stream format mapping position ..`
    pub fn record(&self) -> Words {
        let mut words = vec![
            b"SOURCE-SET".to_vec(),
            self.name.clone().into_bytes(),
            self.stream.clone(),
            self.format.as_str().into(),
            self.mapping.clone().unwrap_or_default().into_bytes(),
        ];
        words.extend(self.progress());
        words
    }

    /// Says how far it was taken: `SOURCE-AT name ms seq entries events empty skipped dead`
    pub fn position_record(&self) -> Words {
        let mut words = vec![b"SOURCE-AT".to_vec(), self.name.clone().into_bytes()];
        words.extend(self.progress());
        words
    }

    fn progress(&self) -> Words {
        let EntryId { ms, seq } = self.position;
        let mut taken = self.taken;
        let counts = taken.numbers().map(|count| *count);
        [ms, seq].into_iter().chain(counts).map(number).collect()
    }

    fn follow(&mut self, words: &mut Reader) -> Option<()> {
        self.position = EntryId { ms: words.number()?, seq: words.number()? };
        for count in self.taken.numbers() {
            *count = words.number()?;
        }
        Some(())
    }
}

/// The sources by name.
#[derive(Debug, Default)]
pub struct SourceTable(BTreeMap<String, Source>);

impl SourceTable {
    /// Adds a source.
    ///
    /// # Errors
    /// There is one of its name, or there are too many.
    pub fn add(&mut self, source: Source) -> Result<()> {
        if self.0.contains_key(&source.name) {
            return Err(Error::SourceExists { source: source.name });
        }
        let count = self.0.len() + 1;
        if count > SOURCES_MAX {
            return Err(Error::TooMany { what: "sources", count, limit: SOURCES_MAX });
        }
        self.0.insert(source.name.clone(), source);
        Ok(())
    }

    /// Takes a source out; says whether it was there.
    pub fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// The source of that name.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Source> {
        self.0.get_mut(name)
    }

    /// All sources, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.0.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key is the stream of a source.
    pub fn has_stream(&self, db: Db, key: &[u8]) -> bool {
        self.0.values().any(|source| source.db == db && source.stream == key)
    }

    /// Takes a source that a primary has; `None` for words that are no record.
    pub fn follow_set(&mut self, db: Db, words: &mut Reader) -> Option<()> {
        let (name, stream) = (words.text()?, words.word()?);
        let format = Format::parse(words.text()?).ok()?;
        let mut source = Source::new(name, db, stream, format).ok()?;
        source.mapping = Some(words.text()?.to_owned()).filter(|mapping| !mapping.is_empty());
        source.follow(words)?;
        self.0.insert(source.name.clone(), source);
        Some(())
    }

    /// Takes how far a source of the primary was taken; likewise.
    pub fn follow_at(&mut self, words: &mut Reader) -> Option<()> {
        let mut nobody = Source::new("nobody", Db(0), b"none", Format::Json).ok()?;
        self.0.get_mut(words.text()?).unwrap_or(&mut nobody).follow(words)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl State {
    /// Counts what became of an entry of a source, which is its position from here on.
    pub fn took(&mut self, name: &str, id: EntryId, now_ms: u64, count: impl Fn(&mut Taken)) {
        if let Some(source) = self.sources.get_mut(name) {
            source.position = id;
            source.taken.entries += 1;
            source.refusals = 0;
            source.rate.add(1, now_ms / 1000);
            count(&mut source.taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_the_server_writes_them() {
        let id = |ms, seq| Some(EntryId { ms, seq });
        let rows: [(&[u8], Option<EntryId>); 7] = [
            (b"5-3", id(5, 3)),
            (b"5", id(5, 0)),
            (b"18446744073709551615-18446744073709551615", id(u64::MAX, u64::MAX)),
            (b"", None),
            (b"-1", None),
            (b"1-", None),
            (b"+1-2", None),
        ];
        for (text, expected) in rows {
            assert_eq!(EntryId::parse(text), expected, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn a_replica_knows_each_source_and_how_far_it_was_taken() {
        let mut primary = State::default();
        let mut source = Source::new("cdc", Db(3), b"db.products", Format::Debezium).unwrap();
        source.mapping = Some("m".to_owned());
        primary.sources.add(source).unwrap();
        let mut replica = State::default();
        let follow = |state: &mut State, words: Words| {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            state.follow_record(Db(3), &words).unwrap();
        };
        primary.for_each_record(|_, words| follow(&mut replica, words));
        primary.took("cdc", EntryId { ms: 7, seq: 1 }, 9000, |taken| taken.dead += 1);
        follow(&mut replica, primary.sources.get_mut("cdc").unwrap().position_record());
        let told = |state: &State| {
            let source = state.sources.iter().next().unwrap();
            let Source { db, stream, mapping, position, taken, .. } = source.clone();
            (db, stream, mapping, position, taken)
        };
        assert_eq!(told(&primary), told(&replica));
        assert_eq!(told(&replica).4, Taken { entries: 1, dead: 1, ..Taken::default() });
        let gone = vec![b"SOURCE-DEL".to_vec(), b"cdc".to_vec()];
        follow(&mut replica, gone);
        assert!(replica.sources.is_empty());
        // One that was deleted meanwhile is nobody's.
        follow(&mut replica, primary.sources.get_mut("cdc").unwrap().position_record());
    }

    #[test]
    fn streams_of_our_own_are_no_sources() {
        let refused = |stream: &[u8]| Source::new("s", Db(0), stream, Format::Json).is_err();
        assert!(refused(b"") && refused(b"inval:warm:high") && refused(&[b'x'; 1025]));
    }
}
