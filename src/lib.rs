//! `inval`: cache invalidation inside the cache server.
//!
//! A module for redis-server and valkey-server. Applications say *what happened*
//! (an event, a tag, a pattern); the stale keys are gone in one atomic step.
//!
//! # Layout
//!
//! Three layers; arrows point inward only, and `tests/architecture.rs` guards them:
//!
//! * [`domain`]: data and decisions. No Redis, no I/O, no clock, no randomness.
//! * [`commands`]: a command is a value, then an act. It reaches the state and the
//!   server through [`server::Server`], the one door, and runs whole in unit tests.
//! * `redis` (feature `module`): the only place with `unsafe` and `redis_module`.

pub mod commands;
pub mod domain;
#[cfg(feature = "module")]
pub mod redis;
pub mod server;
