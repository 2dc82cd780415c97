//! The roles of Fleet, and what each brings along over gRPC.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use vql::permission::Permissions;

use super::grpc::{self, GrpcRole};

/// A role, held globally or on a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Observer,
    Maintainer,
    Admin,
}

impl Role {
    /// All roles, weakest first.
    pub const ALL: [Self; 3] = [Self::Observer, Self::Maintainer, Self::Admin];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Observer => "observer",
            Self::Maintainer => "maintainer",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// The role over gRPC that comes with this one held globally. Roles on teams bring none: gRPC knows no teams.
    pub const fn grpc(self) -> &'static GrpcRole {
        match self {
            Self::Observer => &grpc::READER,
            Self::Maintainer => &grpc::INVESTIGATOR,
            Self::Admin => &grpc::ADMINISTRATOR,
        }
    }

    /// What those who hold this role globally may do over gRPC.
    pub fn permissions(self) -> Permissions {
        self.grpc().permissions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stronger_role_may_all_that_a_weaker_one_may_over_grpc() {
        for pair in Role::ALL.windows(2) {
            let (weaker, stronger) = (pair[0].permissions(), pair[1].permissions());
            assert_eq!(weaker.union(stronger), stronger, "{pair:?}");
        }
    }

    #[test]
    fn names_come_back() {
        assert!(Role::ALL.into_iter().all(|role| Role::parse(role.name()) == Some(role)));
        assert_eq!(Role::parse("Admin"), None);
    }
}
