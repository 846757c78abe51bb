//! The terminal view: what is shown ([`app`]) and how ([`draw`]), on any grid of characters.

pub mod app;
pub mod draw;
mod grid;
mod health;
mod overview;
mod panes;
mod sections;

#[cfg(test)]
mod tests;
