//! The terminal: looks come from a thread of their own, so that no slow server stops the keys.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::link::{Link, Target, Trouble};
use crate::model::snapshot::Snapshot;
use crate::top::app::{App, Press};
use crate::top::draw::draw;

/// How long a key may wait to be seen, and a look to be drawn.
const TICK: Duration = Duration::from_millis(100);

/// The first wait before a server that went away is asked again; each next is twice as long.
const RETRY_MIN: Duration = Duration::from_millis(500);

/// The longest such wait.
const RETRY_MAX: Duration = Duration::from_secs(10);

/// How long the view may take to end once it should.
const GRACE: Duration = Duration::from_secs(2);

/// Rows that a page of a table is.
const PAGE_ROWS: i32 = 10;

/// A look, or why there is none.
type Look = Result<Snapshot, String>;

/// Shows the view until somebody wants to end it, and leaves the terminal as it was.
///
/// # Errors
/// The terminal cannot be used.
pub fn show(app: &mut App, target: Target, first: Link, interval: Duration) -> io::Result<()> {
    let ends = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&ends))?;
    }
    let (sender, looks) = channel();
    thread::spawn(move || watch(&target, first, interval, &sender));
    let asked = Arc::clone(&ends);
    thread::spawn(move || leave_a_lost_terminal(&asked));
    // Restores the terminal in a panic, too.
    let mut terminal = ratatui::try_init()?;
    let outcome = run(app, &mut terminal, &looks, &ends);
    ratatui::restore();
    outcome
}

/// Ends the process when somebody asks for it, or the terminal is gone, and the view does not end:
/// what reads the keys of a lost terminal may never come back.
fn leave_a_lost_terminal(ends: &AtomicBool) {
    while !ends.load(Ordering::Relaxed) && io::stdout().is_terminal() {
        thread::sleep(TICK);
    }
    ends.store(true, Ordering::Relaxed);
    thread::sleep(GRACE);
    ratatui::restore();
    std::process::exit(1);
}

fn run(
    app: &mut App,
    terminal: &mut ratatui::DefaultTerminal,
    looks: &Receiver<Look>,
    ends: &AtomicBool,
) -> io::Result<()> {
    while !ends.load(Ordering::Relaxed) {
        looks.try_iter().for_each(|look| app.take(look));
        terminal.draw(|frame| draw(app, frame.area(), frame.buffer_mut()))?;
        // Whatever came while it was drawn is taken together.
        let mut waits = TICK;
        while !ends.load(Ordering::Relaxed) && event::poll(waits)? {
            waits = Duration::ZERO;
            if let Event::Key(key) = event::read()?
                && let Some(press) = press(key)
                && !app.press(press)
            {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// What a key means.
fn press(key: KeyEvent) -> Option<Press> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return matches!(key.code, KeyCode::Char('c' | 'd')).then_some(Press::Interrupt);
    }
    match key.code {
        KeyCode::Char(letter) => Some(Press::Letter(letter)),
        KeyCode::Esc => Some(Press::Escape),
        KeyCode::Tab | KeyCode::Right => Some(Press::Forward),
        KeyCode::BackTab | KeyCode::Left => Some(Press::Back),
        KeyCode::Up => Some(Press::Scroll(-1)),
        KeyCode::Down => Some(Press::Scroll(1)),
        KeyCode::PageUp => Some(Press::Scroll(-PAGE_ROWS)),
        KeyCode::PageDown => Some(Press::Scroll(PAGE_ROWS)),
        KeyCode::Home => Some(Press::Home),
        KeyCode::End => Some(Press::Scroll(i32::MAX)),
        _ => None,
    }
}

/// Looks again and again, and connects anew when the server went away; ends with its listener.
fn watch(target: &Target, first: Link, interval: Duration, sender: &Sender<Look>) {
    let mut link = Some(first);
    let mut wait = RETRY_MIN;
    loop {
        let mut look = || -> Result<Snapshot, Trouble> {
            let mut open = match link.take() {
                Some(open) => open,
                None => Link::open(target)?,
            };
            let look = open.look()?;
            link = Some(open);
            Ok(look)
        };
        let (told, pause) = match look() {
            Ok(look) => {
                wait = RETRY_MIN;
                (Ok(look), interval)
            }
            Err(trouble) => {
                let pause = wait;
                wait = (wait * 2).min(RETRY_MAX);
                (Err(format!("{trouble}; next try in {:.1} s", pause.as_secs_f64())), pause)
            }
        };
        if sender.send(told).is_err() {
            return;
        }
        thread::sleep(pause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_terminal_are_those_of_the_view() {
        let key = |code| KeyEvent::new(code, KeyModifiers::NONE);
        let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert_eq!(press(control), Some(Press::Interrupt));
        assert_eq!(press(key(KeyCode::Char('s'))), Some(Press::Letter('s')));
        assert_eq!(press(key(KeyCode::Tab)), Some(Press::Forward));
        assert_eq!(press(key(KeyCode::F(5))), None);
        let mut released = key(KeyCode::Char('q'));
        released.kind = KeyEventKind::Release;
        assert_eq!(press(released), None);
    }
}
