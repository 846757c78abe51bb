//! Data and decisions: no Redis, no I/O, no clock, no randomness.
//!
//! [`State`] is all that the module knows. It learns of the keyspace through
//! [`State::notice`] and nothing else; what it holds is a hint that may name a dead key (the
//! server checks again when it deletes) and must never miss a live one.

mod arrivals;
mod automaton;
pub mod batch;
pub mod batches;
mod branch;
mod bucket;
pub mod budget;
pub mod building;
mod burst_trie;
pub mod change;
pub mod circles;
pub mod class;
pub mod class_document;
pub mod class_table;
pub mod condition;
pub mod database;
pub mod deletion;
pub mod document;
pub mod doomed;
pub mod emit;
mod engine_cost;
pub mod error;
pub mod evidence;
pub mod fence;
pub mod file_document;
mod files;
mod first_glob;
pub mod freshness;
pub mod freshness_record;
pub mod glob;
pub mod health;
pub mod incoming;
pub mod index_memory;
pub mod job_record;
mod job_work;
pub mod jobs;
pub mod journal;
mod key_names;
pub mod key_table;
pub mod log_line;
pub mod lookup;
pub mod mapping;
pub mod mapping_document;
pub mod mapping_table;
mod members;
pub mod membership;
#[cfg(test)]
mod naive_glob;
pub mod name;
mod name_arena;
mod noted;
pub mod notice;
pub mod once;
pub mod outcome;
mod paged;
pub mod pass;
pub mod path;
pub mod pattern;
pub mod payload;
pub mod plan;
pub mod priority;
mod purged_tags;
pub mod rate;
pub mod read_commands;
pub mod reads;
pub mod recent;
pub mod record;
pub mod regex;
pub mod request;
pub mod rule;
pub mod rule_document;
pub mod rule_table;
mod runs;
pub mod scan;
mod shape;
pub mod snapshot;
pub mod source;
mod sparse;
pub mod standing;
pub mod stats;
mod steps;
pub mod tag_cursor;
mod tag_names;
pub mod tag_store;
pub mod template;
pub mod text_regex;
pub mod tokens;
pub mod top;
pub mod travel;
mod varint;
pub mod waiting;
pub mod warm_terms;
pub mod warming;
mod whole;
pub mod windows;
pub mod words;

use std::collections::{BTreeMap, BTreeSet};

use arrivals::Arrivals;
use batches::Batches;
use budget::StepsMax;
use class::Class;
use class_table::ClassTable;
use database::Database;
use deletion::Deletion;
use evidence::Evidence;
use fence::Fence;
use health::watch::Watch;
use index_memory::IndexMemory;
use jobs::Jobs;
use journal::Journal;
use mapping::Mapping;
use mapping_table::MappingTable;
use name::Db;
use once::Once;
use pass::{Drift, Pass};
use reads::Reads;
use rule::{Rule, Target};
use rule_table::RuleTable;
use snapshot::FileDigests;
use source::SourceTable;
use standing::Standing;
use stats::Stats;
use tokens::Tokens;
use travel::Travel;
use warming::Warming;
use windows::Windows;

/// What the module knows, and the invariants that join its parts.
///
/// Always true: a key outside the fence is in no database; a database without keys does not
/// exist.
#[derive(Debug, Default)]
pub struct State {
    databases: BTreeMap<Db, Database>,
    /// The rules, server-wide.
    pub rules: RuleTable,
    /// Those of their patterns that keep their members.
    standing: Standing,
    /// The classes of keys, server-wide.
    pub classes: ClassTable,
    /// The rules that files held when the module was loaded, each with its digest.
    file_rules: Vec<(Rule, u64)>,
    /// What of the files is in `rules` already, changed or deleted since or not.
    pub files: FileDigests,
    /// The classes that files held, likewise.
    file_classes: Vec<(Class, u64)>,
    /// What of them is in `classes` already, likewise.
    pub class_files: FileDigests,
    /// The mappings of payloads to events, server-wide.
    pub mappings: MappingTable,
    /// The mappings that files held, likewise.
    file_mappings: Vec<(Mapping, u64)>,
    /// What of them is in `mappings` already, likewise.
    pub mapping_files: FileDigests,
    /// What happened so far.
    pub stats: Stats,
    /// Whether nothing of that is written down.
    pub uncounted: bool,
    /// And how fast.
    pub windows: Windows,
    /// And lately, by whom and why.
    pub journal: Journal,
    /// Hits and misses of all commands.
    pub reads: Reads,
    /// The bound of what may be known and deleted.
    fence: Fence,
    /// How much of the keyspace is known.
    pub index: IndexProgress,
    /// How much memory that may take.
    pub memory: IndexMemory,
    /// Tagged keys of a snapshot that were not indexed for want of memory: do they live?
    unsure: Vec<(Db, Vec<u8>)>,
    /// How much matching one plan may do.
    pub steps_max: StepsMax,
    /// Tags on their way from one name or database to another.
    pub travel: Travel,
    /// The module's own keys that are there.
    own: BTreeSet<(Db, Box<[u8]>)>,
    /// The pass over the keyspace that is under way: the first walk, or one that verifies.
    pub pass: Option<Pass>,
    /// What verifying passes found.
    pub drift: Drift,
    /// Whether the data that is or was last being loaded comes from a primary.
    loads_from_primary: bool,
    /// What is deleted in slices.
    pub jobs: Jobs,
    /// Streams whose entries are events.
    pub sources: SourceTable,
    /// Events that rules collect.
    pub batches: Batches,
    /// Which events were carried out already.
    pub once: Once,
    /// Who may fill what.
    pub tokens: Tokens,
    /// Which deleted keys wait to be computed again.
    pub warming: Warming,
    /// What is remembered of the examinations of its health.
    pub health: Watch,
    /// How some values live, to judge the times of their classes by.
    pub evidence: Evidence,
    /// Names of keys that are there and not in the index yet.
    arrivals: Arrivals,
    /// What we are deleting.
    deletion: Option<Deletion>,
}

