//! Which hosts a policy is for.

/// What policies can be restricted to.
const KNOWN: [&str; 3] = ["windows", "linux", "darwin"];

/// Platforms that are no Linux; everything else is.
const NO_LINUX: [&str; 6] = ["", "darwin", "windows", "chrome", "ios", "ipados"];

/// `linux`, `darwin`, `windows` or what else the platform of a host is; everything unknown is a Linux.
pub fn platform_family(platform: &str) -> &str {
    if NO_LINUX.contains(&platform) { platform } else { "linux" }
}

/// A list as it is stored: known names, each once, without blanks. `None` when a name is not known.
pub fn normalised(list: &str) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for name in list.split(',').map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty()) {
        if !KNOWN.contains(&name.as_str()) {
            return None;
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Some(names.join(","))
}

/// A condition on `hosts` for a stored list. Only names of our own get into the text.
pub fn condition(list: &str) -> String {
    if list.is_empty() {
        return "1 = 1".to_owned();
    }
    let quoted = |names: &[&str]| names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let parts =
        KNOWN.iter().filter(|known| list.split(',').any(|name| name == **known)).map(|name| match *name {
            "linux" => format!("platform NOT IN ({})", quoted(&NO_LINUX)),
            other => format!("platform IN ({})", quoted(&[other])),
        });
    parts.collect::<Vec<_>>().join(" OR ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_lose_their_blanks_and_unknown_names_are_refused() {
        assert_eq!(normalised(" Windows , linux,windows").as_deref(), Some("windows,linux"));
        assert_eq!(normalised("").as_deref(), Some(""));
        assert_eq!(normalised("darwin,beos"), None);
        assert_eq!(normalised("' OR 1 = 1"), None);
    }

    #[test]
    fn every_linux_is_a_linux() {
        assert_eq!(platform_family("ubuntu"), "linux");
        assert_eq!(platform_family("darwin"), "darwin");
        assert_eq!(condition("windows"), "platform IN ('windows')");
        assert!(condition("darwin,linux").starts_with("platform NOT IN ('', 'darwin'"));
        assert_eq!(condition(""), "1 = 1");
    }
}
