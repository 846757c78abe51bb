//! One look at a server: all that it said at once.

use super::node::Node;
use super::numbers;
use super::rows::{Row, Window};
use super::server::Server;

/// The replies of a look, as they came.
#[derive(Clone, Debug, Default)]
pub struct Replies {
    /// `INFO`.
    pub info: String,
    /// `INVAL.STATS`.
    pub stats: Node,
    /// `INVAL.HEALTH`.
    pub health: Node,
    /// `INVAL.TOP`.
    pub top: Node,
    /// `INVAL.LOG GET`.
    pub log: Node,
    /// Commands that were not answered, and why.
    pub unanswered: Vec<Unanswered>,
    /// The clock of whoever asked, in milliseconds since 1970; counts where the server says none.
    pub now_ms: u64,
}

/// A command that was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unanswered {
    /// The command.
    pub command: &'static str,
    /// What the server said.
    pub why: String,
}

/// A check of `INVAL.HEALTH`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Check {
    /// Its name.
    pub name: String,
    /// `healthy`, `warning` or `critical`.
    pub status: String,
    /// What was measured, with its unit.
    pub value: String,
    /// From where on it is a warning, and critical, in words; empty where there is no limit.
    pub limits: String,
    /// What the value says.
    pub meaning: String,
    /// What to do.
    pub remedy: String,
}

/// What `INVAL.HEALTH` advises.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Advice {
    /// What it is about.
    pub about: String,
    /// What to do.
    pub advice: String,
    /// The figures it is drawn from.
    pub evidence: String,
    /// The command that does it; empty where there is none.
    pub command: String,
}

/// An entry of `INVAL.LOG`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Entry {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The database.
    pub db: Option<u64>,
    /// `event`, `purge`, `batch` or `job`.
    pub kind: String,
    /// The event, or the text of the purge.
    pub what: String,
    /// The rules that ran.
    pub rules: String,
    /// The user.
    pub by: String,
    /// Keys found, deleted and marked.
    pub keys: [Option<u64>; 3],
    /// Microseconds to find and to delete them.
    pub micros: [Option<u64>; 2],
    /// Why it failed; empty when it did not.
    pub failure: String,
}

/// What was invalidated most often, of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Top {
    /// The kind: `keys`, `tags`, ...
    pub kind: String,
    /// The most frequent first.
    pub items: Vec<TopItem>,
}

/// A name and how often it was invalidated.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TopItem {
    /// The name.
    pub name: String,
    /// At most so often.
    pub count: u64,
    /// The true count is at most this much less.
    pub error: u64,
}

/// One look at a server.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When, in milliseconds since 1970, by the server's clock.
    pub now_ms: u64,
    /// The server.
    pub server: Server,
    /// All sections of `INVAL.STATS`, as they came.
    pub sections: Node,
    /// All runs together.
    pub totals: Row,
    /// By rule.
    pub rules: Vec<Row>,
    /// By event.
    pub events: Vec<Row>,
    /// By tag.
    pub tags: Vec<Row>,
    /// By pattern.
    pub patterns: Vec<Row>,
    /// By entity.
    pub entities: Vec<Row>,
    /// Windows of time, the shortest first.
    pub windows: Vec<Window>,
    /// The worst status of all checks; empty when the server said none.
    pub status: String,
    /// The checks.
    pub checks: Vec<Check>,
    /// What is advised.
    pub advice: Vec<Advice>,
    /// What was invalidated most often.
    pub top: Vec<Top>,
    /// The latest invalidations, the newest first.
    pub log: Vec<Entry>,
    /// Commands that were not answered.
    pub unanswered: Vec<Unanswered>,
}

