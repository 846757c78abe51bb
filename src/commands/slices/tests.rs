//! `ASYNC` and `INVAL.JOBS` on the fake server.

use crate::commands::fake::World;
use crate::commands::reply::Reply;
use crate::domain::change::Change;
use crate::domain::name::Db;

/// A world with tagged keys.
fn tagged(names: &[&str]) -> World {
    let mut world = World::with_keys(names);
    for name in names {
        world.run(&format!("TAG.SET {name} t of:{name}")).unwrap();
    }
    world.fake.replicated.clear();
    world
}

fn job(world: &mut World, id: i64) -> Reply {
    world.run(&format!("INVAL.JOBS {id}")).unwrap()
}

fn counts(reply: &Reply) -> [i64; 4] {
    ["planned", "deleted", "absent", "remaining"].map(|name| reply.int(name))
}

fn many(count: usize) -> Vec<String> {
    (0..count).map(|at| format!("k{at:04}")).collect()
}

#[test]
fn the_plan_is_gone_for_the_module_at_once_and_for_the_server_in_slices() {
    let names = many(250);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = tagged(&names);
    world.create(b"other");
    world.run("TAG.SET other t2").unwrap();
    let reply = world.run("INVAL.PURGE TAGS 1 t ASYNC").unwrap();
    assert_eq!((reply.int("job"), reply.int("matched"), reply.int("deleted")), (1, 250, 0));
    assert_eq!((world.keys().len(), world.fake.slices_begun), (251, 1));
    let text = |world: &mut World, line: &str| world.run(line).unwrap().texts();
    for line in ["TAG.GET k0007", "TAG.KEYS t", "TAG.KEYS of:k0007 COUNT 10", "TAG.LIST MATCH of*"]
    {
        let reply = world.run(line).unwrap();
        let empty =
            [Reply::Array(vec![]), Reply::Array(vec![Reply::bulk("0"), Reply::Array(vec![])])];
        assert!(empty.contains(&reply), "{line}: {reply:?}");
    }
    assert_eq!(text(&mut world, "TAG.LIST"), ["t2"]);
    for line in ["TAG.CARD t", "TAG.SET k0007 new", "TAG.ADD k0007 new", "TAG.REM k0007 t"] {
        assert_eq!(world.run(line), Ok(Reply::Int(0)), "{line}");
    }
    for line in ["INVAL.PURGE GLOB k* DRYRUN", "INVAL.EXPLAIN PURGE KEYS 1 k0007"] {
        assert_eq!(world.run(line).unwrap().int("matched"), 0, "{line}");
    }
    assert_eq!(counts(&job(&mut world, 1)), [250, 0, 0, 250]);

    // A slice ends when its time is up: after each hundred names.
    assert!(world.slice(1));
    assert_eq!(counts(&job(&mut world, 1)), [250, 100, 0, 150]);
    assert_eq!(job(&mut world, 1).int("percent"), 40);
    assert!(world.slice(1) && world.slice(1) && !world.slice(1));
    assert_eq!(world.keys(), ["other"]);
    let done = job(&mut world, 1);
    assert_eq!(done.field("state"), &Reply::text("done"));
    assert_eq!(done.field("origin"), &Reply::bulk("purge tag t"));
    assert_eq!((counts(&done), done.int("percent")), ([250, 250, 0, 0], 100));
    assert_eq!(
        world.fake.replicated[2..],
        [
            "INVAL._JOB AT 1 100",
            "INVAL._JOB AT 1 200",
            "INVAL._JOB AT 1 250",
            "INVAL._JOB END 1 done 250"
        ]
    );
    let totals = world.run("INVAL.STATS totals").unwrap();
    let totals = totals.field("totals");
    assert_eq!((totals.int("purges"), totals.int("keys_deleted")), (1, 250));
}

#[test]
fn a_key_that_is_written_anew_lives_and_one_that_goes_is_absent() {
    let mut world = tagged(&["a", "b", "c", "d"]);
    world.run("INVAL.PURGE TAGS 1 t ASYNC").unwrap();
    world.shared.notice(Change::Overwritten, Db(0), b"a");
    world.fake.keys.remove(&b"b"[..]);
    world.shared.notice(Change::Deleted, Db(0), b"b");
    world.fake.overdue.insert(b"c".to_vec());
    assert_eq!(world.run("TAG.SET a new"), Ok(Reply::Int(1)));
    assert!(!world.slice(1000));
    assert_eq!(world.keys(), ["a"]);
    assert_eq!(counts(&job(&mut world, 1)), [4, 1, 3, 0]);
    assert_eq!(world.run("TAG.GET a").unwrap().texts(), ["new"]);
    let totals = world.run("INVAL.STATS totals").unwrap();
    let totals = totals.field("totals");
    assert_eq!((totals.int("keys_deleted"), totals.int("keys_absent")), (1, 3));
}

