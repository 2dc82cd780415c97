//! Everything else: opened with what the image has for it, run if it can be.

use super::{Package, strings};

const SCRIPT: &str = r#"
file=$1
shift
if command -v xdg-open >/dev/null; then exec xdg-open "$file"; fi
case $(head -c 2 -- "$file" | od -An -tx1) in
    ' 23 21' | ' 7f 45') exec "$file" "$@" ;;
esac
file -- "$file"
cat -- "$file" >/dev/null
echo 'nothing in this guest opens files of this type: it was read, not opened' >&2
"#;

pub const PACKAGE: Package = Package {
    name: "generic",
    aliases: &["open", "doc", "pdf"],
    fits: |_, _| true,
    command: |given| strings(["/bin/sh", "-c", SCRIPT, "generic", given.path]),
    as_root: false,
    needs: None,
};
