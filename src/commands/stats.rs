//! `INVAL.STATS`: what happened so far.

mod page;
mod prometheus;
mod sections;

use std::cell::LazyCell;

use super::args::Args;
use super::json;
use super::reads;
use super::reply::Reply;
use super::source;
use super::warm;
use super::windows;
use crate::domain::State;
use crate::domain::error::Result;
use crate::domain::name::Shown;
use crate::domain::stats::families::Group;
use crate::server::Server;
use prometheus::Beside;

/// The sections, in the order they are shown.
const SECTIONS: [&str; 15] = [
    "totals", "windows", "index", "cache", "reads", "warm", "rules", "domains", "events", "tags",
    "patterns", "entities", "classes", "queues", "sources",
];

/// Rows of a section that has one for each name, when nobody says: as many entries as `SLOWLOG GET`
/// shows.
const ROWS: usize = 10;

/// The same for Prometheus, which sums up and compares.
const SERIES: usize = 100;

/// How the figures are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// As a map.
    Reply,
    /// As one JSON object of the same shape.
    Json,
    /// All of them, as Prometheus reads them.
    Prometheus,
}

/// # Format
/// `INVAL.STATS [section ...] [COUNT rows] [FORMAT json] | RESET`
#[derive(Debug)]
pub enum Stats {
    /// Show these sections.
    Show(Show),
    /// Set all counters to nothing.
    Reset,
}

/// What is to be shown.
#[derive(Debug)]
pub struct Show {
    sections: Vec<&'static str>,
    rows: Option<usize>,
    format: Format,
}

impl Stats {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A section that is none, or arguments that do not fit.
    pub fn parse(args: &mut Args) -> Result<Self> {
        if args.keyword("RESET") {
            args.finish()?;
            return Ok(Self::Reset);
        }
        let mut show = Show { sections: vec![], rows: None, format: Format::Reply };
        while !args.is_done() {
            if args.keyword("COUNT") {
                show.rows = Some(usize::try_from(args.number("rows")?).unwrap_or(usize::MAX));
            } else if args.keyword("FORMAT") {
                show.format = format(args)?;
            } else {
                match SECTIONS.iter().find(|section| args.keyword(section)) {
                    Some(section) => show.sections.push(*section),
                    None => args.finish()?,
                }
            }
        }
        if show.format == Format::Prometheus && !show.sections.is_empty() {
            return Err(args.usage("a section with FORMAT prometheus, which has all".to_owned()));
        }
        if show.sections.is_empty() {
            show.sections = SECTIONS.to_vec();
        }
        Ok(Self::Show(show))
    }

    /// Shows or resets.
    ///
    /// # Errors
    /// None.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        match self {
            Self::Reset => {
                reset(server);
                Ok(Reply::OK)
            }
            Self::Show(show) => {
                server.state(State::catch_up);
                Ok(match show.format {
                    Format::Reply => show.reply(server),
                    Format::Json => Reply::bulk(json::write(&show.reply(server))),
                    Format::Prometheus => Reply::bulk(show.page(server)),
                })
            }
        }
    }
}

/// Counting begins anew. What is known of keys, rules and the log stays.
fn reset(server: &mut Server) {
    server.state(|state| {
        state.reset_stats();
        state.reads.reset();
        state.classes.reset_counts();
        state.once.reset_counts();
        state.warming.reset_counts();
        state.windows.reset();
        state.health.alerts = 0;
        state.evidence.clear();
    });
    windows::tick(server);
}

fn format(args: &mut Args) -> Result<Format> {
    let word = args.next("format")?;
    match word.to_ascii_lowercase().as_slice() {
        b"json" => Ok(Format::Json),
        b"prometheus" => Ok(Format::Prometheus),
        _ => Err(args.usage(format!("FORMAT '{}' is neither json nor prometheus", Shown(word)))),
    }
}

impl Show {
    fn page(&self, server: &mut Server) -> String {
        let rates = windows::rates(server);
        let (queues, sources) = (warm::lengths(server), source::with_lag(server));
        let rows = self.rows.unwrap_or(SERIES);
        let beside = Beside { rates: &rates, queues: &queues, sources: &sources, rows };
        server.state(|state| prometheus::write(state, &beside))
    }

    fn reply(&self, server: &mut Server) -> Reply {
        let rows = self.rows.unwrap_or(ROWS);
        let wants = |section| self.sections.contains(&section);
        let deferred = server.deferred();
        let sources = if wants("sources") { source::all(server) } else { vec![] };
        let sources = sources.into_iter().map(|(name, row)| (name.into_bytes().into(), row));
        let mut sources = Some(Reply::Map(sources.collect()));
        let lengths = if wants("warm") { warm::lengths(server) } else { vec![] };
        let rates = if wants("windows") { windows::rates(server) } else { vec![] };
        server.state(|state| {
            let runs = LazyCell::new(|| state.stats.target_runs());
            let mut show = |section: &&'static str| {
                let reply = match *section {
                    "totals" => sections::totals(state),
                    "windows" => sections::windows(&rates),
                    "index" => sections::index(state, deferred),
                    "cache" => sections::cache(state),
                    "reads" => reads::section(state),
                    "warm" => warm::statistics(state, &lengths),
                    "rules" => sections::rules(state, rows),
                    "classes" => sections::classes(state),
                    "domains" => sections::domains(state),
                    "queues" => sections::queues(state),
                    "sources" => sources.take().unwrap_or(Reply::Null),
                    "tags" => sections::targets(state, &runs, rows, Group::Tags),
                    "patterns" => sections::targets(state, &runs, rows, Group::Patterns),
                    "entities" => sections::rows(&state.stats.entities, rows),
                    _ => sections::rows(&state.stats.per_event, rows),
                };
                (section.as_bytes().into(), reply)
            };
            Reply::Map(self.sections.iter().map(&mut show).collect())
        })
    }
}
