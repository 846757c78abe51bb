//! What is advised for which values.

use super::*;
use crate::domain::class_document::parse_one;

const TTL_S: u64 = 1000;

fn class() -> Class {
    let json = br#"{"match":["a:*","it's"],"ttl":1000,"jitter":5,"grace":70,"early":1.5,"description":"d"}"#;
    parse_one(json, "my class").unwrap()
}

fn sample(end: End, lived_s: u64) -> Sample {
    Sample {
        end,
        lived_ms: lived_s * SECOND_MS,
        ttl_ms: Some(TTL_S * SECOND_MS),
        reads: 1,
        last_read_ms: lived_s * SECOND_MS,
        is_watched: true,
        came_back: None,
    }
}

fn advised(rows: &[(Sample, usize)]) -> Option<Recommendation> {
    let mut samples = Samples::default();
    for (sample, count) in rows {
        for _ in 0..*count {
            samples.push(*sample);
        }
    }
    advise(&class(), &samples)
}

#[test]
fn values_that_end_long_before_their_time_want_a_shorter_one() {
    let soon = sample(End::Invalidated, 3);
    let found = advised(&[(soon, 29), (sample(End::Invalidated, 20), 1)]).unwrap();
    assert_eq!(found.about, "class 'my class'");
    assert!(found.advice.contains("too long"), "{}", found.advice);
    // All else stays as it is.
    let words: Vec<_> = found.command.splitn(5, ' ').collect();
    assert_eq!(words[..4], ["INVAL.CLASS", "SET", "'my", "class'"]);
    let json = words[4].trim_matches('"').replace("\\\"", "\"");
    let again = parse_one(json.as_bytes(), "my class").unwrap();
    assert_eq!(again, Class { ttl_ms: Some(3000), ..class() });
    assert_eq!(found.evidence[0], ("values", Figure::Count(30)));
    // One below the least number says nothing; nor do those of another time to live.
    assert_eq!(advised(&[(soon, SAMPLES_MIN - 1)]), None);
    assert_eq!(advised(&[(Sample { ttl_ms: Some(1), ..soon }, 100)]), None);
    assert_eq!(advised(&[(Sample { ttl_ms: None, ..soon }, 100)]), None);
    // More than a twentieth needs long: it stays.
    assert_eq!(advised(&[(soon, 90), (sample(End::Invalidated, 900), 10)]), None);
    assert!(advised(&[(soon, 97), (sample(End::Invalidated, 900), 3)]).is_some());
    assert_eq!(advised(&[(sample(End::Invalidated, 600), 100)]), None);
    // Values that expire and are read to the end are as they should be.
    assert_eq!(advised(&[(sample(End::Expired, TTL_S), 100)]), None);
    let unread = Sample { last_read_ms: 5000, ..sample(End::Expired, TTL_S) };
    assert!(advised(&[(unread, 100)]).unwrap().command.contains("\\\"ttl\\\":5"));
    assert_eq!(advised(&[(Sample { is_watched: false, ..unread }, 100)]), None);
}

#[test]
fn values_that_come_back_unchanged_want_a_longer_one() {
    let back = Sample { came_back: Some(true), ..sample(End::Expired, TTL_S) };
    let changed = Sample { came_back: Some(false), ..back };
    let found = advised(&[(back, 40), (changed, 10)]).unwrap();
    assert!(found.advice.contains("filled again unchanged"), "{}", found.advice);
    assert!(found.command.contains("\\\"ttl\\\":2000"), "{}", found.command);
    assert_eq!(advised(&[(back, 40), (changed, 11)]), None);
}

#[test]
fn values_that_nobody_reads_need_not_be_kept() {
    let never = Sample { reads: 0, last_read_ms: 0, ..sample(End::Expired, TTL_S) };
    let read = Sample { last_read_ms: 9500, ..sample(End::Expired, TTL_S) };
    let found = advised(&[(never, 40), (read, 10)]).unwrap();
    assert!(found.advice.contains("80 % of the values"), "{}", found.advice);
    assert!(found.advice.contains("do not cache"), "{}", found.advice);
    assert!(found.command.contains("\\\"ttl\\\":10"), "{}", found.command);
    // Whose readers are not seen, of those nothing is known.
    let unseen = Sample { is_watched: false, ..never };
    assert_eq!(advised(&[(unseen, 100)]), None);
}
