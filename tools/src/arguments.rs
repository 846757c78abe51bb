//! The arguments of the two programs.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

/// The server that is meant when none is named.
const DEFAULT_URL: &str = "redis://127.0.0.1:6379";

/// The shortest time between two looks, in seconds: so that watching costs next to nothing.
const INTERVAL_MIN: f64 = 0.1;

/// The longest time between two looks, in seconds: a day.
const INTERVAL_MAX: f64 = 86_400.0;

/// Columns and rows of a frame that is printed: less cannot be drawn, and more is a mistake.
const SIZES: std::ops::RangeInclusive<u16> = 20..=500;

/// What `inval-top --help` prints.
pub const TOP_HELP: &str = "\
inval-top: what a server with the module inval does, as it happens

inval-top [redis://[[user]:password@]host[:port][/db]] [options]

  the server      redis://127.0.0.1:6379 when none is named; also rediss://host,
                  unix:///path/of/the.sock and redis://host?protocol=resp3
  --interval s    seconds between two looks (2)
  --once          print one frame and end
  --svg file      with --once: write the frame to a file, as a picture
  --size WxH      with --once: columns and rows of the frame (100x40)
  --page name     begin with overview, rules, log, top, health or server
  --looks n       with --once: look so often before the frame is drawn (1)
  --help          this text
  --version       the version

Keys: q quit, Tab or arrows another page, up and down scroll, s sort, p pause, ? help.
A password may also come from the environment, as INVAL_PASSWORD.
";

/// What `inval-report --help` prints.
pub const REPORT_HELP: &str = "\
inval-report: a page of HTML about a server with the module inval

inval-report [redis://[[user]:password@]host[:port][/db]] [options]

  the server      redis://127.0.0.1:6379 when none is named; also rediss://host,
                  unix:///path/of/the.sock and redis://host?protocol=resp3
  -o file         the page (inval-report.html); - for standard output
  --seconds n     look twice, so many seconds apart (10); 0 looks once
  --help          this text
  --version       the version

A password may also come from the environment, as INVAL_PASSWORD.
";

/// What `inval-top` is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Top {
    /// The server.
    pub url: String,
    /// Between two looks.
    pub interval: Duration,
    /// Print one frame and end.
    pub once: bool,
    /// Where to write the frame as a picture.
    pub svg: Option<PathBuf>,
    /// Columns and rows of a printed frame.
    pub size: (u16, u16),
    /// The name of the first page.
    pub page: String,
    /// Looks before a frame is printed.
    pub looks: u32,
}

/// What `inval-report` is to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The server.
    pub url: String,
    /// Where to write the page; `-` for standard output.
    pub out: PathBuf,
    /// Between the two looks; none for one look.
    pub between: Duration,
}

/// What the arguments ask for.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked<T> {
    /// To run.
    Run(T),
    /// To print a text and end.
    Print(&'static str),
}

const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\n");

impl Top {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    /// One line: what does not fit.
    pub fn parse(arguments: Vec<OsString>) -> Result<Asked<Self>, String> {
        let mut top = Self {
            url: String::new(),
            interval: Duration::from_secs(2),
            once: false,
            svg: None,
            size: (100, 40),
            page: "overview".to_owned(),
            looks: 1,
        };
        let mut parser = Parser::from_args(arguments);
        while let Some(argument) = next(&mut parser)? {
            match argument {
                Arg::Long("help") | Arg::Short('h') => return Ok(Asked::Print(TOP_HELP)),
                Arg::Long("version") | Arg::Short('V') => return Ok(Asked::Print(VERSION)),
                Arg::Long("once") => top.once = true,
                Arg::Long("interval") | Arg::Short('i') => {
                    top.interval = seconds("--interval", &text(&mut parser)?, INTERVAL_MIN)?;
                }
                Arg::Long("svg") => top.svg = Some(value(&mut parser)?.into()),
                Arg::Long("size") => top.size = size(&text(&mut parser)?)?,
                Arg::Long("page") => top.page = text(&mut parser)?,
                Arg::Long("looks") => {
                    let looks = text(&mut parser)?;
                    let number = looks.parse().ok().filter(|looks| (1..=3600).contains(looks));
                    top.looks = number
                        .ok_or(format!("--looks takes a number from 1 to 3600, not {looks:?}"))?;
                }
                Arg::Value(url) => set_url(&mut top.url, url)?,
                other => return Err(unknown(other)),
            }
        }
        if top.svg.is_some() && !top.once {
            return Err("--svg writes one frame: add --once".to_owned());
        }
        or_default(&mut top.url);
        Ok(Asked::Run(top))
    }
}

