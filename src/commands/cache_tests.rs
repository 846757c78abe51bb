//! `INVAL.FETCH` and `INVAL.FILL` on a server in memory.

use crate::commands::fake::World;
use crate::commands::reply::Reply;
use crate::domain::name::Db;

fn words(reply: Result<Reply, String>) -> Vec<String> {
    let Ok(Reply::Array(items)) = reply else { panic!("{reply:?} is no list") };
    let text = |item: Reply| match item {
        Reply::Simple(text) => text.into_owned(),
        Reply::Bulk(bytes) => String::from_utf8(bytes).unwrap(),
        other => panic!("{other:?}"),
    };
    items.into_iter().map(text).collect()
}

#[test]
fn a_miss_is_filled_once_and_then_hit() {
    let mut world = World::default();
    assert_eq!(words(world.run("INVAL.FETCH k")), ["miss", "0000000000000001"]);
    assert_eq!(words(world.run("INVAL.FETCH k")), ["busy"]);
    let fill = "INVAL.FILL k v TOKEN 0000000000000001 PX 5 TAGS 2 a b";
    assert_eq!(words(world.run(fill)), ["filled"]);
    assert_eq!(world.fake.until, Some(1_700_000_000_005));
    assert_eq!(world.fake.replicated, ["TAG.SET k a b"]);
    assert_eq!(words(world.run("INVAL.FETCH k")), ["hit", "v"]);
    assert_eq!(words(world.run(fill))[0], "refused");
    let tags = world.shared.with(|state| state.tags_of(Db(0), b"k"));
    assert_eq!(tags, [b"a".to_vec(), b"b".to_vec()]);
    // Without a token a fill is a SET, and keeps the tags of a key that is there.
    assert_eq!(words(world.run("INVAL.FILL k w EXAT 1800000000")), ["filled"]);
    assert_eq!(world.fake.until, Some(1_800_000_000_000));
    assert_eq!(world.shared.with(|state| state.tags_of(Db(0), b"k").len()), 2);
}

/// Whatever names the key voids the token, though there is no such key.
#[test]
fn a_fill_after_an_invalidation_is_refused() {
    let lines = [
        ("INVAL.PURGE KEYS 1 user:1", "the key was invalidated since"),
        ("INVAL.PURGE GLOB us*r:?", "the key was invalidated since"),
        ("INVAL.PURGE PREFIX user: ASYNC", "the key was invalidated since"),
        ("INVAL.PURGE REGEX ^user", "the key was invalidated since"),
        ("INVAL.EVENT moved {\"id\":1}", "the key was invalidated since"),
        ("INVAL.PURGE TAGS 1 team", "the tag 'team' was purged since"),
        ("INVAL.PURGE TAGS ALL 2 team x", "the tag 'team' was purged since"),
        ("INVAL.FILL user:1 newer", "the key was written since"),
    ];
    for (line, why) in lines {
        let mut world = World::default();
        world.run("INVAL.RULE ADD r ON moved KEYS 1 user:{id}").unwrap();
        let token = words(world.run("INVAL.FETCH user:1"))[1].clone();
        world.run(line).unwrap();
        let fill = format!("INVAL.FILL user:1 stale TOKEN {token} TAGS 2 team x");
        assert_eq!(words(world.run(&fill)), ["refused", why], "{line}");
        assert_ne!(world.fake.values.get(&b"user:1"[..]), Some(&b"stale".to_vec()), "{line}");
        assert_eq!(world.shared.with(|state| state.stats.cache.refused), 1);
    }
    for line in [
        "INVAL.PURGE KEYS 1 user:1 DRYRUN",
        "INVAL.PURGE KEYS 1 user:2",
        "INVAL.PURGE TAGS 1 other",
    ] {
        let mut world = World::default();
        let token = words(world.run("INVAL.FETCH user:1"))[1].clone();
        world.run(line).unwrap();
        let fill = format!("INVAL.FILL user:1 good TOKEN {token} TAGS 1 team");
        assert_eq!(words(world.run(&fill)), ["filled"], "{line}");
    }
}

