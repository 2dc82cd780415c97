//! The built-in artifacts. Their files are in `crates/plugins/artifacts/`, each named as its artifact.

macro_rules! files {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../artifacts/", $name, ".yaml")))),*]
    };
}

/// Each artifact's name and YAML, by name.
pub const FILES: &[(&str, &str)] = files! {
    "Generic.Client.Info"
    "Generic.Files.Find"
    "Generic.Files.Hashes"
    "Generic.Network.Interfaces"
    "Generic.Server.Artifacts"
    "Linux.Detection.DeletedPrograms"
    "Linux.Detection.Preload"
    "Linux.Detection.ProgramsInOddPlaces"
    "Linux.Detection.RecentChanges"
    "Linux.Logs.SSHLogins"
    "Linux.Logs.Search"
    "Linux.Network.Connections"
    "Linux.Network.Hosts"
    "Linux.Sys.AuthorizedKeys"
    "Linux.Sys.Crontab"
    "Linux.Sys.DebianPackages"
    "Linux.Sys.Groups"
    "Linux.Sys.KernelModules"
    "Linux.Sys.LastLogins"
    "Linux.Sys.Mounts"
    "Linux.Sys.PrivilegedFiles"
    "Linux.Sys.Processes"
    "Linux.Sys.ShellHistory"
    "Linux.Sys.Sudoers"
    "Linux.Sys.SystemdUnits"
    "Linux.Sys.Users"
    "Server.Audit.Logs"
    "Server.Monitor.FailedCollections"
    "Server.Monitor.FileChanges"
    "Server.Monitor.Health"
    "Server.Monitor.SSHLogins"
    "Server.Monitor.Webhook"
    "Server.Utils.Collections"
    "Server.Utils.DeleteOldCollections"
    "Server.Utils.Events"
    "System.Flow.Completion"
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
