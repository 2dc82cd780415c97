//! Names of scheduled queries in what agents log: `pack`, the pack's name and the query's, with a delimiter that the agent's
//! options choose (the osquery reference, section 4).

/// The name without its pack. A name that is of no pack is its own.
pub fn bare(name: &str) -> &str {
    let stripped = || {
        let rest = name.strip_prefix("pack")?;
        let delimiter = rest.chars().next().filter(|char| !char.is_alphanumeric())?;
        let (pack, query) = rest[delimiter.len_utf8()..].split_once(delimiter)?;
        (!pack.is_empty() && !query.is_empty()).then_some(query)
    };
    stripped().unwrap_or(name)
}

/// Whether a row with this name is of the query `wanted`, given with or without its pack.
pub fn names(name: &str, wanted: &str) -> bool {
    name == wanted || bare(name) == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_are_stripped_whatever_the_delimiter() {
        for (name, query) in [
            ("pack/inventory/usb", "usb"),
            ("pack/Global/a/b", "a/b"),
            ("pack_x_y", "y"),
            ("pack§x§y", "y"),
            ("packages", "packages"),
            ("pack/x", "pack/x"),
            ("pack//x", "pack//x"),
            ("pack/x/", "pack/x/"),
            ("own", "own"),
            ("", ""),
        ] {
            assert_eq!(bare(name), query, "{name}");
            assert!(names(name, query) && names(name, name));
        }
        assert!(!names("usb", "pack/inventory/usb"));
    }
}
