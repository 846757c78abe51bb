//! Standard output.

use std::io::{self, Write};

/// Writes to standard output; whoever stops reading it has read enough.
///
/// # Errors
/// One line: it cannot be written.
pub fn print(text: &str) -> Result<(), String> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(format!("standard output: {error}"))
        }
        _ => Ok(()),
    }
}
