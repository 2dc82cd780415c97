//! Programs in JavaScript, for images that have Node.

use super::{Package, strings};

pub const PACKAGE: Package = Package {
    name: "js",
    aliases: &["javascript", "node", "jse"],
    fits: |kind, name| {
        kind.contains("Node.js script")
            || kind.contains("JavaScript")
            || [".js", ".mjs", ".cjs"].iter().any(|end| name.ends_with(end))
    },
    command: |given| strings(["/usr/bin/node", given.path]),
    as_root: false,
    needs: Some("nodejs"),
};
