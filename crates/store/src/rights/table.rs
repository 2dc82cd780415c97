//! Fleet's part of the table: role x action x kind of thing x owner (the Fleet reference, section 1.7).

use super::Role;

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

pub(super) const ANY: &[Role] = &Role::ALL;
pub(super) const WRITERS: &[Role] = &[Role::Maintainer, Role::Admin];
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