#[test]
fn a_key_that_a_job_will_delete_is_missed_and_a_fill_saves_it() {
    let mut world = World::with_keys(&["a", "b"]);
    world.run("INVAL.PURGE PREFIX a ASYNC").unwrap();
    let token = words(world.run("INVAL.FETCH a"))[1].clone();
    assert_eq!(words(world.run(&format!("INVAL.FILL a new TOKEN {token}"))), ["filled"]);
    while world.slice(1) {}
    assert_eq!(world.keys(), ["a", "b"]);
    world.run("INVAL.PURGE PREFIX b ASYNC").unwrap();
    let token = words(world.run("INVAL.FETCH b"))[1].clone();
    while world.slice(1) {}
    assert_eq!(world.keys(), ["a"]);
    // What the job deleted was older than the token.
    assert_eq!(words(world.run(&format!("INVAL.FILL b new TOKEN {token}"))), ["filled"]);
}

#[test]
fn readers_wait_in_order_and_the_first_inherits() {
    let mut world = World::default();
    let token = words(world.run("INVAL.FETCH k"))[1].clone();
    let line = "INVAL.FETCH k WAIT 100";
    for _ in 0..3 {
        assert_eq!(world.run(line), Ok(Reply::Later));
    }
    assert_eq!(world.told(line), []);
    world.run("INVAL.PURGE KEYS 1 k").unwrap();
    let told = |world: &mut World| -> Vec<(u64, Vec<String>)> {
        world.told(line).into_iter().map(|(waiter, reply)| (waiter, words(Ok(reply)))).collect()
    };
    let first = told(&mut world);
    assert_eq!((first.len(), first[0].0, &*first[0].1[0]), (1, 1, "miss"));
    assert_eq!(words(world.run(&format!("INVAL.FILL k old TOKEN {token}")))[0], "refused");
    // A fill that the server refuses leaves the right to the next.
    world.fake.refuses = Some("OOM");
    world.run(&format!("INVAL.FILL k v TOKEN {}", first[0].1[1])).unwrap_err();
    world.fake.refuses = None;
    let second = told(&mut world);
    assert_eq!((second.len(), second[0].0, &*second[0].1[0]), (1, 2, "miss"));
    assert_eq!(world.run(line), Ok(Reply::Later));
    world.run(&format!("INVAL.FILL k v TOKEN {}", second[0].1[1])).unwrap();
    let hit = || vec!["hit".to_owned(), "v".to_owned()];
    assert_eq!(told(&mut world), [(3, hit()), (4, hit())]);
    assert_eq!(told(&mut world), []);
    world.run("INVAL.PURGE KEYS 1 k").unwrap();
    world.run("INVAL.FETCH k").unwrap();
    world.fake.may_not_wait = true;
    assert_eq!(words(world.run(line)), ["busy"]);
    let counted = world.shared.with(|state| (state.stats.fetch_waits, state.stats.cache.busy));
    assert_eq!(counted, (4, 1));
}

