//! The server and its state in a few sentences.

use crate::model::delta::Delta;
use crate::model::numbers::{bytes, date, duration, grouped, percent, short};
use crate::model::snapshot::Snapshot;

/// Which server it is, and when it was looked at.
pub fn about(address: &str, look: &Snapshot) -> String {
    let server = &look.server;
    let mut parts = vec![address.to_owned()];
    let mut role = server.name.clone();
    if let Some(of) = &server.role {
        role.push_str(&format!(" ({of})"));
    }
    if !role.is_empty() {
        parts.push(role);
    }
    parts.extend(server.uptime_s.map(|up| format!("up {}", duration(up))));
    parts.extend(server.memory.map(|memory| format!("{} of memory in use", bytes(memory))));
    parts.extend(look.index("keys").map(|keys| format!("{} keys", grouped(keys))));
    parts.extend(look.index("rules").map(|rules| format!("{} rules", grouped(rules))));
    parts.push(format!("{} UTC", date(look.now_ms)));
    parts.join(" - ")
}

/// What matters most, of what the server says.
pub fn sentence(look: &Snapshot, since: Option<&Delta>) -> String {
    let mut sentences = vec![];
    let totals = &look.totals;
    if let (Some(runs), Some(deleted)) = (totals.runs, totals.deleted) {
        let length = look.window("start").and_then(|window| window.seconds);
        let length = length.map_or_else(String::new, |seconds| {
            format!("In {} ", duration(seconds.round() as u64))
        });
        let wasted = totals.wasted_share().map_or_else(String::new, |share| {
            format!("; {} of the runs matched no key", percent(share))
        });
        let (runs, deleted) = (grouped(runs), grouped(deleted));
        sentences.push(format!("{length}{runs} invalidations deleted {deleted} keys{wasted}."));
    }
    if let Some(minute) = look.window("1m") {
        let reads =
            minute.hit_rate.map(|rate| format!("{} of all reads found a value", percent(rate)));
        let cost = minute
            .overhead
            .map(|share| format!("invalidating took {} of the server's time", percent(share)));
        let words: Vec<String> = reads.into_iter().chain(cost).collect();
        if !words.is_empty() {
            sentences.push(format!("In the last minute {}.", words.join(", and ")));
        }
    }
    if let Some(delta) = since {
        let mut words = vec![];
        words.extend(delta.runs.map(|runs| format!("{} runs", grouped(runs))));
        words.extend(delta.deleted.map(|keys| format!("{} keys deleted", grouped(keys))));
        words.extend(
            delta.hit_rate().map(|rate| format!("{} of reads found a value", percent(rate))),
        );
        if !words.is_empty() {
            let seconds = short(delta.seconds);
            sentences.push(format!("While this was made ({seconds} s): {}.", words.join(", ")));
        }
    }
    let ill = look.unhealthy().len();
    match (look.status.as_str(), ill) {
        ("", _) => {}
        ("healthy", _) => sentences.push("All checks are healthy.".to_owned()),
        (status, ill) => sentences.push(format!(
            "The state is {status}: see {ill} of {} checks below.",
            look.checks.len()
        )),
    }
    match sentences.is_empty() {
        true => "The server says nothing of what it did.".to_owned(),
        false => sentences.join(" "),
    }
}
