//! Writes a page of HTML about a server with the module.

use std::process::ExitCode;
use std::{env, fs, thread};

use inval_tools::arguments::{Asked, Report};
use inval_tools::link::{Link, Target};
use inval_tools::model::delta::Delta;
use inval_tools::output::print;
use inval_tools::report::page;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("inval-report: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let report = match Report::parse(env::args_os().skip(1).collect())? {
        Asked::Run(report) => report,
        Asked::Print(text) => return print(text),
    };
    let target = Target::parse(&report.url)?;
    let told = |trouble: inval_tools::link::Trouble| trouble.to_string();
    let mut link = Link::open(&target).map_err(told)?;
    let mut look = link.look().map_err(told)?;
    let mut since = None;
    if !report.between.is_zero() {
        eprintln!(
            "inval-report: looked at {}; the second look comes in {} s",
            target.shown,
            report.between.as_secs_f64()
        );
        thread::sleep(report.between);
        let later = link.look().map_err(told)?;
        since = Delta::between(&look, &later);
        look = later;
    }
    let page = page(&target.shown, &look, since.as_ref());
    if report.out.as_os_str() == "-" {
        return print(&page);
    }
    let name = report.out.display();
    fs::write(&report.out, page).map_err(|error| format!("{name}: {error}"))?;
    eprintln!("inval-report: wrote {name}");
    Ok(())
}
