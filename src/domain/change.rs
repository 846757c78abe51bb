//! What happened to a key, in the server's words and in ours.

/// One change of the keyspace of one database, as a notification tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A key appeared, or took the place of one of its name.
    Created,
    /// A key was loaded from a snapshot.
    Loaded,
    /// A key was deleted by name or lost its last element.
    Deleted,
    /// A key's time was up.
    Expired,
    /// Memory was short.
    Evicted,
    /// The key left for another name or database; its tags wait for the arrival.
    Left,
    /// The key came from another name or database; it takes the tags that wait.
    Arrived,
}

impl Change {
    /// Reads the event of a keyspace notification (Redis `src/notify.c` and its callers);
    /// `None` for events that change neither names nor tags.
    pub fn from_event(event: &[u8]) -> Option<Self> {
        Some(match event {
            b"new" => Self::Created,
            b"loaded" => Self::Loaded,
            b"del" => Self::Deleted,
            b"expired" => Self::Expired,
            b"evicted" => Self::Evicted,
            b"rename_from" | b"move_from" => Self::Left,
            b"rename_to" | b"move_to" => Self::Arrived,
            _ => return None,
        })
    }
}
