//! `make demo`: the whole way of a change, from a stream to the keys that are computed again.
#![cfg(feature = "module")]
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use support::examples::built;
use support::module_path;

fn demo(worker: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/demo.sh");
    let mut command = Command::new(script);
    command.env("INVAL_MODULE", module_path()).env("INVAL_WORKER", worker).output().unwrap()
}

#[test]
fn it_tells_the_story_to_its_end() {
    let output = demo(&built("warm_worker"));
    let told = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{complaint}");
    for step in 1..=9 {
        assert!(told.contains(&format!("\n== {step}. ")), "{step}: {told}");
    }
    assert!(told.contains("badges:count computed after badge-mint"), "{told}");
}

#[test]
fn it_fails_when_a_step_fails() {
    let output = demo(Path::new("/bin/true")); // a worker that does nothing
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(complaint.contains("demo.sh: keys that are back: '0', and not '9'"), "{complaint}");
}
