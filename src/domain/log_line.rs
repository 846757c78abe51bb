//! Invalidations as lines of JSON, for rules that ask for it.

use serde::Serialize;

use super::outcome::Outcome;
use super::plan::Plan;
use super::request::PlanRule;

/// One target of a rule.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    event_type: &'a str,
    /// The key, pattern or tag, values put in; of a job what it is.
    pattern: &'a str,
    /// Keys that were deleted or marked.
    keys_cleared: u64,
    operation: &'static str,
    timestamp: &'a str,
    rule: &'a str,
    db: u32,
}

/// A line for each target of the rules of a plan that ask for it; `job` stands for the targets of
/// one.
pub fn of_plan(plan: &Plan, outcome: &Outcome, job: Option<&[u8]>, at_ms: u64) -> Vec<String> {
    let wants = |rule: &&PlanRule| rule.logs && !rule.collects;
    if !plan.rules.iter().any(|rule| wants(&rule)) {
        return vec![];
    }
    let timestamp = timestamp(at_ms);
    let mut lines = vec![];
    for (target, count) in plan.targets.iter().zip(&outcome.per_target) {
        let Some(rule) = plan.rules.get(target.rule).filter(wants) else { continue };
        let event = plan.origin.events().get(rule.event);
        let line = Line {
            event: "cache_invalidated",
            event_type: event.map_or("", |event| &event.event),
            pattern: &String::from_utf8_lossy(job.unwrap_or(&target.text)),
            keys_cleared: count.deleted + count.marked,
            operation: "CACHE_INVALIDATION",
            timestamp: &timestamp,
            rule: rule.name.as_deref().unwrap_or_default(),
            db: plan.db.0,
        };
        // Names and numbers: there is nothing in them that could fail to serialise.
        lines.extend(serde_json::to_string(&line));
    }
    lines
}

/// Milliseconds since 1970 as RFC 3339 writes them, in UTC (the date by `civil_from_days` of Howard
/// Hinnant's "chrono-Compatible Low-Level Date Algorithms").
fn timestamp(ms: u64) -> String {
    let (days, rest) = (ms / 86_400_000, ms % 86_400_000);
    // Years begin in March here, eras of 400 of them in the year 0.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hours, minutes) = (rest / 3_600_000, rest / 60_000 % 60);
    let (seconds, ms) = (rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{ms:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::State;
    use crate::domain::change::Change;
    use crate::domain::name::Db;
    use crate::domain::payload::Payload;
    use crate::domain::plan::build;
    use crate::domain::request::Request;
    use crate::domain::rule_document::parse_one;

    #[test]
    fn times_are_written_in_utc() {
        for (ms, written) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (951_868_800_000, "2000-03-01T00:00:00.000Z"),
            (1_735_689_599_001, "2024-12-31T23:59:59.001Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(timestamp(ms), written);
        }
    }

    #[test]
    fn a_rule_that_asks_for_it_has_a_line_for_each_target() {
        let mut state = State::default();
        state.told(Change::Created, Db(2), b"u:1:a");
        let loud = r#"{"eventType":"e","cacheKeys":["u:{id}:*","none"],"logInvalidation":true}"#;
        state.rules.set(parse_one(loud.as_bytes(), Some("loud")).unwrap());
        state.rules.set(parse_one(br#"{"eventType":"e","tags":["t"]}"#, Some("quiet")).unwrap());
        let payload = Payload::parse(br#"{"id":1}"#).unwrap();
        let request = Request::for_event(&state, "e", &payload).unwrap();
        let plan = build(&mut state, Db(2), request).unwrap();
        let mut outcome = Outcome::of(&plan);
        outcome.count(&plan, 0, |count| count.deleted += 1);
        let lines = of_plan(&plan, &outcome, None, 1_735_813_800_000);
        let line = |pattern, cleared| {
            format!(
                r#"{{"event":"cache_invalidated","event_type":"e","pattern":"{pattern}","keys_cleared":{cleared},"operation":"CACHE_INVALIDATION","timestamp":"2025-01-02T10:30:00.000Z","rule":"loud","db":2}}"#
            )
        };
        assert_eq!(lines, [line("u:1:*", 1), line("none", 0)]);
        state.rules.remove("loud");
        let request = Request::for_event(&state, "e", &payload).unwrap();
        let plan = build(&mut state, Db(2), request).unwrap();
        assert_eq!(of_plan(&plan, &Outcome::of(&plan), None, 0), Vec::<String>::new());
    }
}
