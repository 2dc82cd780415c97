//! Programs in Java, for images that have it. Option: `class`, the class to begin with.

use super::{Package, strings};

pub const PACKAGE: Package = Package {
    name: "jar",
    aliases: &["java"],
    fits: |kind, name| kind.contains("Java archive") || name.ends_with(".jar"),
    command: |given| match given.option("class") {
        Some(class) => strings(["/usr/bin/java", "-cp", given.path, class]),
        None => strings(["/usr/bin/java", "-jar", given.path]),
    },
    as_root: false,
    needs: Some("default-jre-headless"),
};
