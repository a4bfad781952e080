//! Where the examples are.

use std::env;
use std::path::PathBuf;

/// The program, beside this one in the target directory: `cargo test` has built it.
pub fn program(example: &str) -> PathBuf {
    let tests = env::current_exe().unwrap();
    let profile = tests.parent().and_then(|deps| deps.parent()).unwrap();
    let program = profile.join("examples").join(format!("{example}{}", env::consts::EXE_SUFFIX));
    assert!(
        program.exists(),
        "there is no {}: `cargo build --examples` makes it, and so does `cargo test` unless it is told \
         which tests",
        program.display()
    );
    program
}
