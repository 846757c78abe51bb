//! A terminal view of a server with the module; `--once` prints one frame.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::{env, fs, io, thread};

use inval_tools::arguments::{Asked, Top};
use inval_tools::link::{Link, Target};
use inval_tools::output::print;
use inval_tools::screen;
use inval_tools::svg;
use inval_tools::top::app::{App, Page};
use inval_tools::top::draw::draw;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("inval-top: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let top = match Top::parse(env::args_os().skip(1).collect())? {
        Asked::Run(top) => top,
        Asked::Print(text) => return print(text),
    };
    let target = Target::parse(&top.url)?;
    let mut app = App::new(&target.shown);
    app.page = Page::parse(&top.page)?;
    if !top.once && !io::stdout().is_terminal() {
        return Err("standard output is no terminal; --once prints one frame".to_owned());
    }
    let mut link = Link::open(&target).map_err(|trouble| trouble.to_string())?;
    // The first look tells what no other would mend, before the terminal is taken.
    app.take(Ok(link.look().map_err(|trouble| trouble.to_string())?));
    match top.once {
        true => once(&top, &mut app, &mut link),
        false => screen::show(&mut app, target, link, top.interval)
            .map_err(|error| format!("the terminal: {error}")),
    }
}

fn once(top: &Top, app: &mut App, link: &mut Link) -> Result<(), String> {
    for _ in 1..top.looks {
        thread::sleep(top.interval);
        app.take(Ok(link.look().map_err(|trouble| trouble.to_string())?));
    }
    let (columns, rows) = top.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
    draw(app, buffer.area, &mut buffer);
    match &top.svg {
        Some(path) => fs::write(path, svg::picture(&buffer))
            .map_err(|error| format!("{}: {error}", path.display())),
        None => print(&svg::plain(&buffer)),
    }
}
