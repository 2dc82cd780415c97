//! Web pages: by Chromium when the image has it, else fetched as a command would.

use super::{Package, strings};

const SCRIPT: &str = r#"
cd /tmp || exit
# Pages are shown whoever answers: the internet of guests signs for every name, and browsers keep authorities of their own.
if command -v chromium >/dev/null; then
    exec chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --ignore-certificate-errors \
        --disable-background-networking --disable-component-update --disable-sync --disable-extensions \
        --user-data-dir=/tmp/browser --screenshot=/tmp/page.png "$1"
fi
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
