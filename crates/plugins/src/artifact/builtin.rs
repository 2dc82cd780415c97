//! The built-in artifacts. Their files are in `crates/plugins/artifacts/`, each named as its artifact.

macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../artifacts/", $name, ".yaml")))),*]
    };
}

/// Each artifact's name and YAML, by name.
pub const FILES: &[(&str, &str)] = files! {
    "Generic.Client.Info"
    "Generic.Server.Artifacts"
    "Linux.Sys.Users"
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::definition::Definition;

    #[test]
    fn every_file_is_sound_and_named_as_its_artifact() {
        let registry = crate::registry();
        for (name, yaml) in FILES {
            let problems = Definition::problems(yaml, Some(&registry));
            assert!(problems.is_empty(), "{name}: {}", problems[0]);
            assert_eq!(Definition::parse(yaml).unwrap().name, *name);
        }
        assert!(FILES.is_sorted());
    }
}
