//! What runs the programs of `examples/` that are for users to copy.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::module_path;

/// Where the client libraries are; they are fetched once and stay with the build.
pub fn libraries() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recipes");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recipes/install.sh");
        let output = Command::new(script).arg(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        folder
    })
}

/// An example in Rust, which `cargo test` builds beside the tests.
pub fn built(name: &str) -> PathBuf {
    let path = module_path().parent().unwrap().with_file_name("examples").join(name);
    assert!(path.exists(), "{} is not built: cargo build --example {name}", path.display());
    path
}
