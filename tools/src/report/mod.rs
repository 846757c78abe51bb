//! The page of HTML.
