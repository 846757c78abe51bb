//! The one door to the state and to the server, which makes holding both impossible.
//!
//! Deleting a key inside a command calls our own notification callback before it returns; so
//! does merely reading an expired key. State and server are therefore reached through the same
//! `&mut`: whoever looks at the state cannot touch the server meanwhile (the compiler says so),
//! and whoever touches the server holds no state that a callback could collide with.

use std::cell::{Cell, RefCell};

use crate::commands::keyspace::Keyspace;
use crate::domain::State;
use crate::domain::change::Change;
use crate::domain::name::Db;

/// A change that came while the state was in use.
type Waiting = (Change, Db, Box<[u8]>);

/// The state and its nets. There is one in a process; callbacks and commands share it.
#[derive(Default)]
pub struct Shared {
    state: RefCell<State>,
    pending: RefCell<Vec<Waiting>>,
    deferred: Cell<u64>,
    suspect: Cell<bool>,
}

impl Shared {
    /// Looks at the state. `look` touches no server: it gets none.
    pub fn with<R>(&self, look: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.borrow_mut();
        let _mark = MarkSuspect(&self.suspect);
        for (change, db, name) in self.pending.take() {
            state.notice(change, db, &name);
        }
        state.settle();
        look(&mut state)
    }

    /// Takes in what was told and waits, unless the state is in use.
    pub fn settle(&self) {
        if self.state.try_borrow_mut().is_ok() {
            self.with(|_| ());
        }
    }

    /// Looks at the state if nobody does: for places that may run at any moment.
    pub fn try_with<R>(&self, look: impl FnOnce(&State) -> R) -> Option<R> {
        self.state.try_borrow().ok().map(|state| look(&state))
    }

    /// Counts a read, unless the state is in use. What was told and waits stays where it is: the
    /// index is not asked for more than a hint, and clients read more often than anything else.
    pub fn count<R>(&self, count: impl FnOnce(&mut State) -> R) -> Option<R> {
        self.state.try_borrow_mut().ok().map(|mut state| count(&mut state))
    }

    /// Whether values that are written anew matter: of keys that a job is about to delete, or of
    /// which it is known how fresh they are; yes when the state is in use and cannot say.
    pub fn awaits_overwrites(&self) -> bool {
        let awaits = |state: &State| !state.jobs.is_empty() || state.has_freshness();
        self.try_with(awaits).unwrap_or(true)
    }

    /// Whether jobs are under way; yes when the state is in use and cannot say.
    pub fn has_jobs(&self) -> bool {
        self.try_with(|state| !state.jobs.is_empty()).unwrap_or(true)
    }

    /// Takes a change of the keyspace in; never fails, never panics, never loses one.
    pub fn notice(&self, change: Change, db: Db, name: &[u8]) {
        match self.state.try_borrow_mut() {
            Ok(mut state) => {
                let _mark = MarkSuspect(&self.suspect);
                state.notice(change, db, name);
            }
            Err(_) => {
                self.deferred.set(self.deferred.get() + 1);
                self.pending.borrow_mut().push((change, db, name.into()));
            }
        }
    }

    /// A change was lost on its way: until a new walk over the keyspace, the index counts as
    /// incomplete. Never fails, never panics.
    pub fn doubt(&self) {
        if let Ok(mut state) = self.state.try_borrow_mut() {
            state.index.incomplete = true;
        }
    }

    /// Changes that came while the state was in use. The design makes it 0; not 0 is a bug.
    pub fn deferred(&self) -> u64 {
        self.deferred.get()
    }

    /// Whether a panic was caught while the state was being changed.
    pub fn is_suspect(&self) -> bool {
        self.suspect.get()
    }
}

/// Marks the state suspect when a panic passes through while it is borrowed.
struct MarkSuspect<'a>(&'a Cell<bool>);

impl Drop for MarkSuspect<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set(true);
        }
    }
}

/// What a command gets. See the module.
pub struct Server<'a> {
    shared: &'a Shared,
    redis: &'a mut dyn Keyspace,
}

impl<'a> Server<'a> {
    /// Joins the state and a server.
    pub fn new(shared: &'a Shared, redis: &'a mut dyn Keyspace) -> Self {
        Self { shared, redis }
    }

    /// Looks at the state, for this line only.
    ///
    /// Touching the server meanwhile does not compile:
    ///
    /// ```compile_fail
    /// fn both(server: &mut inval::server::Server) {
    ///     server.state(|_| server.redis().exists(b"key"));
    /// }
    /// ```
    pub fn state<R>(&mut self, look: impl FnOnce(&mut State) -> R) -> R {
        self.shared.with(look)
    }

    /// The server. Anything done through it may call [`Shared::notice`] before it returns.
    pub fn redis(&mut self) -> &mut dyn Keyspace {
        self.redis
    }

    /// See [`Shared::is_suspect`].
    pub fn is_suspect(&self) -> bool {
        self.shared.is_suspect()
    }

    /// See [`Shared::deferred`].
    pub fn deferred(&self) -> u64 {
        self.shared.deferred()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_during_a_look_waits_and_is_counted() {
        let shared = Shared::default();
        shared.with(|state| {
            shared.notice(Change::Created, Db(0), b"a");
            assert_eq!(state.sizes().0, 0);
        });
        assert_eq!(shared.deferred(), 1);
        assert_eq!(shared.with(|state| state.sizes().0), 1);
        shared.notice(Change::Deleted, Db(0), b"a");
        assert_eq!((shared.with(|state| state.sizes().0), shared.deferred()), (0, 1));
    }

    #[test]
    fn a_panic_while_the_state_is_borrowed_makes_it_suspect() {
        let shared = Shared::default();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| panic!("outside")));
        assert!(caught.is_err() && !shared.is_suspect());
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            shared.with(|_| panic!("inside"));
        }));
        assert!(caught.is_err() && shared.is_suspect());
    }
}
