//! What one user may do: the access control record.
//!
//! Member names are those of the published message `ApiClientACL` (the gRPC reference, section 11), so that
//! `acl grant NAME '{"any_query":true}'` and `acl show` speak the known language.

use serde::{Deserialize, Serialize};
use vql::permission::{Permission, Permissions};

use crate::error::{Error, Result};
use crate::rights::{GRPC_ROLES, Grant, grpc_role};

/// The entry of `publish_queues` that stands for every queue.
const EVERY_QUEUE: &str = "*";

macro_rules! acl {
    ($($field:ident => $permission:ident,)*) => {
        /// The access control record. Unknown members are refused: a typing error must not look like a grant.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Acl {
            /// May do everything.
            #[serde(skip_serializing_if = "is_false")]
            pub super_user: bool,
            /// Left over from old versions; grants nothing.
            #[serde(skip_serializing_if = "is_false")]
            pub all_query: bool,
            $(#[serde(skip_serializing_if = "is_false")] pub $field: bool,)*
            /// Event queues that rows may be pushed to; `*` is every queue.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            pub publish_queues: Vec<String>,
            /// Names of roles, see [`crate::rights`].
            #[serde(skip_serializing_if = "Vec::is_empty")]
            pub roles: Vec<String>,
        }

        impl Acl {
            fn single_permissions(&self) -> Permissions {
                let table = [$((self.$field, Permission::$permission)),*];
                table.into_iter().filter(|(granted, _)| *granted).map(|(_, permission)| permission).collect()
            }

            fn grant_permission(&mut self, permission: Permission) {
                match permission {
                    $(Permission::$permission => self.$field = true,)*
                    // The record has no member for it; the list of queues says it all.
                    Permission::Publish => add(&mut self.publish_queues, EVERY_QUEUE),
                }
            }
        }
    };
}

acl! {
    any_query => AnyQuery,
    read_results => ReadResults,
    label_clients => LabelClient,
    collect_client => CollectClient,
    collect_basic => CollectBasic,
    start_hunt => StartHunt,
    collect_server => CollectServer,
    artifact_writer => ArtifactWriter,
    server_artifact_writer => ServerArtifactWriter,
    execve => Execve,
    notebook_editor => NotebookEditor,
    org_admin => OrgAdmin,
    impersonation => Impersonation,
    server_admin => ServerAdmin,
    filesystem_read => FilesystemRead,
    filesystem_write => FilesystemWrite,
    network => Network,
    machine_state => MachineState,
    prepare_results => PrepareResults,
    delete_results => DeleteResults,
    datastore_access => DatastoreAccess,
}

fn is_false(value: &bool) -> bool {
    !value
}

fn add(list: &mut Vec<String>, entry: &str) {
    if !list.iter().any(|e| e == entry) {
        list.push(entry.to_owned());
    }
}

impl Acl {
    /// All permissions that follow from the record: single ones and those of its roles. A role that this
    /// version does not know grants nothing.
    pub fn effective(&self) -> Permissions {
        if self.super_user {
            return Permissions::all();
        }
        let roles = self.roles.iter().filter_map(|name| grpc_role(name));
        let granted = roles.fold(self.single_permissions(), |sum, role| sum.union(role.permissions));
        if self.publish_queues.iter().any(|queue| queue == EVERY_QUEUE) {
            return granted.with(Permission::Publish);
        }
        granted
    }

    /// Whether rows may be pushed to this queue.
    pub fn may_publish(&self, queue: &str) -> bool {
        self.publish_queues.iter().any(|entry| entry == queue) || self.effective().has(Permission::Publish)
    }

    /// Adds rights; nothing is changed when a role is unknown.
    pub fn grant(&mut self, grant: &Grant<'_>) -> Result<()> {
        let roles = grant.roles.iter().map(|name| known_role(name)).collect::<Result<Vec<_>>>()?;
        for name in roles {
            add(&mut self.roles, name);
        }
        for permission in grant.permissions.iter() {
            self.grant_permission(permission);
        }
        Ok(())
    }
}

fn known_role(name: &str) -> Result<&'static str> {
    grpc_role(name).map(|role| role.name).ok_or_else(|| {
        let known = GRPC_ROLES.iter().map(|role| role.name).collect::<Vec<_>>().join(", ");
        Error::RoleUnknown { name: name.to_owned(), known }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rights::DEFAULT_CLIENT_GRANT;

    #[test]
    fn every_permission_can_be_granted_alone() {
        for permission in Permission::ALL {
            let mut acl = Acl::default();
            acl.grant(&Grant { roles: &[], permissions: Permissions::of(&[*permission]) }).unwrap();
            assert_eq!(acl.effective(), Permissions::of(&[*permission]));
        }
    }

    #[test]
    fn the_published_json_is_understood_and_typing_errors_are_not() {
        let acl: Acl = serde_json::from_str(r#"{"any_query":true,"publish_queues":["Q"]}"#).unwrap();
        assert!(acl.effective().has(Permission::AnyQuery));
        assert!(acl.may_publish("Q") && !acl.may_publish("R"));
        assert!(serde_json::from_str::<Acl>(r#"{"any_querry":true}"#).is_err());
        assert_eq!(serde_json::to_string(&acl).unwrap(), r#"{"any_query":true,"publish_queues":["Q"]}"#);
    }

    #[test]
    fn unknown_roles_grant_nothing_and_cannot_be_granted() {
        let acl = Acl { roles: vec!["emperor".into()], ..Acl::default() };
        assert_eq!(acl.effective(), Permissions::NONE);
        let mut acl = Acl::default();
        let refused = acl.grant(&Grant { roles: &["api", "emperor"], permissions: Permissions::all() });
        assert!(matches!(refused, Err(Error::RoleUnknown { .. })));
        assert_eq!(acl, Acl::default());
    }

    #[test]
    fn the_default_grant_lets_a_client_query_and_publish() {
        let mut acl = Acl::default();
        acl.grant(&DEFAULT_CLIENT_GRANT).unwrap();
        acl.grant(&DEFAULT_CLIENT_GRANT).unwrap();
        assert_eq!(acl.roles, ["api"]);
        assert!(acl.may_publish("Any") && acl.effective().has(Permission::FilesystemRead));
    }
}
