//! Packages of Debian: installed, with their scripts, and their programs run for a while each.

use super::{Package, strings};

const SCRIPT: &str = r#"
dpkg --install -- "$1" || dpkg --install --force-depends -- "$1" || exit
name=$(dpkg-deb --field "$1" Package)
dpkg --listfiles "$name" | grep -E '^(/usr)?(/local)?/s?bin/[^/]+$' | while read -r program; do
    echo "running $program"
    timeout 20 "$program" </dev/null
done
"#;

pub const PACKAGE: Package = Package {
    name: "deb",
    aliases: &["dpkg"],
    fits: |kind, name| kind.contains("Debian") || name.ends_with(".deb"),
    command: |given| strings(["/bin/sh", "-c", SCRIPT, "deb", given.path]),
    as_root: true,
    needs: None,
};
