//! What the view shows, and what each key changes.

use crate::model::history::History;
use crate::model::rows::{Row, Sort};
use crate::model::snapshot::Snapshot;

/// A page of the view.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Page {
    /// A part of everything.
    #[default]
    Overview,
    /// Invalidations by rule, event, tag, pattern or entity.
    Rules,
    /// The latest invalidations.
    Log,
    /// What is invalidated most often.
    Top,
    /// Checks and advice.
    Health,
    /// All other figures of the server.
    Server,
}

impl Page {
    /// All pages, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Overview, Self::Rules, Self::Log, Self::Top, Self::Health, Self::Server];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Overview => "overview",
            Self::Rules => "rules",
            Self::Log => "log",
            Self::Top => "top",
            Self::Health => "health",
            Self::Server => "server",
        }
    }

    /// The page of a name.
    ///
    /// # Errors
    /// One line: the names there are.
    pub fn parse(name: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        let page = Self::ALL.into_iter().find(|page| page.name() == name);
        page.ok_or_else(|| format!("no page {name:?}; there are {names}"))
    }

    fn step(self, forward: bool) -> Self {
        let all = Self::ALL.into_iter();
        let after = |mut pages: Box<dyn Iterator<Item = Self>>| {
            pages.find(|page| *page == self);
            pages.next()
        };
        match forward {
            true => after(Box::new(all.cycle())),
            false => after(Box::new(all.rev().cycle())),
        }
        .unwrap_or_default()
    }
}

/// By what invalidations are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// Rules.
    #[default]
    Rule,
    /// Events.
    Event,
    /// Tags, as rules write them.
    Tag,
    /// Patterns, as rules write them.
    Pattern,
    /// Entities, of the payload.
    Entity,
}

impl By {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Event => "event",
            Self::Tag => "tag",
            Self::Pattern => "pattern",
            Self::Entity => "entity",
        }
    }

    /// Its rows in a look.
    pub fn rows(self, look: &Snapshot) -> &[Row] {
        match self {
            Self::Rule => &look.rules,
            Self::Event => &look.events,
            Self::Tag => &look.tags,
            Self::Pattern => &look.patterns,
            Self::Entity => &look.entities,
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Rule => Self::Event,
            Self::Event => Self::Tag,
            Self::Tag => Self::Pattern,
            Self::Pattern => Self::Entity,
            Self::Entity => Self::Rule,
        }
    }
}

/// A key that was pressed, as far as the view knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Press {
    /// A letter or digit.
    Letter(char),
    /// Ctrl and C.
    Interrupt,
    /// Escape.
    Escape,
    /// The next page.
    Forward,
    /// The page before.
    Back,
    /// So many rows down, or up.
    Scroll(i32),
    /// The first row.
    Home,
}

/// What the view shows.
#[derive(Debug, Default)]
pub struct App {
    /// The server's address.
    pub address: String,
    /// What the server said.
    pub history: History,
    /// Why there is no connection, when there is none.
    pub lost: Option<String>,
    /// The page.
    pub page: Page,
    /// By what rows are sorted.
    pub sort: Sort,
    /// By what invalidations are shown.
    pub by: By,
    /// The first row that is shown.
    pub scroll: usize,
    /// Looks are not taken in.
    pub paused: bool,
    /// Shows what the keys do.
    pub help: bool,
}

impl App {
    /// A view of a server that was not looked at yet.
    pub fn new(address: &str) -> Self {
        Self { address: address.to_owned(), ..Self::default() }
    }

    /// Takes in a look, or why there is none.
    pub fn take(&mut self, look: Result<Snapshot, String>) {
        match look {
            Ok(_) if self.paused => self.lost = None,
            Ok(look) => {
                self.lost = None;
                self.history.add(look);
            }
            Err(why) => self.lost = Some(why),
        }
    }

    /// Does what a key asks for; `false` is the wish to end.
    pub fn press(&mut self, press: Press) -> bool {
        match press {
            Press::Interrupt | Press::Letter('q') => return false,
            Press::Escape if self.help => self.help = false,
            Press::Escape => return false,
            Press::Letter('?' | 'h') => self.help = !self.help,
            Press::Letter('p' | ' ') => self.paused = !self.paused,
            Press::Letter('s') => self.sort = self.sort.next(),
            Press::Letter('b') => {
                self.by = self.by.next();
                self.scroll = 0;
            }
            Press::Letter('k') => return self.press(Press::Scroll(-1)),
            Press::Letter('j') => return self.press(Press::Scroll(1)),
            Press::Letter(digit) => {
                let number = digit.to_digit(10).and_then(|number| number.checked_sub(1));
                if let Some(page) = number.and_then(|number| Page::ALL.get(number as usize)) {
                    self.turn(*page);
                }
            }
            Press::Forward => self.turn(self.page.step(true)),
            Press::Back => self.turn(self.page.step(false)),
            Press::Home => self.scroll = 0,
            Press::Scroll(by) => {
                let rows = self.rows();
                let scroll = self.scroll.saturating_add_signed(by as isize);
                self.scroll = scroll.min(rows.saturating_sub(1));
            }
        }
        true
    }

    fn turn(&mut self, page: Page) {
        self.page = page;
        self.scroll = 0;
    }

    /// Rows that the page could show, at least.
    fn rows(&self) -> usize {
        let Some(look) = &self.history.latest else { return 0 };
        match self.page {
            Page::Overview | Page::Rules => self.by.rows(look).len(),
            Page::Log => look.log.len(),
            Page::Top => look.top.iter().map(|top| top.items.len()).max().unwrap_or(0),
            // Lines of text, which depend on the width.
            Page::Health => look.checks.len() * 4 + look.advice.len() * 4,
            Page::Server => 500,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::snapshot::samples;

    #[test]
    fn keys_do_what_the_help_says() {
        let mut app = App::new("a");
        app.take(Ok(Snapshot::of(samples::busy())));
        assert!(!app.press(Press::Letter('q')) && !app.press(Press::Interrupt));
        assert!(app.press(Press::Forward));
        assert_eq!(app.page, Page::Rules);
        app.press(Press::Back);
        app.press(Press::Back);
        assert_eq!(app.page, Page::Server);
        app.press(Press::Letter('3'));
        assert_eq!(app.page, Page::Log);
        app.press(Press::Letter('s'));
        app.press(Press::Letter('b'));
        assert_eq!((app.sort, app.by), (Sort::Deleted, By::Event));
        app.press(Press::Letter('?'));
        assert!(app.help);
        assert!(app.press(Press::Escape));
        assert!(!app.help);
        assert!(!app.press(Press::Escape));
    }

    #[test]
    fn scrolling_stays_among_the_rows() {
        let mut app = App::new("a");
        app.press(Press::Scroll(5));
        assert_eq!(app.scroll, 0);
        app.take(Ok(Snapshot::of(samples::busy())));
        app.press(Press::Scroll(1000));
        assert_eq!(app.scroll, 40);
        app.press(Press::Scroll(-1));
        assert_eq!(app.scroll, 39);
        app.press(Press::Letter('9'));
        app.press(Press::Home);
        assert_eq!((app.scroll, app.page), (0, Page::Overview));
    }

    #[test]
    fn a_pause_keeps_what_is_shown() {
        let mut app = App::new("a");
        app.press(Press::Letter('p'));
        app.take(Err("gone".to_owned()));
        assert_eq!(app.lost.as_deref(), Some("gone"));
        app.take(Ok(Snapshot::default()));
        assert!(app.history.latest.is_none() && app.lost.is_none());
        assert!(Page::parse("tops").unwrap_err().contains("overview, rules"));
    }
}
