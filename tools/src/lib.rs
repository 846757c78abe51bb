//! For people: `inval-top`, a terminal view of a server with the module, and `inval-report`, a
//! page of HTML about it.
//!
//! Three layers: [`model`] is what a server said, in numbers and words (no connection, no clock);
//! [`top`] and [`report`] draw it, on a grid of characters and as text; [`link`], [`screen`], [`output`]
//! and the two programs in `src/bin` do what is left: ask the server, and show.

pub mod arguments;
pub mod link;
pub mod model;
pub mod output;
pub mod report;
pub mod screen;
pub mod svg;
pub mod top;