#[test]
fn a_synchronous_purge_deletes_what_waits_at_once() {
    let mut world = tagged(&["a", "b", "c"]);
    world.run("INVAL.PURGE TAGS 1 t ASYNC").unwrap();
    let reply = world.run("INVAL.PURGE KEYS 2 a b").unwrap();
    assert_eq!((reply.int("matched"), world.keys()), (0, vec!["c".to_owned()]));
    assert_eq!(counts(&job(&mut world, 1)), [3, 2, 0, 1]);
    world.run("INVAL.PURGE KEYS 1 c DRYRUN").unwrap();
    world.run("INVAL.PURGE KEYS 1 c LIMIT 1").unwrap();
    world.fake.sync_max_keys = Some(0);
    assert!(world.run("INVAL.PURGE KEYS 1 c").unwrap_err().starts_with("ERR the plan has 1 keys"));
    assert_eq!(world.keys(), ["c"]);
    assert!(!world.slice(1000));
    assert_eq!(counts(&job(&mut world, 1)), [3, 3, 0, 0]);
}

#[test]
fn events_warm_slice_by_slice_for_their_rules() {
    let mut world = World::with_keys(&["a:1", "a:2", "b:1"]);
    world.run("INVAL.RULE ADD cold ON e KEYS 2 a:1 b:* PRIORITY high").unwrap();
    world.run("INVAL.RULE ADD warm ON e KEYS 1 a:* WARM").unwrap();
    let reply = world.run(r#"INVAL.EVENT e {"x":1} ASYNC KEYS"#).unwrap();
    assert_eq!((reply.int("rules"), reply.int("matched")), (2, 3));
    assert_eq!(reply.field("keys").texts(), ["a:1", "b:1", "a:2"]);
    assert!(world.fake.warmed.is_empty());
    assert!(!world.slice(1000));
    assert_eq!(world.fake.warmed, [r#"a:1 warm e medium {"x":1}"#, r#"a:2 warm e medium {"x":1}"#]);
    let rules = world.run("INVAL.STATS rules").unwrap();
    let rules = rules.field("rules");
    assert_eq!(
        (rules.field("cold").int("keys_deleted"), rules.field("warm").int("keys_deleted")),
        (2, 1)
    );
    assert_eq!(job(&mut world, 1).field("origin"), &Reply::bulk("event e"));
}

#[test]
fn a_cancelled_job_leaves_the_rest() {
    let names = many(150);
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut world = tagged(&names);
    world.run("INVAL.PURGE TAGS 1 t ASYNC").unwrap();
    world.slice(1);
    let reply = world.run("INVAL.JOBS CANCEL 1").unwrap();
    assert_eq!(reply.field("state"), &Reply::text("cancelled"));
    assert_eq!(counts(&reply), [150, 100, 0, 50]);
    assert_eq!(world.run("TAG.CARD t"), Ok(Reply::Int(50)));
    assert_eq!(world.fake.replicated.last().unwrap(), "INVAL._JOB END 1 cancelled 100");
    assert!(!world.slice(1000));
    assert_eq!(world.keys().len(), 50);
    let error = world.run("INVAL.JOBS CANCEL 1").unwrap_err();
    assert_eq!(error, "ERR job 1 is cancelled; nothing is left to stop");
    for line in ["INVAL.JOBS 2", "INVAL.JOBS CANCEL 2"] {
        assert!(
            world.run(line).unwrap_err().starts_with("ERR no job 2; INVAL.JOBS lists"),
            "{line}"
        );
    }
    for line in ["INVAL.JOBS x", "INVAL.JOBS CANCEL", "INVAL.JOBS 1 2"] {
        assert!(world.run(line).is_err(), "{line}");
    }
}

#[test]
fn nothing_is_written_where_the_server_may_not() {
    let mut world = tagged(&["a"]);
    world.run("INVAL.PURGE TAGS 1 t ASYNC").unwrap();
    world.fake.may_not_write = true;
    assert!(!world.slice(1000));
    assert_eq!(job(&mut world, 1).field("state"), &Reply::text("waiting"));
    assert!(world.run("INVAL.JOBS CANCEL 1").unwrap_err().contains("replica, or has paused"));
    assert_eq!((world.keys().len(), world.fake.replicated.len()), (1, 1));
    world.fake.may_not_write = false;
    world.fake.refuses = Some("not now");
    assert!(!world.slice(1000));
    assert_eq!(counts(&job(&mut world, 1)), [1, 0, 0, 1]);
    world.fake.refuses = None;
    assert!(!world.slice(1000));
    assert_eq!(counts(&job(&mut world, 1)), [1, 1, 0, 0]);
}

#[test]
fn what_is_refused_marks_nothing() {
    let mut world = tagged(&["a", "b"]);
    world.fake.denied.insert(b"b".to_vec());
    let error = world.run("INVAL.PURGE TAGS 1 t ASYNC").unwrap_err();
    assert!(error.starts_with("NOPERM user 'bob' may not delete key 'b'"), "{error}");
    let error = world.run("INVAL.PURGE TAGS 1 t ASYNC LIMIT 1").unwrap_err();
    assert!(error.contains("LIMIT with ASYNC"), "{error}");
    world.fake.denied.clear();
    let reply = world.run("INVAL.PURGE TAGS 1 t ASYNC DRYRUN").unwrap();
    assert_eq!((reply.int("matched"), reply.int("dryrun")), (2, 1));
    assert_eq!(world.run("INVAL.JOBS"), Ok(Reply::Array(vec![])));
    assert_eq!(world.run("TAG.CARD t"), Ok(Reply::Int(2)));
    let error = world.run("INVAL._JOB LAST 7").unwrap_err();
    assert!(error.contains("for replication alone"), "{error}");
}

#[test]
fn plans_that_are_too_large_are_refused_and_jobs_are_bounded() {
    let mut world = tagged(&["a", "b", "c"]);
    world.fake.sync_max_keys = Some(2);
    let error = world.run("INVAL.PURGE TAGS 1 t").unwrap_err();
    assert_eq!(
        error,
        "ERR the plan has 3 keys, more than inval.sync-max-keys 2; nothing was deleted; add ASYNC to delete them in slices, LIMIT n to delete some, or raise the configuration"
    );
    assert_eq!(world.keys().len(), 3);
    assert_eq!(
        world.run("INVAL.PURGE TAGS 1 t DRYRUN KEYS").unwrap().field("keys").texts().len(),
        3
    );
    assert_eq!(world.run("INVAL.EXPLAIN PURGE TAGS 1 t").unwrap().int("matched"), 3);
    let reply = world.run("INVAL.PURGE TAGS 1 t LIMIT 2").unwrap();
    assert_eq!((reply.int("deleted"), reply.int("left_by_limit")), (2, 1));
    for id in 1..=64 {
        assert_eq!(world.run("INVAL.PURGE TAGS 1 t ASYNC").unwrap().int("job"), id);
    }
    let error = world.run("INVAL.PURGE TAGS 1 t ASYNC").unwrap_err();
    assert!(error.starts_with("ERR 64 jobs are under way"), "{error}");
    while world.slice(1000) {}
    assert!(world.keys().is_empty());
    for _ in 0..50 {
        world.run("INVAL.PURGE TAGS 1 t ASYNC").unwrap();
        world.slice(1000);
    }
    let Reply::Array(jobs) = world.run("INVAL.JOBS").unwrap() else { panic!() };
    assert_eq!((jobs.len(), jobs[0].int("job"), jobs[99].int("job")), (100, 114, 15));
}

#[test]
fn a_replica_follows_and_goes_on_when_it_is_promoted() {
    let mut primary = tagged(&["a", "b"]);
    let mut replica = tagged(&["a", "b"]);
    primary.run(r#"INVAL.RULE ADD r ON e TAGS 1 t WARM DESC x"#).unwrap();
    primary.fake.replicated.clear();
    primary.run(r#"INVAL.EVENT e {} ASYNC"#).unwrap();
    replica.fake.is_obeying = true;
    replica.fake.may_not_write = true;
    let record = primary.fake.last_replicated.clone();
    let words: Vec<&[u8]> = record.iter().map(Vec::as_slice).collect();
    for len in 2..words.len() {
        let error = replica.run_words(&words[..len]).unwrap_err();
        assert!(error.contains("'START' of a job cannot be read"), "{error}");
    }
    replica.run_words(&words).unwrap();
    assert_eq!(replica.fake.last_replicated, record);
    assert_eq!(replica.run("TAG.CARD t"), Ok(Reply::Int(0)));
    // What the primary says of a key counts more than what was concluded here.
    assert_eq!(replica.run("TAG.SET a new"), Ok(Reply::Int(1)));
    assert!(!replica.slice(1000));
    replica.fake.is_obeying = false;
    replica.fake.may_not_write = false;
    assert!(!replica.slice(1000));
    assert_eq!(
        (replica.keys(), counts(&job(&mut replica, 1))),
        (vec!["a".to_owned()], [2, 1, 1, 0])
    );
    assert_eq!(replica.fake.warmed, ["b r e medium {}"]);
}
