//! Programs in Python, as source or compiled.

use super::{Package, strings};

pub const PACKAGE: Package = Package {
    name: "python",
    aliases: &["py"],
    fits: |kind, name| kind.contains("Python script") || name.ends_with(".py") || name.ends_with(".pyc"),
    command: |given| strings(["/usr/bin/python3", given.path]),
    as_root: false,
    needs: None,
};
