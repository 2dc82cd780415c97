//! The operating system.

use super::{ALWAYS, Detail, EVERYWHERE, Ingest, Row, always, single, text};

pub const DETAIL: Detail = Detail {
    name: "os_version",
    platforms: EVERYWHERE,
    sql: "SELECT * FROM os_version LIMIT 1",
    discovery: ALWAYS,
    wanted: always,
    ingest,
};

fn ingest(rows: Vec<Row>, into: &mut Ingest) {
    let Some(row) = single(rows) else { return };
    into.facts.text("os_version", &version(&row));
    into.facts.text("build", text(&row, "build"));
    into.facts.text("platform_like", text(&row, "platform_like"));
    let code_name = ["codename", "code_name"].map(|column| text(&row, column));
    into.facts.text("code_name", code_name.into_iter().find(|name| !name.is_empty()).unwrap_or_default());
    into.facts.text("platform", &platform(&row));
}

/// `name major.minor.patch`, or `name build` without numbers.
fn version(row: &Row) -> String {
    let name = text(row, "name");
    let numbers = ["major", "minor", "patch"].map(|column| text(row, column));
    if numbers.iter().all(|number| *number == "0") {
        return format!("{name} {}", text(row, "build")).trim().to_owned();
    }
    format!("{name} {}", numbers.join(".").trim_matches('.')).trim().to_owned()
}

/// CentOS passes for Red Hat; its own queries should reach it.
fn platform(row: &Row) -> String {
    let platform = text(row, "platform");
    let is_centos = text(row, "name").to_lowercase().contains("centos");
    if is_centos && (platform.is_empty() || platform == "rhel") { "centos".into() } else { platform.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(&str, &str)]) -> Row {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn versions_read_as_people_say_them() {
        let ubuntu = row(&[("name", "Ubuntu"), ("major", "22"), ("minor", "4"), ("patch", "0")]);
        assert_eq!(version(&ubuntu), "Ubuntu 22.4.0");
        let rolling =
            row(&[("name", "Arch"), ("major", "0"), ("minor", "0"), ("patch", "0"), ("build", "rolling")]);
        assert_eq!(version(&rolling), "Arch rolling");
        let short = row(&[("name", "Debian"), ("major", "12"), ("minor", ""), ("patch", "")]);
        assert_eq!(version(&short), "Debian 12");
    }

    #[test]
    fn centos_is_told_from_red_hat() {
        assert_eq!(platform(&row(&[("name", "CentOS Linux"), ("platform", "rhel")])), "centos");
        assert_eq!(platform(&row(&[("name", "Rocky"), ("platform", "rhel")])), "rhel");
    }
}