#[test]
fn nothing_is_filled_on_a_replica_and_errors_say_what() {
    let mut world = World::default();
    world.fake.may_not_write = true;
    assert_eq!(words(world.run("INVAL.FETCH k")), ["miss"]);
    world.fake.may_not_write = false;
    for (line, error) in [
        ("INVAL.FETCH inval:warm", "ERR key 'inval:warm' belongs to the module"),
        ("INVAL.FILL inval:warm v", "ERR key 'inval:warm' belongs to the module"),
        ("INVAL.FILL k v TOKEN 12", "ERR token '12' is not one that INVAL.FETCH gave"),
        ("INVAL.FILL k v TOKEN 000000000000000g", "ERR token '000000000000000g' is not"),
        ("INVAL.FILL k v EX 0", "ERR EX 0 is no time to live"),
        ("INVAL.FILL k v EX 1 PX 1", "ERR "),
        ("INVAL.FILL k v TAGS 0", "ERR "),
        ("INVAL.FILL k", "ERR missing value"),
        ("INVAL.FETCH k k", "ERR unexpected argument 'k'"),
        ("INVAL.FETCH k WAIT", "ERR missing time to wait"),
        ("INVAL.FETCH k WAIT 0", "ERR WAIT 0 is not from 1 to 3600000"),
        ("INVAL.FETCH k WAIT 1 WAIT 1", "ERR unexpected argument 'WAIT'"),
    ] {
        let found = world.run(line).unwrap_err();
        assert!(found.starts_with(error), "{line}: {found}");
    }
    world.fake.refuses = Some("OOM");
    assert_eq!(world.run("INVAL.FILL k v").unwrap_err(), "ERR the server refused SET: OOM");
}

/// A world with a value, and the time that passes in it.
fn filled(line: &str) -> World {
    let mut world = World::default();
    world.run("INVAL.RULE SET r {\"eventType\":\"e\",\"cacheKeys\":[\"k*\"],\"soft\":50}").unwrap();
    assert_eq!(words(world.run(line)), ["filled"]);
    world
}

#[test]
fn a_soft_invalidation_leaves_the_value_readable_and_one_refreshes_it() {
    for line in [
        "INVAL.PURGE KEYS 1 k SOFT 50",
        "INVAL.PURGE PREFIX k SOFT 50",
        "INVAL.PURGE TAGS 1 t SOFT 50",
        "INVAL.EVENT e",
        "INVAL.EVENT e {} ASYNC",
        "INVAL.EVENT e {} SOFT 50",
    ] {
        let mut world = filled("INVAL.FILL k v TAGS 1 t");
        let given = words(world.run("INVAL.FETCH other"));
        let reply = world.run(line).unwrap();
        let counts = ["matched", "deleted", "marked", "absent"].map(|name| reply.int(name));
        assert_eq!(counts, [1, 0, 1, 0], "{line}");
        assert_eq!(world.fake.until, Some(1_700_000_000_050), "{line}");
        assert!(world.fake.replicated.contains(&"INVAL._FRESH 0 0 KEYS k".to_owned()), "{line}");
        assert!(world.fake.hears_overwrites);
        let first = words(world.run("INVAL.FETCH k"));
        assert_eq!((first.len(), &first[..2]), (3, &["stale".to_owned(), "v".to_owned()][..]));
        assert_eq!(words(world.run("INVAL.FETCH k WAIT 10")), ["stale", "v"], "{line}");
        assert_eq!(words(world.run(&format!("INVAL.FILL k w TOKEN {}", first[2]))), ["filled"]);
        assert_eq!(words(world.run("INVAL.FETCH k")), ["hit", "w"], "{line}");
        assert_eq!(words(world.run(&format!("INVAL.FILL other w TOKEN {}", given[1]))), ["filled"]);
        let stats = world.shared.with(|state| state.stats.clone());
        assert_eq!((stats.all.keys.marked, stats.all.keys.deleted, stats.cache.stale), (1, 0, 2));
    }
}

#[test]
fn whatever_makes_a_stale_value_staler_voids_the_token_to_refresh_it() {
    for line in [
        "INVAL.PURGE KEYS 1 k",
        "INVAL.PURGE KEYS 1 k SOFT 50",
        "INVAL.PURGE TAGS 1 t SOFT 50",
        "INVAL.PURGE TAGS 1 t",
        "INVAL.PURGE TAGS 1 t ASYNC",
        "INVAL.FILL k newer",
    ] {
        let mut world = filled("INVAL.FILL k v TAGS 1 t");
        world.run("INVAL.PURGE PREFIX k SOFT 50").unwrap();
        let token = words(world.run("INVAL.FETCH k"))[2].clone();
        world.run(line).unwrap();
        let fill = format!("INVAL.FILL k old TOKEN {token}");
        assert_eq!(words(world.run(&fill))[0], "refused", "{line}");
    }
}

