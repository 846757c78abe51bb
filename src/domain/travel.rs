//! Tags on their way: RENAME, MOVE and COPY tell of their two ends apart, or of one only.

use super::doomed::JobSlot;
use super::freshness::Freshness;
use super::name::Db;

/// A key with the tags it had.
pub type Tagged = (Db, Box<[u8]>, Vec<Vec<u8>>);

/// What a key takes along to another name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Luggage {
    /// Its tags.
    pub tags: Vec<Vec<u8>>,
    /// The job that is about to delete it.
    pub job: Option<JobSlot>,
    /// How fresh its value is, where that is known.
    pub fresh: Option<Freshness>,
}

/// Most copies that may be announced and not made: a transaction queues them. Beyond, the
/// oldest are forgotten and counted, and their copies come without tags.
const ANNOUNCED_MAX: usize = 10_000;

/// A COPY that a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The key to copy.
    pub source: Vec<u8>,
    /// The name of the copy.
    pub target: Vec<u8>,
    /// The database of the copy, when the command names one.
    pub db: Option<Db>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Travel {
    /// What left with a key and waits for its arrival.
    pub under_way: Luggage,
    /// The key that was unlinked last.
    pub unlinked: Option<(Db, Box<[u8]>, Luggage)>,
    /// A copy to come, with its tags, as the primary or the append-only file says.
    pub carried: Option<Tagged>,
    /// A copy to come of a key that a job is about to delete, likewise.
    pub carried_job: Option<(Db, Box<[u8]>, JobSlot)>,
    /// How fresh the copy to come is, likewise.
    pub carried_fresh: Option<(Db, Box<[u8]>, Freshness)>,
    /// Whether what is told now happens inside a transaction.
    pub in_transaction: bool,
    announced: Vec<Announced>,
    /// Copies that were forgotten for want of room.
    pub forgotten: u64,
}

impl Travel {
    /// A client asks for a copy, to be made at once or queued in a transaction.
    pub fn announce(&mut self, copy: Announced) {
        if self.announced.len() >= ANNOUNCED_MAX {
            self.announced.remove(0);
            self.forgotten += 1;
        }
        self.announced.push(copy);
    }

    /// No transaction is open: what was announced has been made, or has failed.
    pub fn settle(&mut self) {
        self.announced = Vec::new();
    }

    /// The keys that the copy at `target` may be a copy of; the database when it is known.
    /// Outside transactions that is what was announced last, which is made now; inside one,
    /// all that were, for a transaction may copy onto one name more than once.
    pub fn sources_of(&mut self, db: Db, target: &[u8]) -> Vec<(Option<Db>, Vec<u8>)> {
        let onto = |copy: &Announced| copy.target == target && copy.db.is_none_or(|to| to == db);
        let source = |copy: &Announced| {
            // With a database named, the source may be in any: the client's is not told.
            let from = if copy.db.is_none() { Some(db) } else { None };
            (from, copy.source.clone())
        };
        if self.in_transaction {
            return self.announced.iter().filter(|copy| onto(copy)).map(source).collect();
        }
        let last = self.announced.iter().rposition(onto);
        last.map(|at| source(&self.announced.remove(at))).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(source: &str, target: &str, db: Option<u32>) -> Announced {
        Announced { source: source.into(), target: target.into(), db: db.map(Db) }
    }

    #[test]
    fn outside_transactions_the_last_copy_counts_once() {
        let mut travel = Travel::default();
        for (from, to) in [("a", "x"), ("b", "x"), ("c", "y")] {
            travel.announce(copy(from, to, None));
        }
        assert_eq!(travel.sources_of(Db(0), b"x"), [(Some(Db(0)), b"b".to_vec())]);
        assert_eq!(travel.sources_of(Db(0), b"x"), [(Some(Db(0)), b"a".to_vec())]);
        travel.settle();
        assert_eq!(travel.sources_of(Db(0), b"y"), []);
    }

    #[test]
    fn inside_transactions_all_count() {
        let mut travel = Travel { in_transaction: true, ..Travel::default() };
        travel.announce(copy("a", "x", None));
        travel.announce(copy("b", "x", Some(5)));
        travel.announce(copy("c", "x", Some(6)));
        for _ in 0..2 {
            let expected = [(Some(Db(5)), b"a".to_vec()), (None, b"b".to_vec())];
            assert_eq!(travel.sources_of(Db(5), b"x"), expected);
        }
    }

    #[test]
    fn announcements_are_bounded() {
        let mut travel = Travel::default();
        for at in 0..ANNOUNCED_MAX + 3 {
            travel.announce(copy("a", &at.to_string(), None));
        }
        assert_eq!((travel.announced.len(), travel.forgotten), (ANNOUNCED_MAX, 3));
        assert!(travel.sources_of(Db(0), b"0").is_empty());
    }
}
