//! Data and decisions: no Redis, no I/O, no clock, no randomness.
//!
//! [`State`] is all that the module knows. It learns of the keyspace through
//! [`State::notice`] and nothing else; what it holds is a hint that may name a dead key (the
//! server checks again when it deletes) and must never miss a live one.

pub mod change;
pub mod condition;
pub mod database;
pub mod error;
pub mod fence;
pub mod glob;
mod key_order;
pub mod key_table;
#[cfg(test)]
mod naive_glob;
pub mod name;
pub mod outcome;
pub mod pattern;
pub mod payload;
pub mod plan;
pub mod request;
pub mod rule;
pub mod rule_document;
pub mod rule_table;
pub mod snapshot;
pub mod stats;
pub mod tag_cursor;
pub mod tag_store;
pub mod template;
mod varint;

use std::collections::BTreeMap;

use change::Change;
use database::Database;
use fence::Fence;
use name::Db;
use rule::Rule;
use rule_table::RuleTable;
use snapshot::{FileDigests, Snapshot};
use stats::Stats;

/// What the module knows, and the invariants that join its parts.
///
/// Always true: a key outside the fence is in no database; a database without keys does not
/// exist.
#[derive(Debug, Default)]
pub struct State {
    databases: BTreeMap<Db, Database>,
    /// The rules, server-wide.
    pub rules: RuleTable,
    /// The rules that files held when the module was loaded, each with its digest.
    file_rules: Vec<(Rule, u64)>,
    /// What of the files is in `rules` already, changed or deleted since or not.
    pub files: FileDigests,
    /// What happened so far.
    pub stats: Stats,
    /// The bound of what may be known and deleted.
    fence: Fence,
    /// How much of the keyspace is known.
    pub index: IndexProgress,
    /// Tags on their way from one name or database to another: RENAME and MOVE notify twice.
    travelling: Vec<Vec<u8>>,
    /// Whether the data that is or was last being loaded comes from a primary.
    loads_from_primary: bool,
    /// Names that went by expiry while somebody deletes and wants to know.
    expired: Option<Vec<Box<[u8]>>>,
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
        self.databases.entry(db).or_default()
    }

    /// The database, if it has keys that the module knows.
    pub fn known_database_mut(&mut self, db: Db) -> Option<&mut Database> {
        self.databases.get_mut(&db)
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
                .ids()
                .map(|id| database.keys.name(id))
                .filter(|name| !self.fence.allows(name))
                .map(<[u8]>::to_vec)
                .collect();
            for name in outside {
                database.removed(&name);
            }
        }
        self.databases.retain(|_, database| !database.keys.is_empty());
    }

    /// Takes a change of the keyspace in.
    pub fn notice(&mut self, change: Change, db: Db, name: &[u8]) {
        match change {
            Change::Created => {
                if self.fence.allows(name) {
                    self.database_mut(db).created(name);
                }
            }
            Change::Loaded => self.seen(db, name),
            Change::Deleted | Change::Evicted => self.removed(db, name),
            Change::Expired => {
                if let Some(expired) = &mut self.expired {
                    expired.push(name.into());
                }
                self.removed(db, name);
            }
            Change::Left => {
                self.travelling = self
                    .databases
                    .get(&db)
                    .map(|database| database.tags_of(name))
                    .unwrap_or_default();
                self.removed(db, name);
            }
            Change::Arrived => {
                let tags = std::mem::take(&mut self.travelling);
                if self.fence.allows(name) {
                    let database = self.database_mut(db);
                    database.seen(name);
                    database.set_tags(name, tags.iter().map(Vec::as_slice));
                }
            }
        }
    }

    /// A key was found to be there.
    pub fn seen(&mut self, db: Db, name: &[u8]) {
        if self.fence.allows(name) {
            self.database_mut(db).seen(name);
        }
    }

    fn removed(&mut self, db: Db, name: &[u8]) {
        let Some(database) = self.databases.get_mut(&db) else { return };
        database.removed(name);
        if database.keys.is_empty() {
            self.databases.remove(&db);
        }
    }

    /// All keys of one database, or of all, are gone.
    pub fn flushed(&mut self, db: Option<Db>) {
        match db {
            Some(db) => {
                self.databases.remove(&db);
            }
            None => self.databases.clear(),
        }
    }

    /// Two databases changed places.
    pub fn swapped(&mut self, first: Db, second: Db) {
        let (a, b) = (self.databases.remove(&first), self.databases.remove(&second));
        self.databases.extend(a.map(|database| (second, database)));
        self.databases.extend(b.map(|database| (first, database)));
    }

    /// From here on, expired names are written down.
    pub fn begin_deletion(&mut self) {
        self.expired = Some(vec![]);
    }

    /// The names that expired since [`State::begin_deletion`].
    pub fn end_deletion(&mut self) -> Vec<Box<[u8]>> {
        self.expired.take().unwrap_or_default()
    }

    /// Takes the rules of files in.
    pub fn set_file_rules(&mut self, rules: Vec<Rule>) {
        let digested = rules.into_iter().map(|rule| {
            let digest = snapshot::digest(&rule);
            (rule, digest)
        });
        self.file_rules = digested.collect();
        self.use_file_rules();
    }

    /// The data is about to be loaded: what was known of rules is forgotten, except what files
    /// say, which holds until a snapshot or a command says otherwise. From a primary comes
    /// everything, so files say nothing.
    pub fn begin_load(&mut self, from_primary: bool) {
        self.travelling.clear();
        self.loads_from_primary = from_primary;
        self.rules = RuleTable::default();
        self.files.clear();
        if !from_primary {
            self.use_file_rules();
        }
    }

    /// Takes a snapshot in, after its keys. With `files_count`, a rule whose file has changed
    /// since the snapshot is taken from the file; one whose file is the same is left as it was
    /// in the snapshot: changed, switched off or deleted.
    pub fn restore(&mut self, snapshot: Snapshot, files_count: bool) {
        snapshot.for_each_key(|db, key, tags| {
            if let Some(database) = self.databases.get_mut(&db) {
                database.set_tags(key, tags.iter().copied());
            }
        });
        self.rules = RuleTable::default();
        snapshot.rules.into_iter().for_each(|rule| self.rules.set(rule));
        self.files = snapshot.files;
        if files_count && !self.loads_from_primary {
            self.merge_files();
        }
    }

    /// Takes over the rules whose files have changed since `files` was written.
    pub fn merge_files(&mut self) {
        let seen = std::mem::take(&mut self.files);
        for (rule, digest) in &self.file_rules {
            if seen.get(&rule.name) != Some(digest) {
                self.rules.set(rule.clone());
            }
            self.files.insert(rule.name.clone(), *digest);
        }
    }

    /// All rules as a document that `INVAL.RULE LOAD` reads, with what was read from files.
    pub fn rule_document(&self) -> String {
        rule_document::to_json_with_files(self.rules.iter(), &self.files)
    }

    /// Whether a snapshot without the state would lose something.
    pub fn has_anything_to_save(&self) -> bool {
        !self.rules.is_empty() || !self.files.is_empty() || self.sizes().2 > 0
    }

    fn use_file_rules(&mut self) {
        for (rule, digest) in &self.file_rules {
            self.rules.set(rule.clone());
            self.files.insert(rule.name.clone(), *digest);
        }
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
            database.check().map_err(|why| format!("db{}: {why}", db.0))?;
            if database.keys.is_empty() {
                return Err(format!("db{} is empty and still there", db.0));
            }
            if database.keys.ids().any(|id| !self.fence.allows(database.keys.name(id))) {
                return Err(format!("db{} holds a key outside the fence", db.0));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(state: &mut State, db: Db, name: &[u8], tag: &[u8]) {
        state.notice(Change::Created, db, name);
        state.database_mut(db).set_tags(name, [tag].into_iter()).unwrap();
    }

    fn tags(state: &State, db: Db, name: &[u8]) -> Option<Vec<Vec<u8>>> {
        let database = state.database(db)?;
        database.keys.find(name)?;
        Some(database.tags_of(name))
    }

    #[test]
    fn tags_follow_rename_and_move() {
        let (mut state, a, b) = (State::default(), Db(0), Db(3));
        tagged(&mut state, a, b"src", b"t");
        tagged(&mut state, a, b"dst", b"old");
        // What RENAME onto an existing key tells, in the server's order.
        for (event, name) in
            [(&b"new"[..], &b"dst"[..]), (b"rename_from", b"src"), (b"rename_to", b"dst")]
        {
            state.notice(Change::from_event(event).unwrap(), a, name);
        }
        assert_eq!(tags(&state, a, b"src"), None);
        assert_eq!(tags(&state, a, b"dst"), Some(vec![b"t".to_vec()]));
        for (event, db) in [(&b"new"[..], b), (b"move_from", a), (b"move_to", b)] {
            state.notice(Change::from_event(event).unwrap(), db, b"dst");
        }
        assert_eq!(tags(&state, b, b"dst"), Some(vec![b"t".to_vec()]));
        assert!(state.database(a).is_none());
        assert_eq!(state.check(), Ok(()));
    }

    #[test]
    fn flush_swap_and_the_last_key_leave_nothing() {
        let mut state = State::default();
        tagged(&mut state, Db(0), b"a", b"t");
        tagged(&mut state, Db(1), b"b", b"t");
        state.swapped(Db(0), Db(1));
        assert_eq!(tags(&state, Db(1), b"a"), Some(vec![b"t".to_vec()]));
        state.swapped(Db(1), Db(7));
        assert_eq!(tags(&state, Db(7), b"a"), Some(vec![b"t".to_vec()]));
        assert_eq!(state.sizes(), (2, 2, 2));
        state.flushed(Some(Db(7)));
        assert_eq!(state.sizes(), (1, 1, 1));
        state.notice(Change::Expired, Db(0), b"b");
        assert_eq!(state.sizes(), (0, 0, 0));
        tagged(&mut state, Db(2), b"c", b"t");
        state.flushed(None);
        assert_eq!(state.sizes(), (0, 0, 0));
    }

    #[test]
    fn keys_outside_the_fence_are_not_known() {
        let mut state = State::default();
        tagged(&mut state, Db(0), b"a:1", b"t");
        tagged(&mut state, Db(0), b"b:1", b"t");
        state.set_fence(Fence::parse("a:").unwrap());
        assert_eq!(state.sizes(), (1, 1, 1));
        state.notice(Change::Created, Db(0), b"b:2");
        state.notice(Change::Loaded, Db(0), b"inval:warm");
        state.notice(Change::Arrived, Db(0), b"b:3");
        assert_eq!(state.sizes(), (1, 1, 1));
        assert_eq!(state.check(), Ok(()));
    }

    #[test]
    fn a_changed_file_wins_over_a_snapshot_and_an_unchanged_one_does_not() {
        let rule = |name: &str, tag: &str| {
            let json = format!(r#"{{"eventType":"e","tags":["{tag}"]}}"#);
            rule_document::parse_one(json.as_bytes(), Some(name)).unwrap()
        };
        let shown = |state: &State| {
            let text = |rule: &Rule| format!("{}:{}", rule.name, rule.targets[0].template.source());
            state.rules.iter().map(text).collect::<Vec<_>>().join(" ")
        };
        let mut before = State::default();
        before.set_file_rules(vec![rule("a", "1"), rule("b", "1"), rule("c", "1")]);
        before.rules.set(rule("b", "changed"));
        before.rules.remove("c");
        before.rules.set(rule("run-time", "1"));
        let snapshot = || {
            let mut decoder = snapshot::Decoder::default();
            let mut read = None;
            snapshot::encode(&before, |chunk| read = decoder.feed(chunk).unwrap());
            read.unwrap()
        };
        let mut after = State::default();
        after.set_file_rules(vec![rule("a", "2"), rule("b", "1"), rule("c", "1"), rule("d", "1")]);
        after.begin_load(false);
        assert_eq!(shown(&after), "a:2 b:1 c:1 d:1");
        after.restore(snapshot(), true);
        assert_eq!(shown(&after), "a:2 b:changed d:1 run-time:1");
        // A replica is what its primary is, whatever its files say.
        after.begin_load(true);
        assert_eq!(shown(&after), "");
        after.restore(snapshot(), false);
        assert_eq!(shown(&after), "a:1 b:changed run-time:1");
        assert_eq!(after.files, before.files);
    }

    #[test]
    fn other_events_change_nothing() {
        for event in ["set", "expire", "lpop", "hdel", "restore", "copy_to", "keymiss", "\u{e9}"] {
            assert_eq!(Change::from_event(event.as_bytes()), None, "{event}");
        }
    }
}
