//! Against a list of everything that happened.

use proptest::prelude::*;

use super::*;

const DB: Db = Db(0);

#[derive(Clone, Copy, Debug)]
enum Step {
    Fill(u8, u8),
    Read(u8),
    End(u8, End),
    Pass(u64),
    Flush,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let end = prop_oneof![
        1 => Just(End::Invalidated),
        3 => Just(End::Expired),
        1 => Just(End::Evicted),
        1 => Just(End::Deleted),
    ];
    let step = prop_oneof![
        8 => (0..20_u8, 0..3_u8).prop_map(|(key, value)| Step::Fill(key, value)),
        8 => (0..20_u8).prop_map(Step::Read),
        8 => ((0..20_u8), end).prop_map(|(key, end)| Step::End(key, end)),
        4 => (1..5000_u64).prop_map(Step::Pass),
        1 => Just(Step::Flush),
    ];
    prop::collection::vec(step, 0..400)
}

/// What one key went through, told anew from the whole history each time.
fn naive(history: &[(u64, Step)]) -> Vec<Sample> {
    let mut samples: Vec<(u64, usize, Sample)> = vec![];
    for key in 0..20 {
        let mut filled: Option<(u64, u8)> = None;
        let (mut reads, mut last_read_ms) = (0, 0);
        // The last one that expired: where it is, with which value, and when.
        let mut expired: Option<(usize, u8, u64)> = None;
        for (at, (now, step)) in history.iter().enumerate() {
            let mut end_now = |end, filled: &mut Option<(u64, u8)>, reads, last_read_ms| {
                let (since, value) = filled.take()?;
                let sample = Sample {
                    end,
                    lived_ms: now - since,
                    ttl_ms: Some(7),
                    reads,
                    last_read_ms,
                    is_watched: true,
                    came_back: None,
                };
                samples.push((at as u64, key, sample));
                (end == End::Expired).then_some((samples.len() - 1, value, *now))
            };
            match step {
                Step::Fill(of, value) if usize::from(*of) == key => {
                    end_now(End::Overwritten, &mut filled, reads, last_read_ms);
                    if let Some((place, old, when)) = expired.take()
                        && now - when <= samples[place].2.lived_ms
                    {
                        samples[place].2.came_back = Some(old == *value);
                    }
                    (filled, reads, last_read_ms) = (Some((*now, *value)), 0, 0);
                }
                Step::Read(of) if usize::from(*of) == key => {
                    if let Some((since, _)) = filled {
                        (reads, last_read_ms) = (reads + 1, now - since);
                    }
                }
                Step::End(of, end) if usize::from(*of) == key => {
                    let went = end_now(*end, &mut filled, reads, last_read_ms);
                    expired = went.or(expired);
                }
                Step::Flush => (filled, expired) = (None, None),
                _ => {}
            }
        }
    }
    samples.sort_by_key(|(at, key, _)| (*at, *key));
    samples.into_iter().map(|(.., sample)| sample).collect()
}

proptest! {
    #[test]
    fn equals_what_the_whole_history_says(steps in steps()) {
        let (mut evidence, mut history, mut now) = (Evidence::default(), vec![], 1_000_000);
        for step in steps {
            evidence.tick(now);
            match step {
                Step::Fill(key, value) => {
                    let value = [value];
                    let filled =
                        Filled { class: "c", ttl_ms: Some(7), value: &value, by_token: true };
                    evidence.filled(DB, &[key], &filled, now);
                }
                Step::Read(key) => evidence.read(DB, &[key], now),
                Step::End(key, end) => evidence.ended(DB, &[key], end),
                Step::Pass(ms) => now += ms,
                Step::Flush => evidence.flushed(Some(DB)),
            }
            history.push((now, step));
        }
        let found: Vec<Sample> =
            evidence.classes().flat_map(|(_, samples)| samples.iter().copied()).collect();
        let all = naive(&history);
        let last = all.len().saturating_sub(SAMPLES_MAX);
        prop_assert_eq!(&found, &all[last..]);
    }
}

#[test]
fn the_table_is_bounded_and_follows_whom_it_follows() {
    let mut evidence = Evidence::default();
    let filled = Filled { class: "c", ttl_ms: None, value: b"v", by_token: false };
    for key in 0..100_000_u32 {
        evidence.filled(DB, &key.to_be_bytes(), &filled, 1);
        assert!(evidence.count <= VALUES_MAX);
    }
    assert!(evidence.count > VALUES_MAX / 4, "{}", evidence.count);
    let followed: Vec<Box<[u8]>> = evidence.databases[&DB].keys().cloned().collect();
    for key in 0..100_000_u32 {
        evidence.filled(DB, &key.to_be_bytes(), &filled, 2);
    }
    let ended = evidence.classes["c"].gone + evidence.classes["c"].list.len() as u64;
    assert_eq!(ended, followed.len() as u64);
    assert_eq!(evidence.classes["c"].list.len(), SAMPLES_MAX);
    evidence.flushed(None);
    assert!(evidence.is_empty() && evidence.zeros == 0);
}

#[test]
fn databases_change_places_and_classes_go() {
    let mut evidence = Evidence::default();
    let filled = Filled { class: "c", ttl_ms: None, value: b"v", by_token: false };
    evidence.filled(DB, b"k", &filled, 1);
    evidence.swapped(DB, Db(3));
    evidence.ended(DB, b"k", End::Invalidated);
    assert_eq!(evidence.classes().count(), 0);
    evidence.ended(Db(3), b"k", End::Invalidated);
    assert_eq!(evidence.classes().count(), 1);
    evidence.keep_classes(|class| class != "c");
    assert_eq!(evidence.classes().count(), 0);
}