#[test]
fn of_a_soft_and_a_hard_rule_the_hard_one_counts() {
    for options in ["", " ASYNC"] {
        let mut world = filled("INVAL.FILL k v");
        for key in ["k1", "k2", "x"] {
            world.run(&format!("INVAL.FILL {key} v")).unwrap();
        }
        world.run("INVAL.RULE ADD hard ON e KEYS 1 k1 WARM PRIORITY low").unwrap();
        world.run("INVAL.RULE ADD shorter ON e KEYS 1 k2 SOFT 7 WARM PRIORITY low").unwrap();
        world.fake.warm.max_entries = 10;
        world.fake.denied.insert(b"k2".to_vec());
        let line = format!("INVAL.EVENT e {{}} KEYS{options}");
        assert!(world.run(&line).unwrap_err().starts_with("NOPERM"), "{line}");
        assert_eq!(world.keys(), ["k", "k1", "k2", "x"]);
        assert_eq!(words(world.run("INVAL.FETCH k1")), ["hit", "v"]);
        world.fake.denied.clear();
        let reply = world.run(&line).unwrap();
        assert_eq!((reply.int("matched"), reply.int("marked")), (3, 2), "{line}");
        // The last one marked is k2, for the shorter of its two times.
        assert_eq!(world.fake.until, Some(1_700_000_000_007), "{line}");
        while world.slice(1) {}
        assert_eq!(world.keys(), ["k", "k2", "x"]);
        assert_eq!(words(world.run("INVAL.FETCH k2"))[0], "stale");
        let mut warmed = world.fake.warmed.clone();
        warmed.sort();
        assert_eq!(warmed, ["k1 hard e low {}", "k2 shorter e low {}"], "{line}");
        let keys = world.shared.with(|state| state.stats.all.keys);
        assert_eq!((keys.matched, keys.deleted, keys.marked), (3, 1, 2), "{line}");
    }
}

#[test]
fn a_hard_rule_counts_whichever_comes_first() {
    let mut world = filled("INVAL.FILL k v");
    world.run("INVAL.FILL stays v").unwrap();
    world.run("INVAL.RULE ADD hard ON e KEYS 1 k PRIORITY high").unwrap();
    let reply = world.run("INVAL.EVENT e").unwrap();
    assert_eq!((reply.int("deleted"), reply.int("marked")), (1, 0));
}

#[test]
fn a_key_that_is_gone_is_not_known_to_be_stale() {
    let mut world = filled("INVAL.FILL k v");
    world.run("INVAL.FILL stays v").unwrap();
    world.run("INVAL.PURGE KEYS 2 k stays SOFT 50").unwrap();
    world.run("INVAL.PURGE KEYS 1 k").unwrap();
    assert_eq!(world.shared.with(|state| state.freshness_count()), 1);
    // What a job is about to delete is not deleted at once for a purge that deletes nothing.
    world.run("INVAL.PURGE KEYS 1 stays ASYNC").unwrap();
    world.run("INVAL.PURGE KEYS 1 stays SOFT 50").unwrap();
    assert_eq!(world.keys(), ["stays"]);
    while world.slice(1) {}
    assert_eq!(world.shared.with(|state| state.freshness_count()), 0);
}

