//! `warmCache`: deleted keys are queued for workers that compute them again.

use std::collections::HashSet;
use std::ops::Range;

use super::args::Args;
use super::keyspace::WarmEntry;
use super::reply::Reply;
use crate::domain::State;
use crate::domain::error::Result;
use crate::domain::outcome::Outcome;
use crate::domain::plan::Plan;
use crate::domain::request::PlanRule;
use crate::domain::rule::Priority;
use crate::domain::rule_document::RuleDocument;
use crate::domain::warming::Counts;
use crate::server::Server;

/// Reads what `INVAL.RULE ADD` says after `WARM`: `[DELAY milliseconds] [HOT]`.
///
/// # Errors
/// No number.
pub(super) fn parse_terms(args: &mut Args, document: &mut RuleDocument) -> Result<()> {
    document.warm_cache = true;
    loop {
        if document.warm_delay.is_none() && args.keyword("DELAY") {
            document.warm_delay = Some(args.number("delay")?.into());
        } else if !document.warm_hot && args.keyword("HOT") {
            document.warm_hot = true;
        } else {
            return Ok(());
        }
    }
}

/// Keys of a plan that nobody had touched lately, by their positions; of rules that ask for it.
#[derive(Debug, Default)]
pub(super) struct Cold(HashSet<usize>);

impl Cold {
    /// Asks the server about the keys in a range. They must be there still, and untouched by us.
    pub(super) fn look(&mut self, server: &mut Server, plan: &Plan, range: Range<usize>) {
        if !plan.rules.iter().any(asks_for_heat) {
            return;
        }
        let settings = server.redis().warm_settings();
        if settings.max_entries == 0 {
            return;
        }
        for at in range {
            if let (Some(rule), Some(key)) = (rule_of(plan, at), plan.names.get(at))
                && asks_for_heat(rule)
                && !server.redis().is_hot(key, settings.hot_ms)
            {
                self.0.insert(at);
            }
        }
    }
}

fn asks_for_heat(rule: &PlanRule) -> bool {
    rule.warm && rule.warm_terms.hot_only
}

/// The rule that wants a key warmed.
fn rule_of(plan: &Plan, at: usize) -> Option<&PlanRule> {
    plan.rules.get((*plan.warm_for.get(at)?)? as usize)
}

/// What is to be done about a key.
enum Verdict {
    Queue,
    Waits,
    Cold,
}

/// Queues the deleted keys of warming rules; after all deletions, so that no worker is early.
pub(super) fn queue(server: &mut Server, plan: &Plan, outcome: &mut Outcome, cold: &Cold) {
    let wanted: Vec<(usize, &PlanRule, &[u8])> = (0..plan.names.len())
        .filter(|at| outcome.is_gone(*at))
        .filter_map(|at| Some((at, rule_of(plan, at)?, plan.names.get(at)?)))
        .collect();
    if wanted.is_empty() {
        return;
    }
    let settings = server.redis().warm_settings();
    if settings.max_entries == 0 {
        return;
    }
    let verdicts: Vec<Verdict> = server.state(|state| {
        let verdict = |(at, rule, key): &(usize, &PlanRule, &[u8])| match cold.0.contains(at) {
            true => Verdict::Cold,
            false if state.warming.wants(plan.db, key, rule.priority) => Verdict::Queue,
            false => Verdict::Waits,
        };
        wanted.iter().map(verdict).collect()
    });
    let (now_ms, clock_ms) = (server.redis().now_ms(), server.redis().monotonic_micros() / 1000);
    let mut done: Vec<(&PlanRule, &[u8], Verdict)> = Vec::with_capacity(wanted.len());
    for ((at, rule, key), verdict) in wanted.into_iter().zip(verdicts) {
        if matches!(verdict, Verdict::Queue)
            && let Some(event) = plan.origin.events().get(rule.event)
        {
            let entry = WarmEntry {
                key,
                rule: rule.name.as_deref().unwrap_or_default(),
                event: &event.event,
                priority: rule.priority,
                due_ms: now_ms.saturating_add(delay_ms(rule, settings.delay_ms)),
                payload: &event.payload,
            };
            if server.redis().warm(&entry).is_err() {
                outcome.warm_refused += 1;
                continue;
            }
            outcome.count(plan, at, |count| count.warmed += 1);
        }
        done.push((rule, key, verdict));
    }
    server.state(|state| {
        for (rule, key, verdict) in done {
            let name = rule.name.as_deref().unwrap_or_default();
            match verdict {
                Verdict::Queue => {
                    let lasts_ms =
                        delay_ms(rule, settings.delay_ms).saturating_add(settings.timeout_ms);
                    let fails_ms = clock_ms.saturating_add(lasts_ms);
                    state.warming.queued(plan.db, key, name, rule.priority, fails_ms);
                }
                Verdict::Waits => state.warming.deduplicated(name),
                Verdict::Cold => state.warming.cold(name),
            }
        }
    });
}

fn delay_ms(rule: &PlanRule, default_ms: u64) -> u64 {
    rule.warm_terms.delay_ms.unwrap_or(default_ms)
}

/// Entries in the queues of the selected database, by priority; nothing for one that is no
/// stream.
pub(super) fn lengths(server: &mut Server) -> Vec<(Priority, u64)> {
    let priorities = [Priority::High, Priority::Medium, Priority::Low];
    priorities.map(|priority| (priority, server.redis().warm_length(priority))).to_vec()
}

/// The section of `INVAL.STATS`.
pub(super) fn statistics(state: &State, lengths: &[(Priority, u64)]) -> Reply {
    let row = |counts: &Counts| {
        Reply::map(counts.fields().into_iter().map(|(name, count)| (name, Reply::count(count))))
    };
    let queues = lengths.iter().map(|(of, length)| (of.as_str(), Reply::count(*length)));
    let rules = state.warming.rules();
    let rules = rules.map(|(rule, counts)| (rule.as_bytes().to_vec().into(), row(counts)));
    row(&state.warming.all)
        .with("refused", Reply::count(state.stats.warm_refused))
        .with("waiting", Reply::count(state.warming.len()))
        .with("queues", Reply::map(queues))
        .with("rules", Reply::Map(rules.collect()))
}

#[cfg(test)]
mod tests;
