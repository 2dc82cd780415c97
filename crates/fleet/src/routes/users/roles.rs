//! Who may do what to which user (the Fleet reference, section 1.7).
//!
//! Administrators of teams are held to their teams: they change only those users whose every role is on a team of theirs,
//! since whoever can change a user can become that user; and only those roles that are on a team of theirs. For the same reason they
//! change nobody who has rights over gRPC: those rights are no team's.

use store::db::Tx;
use store::fleet::team;
use store::fleet::user::{self, Roles, User};
use store::rights::{Action, Object, Of, Role};

use crate::error::{Error, Result};
use crate::request::Viewer;

/// The roles that a user has.
pub fn roles_now(user: &User) -> Roles {
    let mut teams: Vec<(u32, Role)> = user.teams.iter().map(|on| (on.team.id, on.role)).collect();
    teams.sort_unstable();
    Roles { global: user.global_role, teams }
}

/// Whether the viewer administers this user.
pub fn administers(viewer: &Viewer, target: &User) -> bool {
    let on_all = |action, object| {
        let on = |id| viewer.subject.may(action, object, Of::Team(Some(id)));
        target.global_role.is_none()
            && !target.has_own_rights
            && !target.teams.is_empty()
            && target.teams.iter().all(|team| on(team.team.id))
    };
    viewer.subject.may(Action::Write, Object::UserRole, Of::All) || on_all(Action::Write, Object::User)
}

/// 403 unless the viewer is this user or administers one of its teams.
pub fn require_read(viewer: &Viewer, target: &User) -> Result<()> {
    let may = |of| viewer.subject.may(Action::Read, Object::User, of);
    let allowed = may(Of::Owner(target.id)) || target.teams.iter().any(|on| may(Of::Team(Some(on.team.id))));
    if allowed { Ok(()) } else { Err(Error::forbidden()) }
}

/// 403 unless the viewer is this user or administers it.
pub fn require_write(viewer: &Viewer, target: &User) -> Result<()> {
    let is_self = viewer.user.id == target.id;
    if is_self || administers(viewer, target) { Ok(()) } else { Err(Error::forbidden()) }
}

/// 403 unless the viewer administers this user; being the user is not enough.
pub fn require_administers(viewer: &Viewer, target: &User) -> Result<()> {
    if administers(viewer, target) { Ok(()) } else { Err(Error::forbidden()) }
}

/// 403 unless the viewer may give and take each role that differs; 404 for a team that is not there.
pub fn require_roles(
    tx: &mut Tx<'_>,
    viewer: &Viewer,
    action: Action,
    object: Object,
    before: &Roles,
    after: &Roles,
) -> Result<()> {
    if before.global != after.global {
        viewer.require(action, object, Of::All)?;
    }
    let gone = before.teams.iter().filter(|on| !after.teams.contains(on));
    let new = after.teams.iter().filter(|on| !before.teams.contains(on));
    for (team, _) in gone.chain(new) {
        viewer.require(action, object, Of::Team(Some(*team)))?;
    }
    for (team, _) in &after.teams {
        team::by_id(tx, *team)?;
    }
    Ok(())
}

/// 422 with code 2 when nobody is left who could administer the server.
pub fn keep_an_admin(tx: &mut Tx<'_>) -> Result<()> {
    if user::count_admins(tx)? > 0 {
        return Ok(());
    }
    Err(Error::coded(2, "at least one global admin must remain"))
}
