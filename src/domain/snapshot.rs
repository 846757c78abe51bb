//! The state as bytes, for the server's own snapshots: rules, classes, mappings, files and tags.
//!
//! # Format, versions 1 to 4
//!
//! A sequence of chunks, each `kind (1 byte) | body | CRC-32 of kind and body (4 bytes, little
//! endian)`:
//!
//! | kind | body |
//! |---|---|
//! | `H` | `INVAL` and the version (1 byte); first, once |
//! | `R` | a rule document (JSON); version 4: with `warmDelay` or `warmHot` |
//! | `F` | JSON object: name of a rule read from a file -> digest of what was read |
//! | `C` | version 3: a class document (JSON); the last has the digests of what was read from files |
//! | `P` | version 4: a mapping document (JSON); the last likewise |
//! | `T` | database (varint), then keys: name, number of tags (varint), tags; a tag is 0 and its name when new in this chunk, else 1 + its position among the chunk's tags |
//! | `J` | version 2: database (varint), then a record of [`super::job_record`], word by word |
//! | `M` | version 3: a record of [`super::freshness_record`] |
//! | `W` | version 4: database (varint), then a record of [`super::record`], word by word |
//! | `E` | number of chunks before it (varint); last, once |
//!
//! Names are a length (varint, LEB128) and bytes. Only keys that carry tags are written; key
//! names are in the server's own part of the snapshot.
//!
//! The lowest version is written that has all that there is, so that older modules read what
//! they can.
//!
//! A reader refuses what it does not know: another version, another kind, a checksum that
//! differs, a missing end. It changes nothing before the end has been read.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::State;
use super::class::Class;
use super::class_document;
use super::error::Error;
use super::freshness_record::{self, Row};
use super::job_record;
use super::mapping::Mapping;
use super::mapping_document;
use super::name::Db;
use super::rule::Rule;
use super::rule_document::{parse_all, parts, to_json};
use super::varint::{read_name, read_number, write_name, write_number};

/// The newest version; readers take it and all before it.
pub const VERSION: u8 = 4;

/// The version without mappings, without rules that say more than their keys, and without the
/// records of [`super::record`].
const VERSION_OF_CLASSES: u8 = 3;

/// The version without classes, and without knowledge of how fresh values are.
const VERSION_OF_JOBS: u8 = 2;

/// The version without jobs.
const VERSION_OF_RULES: u8 = 1;

const MAGIC: &[u8] = b"INVAL";

/// Bytes of a chunk, about: large enough to compress, small enough to be held twice.
const CHUNK_BYTES: usize = 256 << 10;

/// Digest of a rule, class or mapping as a file held it, by its name.
pub type FileDigests = BTreeMap<String, u64>;

/// Tells whether a definition, as a document, is the one that a file held before.
pub fn digest(text: &str) -> u64 {
    (text.len() as u64) << 32 | u64::from(crc32fast::hash(text.as_bytes()))
}

/// Keys with their tags.
#[derive(Debug, Default)]
pub struct TaggedKeys<'a> {
    /// Names, and which of `tags` are theirs.
    pub keys: Vec<(&'a [u8], Range<usize>)>,
    /// The tags of one key after those of the other.
    pub tags: Vec<&'a [u8]>,
}

/// A snapshot that was read whole.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The rules.
    pub rules: Vec<Rule>,
    /// What was read from files.
    pub files: FileDigests,
    /// The classes.
    pub classes: Vec<Class>,
    /// What of them was read from files.
    pub class_files: FileDigests,
    /// The mappings.
    pub mappings: Vec<Mapping>,
    /// What of them was read from files.
    pub mapping_files: FileDigests,
    tags: Vec<Vec<u8>>,
    jobs: Vec<Vec<u8>>,
    fresh: Vec<Vec<u8>>,
    records: Vec<Vec<u8>>,
}

impl Snapshot {
    /// The keys with their tags, in parts of one database each.
    pub fn for_each_part(&self, mut visit: impl FnMut(Db, &TaggedKeys)) {
        // Each body was read once without an error when it came.
        for (db, part) in self.tags.iter().filter_map(|body| read_tags(body)) {
            visit(db, &part);
        }
    }

    /// How fresh values are.
    pub fn for_each_freshness(&self, mut visit: impl FnMut(Db, Row)) {
        for (db, rows) in self.fresh.iter().filter_map(|body| freshness_record::read(body)) {
            rows.into_iter().for_each(|row| visit(db, row));
        }
    }

