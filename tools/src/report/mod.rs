//! A page of HTML about a server: complete in itself, without scripts, for light and dark.

mod charts;
mod html;
mod parts;
mod summary;
mod tables;

use html::{Page, text};

use crate::model::delta::Delta;
use crate::model::numbers::date;
use crate::model::snapshot::Snapshot;

const STYLE: &str = include_str!("style.css");

/// Draws the page from the latest look, and from what happened since the one before, if there was one.
pub fn page(address: &str, look: &Snapshot, since: Option<&Delta>) -> String {
    let mut page = Page::default();
    let title = format!("{address}: cache invalidation");
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n");
    page.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n");
    page.raw(&format!(
        "<title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n",
        text(&title)
    ));
    page.raw("<header>\n<h1>Cache invalidation</h1>\n");
    page.paragraph("about", &summary::about(address, look));
    page.raw("</header>\n<main>\n");
    page.paragraph("summary", &summary::sentence(look, since));
    parts::figures(&mut page, look, since);
    parts::health(&mut page, look);
    parts::advice(&mut page, look);
    parts::invalidations(&mut page, look);
    tables::windows(&mut page, look);
    parts::times(&mut page, look);
    parts::most(&mut page, look);
    tables::log(&mut page, look);
    tables::sections(&mut page, look);
    tables::unanswered(&mut page, look);
    page.raw("</main>\n<footer>");
    let made = format!(
        "Made by inval-report of {} UTC; all times are UTC. - : the server does not say.",
        date(look.now_ms)
    );
    page.raw(&text(&made));
    page.raw("</footer>\n</body>\n</html>\n");
    page.finish()
}

#[cfg(test)]
mod tests;
