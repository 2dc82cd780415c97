//! Who may do what: one place for all of Harrier, Fleet's API and gRPC alike.
//!
//! A user has one global role, or roles on teams, or none, and may have a record of permissions over gRPC besides
//! ([`crate::user`]).
//!
//! - [`RIGHTS`]: each line says which roles of Fleet may do one action on one kind of thing, when they hold it globally, when
//!   they hold it on the team that the thing belongs to, and whether the owner may do it as well.
//! - [`GRPC_ROLES`]: which permissions each role over gRPC stands for; [`Role::grpc`] says which of them a global role
//!   brings along.
//! - [`Call`]: what each method of gRPC takes. What functions and plugins take stands in their signatures.
//!
//! The checks of the servers, the page `docs/reference/rights.md` and the tests that call every route and method as every role come
//! from these tables.

mod call;
mod grpc;
mod page;
mod role;
mod table;

pub use call::{Call, Need};
pub use grpc::{DEFAULT_CLIENT_GRANT, GRPC_ROLES, Grant, GrpcRole, find as grpc_role};
pub use page::as_markdown;
pub use role::Role;
pub use table::{Action, Object, RIGHTS, Right};

use table::{ANY, WRITERS};

use crate::fleet::Visible;

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
}
