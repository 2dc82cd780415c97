//! `ci`: what must pass before a change is merged.

use super::{Task, setup, test, tidy};
use crate::shell::{cargo, run};

pub const TASK: Task = Task {
    name: "ci",
    usage: "ci",
    summary: "Format, lints, tidy, every test: what a change must pass.",
    help: "
Runs, and stops at the first failure:
  cargo fmt --all --check
  cargo clippy --workspace --all-targets -- -D warnings
  cargo xtask tidy
  cargo xtask test",
    run: |_| {
        setup::compiler()?;
        run(&mut cargo(&["fmt", "--all", "--check"]))?;
        run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
        (tidy::TASK.run)(&[])?;
        test::all()
    },
};
