//! Draws the view: the head, the page, the foot, and the help above all.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Block, Clear, Widget};

use super::app::{App, Page};
use super::grid::{self, CRITICAL, FAINT, STRONG, TITLE, WARNING, below, of_status, spans};
use super::{health, overview, panes, sections};
use crate::model::numbers::{UNKNOWN, bytes, clock, count, duration, or_unknown};
use crate::model::snapshot::Snapshot;

/// The least columns and rows that can be drawn on.
const LEAST: (u16, u16) = (40, 12);

/// Draws the view on all of an area.
pub fn draw(app: &App, area: Rect, buffer: &mut Buffer) {
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = format!("too small: {} x {} needed", LEAST.0, LEAST.1);
        spans(area, buffer, &[(&text, WARNING)]);
        return;
    }
    let foot = Rect { y: area.bottom() - 1, height: 1, ..area };
    let area = Rect { height: area.height - 1, ..area };
    footer(app, foot, buffer);
    match &app.history.latest {
        Some(look) => {
            let rest = header(app, look, area, buffer);
            let rest = tabs(app, rest, buffer);
            page(app, look, rest, buffer);
        }
        None => waiting(app, area, buffer),
    }
    if app.help {
        help(area, buffer);
    }
}

fn page(app: &App, look: &Snapshot, area: Rect, buffer: &mut Buffer) {
    match app.page {
        Page::Overview => overview::draw(app, look, area, buffer),
        Page::Rules => panes::rows(app, look, area, buffer),
        Page::Log => panes::log(look, area, buffer, app.scroll),
        Page::Top => panes::top(look, area, buffer, app.scroll),
        Page::Health => health::all(look, area, buffer, app.scroll),
        Page::Server => sections::draw(look, area, buffer, app.scroll),
    }
}

fn waiting(app: &App, area: Rect, buffer: &mut Buffer) {
    spans(area, buffer, &[(" inval-top ", TITLE), (&app.address, STRONG)]);
    let text = match &app.lost {
        Some(why) => (why.as_str(), CRITICAL),
        None => ("asking the server ...", FAINT),
    };
    health::wrapped(below(area, 2), buffer, &[(text.0.to_owned(), text.1)], 0);
}

/// Two lines about the server, and a third when it does not answer.
fn header(app: &App, look: &Snapshot, area: Rect, buffer: &mut Buffer) -> Rect {
    let server = &look.server;
    let first = Rect { height: 1, ..area };
    let status = match look.status.as_str() {
        "" => format!("health {UNKNOWN} "),
        status => format!("● {status} "),
    };
    let room = u16::try_from(status.chars().count()).unwrap_or(0);
    let left = Rect { width: area.width.saturating_sub(room + 1), ..first };
    let role = server.role.as_deref().unwrap_or_default();
    let uptime = or_unknown(server.uptime_s, duration);
    let name = format!("  {} {role}", server.name);
    let words = [
        (" inval-top ", TITLE),
        (app.address.as_str(), STRONG),
        (name.as_str(), Style::new()),
        ("  up ", FAINT),
        (uptime.as_str(), Style::new()),
    ];
    spans(left, buffer, &words);
    grid::right(first, buffer, &status, of_status(&look.status));

    let number = |value| or_unknown(value, count);
    let memory = match (server.memory, server.memory_max) {
        (Some(used), Some(max)) => format!("{} of {}", bytes(used), bytes(max)),
        (used, _) => or_unknown(used, bytes),
    };
    let figures = [
        (" keys ", number(look.index("keys"))),
        ("  tags ", number(look.index("tags"))),
        ("  rules ", number(look.index("rules"))),
        ("  memory ", memory),
        ("  clients ", number(server.clients)),
        ("  commands/s ", number(server.commands)),
    ];
    let words: Vec<(&str, Style)> = figures
        .iter()
        .flat_map(|(label, value)| [(*label, FAINT), (value.as_str(), Style::new())])
        .collect();
    let rest = below(area, 1);
    spans(rest, buffer, &words);
    let rest = below(rest, 1);
    match &app.lost {
        Some(why) => {
            spans(rest, buffer, &[(" ", FAINT), (why, CRITICAL)]);
            below(rest, 1)
        }
        None => rest,
    }
}

fn tabs(app: &App, area: Rect, buffer: &mut Buffer) -> Rect {
    let names: Vec<String> =
        (1..).zip(Page::ALL).map(|(at, page)| format!(" {at} {} ", page.name())).collect();
    let style = |page| match page == app.page {
        true => Style::new().add_modifier(Modifier::REVERSED),
        false => FAINT,
    };
    let words: Vec<(&str, Style)> =
        names.iter().zip(Page::ALL).map(|(name, page)| (name.as_str(), style(page))).collect();
    spans(area, buffer, &words);
    below(area, 1)
}

fn footer(app: &App, area: Rect, buffer: &mut Buffer) {
    let by = format!(" by: {}  ", app.by.name());
    let keys = [
        (" q", STRONG),
        (" quit  ", FAINT),
        ("Tab", STRONG),
        (" page  ", FAINT),
        ("s", STRONG),
        (" sort  ", FAINT),
        ("b", STRONG),
        (by.as_str(), FAINT),
        ("p", STRONG),
        (" pause  ", FAINT),
        ("?", STRONG),
        (" help", FAINT),
    ];
    let end = spans(area, buffer, &keys);
    let latest = app.history.latest.as_ref();
    let without = latest.filter(|look| !look.unanswered.is_empty()).map(|look| {
        let names: Vec<_> = look.unanswered.iter().map(|of| of.command).collect();
        format!("  no answer: {}", names.join(" "))
    });
    let at = latest.map(|look| clock(look.now_ms)).unwrap_or_default();
    let (text, style) = match (app.paused, without) {
        (true, _) => ("PAUSED ".to_owned(), WARNING),
        (false, Some(without)) => (format!("{without}  {at} "), WARNING),
        (false, None) => (format!("{at} UTC "), FAINT),
    };
    let left = Rect { x: end, width: area.right().saturating_sub(end), ..area };
    grid::right(left, buffer, &text, style);
}

const KEYS: [(&str, &str); 9] = [
    ("q, Esc", "quit"),
    ("Tab, →", "the next page"),
    ("⇧Tab, ←", "the page before"),
    ("1 to 6", "a page by its number"),
    ("↑ ↓ PgUp PgDn", "scroll; Home: to the top"),
    ("s", "sort by the next column"),
    ("b", "rows by rule, event, tag, pattern, entity"),
    ("p, Space", "pause, and go on"),
    ("?", "show or hide this"),
];

fn help(area: Rect, buffer: &mut Buffer) {
    let (width, height) = (62.min(area.width), (KEYS.len() as u16 + 5).min(area.height));
    let x = area.x + (area.width - width) / 2;
    let y = area.y + (area.height - height) / 2;
    let place = Rect { x, y, width, height };
    Clear.render(place, buffer);
    let block = Block::bordered().title(" keys ");
    let inside = block.inner(place);
    block.render(place, buffer);
    let mut rest = inside;
    for (key, does) in KEYS {
        let key = format!(" {key:15}");
        spans(rest, buffer, &[(&key, STRONG), (does, Style::new())]);
        rest = below(rest, 1);
    }
    let words = [
        ("wasted: runs that matched no key; find, delete: 99 of 100", FAINT),
        ("runs took no longer; -: the server does not say", FAINT),
    ];
    for word in words {
        spans(below(rest, 1), buffer, &[(" ", FAINT), word]);
        rest = below(rest, 1);
    }
}
