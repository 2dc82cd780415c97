//! What would start with the machine, or as its user logs in, of what another run left behind.

use super::{Package, strings};

/// Its words after these are the paths of files that [`starts`] names.
const SCRIPT: &str = r#"
# As the user in whose home the file lies.
as_owner() {
    case $1 in
        /home/*) user=${1#/home/}; STARTED=$1 su -s /bin/sh "${user%%/*}" -c "$2" ;;
        *) STARTED=$1 sh -c "$2" ;;
    esac
}
[ $# -gt 0 ] || echo 'nothing that was left behind starts with the machine'
for path; do
    echo "starting what $path says"
    case $path in
        /etc/rc.local | /etc/init.d/*) "$path" start & ;;
        /etc/crontab | /etc/cron.d/*)
            sed -nE 's/^[ \t]*(@[a-z]+|([^ \t#]+[ \t]+){4}[^ \t]+)[ \t]+[^ \t]+[ \t]+//p' "$path" |
                while read -r line; do sh -c "$line" </dev/null & done
            ;;
        /etc/cron.*/*) "$path" & ;;
        *.service)
            sed -n 's/^ExecStart=[-@:+!]*//p' "$path" |
                while read -r line; do as_owner "$path" "exec $line" </dev/null & done
            ;;
        *.desktop)
            sed -n 's/^Exec=//p' "$path" | while read -r line; do as_owner "$path" "exec $line" </dev/null & done
            ;;
        *) as_owner "$path" '. "$STARTED"' & ;;
    esac
done
wait
"#;

pub const NAME: &str = "reboot";

pub const PACKAGE: Package = Package {
    name: NAME,
    aliases: &[],
    fits: |_, _| false,
    command: |_| strings(["/bin/sh", "-c", SCRIPT, NAME]),
    as_root: true,
    needs: None,
};

/// Folders of which everything is started, and names that are wherever a home is.
const FOLDERS: [&str; 7] = [
    "/etc/init.d/",
    "/etc/cron.d/",
    "/etc/cron.hourly/",
    "/etc/cron.daily/",
    "/etc/cron.weekly/",
    "/etc/cron.monthly/",
    "/etc/profile.d/",
];
const FILES: [&str; 3] = ["/etc/rc.local", "/etc/crontab", "/etc/profile"];
const PROFILES: [&str; 5] = [".profile", ".bash_profile", ".bash_login", ".bashrc", ".zshrc"];

/// Whether a file is run when the machine starts or its user logs in.
pub fn starts(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_home = path.starts_with("/root/") || path.starts_with("/home/");
    let is_unit = name.ends_with(".service") && path.contains("/systemd/");
    let is_autostart = name.ends_with(".desktop") && path.contains("/autostart/");
    FILES.contains(&path)
        || FOLDERS.iter().any(|folder| path.starts_with(folder))
        || is_unit
        || is_autostart
        || (is_home && PROFILES.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_with_the_machine_is_told_from_what_only_lies_there() {
        for path in [
            "/etc/rc.local",
            "/etc/cron.d/x",
            "/etc/cron.hourly/x",
            "/etc/init.d/x",
            "/etc/systemd/system/x.service",
            "/home/guest/.config/systemd/user/x.service",
            "/home/guest/.config/autostart/x.desktop",
            "/root/.bashrc",
        ] {
            assert!(starts(path), "{path}");
        }
        for path in ["/etc/passwd", "/opt/x.service", "/usr/local/bin/.profile", "/home/guest/x.desktop"] {
            assert!(!starts(path), "{path}");
        }
    }

    #[test]
    fn lines_of_cron_are_read_for_their_commands() {
        let dir = tempfile::tempdir().unwrap();
        let table = dir.path().join("table");
        let text = "# no\nSHELL=/bin/sh\n@reboot root echo at start\n*/5 * * * *\tada\techo now and then\n\n";
        std::fs::write(&table, text).unwrap();
        let expression = SCRIPT.lines().find_map(|line| line.trim().strip_prefix("sed -nE '")).unwrap();
        let expression = expression.split('\'').next().unwrap();
        let done = std::process::Command::new("sed").args(["-nE", expression]).arg(&table).output().unwrap();
        assert_eq!(String::from_utf8(done.stdout).unwrap(), "echo at start\necho now and then\n");
    }
}
