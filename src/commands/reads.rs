//! Hits and misses of all commands, as `INVAL.STATS` and `INVAL.CLASS` show them.

use super::reply::Reply;
use crate::domain::State;
use crate::domain::reads::Tally;

/// The section `reads`: whether reads are tracked, and what came of them, in total and for each
/// database that something was read in; and the module's own look-ups that the server counts.
pub(super) fn section(state: &State) -> Reply {
    let reads = &state.reads;
    let databases =
        reads.databases().map(|(db, of)| (db.0.to_string().into_bytes().into(), tally(of)));
    let head = [("tracked", Reply::flag(reads.are_tracked()))];
    Reply::map(head.into_iter().chain(fields(&reads.all)))
        .with("databases", Reply::Map(databases.collect()))
        .with("own", tally(&reads.own))
}

/// Hits, misses, and the part of hits in both: null before the first.
pub(super) fn tally(of: &Tally) -> Reply {
    Reply::map(fields(of))
}

fn fields(of: &Tally) -> [(&'static str, Reply); 3] {
    let rate = of.hit_rate().map_or(Reply::Null, Reply::rate);
    [("hits", Reply::count(of.hits())), ("misses", Reply::count(of.misses)), ("hit_rate", rate)]
}

#[cfg(test)]
mod tests {
    use crate::commands::fake::World;
    use crate::commands::reply::Reply;
    use crate::domain::name::Db;

    #[test]
    fn reads_are_shown_in_total_by_database_and_by_class() {
        let mut world = World::default();
        let reads = |world: &mut World| world.run("INVAL.STATS reads").unwrap();
        let section = reads(&mut world);
        let section = section.field("reads");
        assert_eq!((section.int("tracked"), section.field("hit_rate")), (0, &Reply::Null));
        world.run("INVAL.CLASS SET a MATCH a:*").unwrap();
        world.shared.with(|state| {
            state.reads.track(true);
            for (db, key, is_hit) in [(0, "a:1", true), (9, "a:2", true), (9, "b", false)] {
                state.fetched(Db(db), key.as_bytes(), is_hit);
            }
        });
        let section = reads(&mut world);
        let section = section.field("reads");
        let counts = |of: &Reply| (of.int("hits"), of.int("misses"));
        assert_eq!((section.int("tracked"), counts(section)), (1, (2, 1)));
        assert_eq!(section.field("hit_rate"), &Reply::Double(0.6667));
        let databases = section.field("databases");
        assert_eq!(counts(databases.field("0")), (1, 0));
        assert_eq!(counts(databases.field("9")), (1, 1));
        let stats = world.run("INVAL.STATS classes").unwrap();
        assert_eq!(counts(stats.field("classes").field("a").field("reads")), (2, 0));
        let class = world.run("INVAL.CLASS GET a").unwrap();
        assert_eq!(counts(class.field("reads")), (2, 0));
        world.run("INVAL.STATS RESET").unwrap();
        let section = reads(&mut world);
        let section = section.field("reads");
        assert_eq!((section.int("tracked"), counts(section)), (1, (0, 0)));
        assert_eq!(section.field("databases"), &Reply::Map(vec![]));
    }
}
