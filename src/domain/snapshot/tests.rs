//! Snapshots are read as they were written, for ever, or refused.

use super::*;
use crate::domain::change::Change;
use crate::domain::document::DOCUMENT_MAX_BYTES;
use crate::domain::doomed::NO_RULE;
use crate::domain::freshness::Freshness;
use crate::domain::jobs::Head;
use crate::domain::request::{Happened, Origin, PlanRule};
use crate::domain::rule::Priority;
use crate::domain::rule_document::parse_one;
use crate::domain::warm_terms::WarmTerms;
use proptest::prelude::*;

fn chunks(state: &State) -> Vec<Vec<u8>> {
    let mut chunks = vec![];
    encode(state, |chunk| chunks.push(chunk.to_vec()));
    chunks
}

fn decode(chunks: &[Vec<u8>]) -> Result<Snapshot, String> {
    let mut decoder = Decoder::default();
    for (at, chunk) in chunks.iter().enumerate() {
        if let Some(snapshot) = decoder.feed(chunk)? {
            assert_eq!(at + 1, chunks.len());
            return Ok(snapshot);
        }
    }
    Err("no end".to_owned())
}

fn sample() -> State {
    let mut state = State::default();
    for (db, key, tags) in [(0, "a", "x y"), (0, "b", "y"), (0, "c", ""), (3, "a\0\u{e9}", "x z")] {
        state.told(Change::Created, Db(db), key.as_bytes());
        let tags = tags.split(' ').filter(|tag| !tag.is_empty()).map(str::as_bytes);
        state.database_mut(Db(db)).set_tags(key.as_bytes(), tags);
    }
    state.rules.set(parse_one(br#"{"eventType":"e","cacheKeys":["k:{id}"]}"#, Some("r")).unwrap());
    state.files.insert("r".to_owned(), 77);
    state
}

/// The tags of a snapshot as sorted lines.
fn lines(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = vec![];
    snapshot.for_each_part(|db, part| {
        for (key, of) in &part.keys {
            let tags = &part.tags[of.clone()];
            lines.push(format!(
                "{} {} {}",
                db.0,
                key.escape_ascii(),
                tags.join(&b' ').escape_ascii()
            ));
        }
    });
    lines.sort_unstable();
    lines
}

#[test]
fn what_is_written_is_read() {
    let snapshot = decode(&chunks(&sample())).unwrap();
    assert_eq!(lines(&snapshot), ["0 a x y", "0 b y", "3 a\\x00\\xc3\\xa9 x z"]);
    assert_eq!((snapshot.rules.len(), snapshot.files["r"]), (1, 77));
    let empty = decode(&chunks(&State::default())).unwrap();
    assert!(empty.rules.is_empty() && lines(&empty).is_empty());
}

/// The chunks of a file, each after its length.
fn fixture(mut rest: &[u8]) -> Vec<Vec<u8>> {
    let mut chunks = vec![];
    while !rest.is_empty() {
        chunks.push(read_name(&mut rest).unwrap().to_vec());
    }
    chunks
}

#[test]
fn the_bytes_of_version_1_are_read_for_ever() {
    let fixture = include_bytes!("../../../tests/fixtures/snapshot-v1.bin");
    let snapshot = decode(&self::fixture(fixture)).unwrap();
    assert_eq!(lines(&snapshot), ["0 a x y", "0 b y", "3 a\\x00\\xc3\\xa9 x z"]);
    assert_eq!((snapshot.rules[0].name.as_str(), snapshot.files["r"]), ("r", 77));
}

/// A state with two jobs, one of which has come half way.
fn sample_with_jobs() -> State {
    let mut state = sample();
    for (id, event) in [(4, Some("e")), (5, None)] {
        let head = Head {
            origin: event.map_or(Origin::Purge, |event| {
                let payload = b"{\"id\":1}".to_vec();
                Origin::Events(vec![Happened { payload, ..Happened::told(event) }])
            }),
            text: b"why".to_vec(),
            started_ms: 1_700_000_000_000 + id,
            rules: vec![PlanRule {
                name: event.map(str::to_owned),
                event: 0,
                priority: Priority::High,
                warm: event.is_some(),
                warm_terms: WarmTerms::default(),
                soft_ms: None,
                ..PlanRule::nameless()
            }],
        };
        assert!(state.open_job(id, head, 10 * id, id));
    }
    state.doom_names(4, Db(0), 0, [&b"a"[..], b"b"].into_iter());
    state.doom_names(4, Db(3), NO_RULE, [&b"a\0\xc3\xa9"[..]].into_iter());
    state.doom_names(5, Db(0), 0, [&b"c"[..], b"nokey"].into_iter());
    state
}

/// The records of jobs as lines.
fn records(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = vec![];
    snapshot.for_each_job_record(|db, words| {
        lines.push(format!("{} {}", db.0, words.join(&b' ').escape_ascii()));
    });
    lines
}

const RECORDS: [&str; 6] = [
    "0 LAST 5",
    "0 HELD 4 1700000000004 EVENT e why {\\\"id\\\":1} 1 1 e high 1 40 4",
    "0 HELD 5 1700000000005 PURGE  why  1 0  high 0 50 5",
    "0 KEYS 4 1 a b",
    "3 KEYS 4 0 a\\x00\\xc3\\xa9",
    "0 KEYS 5 1 c",
];

#[test]
fn jobs_are_written_and_read() {
    let state = sample_with_jobs();
    let written = chunks(&state);
    assert_eq!((chunks(&sample())[0][6], written[0][6]), (1, 2), "the version");
    assert_eq!(records(&decode(&written).unwrap()), RECORDS);
    let mut job_alone = State::default();
    assert!(!job_alone.has_anything_to_save());
    let rules = vec![];
    let head = Head { origin: Origin::Purge, text: vec![], started_ms: 0, rules };
    assert!(job_alone.open_job(1, head, 0, 0) && job_alone.has_anything_to_save());
}

#[test]
fn how_fresh_values_are_is_written_and_read() {
    let mut state = sample();
    let rows = [(Db(0), "a", 0, 0), (Db(3), "a\0\u{e9}", 1_700_000_000_000, 200)];
    for (db, key, stale_from_ms, computed_ms) in rows {
        state.set_freshness(db, key.as_bytes(), Freshness { stale_from_ms, computed_ms });
    }
    let written = chunks(&state);
    assert_eq!(written[0][6], 3, "the version");
    let mut read = vec![];
    decode(&written).unwrap().for_each_freshness(|db, (key, fresh)| {
        read.push((db, key.to_vec(), fresh.stale_from_ms, fresh.computed_ms));
    });
    assert_eq!(read, rows.map(|(db, key, from, took)| (db, key.as_bytes().to_vec(), from, took)));
    assert_eq!(freshness_record::read(&[0, 1, b'a', 0]), None);
}

/// The records of a snapshot that was written when purges had a payload, too.
fn records_of_old(snapshot: &Snapshot) -> Vec<String> {
    let mut records = records(snapshot);
    records[2] = records[2].replace(r#"why {\"id\":1} 1"#, "why  1");
    records
}

#[test]
fn the_bytes_of_version_2_are_read_for_ever() {
    let snapshot =
        decode(&fixture(include_bytes!("../../../tests/fixtures/snapshot-v2.bin"))).unwrap();
    assert_eq!(lines(&snapshot), ["0 a x y", "0 b y", "3 a\\x00\\xc3\\xa9 x z"]);
    assert_eq!(records_of_old(&snapshot), RECORDS);
}

#[test]
fn every_cut_and_every_flipped_byte_is_refused() {
    let mut state = sample_with_classes();
    let mapping = mapping_document::parse_one(br#"{"events":[{"event":"e"}]}"#, "m");
    state.mappings.set(mapping.unwrap());
    let good = chunks(&state);
    for at in 0..good.len() {
        assert!(decode(&good[..at]).is_err());
        let mut missing = good.clone();
        missing.remove(at);
        assert!(decode(&missing).is_err(), "without chunk {at}");
        for byte in 0..good[at].len() {
            let mut cut = good.clone();
            cut[at].truncate(byte);
            assert!(decode(&cut).is_err(), "chunk {at} cut at {byte}");
            for bit in [1, 0x80, 0xff] {
                let mut flipped = good.clone();
                flipped[at][byte] ^= bit;
                assert!(decode(&flipped).is_err(), "chunk {at} byte {byte} ^ {bit}");
            }
        }
    }
}

/// The same, and classes.
fn sample_with_classes() -> State {
    let mut state = sample_with_jobs();
    let class = br#"{"match":["s:*"],"ttl":300,"jitter":10,"grace":60000,"early":1.5}"#;
    state.classes.set(class_document::parse_one(class, "c").unwrap());
    state.class_files.insert("d".to_owned(), 78);
    state
}

#[test]
fn classes_are_written_and_read() {
    let state = sample_with_classes();
    let written = chunks(&state);
    assert_eq!(written[0][6], 3, "the version");
    let snapshot = decode(&written).unwrap();
    assert_eq!(snapshot.classes, [state.classes.get("c").unwrap().0.clone()]);
    assert_eq!((snapshot.class_files, snapshot.files["r"]), (state.class_files, 77));
    assert_eq!(records(&decode(&written).unwrap()), RECORDS);
}

#[test]
fn the_bytes_of_version_3_are_read_for_ever() {
    let snapshot =
        decode(&fixture(include_bytes!("../../../tests/fixtures/snapshot-v3.bin"))).unwrap();
    let state = sample_with_classes();
    assert_eq!(snapshot.classes, [state.classes.get("c").unwrap().0.clone()]);
    assert_eq!(records_of_old(&snapshot), RECORDS);
    assert_eq!((snapshot.class_files, snapshot.files["r"]), (state.class_files, 77));
}

#[test]
fn mappings_are_written_and_read() {
    let mut state = sample_with_classes();
    let of = |name: &str| {
        let json = br#"{"each":"a[*]","events":[{"event":"e","fields":{"b":"c"}}]}"#;
        mapping_document::parse_one(json, name).unwrap()
    };
    (0..3).for_each(|at| state.mappings.set(of(&at.to_string())));
    state.mapping_files.insert("d".to_owned(), 79);
    let written = chunks(&state);
    assert_eq!((chunks(&sample_with_classes())[0][6], written[0][6]), (3, 4), "the version");
    let snapshot = decode(&written).unwrap();
    let documents = |all: Vec<&Mapping>| mapping_document::to_json(all.into_iter());
    assert_eq!(
        documents(snapshot.mappings.iter().collect()),
        documents(state.mappings.iter().collect())
    );
    assert_eq!(
        (snapshot.mapping_files, snapshot.class_files),
        (state.mapping_files, state.class_files)
    );
}

#[test]
fn more_classes_than_a_document_holds_are_written_and_read() {
    let mut state = State::default();
    for at in 0..9 {
        let mut class = class_document::parse_one(br#"{"match":["a"]}"#, &at.to_string()).unwrap();
        class.description = "x".repeat(600_000);
        state.classes.set(class);
    }
    state.class_files.insert("d".to_owned(), 78);
    let written = chunks(&state);
    assert_eq!(written.iter().filter(|chunk| chunk[0] == b'C').count(), 9);
    let snapshot = decode(&written).unwrap();
    assert!(snapshot.classes.iter().eq(state.classes.iter().map(|(class, _)| class)));
    assert_eq!(snapshot.class_files, state.class_files);
}

#[test]
fn how_keys_are_warmed_is_written_and_read() {
    let document = br#"{"eventType":"e","tags":["t"],"warmCache":true,"warmDelay":7}"#;
    let mut state = sample_with_classes();
    state.rules.set(parse_one(document, Some("late")).unwrap());
    let written = chunks(&state);
    assert_eq!(written[0][6], 4, "the version");
    let terms = WarmTerms { delay_ms: Some(7), hot_only: false };
    let rules = decode(&written).unwrap().rules;
    assert_eq!(rules.iter().find(|rule| rule.name == "late").unwrap().warm_terms, terms);

    // Of a job whose rule is gone, too.
    let mut state = State::default();
    let terms = WarmTerms { delay_ms: None, hot_only: true };
    let rule = PlanRule { warm: true, warm_terms: terms, ..PlanRule::nameless() };
    let origin = Origin::event("e");
    let head = Head { origin, text: vec![], started_ms: 0, rules: vec![rule] };
    assert!(state.open_job(1, head, 0, 0));
    let written = chunks(&state);
    assert_eq!(written[0][6], 4, "the version");
    let mut read = State::default();
    decode(&written).unwrap().for_each_job_record(|db, words| {
        read.follow(db, words, 0).unwrap();
    });
    read.for_each_job(|_, head, _, _| assert_eq!(head.rules[0].warm_terms, terms));
    assert_eq!(read.jobs.len(), 1);
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let mut header = b"HINVAL\x05".to_vec();
    let sum = crc32fast::hash(&header);
    header.extend_from_slice(&sum.to_le_bytes());
    let error = Decoder::default().feed(&header).unwrap_err();
    assert_eq!(
        error,
        "the snapshot has format version 5, this module reads 4; load a newer module"
    );
}

/// What a server has saved it must read, however large.
#[test]
fn rules_of_many_bytes_go_in_many_chunks() {
    let mut state = State::default();
    for at in 0..12 {
        let long = "x".repeat(1_000_000);
        let json = format!(r#"{{"eventType":"e","tags":["t"],"description":"{long}"}}"#);
        let rule = parse_one(json.as_bytes(), Some(&at.to_string())).unwrap();
        state.rules.check_room([&rule]).unwrap();
        state.rules.set(rule);
    }
    assert_eq!(decode(&chunks(&state)).unwrap().rules.len(), 12);
    let documents = state.rule_documents();
    assert!(documents.iter().all(|json| json.len() <= DOCUMENT_MAX_BYTES), "{}", documents.len());
    let read: usize = documents.iter().map(|json| parse_all(json.as_bytes()).unwrap().len()).sum();
    assert_eq!(read, 12);
    let long =
        format!(r#"{{"eventType":"e","tags":["t"],"description":"{}"}}"#, "x".repeat(1 << 20));
    let error = state.rules.check_room([&parse_one(long.as_bytes(), None).unwrap()]).unwrap_err();
    assert!(error.to_string().starts_with("rule document of 1048"), "{error}");
}

#[test]
fn large_states_go_in_many_chunks() {
    let mut state = State::default();
    for at in 0..20_000_u32 {
        let name = format!("a rather long key name number {at}");
        state.told(Change::Created, Db(0), name.as_bytes());
        let tags = [format!("tag {}", at % 100), "all".to_owned()];
        state.database_mut(Db(0)).set_tags(name.as_bytes(), tags.iter().map(String::as_bytes));
    }
    let chunks = chunks(&state);
    assert!(chunks.len() > 4 && chunks.iter().all(|chunk| chunk.len() < 2 * CHUNK_BYTES));
    assert_eq!(lines(&decode(&chunks).unwrap()).len(), 20_000);
}

proptest! {
    /// The checksum is made to hold, so that the bodies themselves are tried.
    #[test]
    fn any_body_is_read_or_refused(kind in prop::sample::select(&b"HRFCTJEX"[..]), body in prop::collection::vec(any::<u8>(), 0..40)) {
        let mut decoder = Decoder::default();
        decoder.feed(&chunks(&State::default())[0]).unwrap();
        let mut chunk = vec![kind];
        chunk.extend(body);
        let sum = crc32fast::hash(&chunk);
        chunk.extend(sum.to_le_bytes());
        let _ = decoder.feed(&chunk);
    }
}
