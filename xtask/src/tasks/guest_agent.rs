//! `guest-agent`: the program that runs inside guests of the sandbox.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Task, setup};
use crate::shell::{Result, cargo, run, target};

pub const TASK: Task = Task {
    name: "guest-agent",
    usage: "guest-agent",
    summary: "Build the static program that runs inside guests of the sandbox.",
    help: "
Builds harrier-guest-agent with the `guest-agent` profile (small, static, stripped) and prints where it is.
`up` and `dist` put it beside the harrier binary, which looks for it there, or where HARRIER_GUEST_AGENT says.",
    run: |_| {
        setup::compiler()?;
        println!("{}", build()?.display());
        Ok(())
    },
};

const NAME: &str = "harrier-guest-agent";
const TRIPLE: &str = concat!("x86_64", "-unknown-linux-gnu");

/// Builds it. The target is named, or its flags would also count for programs that run during the build.
pub fn build() -> Result<PathBuf> {
    let mut call = cargo(&[
        "build",
        "--package",
        "guest-agent",
        "--profile",
        "guest-agent",
        "--target",
        TRIPLE,
        "--locked",
    ]);
    run(call.env("RUSTFLAGS", "-C target-feature=+crt-static"))?;
    Ok(target().join(TRIPLE).join("guest-agent").join(NAME))
}

/// Builds it and puts it into a folder.
pub fn put_into(folder: &Path) -> Result {
    let (built, place) = (build()?, folder.join(NAME));
    // Replaced, not written to: one that runs stays whole.
    let _ = fs::remove_file(&place);
    fs::copy(&built, &place).map(drop).map_err(|error| format!("cannot write {}: {error}", place.display()))
}
