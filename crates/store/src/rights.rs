//! Who may do what: one table for all of Harrier.
//!
//! A user has either one global role or roles on teams. Each line of [`RIGHTS`] says which roles may do one action
//! on one kind of thing, when they hold it globally, when they hold it on the team that the thing belongs to, and whether
//! the owner may do it as well. The checks of the server, the page `docs/reference/rights.md` and the tests that call
//! every route as every role come from this table. Source: the Fleet reference, section 1.7.
//!
//! What the roles of VQL's API stand for is [`crate::role::ROLES`]; [`Role::grpc_role`] says which of them a global role
//! brings along.

use serde::{Deserialize, Serialize};

use crate::fleet::Visible;

/// A role, held globally or on a team.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

    /// The role of VQL's API that comes with this one held globally.
    pub fn grpc_role(self) -> &'static str {
        match self {
            Self::Observer => "reader",
            Self::Maintainer => "investigator",
            Self::Admin => "administrator",
        }
    }
}

/// A kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Object {
    Activity,
    AdHocQuery,
    Carve,
    Config,
    EnrollSecret,
    Host,
    Invite,
    Label,
    Pack,
    Policy,
    Query,
    Schedule,
    Session,
    Software,
    StoredQuery,
    Target,
    Team,
    TeamEnrollSecret,
    TeamPolicy,
    TeamSchedule,
    User,
    UserRole,
}

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// See many; rows are filtered besides.
    List,
    Read,
    /// Make one.
    Create,
    /// Change or delete.
    Write,
    Run,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Right {
    pub action: Action,
    pub object: Object,
    /// Roles that may when held globally.
    pub global: &'static [Role],
    /// Roles that may when held on the team of the thing.
    pub team: &'static [Role],
    /// Whether the owner may: of a session or user oneself, of a query its author.
    pub owner: bool,
}

const ANY: &[Role] = &Role::ALL;
const WRITERS: &[Role] = &[Role::Maintainer, Role::Admin];
const ADMIN: &[Role] = &[Role::Admin];
const NONE: &[Role] = &[];

const fn right(
    action: Action,
    object: Object,
    global: &'static [Role],
    team: &'static [Role],
    owner: bool,
) -> Right {
    Right { action, object, global, team, owner }
}

/// Everything that can be allowed. What is not listed is refused to everybody.
pub const RIGHTS: &[Right] = &[
    right(Action::List, Object::Activity, ANY, NONE, false),
    right(Action::Run, Object::AdHocQuery, WRITERS, WRITERS, false),
    right(Action::Read, Object::Carve, ADMIN, NONE, false),
    right(Action::Read, Object::Config, ANY, ANY, false),
    right(Action::Write, Object::Config, ADMIN, NONE, false),
    right(Action::Read, Object::EnrollSecret, WRITERS, NONE, false),
    right(Action::Write, Object::EnrollSecret, WRITERS, NONE, false),
    right(Action::List, Object::Host, ANY, ANY, false),
    right(Action::Read, Object::Host, ANY, ANY, false),
    right(Action::Write, Object::Host, WRITERS, WRITERS, false),
    right(Action::Read, Object::Invite, ADMIN, NONE, false),
    right(Action::Write, Object::Invite, ADMIN, NONE, false),
    right(Action::Read, Object::Label, ANY, ANY, false),
    right(Action::Write, Object::Label, WRITERS, NONE, false),
    right(Action::Read, Object::Pack, WRITERS, NONE, false),
    right(Action::Write, Object::Pack, WRITERS, NONE, false),
    right(Action::Read, Object::Policy, ANY, ANY, false),
    right(Action::Write, Object::Policy, WRITERS, NONE, false),
    right(Action::Read, Object::Query, ANY, ANY, false),
    right(Action::Create, Object::Query, WRITERS, WRITERS, false),
    right(Action::Write, Object::Query, WRITERS, NONE, true),
    right(Action::Read, Object::Schedule, ANY, ANY, false),
    right(Action::Write, Object::Schedule, WRITERS, NONE, false),
    right(Action::Read, Object::Session, ADMIN, NONE, true),
    right(Action::Write, Object::Session, ADMIN, NONE, true),
    right(Action::List, Object::Software, ANY, ANY, false),
    right(Action::Run, Object::StoredQuery, ANY, ANY, false),
    right(Action::List, Object::Target, ANY, ANY, false),
    right(Action::List, Object::Team, ANY, ANY, false),
    right(Action::Read, Object::Team, WRITERS, WRITERS, false),
    right(Action::Create, Object::Team, ADMIN, NONE, false),
    right(Action::Write, Object::Team, ADMIN, ADMIN, false),
    right(Action::Read, Object::TeamEnrollSecret, WRITERS, WRITERS, false),
    right(Action::Write, Object::TeamEnrollSecret, WRITERS, WRITERS, false),
    right(Action::Read, Object::TeamPolicy, ANY, ANY, false),
    right(Action::Write, Object::TeamPolicy, WRITERS, WRITERS, false),
    right(Action::Read, Object::TeamSchedule, WRITERS, ANY, false),
    right(Action::Write, Object::TeamSchedule, WRITERS, WRITERS, false),
    right(Action::List, Object::User, ADMIN, ADMIN, false),
    right(Action::Read, Object::User, ADMIN, ADMIN, true),
    right(Action::Create, Object::User, ADMIN, ADMIN, false),
    right(Action::Write, Object::User, ADMIN, ADMIN, true),
    right(Action::Write, Object::UserRole, ADMIN, ADMIN, false),
];

