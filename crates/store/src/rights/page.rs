//! The tables as a page of the documentation.

use super::{Call, GRPC_ROLES, RIGHTS, Role};

/// The page `docs/reference/rights.md`.
pub fn as_markdown() -> String {
    format!(
        "# Rights\n\nWho may do what. Made from the tables that the server checks.\n\n\
         There is one list of users. Each has one global role, or roles on teams, or none; and besides may have a record of its \
         own with roles and single permissions over gRPC. What a user may over gRPC is both together: the own record, and what the \
         global role brings along.\n\n\
         ## Fleet's API\n\n\
         \"On its team\" is a role on the team that the thing belongs to; \"owner\" is oneself for users and sessions, the \
         author for queries.\n\n\
         | Object | Action | Global role | Role on its team | Owner |\n| --- | --- | --- | --- | --- |\n{}\n\
         ## gRPC\n\n\
         The user is the one whose mail address or name, ignoring case, is the common name of the client certificate. A global role brings a \
         role over gRPC along; roles on teams bring none:\n\n\
         | Global role | Role over gRPC |\n| --- | --- |\n{}\n\
         These roles, and single permissions, can be granted to any user with `harrier user grant`:\n\n\
         | Role over gRPC | Permissions |\n| --- | --- |\n{}\n\
         What each method takes; what it is about may take more. Functions and plugins of a query say theirs in their reference.\n\n\
         | Method | Permission |\n| --- | --- |\n{}",
        fleet(),
        Role::ALL.map(|role| format!("| {} | {} |\n", role.name(), role.grpc().name)).concat(),
        grpc_roles(),
        calls(),
    )
}

fn fleet() -> String {
    let list = |roles: &[Role]| match roles.len() {
        0 => "–".to_owned(),
        _ => roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", "),
    };
    let lines = RIGHTS.iter().map(|right| {
        let owner = if right.owner { "yes" } else { "" };
        format!(
            "| {:?} | {:?} | {} | {} | {owner} |\n",
            right.object,
            right.action,
            list(right.global),
            list(right.team)
        )
    });
    lines.collect()
}

fn grpc_roles() -> String {
    let lines = GRPC_ROLES.iter().map(|role| {
        let names: Vec<_> = role.permissions.iter().map(|permission| permission.name()).collect();
        format!("| {} | {} |\n", role.name, names.join(", "))
    });
    lines.collect()
}

fn calls() -> String {
    Call::ALL.iter().map(|call| format!("| {} | {} |\n", call.name(), call.need().described())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_up_to_date() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/rights.md");
        if std::env::var_os("UPDATE_GENERATED").is_some() {
            std::fs::write(page, as_markdown()).unwrap();
        }
        let found = std::fs::read_to_string(page).unwrap_or_default();
        assert!(found == as_markdown(), "run: UPDATE_GENERATED=1 cargo test -p store rights");
    }
}
