//! `cargo xtask bench`: builds the crate that measures, and runs it.

use crate::shell::{self, Done};

/// Passes the words to `privet-bench`, whose load is built with optimisation (see the profiles in Cargo.toml).
pub fn bench(words: &[&str]) -> Done {
    let mut run = shell::command(
        "cargo",
        &["run", "--quiet", "--locked", "-p", "privet-bench", "--"],
    );
    run.args(words);
    // The program itself shows what it runs.
    shell::run_quietly(run)
}