/// Whom a check is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub user_id: u32,
    pub global: Option<Role>,
    /// Roles on teams.
    pub teams: Vec<(u32, Role)>,
}

/// Whose thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Everybody's: no team's.
    All,
    /// A team's, or everybody's when there is none.
    Team(Option<u32>),
    /// Asked before the thing is known: some team will do, or being the owner.
    Some,
    /// A user's.
    Owner(u32),
}

impl Subject {
    /// Whether `action` on an `object` is allowed.
    pub fn may(&self, action: Action, object: Object, of: Of) -> bool {
        let Some(right) = RIGHTS.iter().find(|right| right.action == action && right.object == object) else {
            return false;
        };
        if let Some(role) = self.global {
            return right.global.contains(&role) || self.owns(right, of);
        }
        let on = |team: u32| self.teams.iter().any(|(id, role)| *id == team && right.team.contains(role));
        match of {
            Of::Team(Some(team)) => on(team),
            Of::Some => right.owner || self.teams.iter().any(|(_, role)| right.team.contains(role)),
            // What belongs to no team is readable by every member of any where the table says so.
            Of::All | Of::Team(None) => {
                matches!(action, Action::List | Action::Read)
                    && !matches!(object, Object::Host | Object::Software)
                    && (right.team.len() == ANY.len())
            }
            Of::Owner(_) => self.owns(right, of),
        }
    }

    fn owns(&self, right: &Right, of: Of) -> bool {
        right.owner && (of == Of::Owner(self.user_id) || of == Of::Some)
    }

    /// The hosts that a list, count or search shows.
    pub fn visible_hosts(&self) -> Visible {
        self.hosts_with(ANY, ANY)
    }

    /// The hosts that the user may change.
    pub fn writable_hosts(&self) -> Visible {
        self.hosts_with(WRITERS, WRITERS)
    }

    /// The hosts that a live query may ask; observers ask theirs only with queries that are marked for them.
    pub fn askable_hosts(&self, observer_can_run: bool) -> Visible {
        let roles = if observer_can_run { ANY } else { WRITERS };
        self.hosts_with(roles, roles)
    }

    fn hosts_with(&self, global: &[Role], team: &[Role]) -> Visible {
        match self.global {
            Some(role) if global.contains(&role) => Visible::All,
            Some(_) => Visible::Teams(Vec::new()),
            None => Visible::Teams(
                self.teams.iter().filter(|(_, role)| team.contains(role)).map(|(id, _)| *id).collect(),
            ),
        }
    }

    /// Whether the user holds no role but observer anywhere.
    pub fn only_observes(&self) -> bool {
        self.global.iter().chain(self.teams.iter().map(|(_, role)| role)).all(|role| *role == Role::Observer)
    }
}