impl Report {
    /// Reads the arguments, without the program's name.
    ///
    /// # Errors
    /// One line: what does not fit.
    pub fn parse(arguments: Vec<OsString>) -> Result<Asked<Self>, String> {
        let mut report = Self {
            url: String::new(),
            out: "inval-report.html".into(),
            between: Duration::from_secs(10),
        };
        let mut parser = Parser::from_args(arguments);
        while let Some(argument) = next(&mut parser)? {
            match argument {
                Arg::Long("help") | Arg::Short('h') => return Ok(Asked::Print(REPORT_HELP)),
                Arg::Long("version") | Arg::Short('V') => return Ok(Asked::Print(VERSION)),
                Arg::Short('o') | Arg::Long("output") => report.out = value(&mut parser)?.into(),
                Arg::Long("seconds") | Arg::Short('n') => {
                    report.between = seconds("--seconds", &text(&mut parser)?, 0.0)?;
                }
                Arg::Value(url) => set_url(&mut report.url, url)?,
                other => return Err(unknown(other)),
            }
        }
        or_default(&mut report.url);
        Ok(Asked::Run(report))
    }
}

fn next(parser: &mut Parser) -> Result<Option<Arg<'_>>, String> {
    parser.next().map_err(|error| error.to_string())
}

fn value(parser: &mut Parser) -> Result<OsString, String> {
    parser.value().map_err(|error| error.to_string())
}

fn text(parser: &mut Parser) -> Result<String, String> {
    value(parser)?.string().map_err(|error| error.to_string())
}

fn unknown(argument: Arg) -> String {
    format!("{}; --help lists what there is", argument.unexpected())
}

fn set_url(url: &mut String, value: OsString) -> Result<(), String> {
    if !url.is_empty() {
        return Err("one server is enough; --help lists the arguments".to_owned());
    }
    *url = value.string().map_err(|error| error.to_string())?;
    Ok(())
}

fn or_default(url: &mut String) {
    if url.is_empty() {
        *url = DEFAULT_URL.to_owned();
    }
}

fn seconds(name: &str, text: &str, least: f64) -> Result<Duration, String> {
    let number =
        text.parse::<f64>().ok().filter(|seconds| (least..=INTERVAL_MAX).contains(seconds));
    let wrong = || format!("{name} takes seconds from {least} to {INTERVAL_MAX}, not {text:?}");
    number.map(Duration::from_secs_f64).ok_or_else(wrong)
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let side = |side: &str| side.parse().ok().filter(|side| SIZES.contains(side));
    let parts = text.split_once(['x', 'X']);
    let size = parts.and_then(|(columns, rows)| Some((side(columns)?, side(rows)?)));
    size.ok_or_else(|| {
        format!(
            "--size takes columns and rows from {} to {}, as 80x24, not {text:?}",
            SIZES.start(),
            SIZES.end()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(line: &str) -> Result<Asked<Top>, String> {
        Top::parse(line.split_whitespace().map(OsString::from).collect())
    }

    fn report(line: &str) -> Result<Asked<Report>, String> {
        Report::parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn arguments_are_read() {
        let Ok(Asked::Run(none)) = top("") else { panic!() };
        assert_eq!((none.url.as_str(), none.once), (DEFAULT_URL, false));
        let line =
            "redis://h:1/2 --once --svg a.svg --size 80x24 --interval 0.5 --page log --looks 3";
        let Ok(Asked::Run(all)) = top(line) else { panic!() };
        assert_eq!((all.url.as_str(), all.size, all.looks), ("redis://h:1/2", (80, 24), 3));
        assert_eq!((all.interval, all.page.as_str()), (Duration::from_millis(500), "log"));
        assert_eq!(top("--help"), Ok(Asked::Print(TOP_HELP)));
        let Ok(Asked::Run(page)) = report("-o - --seconds 0") else { panic!() };
        assert_eq!((page.out, page.between), ("-".into(), Duration::ZERO));
        assert_eq!(report("-h"), Ok(Asked::Print(REPORT_HELP)));
    }

    #[test]
    fn what_does_not_fit_is_told() {
        for (line, told) in [
            ("--interval 0", "0.1 to 86400"),
            ("--interval x", "--interval takes seconds"),
            ("--size 80", "as 80x24"),
            ("--size 80x1", "as 80x24"),
            ("--svg a.svg", "add --once"),
            ("--looks 0", "1 to 3600"),
            ("--loks 1", "--help"),
            ("a b", "one server"),
            ("--svg", "svg"),
        ] {
            let error = top(line).unwrap_err();
            assert!(error.contains(told) && error.lines().count() == 1, "{line}: {error}");
        }
        assert!(report("--seconds -1").unwrap_err().contains("--seconds takes seconds"));
        assert!(report("--once").unwrap_err().contains("--help"));
    }
}
