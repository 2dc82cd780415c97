//! Programs for Linux.

use super::{Package, strings};

pub const PACKAGE: Package = Package {
    name: "elf",
    aliases: &["exe", "bin"],
    fits: |kind, _| kind.starts_with("ELF"),
    command: |given| strings([given.path]),
    as_root: false,
    needs: None,
};
