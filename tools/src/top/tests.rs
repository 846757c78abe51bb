//! Whole frames, at the sizes people have.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::app::{App, Page, Press};
use super::draw::draw;
use crate::model::snapshot::{Replies, Snapshot, samples};
use crate::svg::plain;

fn app(replies: Replies) -> App {
    let mut app = App::new("127.0.0.1:6379");
    let mut look = Snapshot::of(replies);
    app.take(Ok(look.clone()));
    for step in 1..30 {
        look.now_ms += 1000;
        look.totals.runs = look.totals.runs.map(|runs| runs + step);
        app.take(Ok(look.clone()));
    }
    app
}

fn frame(app: &App, width: u16, height: u16) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    draw(app, buffer.area, &mut buffer);
    plain(&buffer)
}

#[test]
fn every_page_is_drawn_at_every_size() {
    for replies in [samples::busy(), samples::busy_flat(), samples::older(), Replies::default()] {
        let mut app = app(replies);
        for page in Page::ALL {
            app.page = page;
            for (width, height) in [(80, 24), (200, 50), (120, 32), (40, 12), (41, 13), (500, 200)]
            {
                let text = frame(&app, width, height);
                assert_eq!(text.lines().count(), usize::from(height), "{page:?}");
                assert!(text.contains("inval-top"), "{page:?}: {text}");
            }
            for (width, height) in [(0, 0), (1, 1), (39, 100), (100, 11)] {
                frame(&app, width, height);
            }
        }
    }
}

#[test]
fn the_overview_has_a_bit_of_everything() {
    let app = app(samples::busy());
    let small = frame(&app, 80, 24);
    for word in [
        "127.0.0.1:6379",
        "Redis 7.0.15 master",
        "up 2 h 30 min",
        "● critical",
        "keys 1M",
        "tags 1,234",
        "rules 41",
        "1m 90.0 %",
        "overhead 1.23 %",
        "efficiency 80.0 %",
        "▼runs",
        "\\x00\\xfe<script>",
        "badge-mint\\xff",
        "hit_rate: few reads find a value",
        "22:13:49 UTC",
        "20.0 %",
    ] {
        assert!(small.contains(word), "{word} is not in\n{small}");
    }
    let large = frame(&app, 200, 50);
    for word in [
        "slowest rules",
        "widest rules",
        "most often: keys",
        "user:\\x00",
        "very-long-",
        "narrow its WHEN",
    ] {
        assert!(large.contains(word), "{word} is not in\n{large}");
    }
}

#[test]
fn pages_show_what_they_are_named_for() {
    let mut app = app(samples::busy());
    let rows = [
        (Page::Rules, vec!["rule-07", "keys/run", "invalidations by rule (41)"]),
        (Page::Log, vec!["badge lists", "purge", "default"]),
        (Page::Top, vec!["most often: tags", "user:3:feed"]),
        (
            Page::Health,
            vec!["what to do: narrow the rules", "INVAL.RULE GET lists", "every live key"],
        ),
        (
            Page::Server,
            vec!["orders: name orders  lag 7", "lag_ms 90", "rules: badge queued 6", "rule best"],
        ),
    ];
    for (page, words) in rows {
        app.page = page;
        let text = frame(&app, 130, 50);
        for word in words {
            assert!(text.contains(word), "{word} is not in\n{text}");
        }
    }
}

#[test]
fn what_an_older_module_lacks_is_a_dash() {
    let text = frame(&app(samples::older()), 80, 24);
    for word in ["tags -", "health -", "1m -", "overhead -", "nothing is logged"] {
        assert!(text.contains(word), "{word} is not in\n{text}");
    }
}

#[test]
fn sorting_and_scrolling_change_the_rows() {
    let mut app = app(samples::busy());
    app.page = Page::Rules;
    let first = |app: &App| frame(app, 100, 20).lines().nth(5).unwrap().to_owned();
    assert!(first(&app).starts_with("\\x00"), "{}", first(&app));
    app.press(Press::Scroll(1));
    assert!(first(&app).starts_with("rule-00"), "{}", first(&app));
    app.press(Press::Home);
    app.press(Press::Letter('s'));
    assert!(frame(&app, 100, 20).contains("▼deleted"));
    app.press(Press::Letter('b'));
    assert!(first(&app).starts_with("badge-mint"), "{}", first(&app));
}

#[test]
fn a_server_that_is_gone_is_told() {
    let mut app = app(samples::busy());
    app.take(Err("127.0.0.1:6379 does not answer; next try in 1.0 s".to_owned()));
    assert!(frame(&app, 80, 24).contains("next try in 1.0 s"));
    app.press(Press::Letter('?'));
    assert!(frame(&app, 80, 24).contains("the page before"));
    let mut never = App::new("host:1");
    assert!(frame(&never, 80, 24).contains("asking the server"));
    never.take(Err("host:1 does not answer".to_owned()));
    assert!(frame(&never, 80, 24).contains("host:1 does not answer"));
}
