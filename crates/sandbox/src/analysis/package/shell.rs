//! Scripts for a shell.

use super::{Package, strings};

pub const PACKAGE: Package = Package {
    name: "shell",
    aliases: &["bash", "sh"],
    fits: |kind, name| kind.contains("shell script") || name.ends_with(".sh"),
    command: |given| strings(["/bin/bash", given.path]),
    as_root: false,
    needs: None,
};
