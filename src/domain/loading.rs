//! Keys of a snapshot or an append-only file, which the server loads one after the other.
//!
//! Nobody asks for them while they come, so they are taken in some at a time: that is twice as
//! fast as one by one. Whatever else is told, or asked, takes in first what waits.

use super::State;
use super::change::Change;
use super::key_table::TOGETHER;
use super::name::{Db, NameList, OWN_PREFIX};

/// Names that wait, of one database.
#[derive(Debug, Default)]
pub struct Loaded {
    db: Db,
    names: NameList,
}

impl State {
    /// A key was loaded.
    pub(super) fn loaded(&mut self, db: Db, name: &[u8]) {
        if name.starts_with(OWN_PREFIX) {
            return self.notice_own(Change::Loaded, db, name);
        }
        if self.loaded.db != db {
            self.settle_loaded();
            self.loaded.db = db;
        }
        self.loaded.names.push(name);
        if self.loaded.names.len() == TOGETHER {
            self.settle_loaded();
        }
    }

    /// Takes in what was told and waits. To be called before the databases are looked at.
    pub fn settle(&mut self) {
        self.settle_loaded();
        self.settle_deletion();
    }

    fn settle_loaded(&mut self) {
        if self.loaded.names.is_empty() {
            return;
        }
        let Loaded { db, mut names } = std::mem::take(&mut self.loaded);
        if let Some(database) = self.databases.get(&db) {
            database.keys.find_together(names.iter());
        }
        for name in names.iter() {
            self.seen(db, name);
        }
        // The memory of the list serves the next names.
        names.truncate(0);
        self.loaded = Loaded { db, names };
    }
}
