//! `INVAL.HEALTH`: is all well, and what to do if not; and the alerts when that changes.

mod observe;

use super::args::Args;
use super::json;
use super::reply::Reply;
use crate::domain::error::Result;
use crate::domain::evidence::advice::Recommendation;
use crate::domain::health::thresholds::{Profile, Thresholds};
use crate::domain::health::watch::{Alert, CHANNEL};
use crate::domain::health::{Figure, Finding, examine, worst};
use crate::domain::name::Shown;
use crate::server::Server;

/// What the configuration says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthSettings {
    /// The named set of thresholds.
    pub profile: Profile,
    /// Those of the profile, with what the user has set himself.
    pub thresholds: Thresholds,
}

/// # Format
/// `INVAL.HEALTH [FORMAT json]`
#[derive(Debug)]
pub struct Health {
    as_json: bool,
}

impl Health {
    /// Reads the arguments.
    ///
    /// # Errors
    /// Arguments that do not fit.
    pub fn parse(args: &mut Args) -> Result<Self> {
        let mut health = Self { as_json: false };
        if args.keyword("FORMAT") {
            let word = args.next("format")?;
            if !word.eq_ignore_ascii_case(b"JSON") {
                return Err(args.usage(format!("FORMAT '{}' is not json", Shown(word))));
            }
            health.as_json = true;
        }
        args.finish()?;
        Ok(health)
    }

    /// All checks as they are now, and what may be advised. Tells nobody of changes.
    ///
    /// # Errors
    /// None.
    pub fn run(self, server: &mut Server) -> Result<Reply> {
        let settings = server.redis().health_settings();
        let findings = examine(&observe::observe(server), &settings.thresholds);
        let now_ms = server.redis().now_ms();
        let (level, (before, since_ms)) =
            (worst(&findings), server.state(|state| state.health.level()));
        let recommendations = server.state(|state| state.recommendations());
        let reply = Reply::map([
            ("status", Reply::text(level.as_str())),
            ("profile", Reply::text(settings.profile.as_str())),
            ("since_ms", Reply::count(if level == before { since_ms } else { now_ms })),
            ("checks", Reply::Array(findings.iter().map(show).collect())),
            ("recommendations", Reply::Array(recommendations.iter().map(advice).collect())),
        ]);
        Ok(if self.as_json { Reply::bulk(json::write(&reply)) } else { reply })
    }
}

/// Examines all, and publishes what has changed since the last time; gives it, for the log.
pub fn evaluate(server: &mut Server) -> Vec<Alert> {
    let settings = server.redis().health_settings();
    let findings = examine(&observe::observe(server), &settings.thresholds);
    let now_ms = server.redis().now_ms();
    let alerts = server.state(|state| state.health.settle(&findings, now_ms));
    for alert in &alerts {
        server.redis().publish(CHANNEL, alert.message.as_bytes());
    }
    alerts
}

fn show(finding: &Finding) -> Reply {
    let bound = |bound: Option<u64>| bound.map_or(Reply::Null, Reply::count);
    Reply::map([
        ("check", Reply::text(finding.check)),
        ("status", Reply::text(finding.level.as_str())),
        ("value", finding.value.map_or(Reply::Null, figure)),
        ("unit", Reply::text(finding.unit)),
        ("warning", bound(finding.bounds.warning)),
        ("critical", bound(finding.bounds.critical)),
        ("meaning", Reply::bulk(finding.meaning.as_str())),
        ("remedy", Reply::bulk(finding.remedy.as_str())),
    ])
}

fn figure(figure: Figure) -> Reply {
    match figure {
        Figure::Count(count) => Reply::count(count),
        Figure::Amount(amount) => Reply::amount(amount),
    }
}

fn advice(of: &Recommendation) -> Reply {
    let evidence = of.evidence.iter().map(|(name, of)| (*name, figure(*of)));
    Reply::map([
        ("about", Reply::bulk(of.about.as_str())),
        ("advice", Reply::bulk(of.advice.as_str())),
        ("evidence", Reply::map(evidence)),
        ("command", Reply::bulk(of.command.as_str())),
    ])
}
