//! Web pages: by a browser when the image has one, else fetched as a command would.

use super::{Package, strings};

const SCRIPT: &str = r#"
cd /tmp || exit
for browser in chromium firefox-esr; do
    if command -v "$browser" >/dev/null; then
        exec "$browser" --headless --no-sandbox --screenshot=/tmp/page.png "$1"
    fi
done
exec curl --silent --show-error --location --max-redirs 10 --output-dir /tmp --output page.html --dump-header /tmp/headers.txt -- "$1"
"#;

pub const PACKAGE: Package = Package {
    name: "url",
    aliases: &["wget", "ie", "ff"],
    fits: |_, _| false,
    command: |given| strings(["/bin/sh", "-c", SCRIPT, "url", given.path]),
    as_root: false,
    needs: None,
};
