//! Roles over gRPC: which permissions each stands for, and what a new API client may do.
//!
//! Source: the gRPC reference, section 8.2.

use vql::permission::{Permission, Permissions};

/// A named set of permissions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GrpcRole {
    /// The name, as given to `--role`.
    pub name: &'static str,
    /// What those who have it may do.
    pub permissions: Permissions,
}

const ANALYSTS: Permissions = Permissions::of(&[
    Permission::ReadResults,
    Permission::NotebookEditor,
    Permission::LabelClient,
    Permission::AnyQuery,
    Permission::PrepareResults,
]);

pub const ADMINISTRATOR: GrpcRole =
    GrpcRole { name: "administrator", permissions: Permissions::all().without(Permission::DatastoreAccess) };

pub const INVESTIGATOR: GrpcRole = GrpcRole {
    name: "investigator",
    permissions: ANALYSTS.with(Permission::CollectClient).with(Permission::StartHunt),
};

pub const READER: GrpcRole =
    GrpcRole { name: "reader", permissions: Permissions::of(&[Permission::ReadResults]) };

/// Every role there is.
pub const GRPC_ROLES: &[GrpcRole] = &[
    GrpcRole { name: "org_admin", permissions: Permissions::of(&[Permission::OrgAdmin]) },
    ADMINISTRATOR,
    READER,
    GrpcRole { name: "api", permissions: Permissions::of(&[Permission::AnyQuery, Permission::ReadResults]) },
    GrpcRole { name: "analyst", permissions: ANALYSTS },
    INVESTIGATOR,
    GrpcRole { name: "artifact_writer", permissions: Permissions::of(&[Permission::ArtifactWriter]) },
];

/// The role of that name, ignoring case.
pub fn find(name: &str) -> Option<&'static GrpcRole> {
    GRPC_ROLES.iter().find(|role| role.name.eq_ignore_ascii_case(name))
}

/// What to add to a user's rights in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant<'a> {
    /// Names of roles.
    pub roles: &'a [&'a str],
    /// Single permissions besides.
    pub permissions: Permissions,
}

/// What `config api_client` grants when no `--role` is given.
///
/// A client made by the published walk-through queries at once, so it gets the role `api` and what the
/// queries shown there touch: files and state of the host, event queues, and HTTP requests. It may change
/// nothing but queues. Owners who want less name a role.
pub const DEFAULT_CLIENT_GRANT: Grant<'static> = Grant {
    roles: &["api"],
    permissions: Permissions::of(&[
        Permission::FilesystemRead,
        Permission::MachineState,
        Permission::Network,
        Permission::Publish,
    ]),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_role_may_query_and_read_results_only() {
        let role = find("API").unwrap();
        let names: Vec<_> = role.permissions.iter().map(Permission::name).collect();
        assert_eq!(names, ["ANY_QUERY", "READ_RESULTS"]);
    }

    #[test]
    fn administrators_have_all_but_the_raw_datastore() {
        let role = find("administrator").unwrap().permissions;
        assert_eq!(role.with(Permission::DatastoreAccess), Permissions::all());
        assert!(!role.has(Permission::DatastoreAccess));
    }

    #[test]
    fn the_default_grant_names_known_roles_and_cannot_run_programs() {
        assert!(DEFAULT_CLIENT_GRANT.roles.iter().all(|name| find(name).is_some()));
        assert!(!DEFAULT_CLIENT_GRANT.permissions.has(Permission::Execve));
    }
}
