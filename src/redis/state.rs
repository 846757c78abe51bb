//! The one static, and the way in.

use std::sync::LazyLock;

use redis_module::{RedisGILGuard, RedisLockIndicator};

use super::api::Ctx;
use super::keyspace::LiveKeyspace;
use crate::server::{Server, Shared};

// Only read access is ever taken from the guard: what changes inside is behind `RefCell`s,
// which see a second borrow where the guard would not.
static SHARED: LazyLock<RedisGILGuard<Shared>> = LazyLock::new(RedisGILGuard::default);

/// Proof that the server's lock is held, for callbacks that get no context.
pub(super) struct MainThread(());

// SAFETY: `MainThread` is made only inside callbacks that the server runs while it holds its
// lock: configuration, INFO.
unsafe impl RedisLockIndicator for MainThread {}

impl MainThread {
    /// # Safety
    /// The caller is in a callback that the server runs on its main thread.
    pub(super) unsafe fn assume() -> Self {
        Self(())
    }
}

/// The state, for callbacks.
pub(super) fn shared<R>(witness: &impl RedisLockIndicator, body: impl FnOnce(&Shared) -> R) -> R {
    body(&SHARED.lock(witness))
}

/// The state and the server, for what the module does of its own accord: nobody's permissions
/// count.
pub(super) fn enter_for_nobody<R>(ctx: Ctx, body: impl FnOnce(&mut Server) -> R) -> R {
    let mut redis = LiveKeyspace::for_nobody(ctx);
    shared(&ctx, |shared| body(&mut Server::new(shared, &mut redis)))
}

/// The state and the server, for commands.
pub(super) fn enter<R>(ctx: Ctx, body: impl FnOnce(&mut Server) -> R) -> R {
    let mut redis = LiveKeyspace::new(ctx);
    shared(&ctx, |shared| body(&mut Server::new(shared, &mut redis)))
}
