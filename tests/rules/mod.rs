//! What each rule of `rules/` must hit, and what it must leave alone.

mod badges;
mod entities;
mod products;
mod sessions;
mod users_orders;

/// An event in a keyspace. Keys are separated by spaces; `key#tag#tag` is a key with tags.
pub struct Case {
    pub event: &'static str,
    pub payload: &'static str,
    /// The rules that take the event, in order of work; the first is the one that warms, if any.
    pub rules: &'static str,
    /// Keys that go and are queued for warming.
    pub warmed: &'static str,
    /// Keys that go.
    pub gone: &'static str,
    /// Keys that stay, beside all that go with an `x` before their names.
    pub stay: &'static str,
}

/// A value that the strategy behind a file writes out itself: rule, field, text.
pub type SpelledOut = (&'static str, &'static str, &'static str);

/// A file of `rules/`.
pub struct File {
    pub name: &'static str,
    pub cases: &'static [Case],
    pub spelled_out: &'static [SpelledOut],
}

/// Every file of `rules/`.
pub const FILES: &[File] = &[
    File { name: "badges.json", cases: badges::CASES, spelled_out: badges::SPELLED_OUT },
    File { name: "entities.json", cases: entities::CASES, spelled_out: &[] },
    File { name: "products.json", cases: products::CASES, spelled_out: products::SPELLED_OUT },
    File { name: "sessions.json", cases: sessions::CASES, spelled_out: sessions::SPELLED_OUT },
    File {
        name: "users-orders.json",
        cases: users_orders::CASES,
        spelled_out: users_orders::SPELLED_OUT,
    },
];

/// The rules of another priority than medium, by name.
pub const NOT_MEDIUM: &[&str] = &[
    "badge-mint high",
    "badge-revocation high",
    "custom-event low",
    "product-price-change high",
    "session.created high",
];

/// The event types that are globs, by the names of their rules; all others are exact.
pub const EVENT_GLOBS: &[&str] = &["CHALLENGE_*", "EVALUATION_*", "session.*"];
