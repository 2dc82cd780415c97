//! Programs in Perl.

use super::{Package, strings};

pub const PACKAGE: Package = Package {
    name: "perl",
    aliases: &["pl"],
    fits: |kind, name| kind.contains("Perl script") || name.ends_with(".pl"),
    command: |given| strings(["/usr/bin/perl", given.path]),
    as_root: false,
    needs: None,
};
