//! What happens to whole databases: they are emptied, or change places.

use super::State;
use super::database::Database;
use super::name::Db;

impl State {
    /// All keys of one database, or of all, are gone.
    pub fn flushed(&mut self, db: Option<Db>) {
        let of = |(at, database): (Db, &Database)| match db {
            Some(db) if db != at => 0,
            _ => database.keys.len() as u64,
        };
        let gone = self.databases().map(of).sum();
        self.health.flushed(gone, self.sizes().0 as u64);
        self.tokens.flushed(db);
        self.warming.flushed(db);
        self.evidence.flushed(db);
        match db {
            Some(db) => {
                self.databases.remove(&db);
                self.own.retain(|(of, _)| *of != db);
            }
            None => {
                self.memory.reopen();
                self.databases.clear();
                self.own.clear();
            }
        }
    }

    /// Two databases changed places.
    pub fn swapped(&mut self, first: Db, second: Db) {
        [first, second].into_iter().for_each(|db| self.tokens.flushed(Some(db)));
        self.warming.swapped(first, second);
        self.evidence.swapped(first, second);
        self.batches.swapped(first, second);
        let (a, b) = (self.databases.remove(&first), self.databases.remove(&second));
        self.databases.extend(a.map(|database| (second, database)));
        self.databases.extend(b.map(|database| (first, database)));
        let other = |db: Db| match db {
            db if db == first => second,
            db if db == second => first,
            db => db,
        };
        self.own =
            std::mem::take(&mut self.own).into_iter().map(|(db, name)| (other(db), name)).collect();
    }
}