    /// The records of jobs, in order.
    pub fn for_each_job_record(&self, mut visit: impl FnMut(Db, &[&[u8]])) {
        for (db, words) in self.jobs.iter().filter_map(|body| read_record(body)) {
            visit(db, &words);
        }
    }

    /// The other records, in order.
    pub fn for_each_record(&self, mut visit: impl FnMut(Db, &[&[u8]])) {
        for (db, words) in self.records.iter().filter_map(|body| read_record(body)) {
            visit(db, &words);
        }
    }
}

/// The lowest version that has all that there is.
fn version(state: &State) -> u8 {
    match state {
        _ if state.has_records() || state.has_mappings_to_save() => VERSION,
        _ if state.has_warm_terms() || state.rules.say_more() => VERSION,
        _ if state.has_classes_to_save() || state.has_freshness() => VERSION_OF_CLASSES,
        _ if state.jobs.last > 0 => VERSION_OF_JOBS,
        _ => VERSION_OF_RULES,
    }
}

/// Writes the state, chunk by chunk.
pub fn encode(state: &State, mut emit: impl FnMut(&[u8])) {
    let mut count: u64 = 0;
    let mut send = |kind: u8, body: &[u8]| {
        let mut chunk = Vec::with_capacity(body.len() + 5);
        chunk.push(kind);
        chunk.extend_from_slice(body);
        let sum = crc32fast::hash(&chunk);
        chunk.extend_from_slice(&sum.to_le_bytes());
        emit(&chunk);
    };
    let mut put = |kind: u8, body: &[u8]| {
        send(kind, body);
        count += 1;
    };
    put(b'H', &[MAGIC, &[version(state)]].concat());
    for some in parts(state.rules.iter()).into_iter().filter(|some| !some.is_empty()) {
        put(b'R', to_json(some.into_iter()).as_bytes());
    }
    if !state.files.is_empty() {
        // A map of strings to numbers: there is nothing in it that could fail to serialise.
        put(b'F', serde_json::to_string(&state.files).unwrap_or_default().as_bytes());
    }
    for document in state.class_documents() {
        put(b'C', document.as_bytes());
    }
    for document in state.mapping_documents() {
        put(b'P', document.as_bytes());
    }
    for (db, database) in state.databases() {
        let mut body = vec![];
        let mut known: HashMap<u32, u64> = HashMap::new();
        for key in database.tags.tagged_from(0) {
            let tags = database.tags.tags_of(key);
            if body.is_empty() {
                write_number(u64::from(db.0), &mut body);
            }
            write_name(database.keys.name(key), &mut body);
            write_number(tags.len() as u64, &mut body);
            for tag in tags {
                let next = known.len() as u64;
                match known.get(&tag) {
                    Some(at) => write_number(at + 1, &mut body),
                    None => {
                        known.insert(tag, next);
                        write_number(0, &mut body);
                        write_name(database.tags.name(tag), &mut body);
                    }
                }
            }
            if body.len() >= CHUNK_BYTES {
                put(b'T', &body);
                body.clear();
                known.clear();
            }
        }
        if !body.is_empty() {
            put(b'T', &body);
        }
    }
    job_record::all(state, |db, words| put(b'J', &record_body(db, &words)));
    state.for_each_record(|db, words| put(b'W', &record_body(db, &words)));
    freshness_record::encode(state, |body| put(b'M', body));
    let mut end = vec![];
    write_number(count, &mut end);
    send(b'E', &end);
}

/// A record, with the database to select.
fn record_body(db: Db, words: &[Vec<u8>]) -> Vec<u8> {
    let mut body = vec![];
    write_number(u64::from(db.0), &mut body);
    words.iter().for_each(|word| write_name(word, &mut body));
    body
}

/// Reads chunks in the order they were written.
#[derive(Debug, Default)]
pub struct Decoder {
    snapshot: Snapshot,
    count: u64,
}