#[test]
fn a_grace_time_keeps_a_value_beyond_its_time_to_live() {
    let mut world = filled("INVAL.FILL k v PX 100 GRACE 30");
    assert_eq!(world.fake.until, Some(1_700_000_000_130));
    assert_eq!(world.fake.replicated.last().unwrap(), "INVAL._FRESH 1700000000100 0 KEYS k");
    world.fake.now_ms = 99;
    assert_eq!(words(world.run("INVAL.FETCH k")), ["hit", "v"]);
    world.fake.now_ms = 100;
    let first = words(world.run("INVAL.FETCH k"));
    assert_eq!((first.len(), &*first[0]), (3, "stale"));
    assert_eq!(words(world.run("INVAL.FETCH k")), ["stale", "v"]);
    world.fake.may_not_write = true;
    assert_eq!(words(world.run("INVAL.FETCH k")), ["stale", "v"]);
    world.fake.may_not_write = false;
    // A plain write, and a fill without a grace time, are fresh for ever.
    world.run("INVAL.FILL k w").unwrap();
    assert_eq!(words(world.run("INVAL.FETCH k")), ["hit", "w"]);
    assert!(world.shared.with(|state| !state.has_freshness()));
    for (line, error) in [
        ("INVAL.FILL k v GRACE 1", "ERR GRACE for 'k', which lives for ever; give EX, PX, EXAT or"),
        ("INVAL.FILL k v EX 1 GRACE 0", "ERR 0 milliseconds are no time to serve stale values;"),
        ("INVAL.PURGE KEYS 1 k SOFT 0", "ERR 0 milliseconds are no time to serve stale values;"),
        ("INVAL.PURGE KEYS 1 k SOFT 1 ASYNC", "ERR SOFT with ASYNC: nothing is deleted that"),
        ("INVAL._FRESH 0 0 KEYS k", "ERR INVAL._FRESH is for replication alone; use INVAL.PURGE"),
    ] {
        let found = world.run(line).unwrap_err();
        assert!(found.starts_with(error), "{line}: {found}");
    }
}

#[test]
fn a_replica_follows() {
    let mut world = World::with_keys(&["a", "b"]);
    world.fake.is_obeying = true;
    world.run("INVAL._FRESH 0 5 KEYS a nokey").unwrap();
    world.run("INVAL._FRESH 7 5 COPY c").unwrap();
    world.fake.keys.insert(b"c".to_vec());
    world.shared.notice(crate::domain::change::Change::Copied, Db(0), b"c");
    let of = |world: &World, key: &[u8]| world.shared.with(|state| state.freshness_of(Db(0), key));
    assert_eq!(
        of(&world, b"a").map(|fresh| (fresh.stale_from_ms, fresh.computed_ms)),
        Some((0, 5))
    );
    assert_eq!(of(&world, b"c").map(|fresh| fresh.stale_from_ms), Some(7));
    assert_eq!((of(&world, b"b"), of(&world, b"nokey")), (None, None));
    assert_eq!(world.fake.replicated[0], "INVAL._FRESH 0 5 KEYS a nokey");
}

#[test]
fn a_class_says_what_a_fill_does_not_and_counts() {
    let mut world = World::default();
    world.run("INVAL.CLASS SET feed MATCH feed:* TTL 100 JITTER 10 GRACE 3000").unwrap();
    world.run("INVAL.CLASS SET other MATCH o:*").unwrap();
    let now = 1_700_000_000_000_u64;
    world.fake.random = u64::MAX;
    for (line, until, fresh_until) in [
        ("INVAL.FILL feed:1 v", Some(now + 90_000 + 3000), Some(now + 90_000)),
        ("INVAL.FILL feed:1 v EX 7", Some(now + 7000 + 3000), Some(now + 7000)),
        ("INVAL.FILL feed:1 v GRACE 1", Some(now + 90_000 + 1), Some(now + 90_000)),
        ("INVAL.FILL feed:1 v CLASS other", None, None),
        ("INVAL.FILL x v CLASS feed", Some(now + 93_000), Some(now + 90_000)),
        ("INVAL.FILL o:1 v", None, None),
        ("INVAL.FILL x v", None, None),
    ] {
        world.run(line).unwrap();
        let key = line.split(' ').nth(1).unwrap().as_bytes();
        let fresh = world.shared.with(|state| state.freshness_of(Db(0), key));
        assert_eq!(world.fake.until, until, "{line}");
        assert_eq!(fresh.map(|fresh| fresh.stale_from_ms), fresh_until, "{line}");
    }
    world.run("INVAL.FETCH feed:1").unwrap();
    world.run("INVAL.FETCH feed:2").unwrap();
    world.run("INVAL.FETCH feed:2").unwrap();
    world.run("INVAL.PURGE KEYS 1 feed:1 SOFT 5").unwrap();
    world.run("INVAL.FETCH feed:1").unwrap();
    world.run("INVAL.FETCH o:1 CLASS feed").unwrap();
    world.run("INVAL.FILL feed:2 v TOKEN 0123456789abcdef").unwrap();
    let reply = world.run("INVAL.CLASS GET feed").unwrap();
    let counts =
        ["hits", "misses", "stale", "busy", "fills", "refused"].map(|name| reply.int(name));
    assert_eq!(counts, [2, 1, 1, 1, 4, 1]);
    assert_eq!(world.run("INVAL.CLASS GET other").unwrap().int("fills"), 2);
}

