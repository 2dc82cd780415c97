//! The permissions a caller may hold, by their names on the wire.
//!
//! A callable declares which it needs ([`crate::call`]); the host says which the caller holds. Source:
//! the gRPC reference, section 8.1.

use std::fmt;

macro_rules! permissions {
    ($($variant:ident = $name:literal, $doc:literal;)*) => {
        /// One right, named as in messages and in the metadata of callables.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Permission { $(#[doc = $doc] $variant),* }

        impl Permission {
            /// Every permission, in the order of the published list.
            pub const ALL: &'static [Permission] = &[$(Permission::$variant),*];

            /// The name used in messages, e.g. `FILESYSTEM_READ`.
            pub const fn name(self) -> &'static str {
                match self { $(Permission::$variant => $name),* }
            }

            /// One sentence for help texts.
            pub const fn doc(self) -> &'static str {
                match self { $(Permission::$variant => $doc),* }
            }

            /// The permission of that name, compared ignoring case (`any_query` is accepted).
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|p| p.name().eq_ignore_ascii_case(name))
            }
        }
    };
}

permissions! {
    AnyQuery = "ANY_QUERY", "May run queries through the API.";
    Publish = "PUBLISH", "May push rows to any event queue.";
    ReadResults = "READ_RESULTS", "May read stored results and files.";
    LabelClient = "LABEL_CLIENT", "May label clients.";
    CollectClient = "COLLECT_CLIENT", "May collect artifacts from clients.";
    CollectBasic = "COLLECT_BASIC", "May collect artifacts marked basic.";
    StartHunt = "START_HUNT", "May start hunts.";
    CollectServer = "COLLECT_SERVER", "May collect artifacts on the server.";
    ArtifactWriter = "ARTIFACT_WRITER", "May define client artifacts.";
    ServerArtifactWriter = "SERVER_ARTIFACT_WRITER", "May define server artifacts.";
    Execve = "EXECVE", "May run programs.";
    NotebookEditor = "NOTEBOOK_EDITOR", "May edit notebooks.";
    Impersonation = "IMPERSONATION", "May run queries as another user.";
    ServerAdmin = "SERVER_ADMIN", "May administer the server.";
    OrgAdmin = "ORG_ADMIN", "May administer orgs.";
    FilesystemRead = "FILESYSTEM_READ", "May read files of the host.";
    FilesystemWrite = "FILESYSTEM_WRITE", "May write files on the host.";
    Network = "NETWORK", "May connect to other hosts.";
    MachineState = "MACHINE_STATE", "May read the state of the machine.";
    PrepareResults = "PREPARE_RESULTS", "May pack results for download.";
    DeleteResults = "DELETE_RESULTS", "May delete results.";
    DatastoreAccess = "DATASTORE_ACCESS", "May use the raw datastore.";
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of permissions, as a bit mask.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions(u32);

impl Permissions {
    /// No rights at all.
    pub const NONE: Self = Permissions(0);

    /// Every right there is.
    pub const fn all() -> Self {
        Permissions((1 << Permission::ALL.len()) - 1)
    }

    /// The set holding exactly these.
    pub const fn of(list: &[Permission]) -> Self {
        let mut bits = 0;
        let mut i = 0;
        while i < list.len() {
            bits |= 1 << list[i] as u32;
            i += 1;
        }
        Permissions(bits)
    }

    /// This set with one more.
    #[must_use]
    pub const fn with(self, p: Permission) -> Self {
        Permissions(self.0 | 1 << p as u32)
    }

    /// This set without one.
    #[must_use]
    pub const fn without(self, p: Permission) -> Self {
        Permissions(self.0 & !(1 << p as u32))
    }

    /// All that either set holds.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Permissions(self.0 | other.0)
    }

    /// All that both sets hold.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Permissions(self.0 & other.0)
    }

    /// Whether the set holds `p`.
    pub const fn has(self, p: Permission) -> bool {
        self.0 & (1 << p as u32) != 0
    }

    /// The members, in the order of [`Permission::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Permission> {
        Permission::ALL.iter().copied().filter(move |p| self.has(*p))
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<T: IntoIterator<Item = Permission>>(iter: T) -> Self {
        iter.into_iter().fold(Self::NONE, Permissions::with)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_again_in_either_case() {
        for p in Permission::ALL {
            assert_eq!(Permission::from_name(p.name()), Some(*p));
            assert_eq!(Permission::from_name(&p.name().to_lowercase()), Some(*p));
        }
        assert_eq!(Permission::from_name("NO_SUCH"), None);
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let set = Permissions::of(&[Permission::AnyQuery, Permission::DatastoreAccess]);
        assert!(set.has(Permission::AnyQuery) && set.has(Permission::DatastoreAccess));
        assert!(!set.has(Permission::Network));
        assert_eq!(set.without(Permission::AnyQuery).iter().count(), 1);
        assert_eq!(Permissions::all().iter().count(), Permission::ALL.len());
    }
}