impl Snapshot {
    /// What the replies say.
    pub fn of(replies: Replies) -> Self {
        let server = Server::of(&replies.info);
        let stats = &replies.stats;
        let rows = |section| Row::all(stats.get(section));
        let windows = stats.get("windows").fields();
        let top = replies.top.fields().into_iter();
        Self {
            now_ms: server.now_ms.unwrap_or(replies.now_ms),
            server,
            totals: Row::of(&Node::text("all"), stats.get("totals")),
            rules: rows("rules"),
            events: rows("events"),
            tags: rows("tags"),
            patterns: rows("patterns"),
            entities: rows("entities"),
            windows: windows.into_iter().map(|(name, node)| Window::of(name, node)).collect(),
            status: replies.health.get("status").words().unwrap_or_default(),
            checks: replies.health.get("checks").items().iter().map(check).collect(),
            advice: replies.health.get("recommendations").items().iter().map(advice).collect(),
            top: top.map(|(kind, items)| of_kind(kind, items)).collect(),
            log: replies.log.items().iter().map(entry).collect(),
            unanswered: replies.unanswered,
            sections: replies.stats,
        }
    }

    /// The window of a name.
    pub fn window(&self, name: &str) -> Option<&Window> {
        self.windows.iter().find(|window| window.name == name)
    }

    /// A count of the section `index`.
    pub fn index(&self, field: &str) -> Option<u64> {
        self.sections.get("index").get(field).count()
    }

    /// What was invalidated most often of a kind.
    pub fn top(&self, kind: &str) -> &[TopItem] {
        self.top.iter().find(|top| top.kind == kind).map_or(&[], |top| &top.items)
    }

    /// The checks that are not healthy, the worst first.
    pub fn unhealthy(&self) -> Vec<&Check> {
        let of =
            |status: &'static str| self.checks.iter().filter(move |check| check.status == status);
        of("critical").chain(of("warning")).collect()
    }
}

fn words(node: &Node, name: &str) -> String {
    node.get(name).words().unwrap_or_default()
}

fn check(node: &Node) -> Check {
    let unit = words(node, "unit");
    let in_unit = |value: &Node| match (unit.as_str(), value.count()) {
        ("bytes", Some(count)) => numbers::bytes(count),
        ("", _) => value.figure(),
        _ if value.number().is_none() => value.figure(),
        _ => format!("{} {unit}", value.figure()),
    };
    // Before there were two limits there was one.
    let limits = ["warning", "critical", "limit"].into_iter().filter_map(|name| {
        let limit = node.get(name);
        (!limit.is_null()).then(|| format!("{name} {}", in_unit(limit)))
    });
    Check {
        name: words(node, "check"),
        status: words(node, "status"),
        value: in_unit(node.get("value")),
        limits: limits.collect::<Vec<_>>().join(", "),
        meaning: words(node, "meaning"),
        remedy: words(node, "remedy"),
    }
}

fn advice(node: &Node) -> Advice {
    let evidence = node.get("evidence").fields().into_iter();
    let evidence = evidence.map(|(name, value)| format!("{} {}", name.line(), value.figure()));
    Advice {
        about: words(node, "about"),
        advice: words(node, "advice"),
        evidence: evidence.collect::<Vec<_>>().join(", "),
        command: words(node, "command"),
    }
}

fn entry(node: &Node) -> Entry {
    let count = |name| node.get(name).count();
    Entry {
        at_ms: count("at_ms").unwrap_or(0),
        db: count("db"),
        kind: words(node, "kind"),
        what: node.get("what").line(),
        rules: node.get("rules").line(),
        by: words(node, "by"),
        keys: ["matched", "deleted", "marked"].map(count),
        micros: ["resolve_micros", "delete_micros"].map(count),
        failure: words(node, "failure"),
    }
}

fn of_kind(kind: &Node, items: &Node) -> Top {
    let item = |node: &Node| TopItem {
        name: node.get("name").line(),
        count: node.get("count").count().unwrap_or(0),
        error: node.get("error").count().unwrap_or(0),
    };
    Top { kind: kind.line().to_lowercase(), items: items.items().iter().map(item).collect() }
}

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
