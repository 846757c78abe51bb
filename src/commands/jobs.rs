//! `INVAL.JOBS`: what is deleted in slices.

use super::args::Args;
use super::invalidate::learn;
use super::reply::Reply;
use super::slices;
use crate::domain::error::{Error, Result};
use crate::domain::job_record;
use crate::domain::jobs::{Report, Stage};
use crate::server::Server;

/// # Format
/// `INVAL.JOBS [id | CANCEL id]`
#[derive(Debug)]
pub enum Jobs {
    /// All, under way and ended.
    All,
    /// This one.
    One(u64),
    /// Stop this one.
    Cancel(u64),
}

impl Jobs {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit.
    pub fn parse(args: &mut Args) -> Result<Self> {
        if args.is_done() {
            return Ok(Self::All);
        }
        let jobs = match args.keyword("CANCEL") {
            true => Self::Cancel(args.number("job")?),
            false => Self::One(args.number("job")?),
        };
        args.finish()?;
        Ok(jobs)
    }

    /// Tells, or stops.
    ///
    /// # Errors
    /// No such job, one that has ended, or a server that may not write.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let now_ms = server.redis().now_ms();
        let may_write = server.redis().may_write();
        let reports = server.state(|state| state.job_reports());
        let show = |report: &Report| describe(report, now_ms, may_write);
        let find =
            |id: u64| reports.iter().find(|report| report.id == id).ok_or(Error::NoSuchJob { id });
        match self {
            Self::All => Ok(Reply::Array(reports.iter().map(show).collect())),
            Self::One(id) => find(id).map(show),
            Self::Cancel(id) => {
                let stage = find(id)?.stage;
                if stage != Stage::UnderWay {
                    return Err(Error::JobEnded { id, stage: stage.as_str() });
                }
                if !may_write {
                    return Err(Error::MayNotWrite);
                }
                slices::end(server, id, Stage::Cancelled);
                let reports = server.state(|state| state.job_reports());
                let report = reports.iter().find(|report| report.id == id);
                report.map(show).ok_or(Error::NoSuchJob { id })
            }
        }
    }
}

fn describe(report: &Report, now_ms: u64, may_write: bool) -> Reply {
    let is_waiting = report.stage == Stage::UnderWay && !may_write;
    let until = if report.ended_ms == 0 { now_ms } else { report.ended_ms };
    let gone = report.deleted + report.absent;
    let percent = (gone * 100).checked_div(report.planned).unwrap_or(100);
    Reply::map([
        ("job", Reply::count(report.id)),
        ("origin", Reply::bulk(report.text.clone())),
        ("state", Reply::text(if is_waiting { "waiting" } else { report.stage.as_str() })),
        ("planned", Reply::count(report.planned)),
        ("deleted", Reply::count(report.deleted)),
        ("absent", Reply::count(report.absent)),
        ("remaining", Reply::count(report.left)),
        ("percent", Reply::count(percent)),
        ("elapsed_ms", Reply::count(until.saturating_sub(report.started_ms))),
    ])
}

/// # Format
/// `INVAL._JOB record [argument ...]`: see [`job_record`]. From primaries and append-only files
/// alone.
#[derive(Debug)]
pub struct FollowJob<'a> {
    words: &'a [&'a [u8]],
}

impl<'a> FollowJob<'a> {
    /// Reads the arguments.
    ///
    /// # Errors
    /// There are none.
    pub fn parse(args: &mut Args<'a>) -> Result<Self> {
        Ok(Self { words: args.rest("record")? })
    }

    /// Does as the primary did.
    ///
    /// # Errors
    /// A client asks, or the words are no record.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        if !server.redis().is_obeying() {
            return Err(Error::Internal {
                command: "INVAL._JOB",
                instead: "INVAL.PURGE ... ASYNC",
            });
        }
        let db = server.redis().db();
        let now_ms = server.redis().now_ms();
        let words = self.words;
        let unreadable =
            || Error::NotARecord { record: words.first().unwrap_or(&&b""[..]).to_vec() };
        if words.first() == Some(&&b"START"[..]) {
            let started = job_record::read_start(words).ok_or_else(unreadable)?;
            learn(server, &started.request);
            server.state(|state| state.follow_start(db, started));
        } else {
            server.state(|state| state.follow(db, words, now_ms)).ok_or_else(unreadable)?;
        }
        server.redis().begin_slices();
        server.redis().replicate_as_it_came();
        Ok(Reply::OK)
    }
}
