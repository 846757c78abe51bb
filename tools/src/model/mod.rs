//! What a server said, in numbers and words. A figure that it did not give is `None`, and shown
//! as `-`: servers with an older module give fewer.

pub mod delta;
pub mod history;
pub mod node;
pub mod numbers;
pub mod rows;
pub mod section;
pub mod server;
pub mod snapshot;
pub mod words;
