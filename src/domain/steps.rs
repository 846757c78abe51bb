//! What a walk over the names asks: may a name that begins so be wanted?

/// Reads names byte by byte; says where no name that goes on so is wanted.
pub(super) trait Steps {
    /// After some bytes.
    type State: Clone;

    /// Before the first byte.
    fn start(&mut self) -> Self::State;

    /// One byte further; `None` when nothing that begins so is wanted.
    fn step(&mut self, state: &Self::State, byte: u8) -> Option<Self::State>;
}

/// Wants the names that begin with these bytes.
pub(super) struct Prefix<'a>(pub(super) &'a [u8]);

impl Steps for Prefix<'_> {
    type State = usize;

    fn start(&mut self) -> usize {
        0
    }

    fn step(&mut self, state: &usize, byte: u8) -> Option<usize> {
        match self.0.get(*state) {
            None => Some(*state),
            Some(wanted) => (*wanted == byte).then_some(state + 1),
        }
    }
}