/// How far the first walk over the keyspace has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexProgress {
    /// Whether keys may exist that no notification announced: the walk is not done.
    pub incomplete: bool,
    /// Keys the server held when the walk began.
    pub expected: u64,
    /// Keys seen by the walk.
    pub scanned: u64,
}

impl State {
    /// The database, if it has keys that the module knows.
    pub fn database(&self, db: Db) -> Option<&Database> {
        self.databases.get(&db)
    }

    /// The database, made when absent. Callers add a key to it.
    pub fn database_mut(&mut self, db: Db) -> &mut Database {
        self.database_and_standing(db).0
    }

    /// The database, made when absent, and what a new name is matched with.
    fn database_and_standing(&mut self, db: Db) -> (&mut Database, &mut Standing) {
        let standing = &mut self.standing;
        let database = self.databases.entry(db);
        (database.or_insert_with(|| Database::of_no_keys(standing)), standing)
    }

    /// The database, if it has keys that the module knows, and the standing patterns.
    fn known_database_and_standing(&mut self, db: Db) -> (Option<&mut Database>, &Standing) {
        (self.databases.get_mut(&db), &self.standing)
    }

    /// The database, if it has keys that the module knows.
    pub fn known_database_mut(&mut self, db: Db) -> Option<&mut Database> {
        self.databases.get_mut(&db)
    }

    /// The module's own keys that are there.
    pub fn own_keys(&self) -> impl Iterator<Item = (Db, &[u8])> {
        self.own.iter().map(|(db, name)| (*db, &**name))
    }

    /// Whether to find a target's keys every name is looked at, whatever the event.
    pub fn looks_at_all(&self, target: &Target) -> bool {
        let stands = |pattern| self.standing.find(pattern).is_some();
        target.is_open() && !target.standing().is_some_and(stands)
    }

    /// All databases with keys.
    pub fn databases(&self) -> impl Iterator<Item = (Db, &Database)> {
        self.databases.iter().map(|(db, database)| (*db, database))
    }

    /// What may be known and deleted.
    pub fn fence(&self) -> &Fence {
        &self.fence
    }

    /// Sets the bound, and forgets the keys outside. A wider bound asks for a new walk.
    pub fn set_fence(&mut self, fence: Fence) {
        self.fence = fence;
        for database in self.databases.values_mut() {
            let outside: Vec<Vec<u8>> = database
                .keys
                .iter()
                .filter(|(_, name)| !self.fence.allows(name))
                .map(|(_, name)| name.to_vec())
                .collect();
            for name in outside {
                database.removed(&name);
            }
        }
        self.databases.retain(|_, database| !database.keys.is_empty());
    }

    /// How many keys, tags and (key, tag) pairs are known, over all databases.
    pub fn sizes(&self) -> (usize, usize, usize) {
        self.databases.values().fold((0, 0, 0), |(keys, tags, edges), database| {
            (
                keys + database.keys.len(),
                tags + database.tags.len(),
                edges + database.tags.edge_count(),
            )
        })
    }

    /// The first broken invariant.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn check(&self) -> Result<(), String> {
        for (db, database) in self.databases() {
            let checked = database.check().and_then(|()| database.check_noted(&self.standing));
            checked.map_err(|why| format!("db{}: {why}", db.0))?;
            if database.keys.is_empty() {
                return Err(format!("db{} is empty and still there", db.0));
            }
            if !database.are_fresh_live() {
                return Err(format!("db{} knows how fresh a key is that is not there", db.0));
            }
            if let Some(slot) = database.doomed.slots().find(|slot| !self.jobs.has(*slot)) {
                return Err(format!("db{} holds keys of job {slot}, which is none", db.0));
            }
            if database.keys.iter().any(|(_, name)| !self.fence.allows(name)) {
                return Err(format!("db{} holds a key outside the fence", db.0));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use change::Change;

    fn tagged(state: &mut State, db: Db, name: &[u8], tag: &[u8]) {
        state.told(Change::Created, db, name);
        state.database_mut(db).set_tags(name, [tag].into_iter()).unwrap();
    }

    #[test]
    fn keys_outside_the_fence_are_not_known() {
        let mut state = State::default();
        tagged(&mut state, Db(0), b"a:1", b"t");
        tagged(&mut state, Db(0), b"b:1", b"t");
        state.set_fence(Fence::parse("a:").unwrap());
        assert_eq!(state.sizes(), (1, 1, 1));
        state.told(Change::Created, Db(0), b"b:2");
        state.told(Change::Loaded, Db(0), b"inval:warm");
        state.told(Change::Arrived, Db(0), b"b:3");
        assert_eq!(state.sizes(), (1, 1, 1));
        assert_eq!(state.check(), Ok(()));
    }
}
