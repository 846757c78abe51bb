//! The page is well formed, whole in itself, and has what the server said, whatever that is.

use roxmltree::{Document, ParsingOptions};

use super::page;
use crate::model::delta::Delta;
use crate::model::snapshot::{Replies, Snapshot, Unanswered, samples};

fn parse(page: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
    Document::parse_with_options(page, options).unwrap_or_else(|error| panic!("{error}: {page}"))
}

fn words(document: &Document) -> String {
    let texts = document.descendants().filter(|node| node.is_text());
    texts.filter_map(|node| node.text()).collect::<Vec<_>>().join(" ")
}

fn all() -> Vec<Replies> {
    let why = "NOPERM <no> & \"such\"".to_owned();
    let mut refused = samples::older();
    refused.unanswered.push(Unanswered { command: "INVAL.TOP", why });
    vec![samples::busy(), samples::busy_flat(), refused, Replies::default()]
}

#[test]
fn pages_are_well_formed_and_need_nothing_else() {
    for replies in all() {
        let look = Snapshot::of(replies);
        let delta = Delta { seconds: 10.0, runs: Some(3), ..Delta::default() };
        for since in [None, Some(&delta)] {
            let page = page("host:1", &look, since);
            let document = parse(&page);
            for node in document.descendants().filter(|node| node.is_element()) {
                let name = node.tag_name().name();
                assert!(
                    !["script", "link", "img", "iframe", "object", "use"].contains(&name),
                    "{name}"
                );
                for attribute in node.attributes() {
                    let (name, value) = (attribute.name(), attribute.value());
                    assert!(!["src", "href", "style", "action"].contains(&name), "{name}");
                    assert!(!name.starts_with("on") && !value.contains("//"), "{name}={value}");
                }
            }
            let style = document.descendants().find(|node| node.has_tag_name("style")).unwrap();
            let style = style.text().unwrap();
            assert!(!style.contains("url(") && !style.contains("@import"));
            assert!(style.contains("prefers-color-scheme: dark"));
        }
    }
}

#[test]
fn a_page_has_all_that_the_server_said() {
    let look = Snapshot::of(samples::busy());
    let page =
        page("host:1", &look, Some(&Delta { seconds: 10.0, runs: Some(30), ..Delta::default() }));
    let document = parse(&page);
    let words = words(&document);
    for part in [
        "host:1 - Redis 7.0.15 (master) - up 2 h 30 min",
        "In 2 h 30 min 123,456 invalidations deleted 9,876,543 keys; 20.0 % of the runs matched no key.",
        "90.0 % of all reads found a value, and invalidating took 1.23 % of the server's time",
        "While this was made (10 s): 30 runs.",
        "The state is critical: see 2 of 3 checks below.",
        "What to do: narrow the rules",
        "INVAL.RULE GET lists",
        "since the start or reset",
        "2,000 runs, 50,000 keys",
        "team:{id}",
        "^badges:.*</td>$",
        "user:\\x00\\xff:<i>",
        "(or up to 100 less)",
        "badge-mint\\xff<b>&\"'\\x1b[31m",
        "catalogue",
        "1 us",
    ] {
        assert!(words.contains(part), "{part} is not in\n{words}");
    }
    assert!(!page.contains("<script") && !page.contains('\u{1b}'));
}

#[test]
fn what_the_server_does_not_say_is_not_made_up() {
    let nothing = page("host:1", &Snapshot::default(), None);
    let words = words(&parse(&nothing));
    assert!(words.contains("The server says nothing of what it did."), "{words}");
    assert!(words.contains("The server does not say."), "{words}");
    let refused = Snapshot::of(all().swap_remove(2));
    assert!(page("h", &refused, None).contains("NOPERM &lt;no&gt; &amp; &quot;such&quot;"));
}
