//! `cargo xtask bench`: builds and runs the crate `privet-bench`.

use crate::shell::{self, Done};

/// Passes the arguments to `privet-bench`, whose load is built with optimisation (see the profiles in Cargo.toml).
pub fn bench(words: &[&str]) -> Done {
    let mut run = shell::command(
        "cargo",
        &["run", "--quiet", "--locked", "-p", "privet-bench", "--"],
    );
    run.args(words);
    // The program prints its commands.
    shell::run_quietly(run)
}
