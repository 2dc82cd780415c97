//! Archives and mails: unpacked, with the passwords that samples are shared under, and one member run.
//!
//! Options: `password`, and `file` or `filename`, the member to run; without it the first that can be run.

use super::{Package, strings};

const SCRIPT: &str = r#"
archive=$1; wanted=$2; given=$3
shift 3
out=$(mktemp -d /tmp/unpacked.XXXXXX)
case $archive in
    *.eml | *.EML)
        python3 - "$archive" "$out" <<'PYTHON'
import email, email.policy, os, sys
with open(sys.argv[1], "rb") as file:
    message = email.message_from_binary_file(file, policy=email.policy.default)
for number, part in enumerate(message.iter_attachments()):
    name = os.path.basename(part.get_filename() or f"part{number}") or f"part{number}"
    with open(os.path.join(sys.argv[2], name), "wb") as out:
        out.write(part.get_payload(decode=True) or b"")
PYTHON
        ;;
    *)
        tar -xf "$archive" -C "$out" 2>/dev/null
        # It takes a short file for an archive of nothing.
        if [ -z "$(ls -A "$out")" ]; then
            for password in "$given" "" infected malware virus password 1234; do
                LC_ALL=C.UTF-8 7z x -y -p"$password" -o"$out" -- "$archive" >/dev/null 2>&1 && break
            done
        fi
        ;;
esac
cd "$out" || exit
find . -type f -printf 'unpacked %P\n'
run() {
    chmod 755 -- "$1"
    case $(file -b -- "$1") in
        ELF* | *script*executable*) exec "$@" ;;
    esac
    case $1 in
        *.py) exec python3 "$@" ;;
        *.pl) exec perl "$@" ;;
        *.js) exec node "$@" ;;
        *.jar) exec java -jar "$@" ;;
        *.sh) exec bash "$@" ;;
    esac
}
if [ -n "$wanted" ]; then
    [ -f "$wanted" ] || { echo "there is no member $wanted" >&2; exit 1; }
    run "./$wanted" "$@"
    exec cat -- "$wanted" >/dev/null
fi
find . -type f | sort | while read -r member; do
    ( run "$member" "$@"; exit 99 )
    [ $? -eq 99 ] || break
done
"#;

const KINDS: [&str; 9] = [
    "Zip archive",
    "7-zip archive",
    "POSIX tar archive",
    "tar archive",
    "gzip compressed",
    "bzip2 compressed",
    "XZ compressed",
    "RAR archive",
    "SMTP mail",
];

pub const PACKAGE: Package = Package {
    name: "archive",
    aliases: &["zip", "rar", "tar", "gz", "7z", "eml"],
    fits: |kind, name| KINDS.iter().any(|start| kind.starts_with(start)) || name.ends_with(".eml"),
    command: |given| {
        let wanted = given.option("file").or_else(|| given.option("filename"));
        let (file, password) = (wanted.unwrap_or(""), given.option("password").unwrap_or(""));
        strings(["/bin/sh", "-c", SCRIPT, "archive", given.path, file, password])
    },
    as_root: false,
    needs: None,
};
