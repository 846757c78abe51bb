//! What is remembered, and what of it is told.

use proptest::prelude::*;

use super::*;
use crate::domain::change::Change;
use crate::domain::health::thresholds::Bounds;

fn finding(check: &'static str, level: Level) -> Finding {
    Finding {
        check,
        level,
        value: Some(Figure::Amount(1.25)),
        unit: "",
        bounds: Bounds::default(),
        meaning: "it is so".to_owned(),
        remedy: if level == Level::Healthy { String::new() } else { "do that".to_owned() },
    }
}

#[test]
fn each_change_is_told_once() {
    let mut watch = Watch::default();
    watch.started(1);
    let mut settle = |a, b, now| watch.settle(&[finding("a", a), finding("b", b)], now);
    use Level::{Critical, Healthy, Warning};
    assert_eq!(settle(Healthy, Healthy, 5), []);
    let told = settle(Warning, Healthy, 6);
    assert_eq!(told.len(), 1);
    assert_eq!(
        told[0].message,
        r#"{"status":"warning","was":"healthy","at_ms":6,"check":"a","value":1.3,"meaning":"it is so","remedy":"do that"}"#
    );
    assert_eq!(told[0].line, "health: a is warning: it is so; do that");
    assert!(told[0].is_worse);
    assert_eq!(settle(Warning, Healthy, 7), []);
    let told = settle(Healthy, Critical, 8);
    let worse: Vec<_> = told.iter().map(|alert| alert.is_worse).collect();
    assert_eq!(worse, [false, true]);
    assert_eq!((watch.level(), watch.alerts), ((Critical, 8), 3));
    assert_eq!((watch.level_of("a"), watch.level_of("b")), (Healthy, Critical));
}

#[test]
fn an_emptied_cache_is_cold_until_it_is_filled_or_time_has_passed() {
    let mut watch = Watch::default();
    assert_eq!(watch.cold(0, 1000), None);
    watch.started(1000);
    let cause = |watch: &mut Watch, keys, now| watch.cold(keys, now).map(|cold| cold.cause);
    assert_eq!(cause(&mut watch, 5, 1000 + COLD_MS), Some(Emptied::Started));
    assert_eq!(cause(&mut watch, 5, 1001 + COLD_MS), None);
    watch.was_filled();
    assert_eq!(cause(&mut watch, 0, 1001), None);
    // Half of a hundred, and no less.
    watch.flushed(49, 100);
    watch.flushed(99, 99);
    assert_eq!(cause(&mut watch, 0, 2000), None);
    watch.flushed(50, 100);
    assert_eq!(watch.cold(0, 2000), Some(Cold { cause: Emptied::Flushed(50.0), seconds: 0 }));
    // The clock that was looked at first counts.
    assert_eq!(watch.cold(79, 9000).map(|cold| cold.seconds), Some(7));
    assert_eq!(cause(&mut watch, 80, 9000), None);
    watch.invalidated(600, 200, 10_000, || "x".to_owned());
    let by = Emptied::Invalidated("x".to_owned(), 75.0);
    assert_eq!(cause(&mut watch, 300, 10_000), Some(by));
}

#[test]
fn lateness_is_of_the_last_minute() {
    let mut watch = Watch::default();
    (0..99).for_each(|_| watch.was_late(1000, 100));
    assert_eq!(watch.latency_ms(100), None);
    watch.was_late(101_000, 109);
    assert_eq!(watch.latency_ms(100), Some((2.0, 101.0)));
    (0..100).for_each(|_| watch.was_late(4000, 155));
    assert_eq!(watch.latency_ms(159), Some((3.0, 101.0)));
    assert_eq!(watch.latency_ms(160), Some((4.0, 4.0)));
    assert_eq!(watch.latency_ms(1000), None);
}

proptest! {
    #[test]
    fn the_widest_tag_is_the_one_with_most_keys(
        tags in prop::collection::vec((0..3_u32, 0..40_u8, 0..9_u8), 0..200)
    ) {
        let mut state = State::default();
        for (db, key, tag) in &tags {
            if state.database(Db(*db)).is_none_or(|of| of.keys.find(&[*key]).is_none()) {
                state.told(Change::Created, Db(*db), &[*key]);
            }
            let mut all = state.tags_of(Db(*db), &[*key]);
            all.push(vec![*tag]);
            state.database_mut(Db(*db)).set_tags(&[*key], all.iter().map(Vec::as_slice));
        }
        let sizes = state.databases().flat_map(|(_, of)| of.tags.sizes_from(0));
        let most = sizes.map(|(_, keys)| keys as u64).max();
        prop_assert_eq!(state.widest_tag().map(|tag| tag.keys), most);
    }
}

#[test]
fn tags_are_looked_at_in_turn() {
    let mut state = State::default();
    let last = TAGS_PER_LOOK as u32 * 2 + 5;
    for at in 0..last {
        state.told(Change::Created, Db(at % 2), &at.to_be_bytes());
        let tag = format!("t{at}");
        let database = state.database_mut(Db(at % 2));
        database.set_tags(&at.to_be_bytes(), [tag.as_bytes()].into_iter());
    }
    // The last of the second database is on two keys.
    let wide = format!("t{}", last - 2);
    state.told(Change::Created, Db(1), b"k");
    state.database_mut(Db(1)).set_tags(b"k", [wide.as_bytes()].into_iter());
    let looks: Vec<u64> = (0..3).map(|_| state.widest_tag().unwrap().keys).collect();
    assert_eq!((looks[0], looks[2]), (1, 2));
    assert_eq!(state.widest_tag().unwrap().tag, wide);
    state.told(Change::Deleted, Db(1), b"k");
    assert_eq!(state.widest_tag().unwrap().keys, 1);
}
