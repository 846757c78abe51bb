//! Tags on their way: RENAME, MOVE and COPY tell of their two ends apart, or of one only.

use super::name::Db;

/// A key with the tags it had.
pub type Tagged = (Db, Box<[u8]>, Vec<Vec<u8>>);

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
    /// Tags that left with a key and wait for its arrival.
    pub under_way: Vec<Vec<u8>>,
    /// The key that was unlinked last.
    pub unlinked: Option<Tagged>,
    /// A copy to come, with its tags, as the primary or the append-only file says.
    pub carried: Option<Tagged>,
    announced: Vec<Announced>,
    /// Copies that were forgotten for want of room.
    pub forgotten: u64,
}

impl Travel {
    /// A client asks for a copy. Outside transactions it is made at once, so an older one onto
    /// the same name has failed.
    pub fn announce(&mut self, copy: Announced, in_transaction: bool) {
        if !in_transaction {
            self.announced.retain(|other| other.target != copy.target);
        }
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
    /// Several when a transaction copies onto one name more than once.
    pub fn sources_of(&self, db: Db, target: &[u8]) -> Vec<(Option<Db>, Vec<u8>)> {
        let onto = |copy: &&Announced| copy.target == target && copy.db.is_none_or(|to| to == db);
        let source = |copy: &Announced| {
            // With a database named, the source may be in any: the client's is not told.
            let from = if copy.db.is_none() { Some(db) } else { None };
            (from, copy.source.clone())
        };
        self.announced.iter().filter(onto).map(source).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(source: &str, target: &str, db: Option<u32>) -> Announced {
        Announced { source: source.into(), target: target.into(), db: db.map(Db) }
    }

    #[test]
    fn outside_transactions_the_last_copy_counts() {
        let mut travel = Travel::default();
        travel.announce(copy("a", "x", None), false);
        travel.announce(copy("b", "x", None), false);
        travel.announce(copy("c", "y", None), false);
        assert_eq!(travel.sources_of(Db(0), b"x"), [(Some(Db(0)), b"b".to_vec())]);
        travel.settle();
        assert_eq!(travel.sources_of(Db(0), b"x"), []);
    }

    #[test]
    fn inside_transactions_all_count() {
        let mut travel = Travel::default();
        travel.announce(copy("a", "x", None), true);
        travel.announce(copy("b", "x", Some(5)), true);
        travel.announce(copy("c", "x", Some(6)), true);
        assert_eq!(
            travel.sources_of(Db(5), b"x"),
            [(Some(Db(5)), b"a".to_vec()), (None, b"b".to_vec())]
        );
    }

    #[test]
    fn announcements_are_bounded() {
        let mut travel = Travel::default();
        for at in 0..ANNOUNCED_MAX + 3 {
            travel.announce(copy("a", &at.to_string(), None), true);
        }
        assert_eq!((travel.announced.len(), travel.forgotten), (ANNOUNCED_MAX, 3));
        assert!(travel.sources_of(Db(0), b"0").is_empty());
    }
}
