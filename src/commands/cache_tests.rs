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
        assert_eq!(world.shared.with(|state| state.stats.fills_refused), 1);
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
    let counted = world.shared.with(|state| (state.stats.fetch_waits, state.stats.fetch_busy));
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