impl Decoder {
    /// Takes a chunk; gives the snapshot with the last one.
    ///
    /// # Errors
    /// What is wrong with the chunk. The decoder is of no use then.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Option<Snapshot>, String> {
        let at = self.count;
        let told = |why: String| format!("chunk {at} of the snapshot: {why}");
        let (kind, body) = open(chunk).map_err(told)?;
        match (kind, at) {
            (b'H', 0) => match body.strip_prefix(MAGIC) {
                Some([1..=VERSION]) => {}
                Some([version]) => {
                    return Err(format!(
                        "the snapshot has format version {version}, this module reads {VERSION}; load a newer module"
                    ));
                }
                _ => return Err(told("not a snapshot of this module".to_owned())),
            },
            (_, 0) | (b'H', _) => {
                return Err(told("the header is missing, or is there twice".to_owned()));
            }
            (b'R', _) => {
                let rules =
                    parse_all(body).map_err(|errors| told(Error::Many { errors }.to_string()))?;
                self.snapshot.rules.extend(rules);
            }
            (b'C', _) => {
                let (classes, files) = class_document::parse_with_files(body)
                    .map_err(|errors| told(Error::Many { errors }.to_string()))?;
                self.snapshot.classes.extend(classes);
                self.snapshot.class_files.extend(files.unwrap_or_default());
            }
            (b'P', _) => {
                let (mappings, files) = mapping_document::parse_with_files(body)
                    .map_err(|errors| told(Error::Many { errors }.to_string()))?;
                self.snapshot.mappings.extend(mappings);
                self.snapshot.mapping_files.extend(files.unwrap_or_default());
            }
            (b'F', _) => {
                self.snapshot.files =
                    serde_json::from_slice(body).map_err(|error| told(error.to_string()))?;
            }
            (b'T', _) => {
                read_tags(body).ok_or_else(|| told("the tags end too early".to_owned()))?;
                self.snapshot.tags.push(body.to_vec());
            }
            (b'J', _) => {
                // Tried on a state of its own: a record that cannot be read refuses them all.
                read_record(body)
                    .and_then(|(db, words)| State::default().follow(db, &words, 0))
                    .ok_or_else(|| told("a record of a job cannot be read".to_owned()))?;
                self.snapshot.jobs.push(body.to_vec());
            }
            (b'W', _) => {
                read_record(body)
                    .and_then(|(db, words)| State::default().follow_record(db, &words))
                    .ok_or_else(|| told("a record of events cannot be read".to_owned()))?;
                self.snapshot.records.push(body.to_vec());
            }
            (b'M', _) => {
                freshness_record::read(body)
                    .ok_or_else(|| told("the times of values end too early".to_owned()))?;
                self.snapshot.fresh.push(body.to_vec());
            }
            (b'E', _) => {
                let mut rest = body;
                let count = read_number(&mut rest).filter(|_| rest.is_empty());
                return match count == Some(at) {
                    true => Ok(Some(std::mem::take(&mut self.snapshot))),
                    false => Err(told("chunks are missing".to_owned())),
                };
            }
            (other, _) => return Err(told(format!("unknown kind {other}"))),
        }
        self.count += 1;
        Ok(None)
    }
}

/// Kind and body of a chunk whose checksum holds.
fn open(chunk: &[u8]) -> Result<(u8, &[u8]), String> {
    let (content, sum) = chunk.split_last_chunk::<4>().ok_or("too short")?;
    if crc32fast::hash(content) != u32::from_le_bytes(*sum) {
        return Err("the checksum differs: the snapshot is damaged".to_owned());
    }
    content.split_first().map(|(kind, body)| (*kind, body)).ok_or_else(|| "empty".to_owned())
}

fn read_tags(body: &[u8]) -> Option<(Db, TaggedKeys<'_>)> {
    let mut rest = body;
    let db = Db(u32::try_from(read_number(&mut rest)?).ok()?);
    let mut known: Vec<&[u8]> = vec![];
    let mut part = TaggedKeys::default();
    while !rest.is_empty() {
        let key = read_name(&mut rest)?;
        let start = part.tags.len();
        for _ in 0..read_number(&mut rest)? {
            let tag = match read_number(&mut rest)? {
                0 => {
                    let tag = read_name(&mut rest)?;
                    known.push(tag);
                    tag
                }
                at => known.get(usize::try_from(at - 1).ok()?).copied()?,
            };
            part.tags.push(tag);
        }
        part.keys.push((key, start..part.tags.len()));
    }
    Some((db, part))
}

/// What [`record_body`] wrote.
fn read_record(body: &[u8]) -> Option<(Db, Vec<&[u8]>)> {
    let mut rest = body;
    let db = Db(u32::try_from(read_number(&mut rest)?).ok()?);
    let mut words = vec![];
    while !rest.is_empty() {
        words.push(read_name(&mut rest)?);
    }
    Some((db, words))
}

#[cfg(test)]
mod tests;