#[test]
fn the_slower_and_the_nearer_the_end_the_sooner_one_refreshes_early() {
    let mut world = World::default();
    world.run("INVAL.CLASS SET all MATCH * TTL 10 EARLY 1").unwrap();
    let token = words(world.run("INVAL.FETCH k"))[1].clone();
    // It took a second to compute.
    world.fake.micros.set(world.fake.micros.get() + 1_000_000);
    world.run(&format!("INVAL.FILL k v TOKEN {token}")).unwrap();
    // With this number e^-1 of the readers are chosen a second before the end.
    world.fake.random = (u64::MAX as f64 * 0.36) as u64;
    world.fake.now_ms = 8900;
    assert_eq!(words(world.run("INVAL.FETCH k")), ["hit", "v"]);
    world.fake.now_ms = 9000;
    let chosen = words(world.run("INVAL.FETCH k"));
    assert_eq!((chosen.len(), &*chosen[0]), (3, "stale"));
    // One is enough, and replicas refresh nothing.
    assert_eq!(words(world.run("INVAL.FETCH k")), ["hit", "v"]);
    world.fake.may_not_write = true;
    assert_eq!(words(world.run("INVAL.FETCH k")), ["hit", "v"]);
    // A value that no token was taken for took no time that is known: nothing is early.
    world.fake.may_not_write = false;
    world.run("INVAL.FILL k v").unwrap();
    world.fake.random = 0;
    assert_eq!(words(world.run("INVAL.FETCH k")), ["hit", "v"]);
}

#[test]
fn statistics_say_what_became_of_fetches_and_fills() {
    let mut world = World::default();
    let token = words(world.run("INVAL.FETCH k"))[1].clone();
    world.run("INVAL.FETCH k").unwrap();
    world.run("INVAL.FETCH k WAIT 5").unwrap();
    world.run(&format!("INVAL.FILL k v TOKEN {token} EX 5 GRACE 5")).unwrap();
    world.run(&format!("INVAL.FILL k v TOKEN {token}")).unwrap();
    assert_eq!(world.told("INVAL.FETCH k WAIT 5").len(), 1);
    world.run("INVAL.FETCH k").unwrap();
    world.run("INVAL.FETCH other").unwrap();
    let reply = world.run("INVAL.STATS cache").unwrap();
    let cache = reply.field("cache");
    let names = ["hits", "misses", "busy", "fills", "refused", "waits", "waiters", "tokens"];
    assert_eq!(names.map(|name| cache.int(name)), [2, 2, 1, 1, 1, 1, 0, 1]);
    assert_eq!((cache.int("keys_with_freshness"), cache.int("stale")), (1, 0));
    assert_eq!(cache.field("hit_rate"), &Reply::Double(0.4));
}