/// The table as a page of the documentation.
pub fn as_markdown() -> String {
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
    let grpc = Role::ALL.map(|role| format!("| {} | {} |\n", role.name(), role.grpc_role()));
    let permissions = crate::role::ROLES.iter().map(|role| {
        let names: Vec<_> = role.permissions.iter().map(|permission| permission.name()).collect();
        format!("| {} | {} |\n", role.name, names.join(", "))
    });
    format!(
        "# Rights\n\nWho may do what. Made from the table that the server checks.\n\n\
         A user has one global role, or roles on teams. \"On its team\" is a role on the team that the thing belongs to; \
         \"owner\" is oneself for users and sessions, the author for queries.\n\n\
         | Object | Action | Global role | Role on its team | Owner |\n| --- | --- | --- | --- | --- |\n{}\n\
         ## Queries over gRPC\n\nA global role brings a role of VQL's API along, for the client certificate that is issued to the \
         user's mail address:\n\n| Global role | Role over gRPC |\n| --- | --- |\n{}\n\
         These roles, and single permissions, can be granted to any certificate with `harrier user grant`:\n\n\
         | Role over gRPC | Permissions |\n| --- | --- |\n{}",
        lines.collect::<String>(),
        grpc.concat(),
        permissions.collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn global(role: Role) -> Subject {
        Subject { user_id: 1, global: Some(role), teams: Vec::new() }
    }

    fn on_team(role: Role) -> Subject {
        Subject { user_id: 2, global: None, teams: vec![(3, role)] }
    }

    #[test]
    fn no_line_is_there_twice() {
        for (n, right) in RIGHTS.iter().enumerate() {
            let again = RIGHTS[n + 1..].iter().any(|r| r.action == right.action && r.object == right.object);
            assert!(!again, "{right:?}");
        }
    }

    #[test]
    fn roles_on_a_team_count_for_that_team_only() {
        let maintainer = on_team(Role::Maintainer);
        assert!(maintainer.may(Action::Write, Object::Host, Of::Team(Some(3))));
        assert!(!maintainer.may(Action::Write, Object::Host, Of::Team(Some(4))));
        assert!(!maintainer.may(Action::Write, Object::Host, Of::Team(None)));
        assert!(!maintainer.may(Action::Read, Object::Host, Of::Team(None)));
        assert!(!maintainer.may(Action::List, Object::Software, Of::Team(None)));
        assert!(maintainer.may(Action::Read, Object::Label, Of::All));
        assert!(!maintainer.may(Action::Write, Object::Label, Of::All));
        assert!(!on_team(Role::Observer).may(Action::Write, Object::Host, Of::Team(Some(3))));
    }

    #[test]
    fn owners_may_where_the_table_says_so() {
        let observer = global(Role::Observer);
        assert!(observer.may(Action::Write, Object::User, Of::Owner(1)));
        assert!(!observer.may(Action::Write, Object::User, Of::Owner(9)));
        assert!(!observer.may(Action::Write, Object::UserRole, Of::Owner(1)));
        assert!(on_team(Role::Maintainer).may(Action::Write, Object::Query, Of::Owner(2)));
        assert!(!on_team(Role::Maintainer).may(Action::Write, Object::Query, Of::Owner(1)));
    }

    #[test]
    fn nobody_without_a_role_may_anything_but_see_themselves() {
        let nobody = Subject { user_id: 5, global: None, teams: Vec::new() };
        assert_eq!(nobody.visible_hosts(), Visible::Teams(Vec::new()));
        assert!(!nobody.may(Action::Write, Object::Host, Of::Some));
        assert!(nobody.may(Action::Read, Object::User, Of::Owner(5)));
    }

    #[test]
    fn observers_ask_hosts_only_with_queries_marked_for_them() {
        assert_eq!(global(Role::Observer).askable_hosts(false), Visible::Teams(Vec::new()));
        assert_eq!(global(Role::Observer).askable_hosts(true), Visible::All);
        assert_eq!(on_team(Role::Admin).askable_hosts(false), Visible::Teams(vec![3]));
    }

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
