//! Servers with the module of this build.

use std::env;
use std::path::PathBuf;

use crate::support::Server;

/// The module to test with: the one that `INVAL_MODULE` names, or the one that
/// `cargo build --features faults` has put beside these tests.
fn module() -> PathBuf {
    if let Some(path) = env::var_os("INVAL_MODULE") {
        return path.into();
    }
    let tests = env::current_exe().unwrap();
    let built = tests.ancestors().nth(2).unwrap().join("libinval.so");
    assert!(built.exists(), "no {}: run cargo build --features faults", built.display());
    built
}

/// Starts a server with the module.
pub fn with_module() -> Server {
    Server::without_module(&["--loadmodule", module().to_str().unwrap()])
}
