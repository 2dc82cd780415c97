//! What clients send about users, and what must be in it (the Fleet reference, section 2.5).

use schemars::JsonSchema;
use serde::Deserialize;
use store::fleet::user::Roles;
use store::rights::Role;

use crate::error::{Error, Result};

/// The longest name, address or the like, in characters.
const MAX_LENGTH: usize = 255;
/// The most teams of one user.
const MAX_TEAMS: usize = 1_000;

/// All that routes take; each its part.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Payload {
    pub name: Option<String>,
    pub email: Option<String>,
    pub password: Option<String>,
    pub gravatar_url: Option<String>,
    pub position: Option<String>,
    pub invite_token: Option<String>,
    pub sso_invite: Option<bool>,
    pub sso_enabled: Option<bool>,
    pub global_role: Option<String>,
    pub admin_forced_password_reset: Option<bool>,
    pub api_only: Option<bool>,
    pub teams: Option<Vec<GivenTeam>>,
    pub new_password: Option<String>,
}

/// A role on a team.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct GivenTeam {
    pub id: u32,
    #[serde(default)]
    pub role: String,
}

/// Fields that are wrong, collected so that all are told at once.
#[derive(Default)]
pub struct Wrong(Vec<(String, String)>);

impl Wrong {
    pub fn add(&mut self, field: &str, reason: &str) {
        self.0.push((field.to_owned(), reason.to_owned()));
    }

    pub fn result(self) -> Result<()> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::all_invalid(self.0)) }
    }

    /// A field that has to be there, under its name in the texts.
    fn need(&mut self, field: &str, called: &str, value: Option<&str>) {
        match value {
            None => self.add(field, &format!("{called} missing required argument")),
            Some(text) if text.trim().is_empty() => self.add(field, &format!("{called} cannot be empty")),
            Some(_) => {}
        }
    }
}

impl Payload {
    /// What both ways to become a user demand.
    pub fn check_new(&self, uses_sso: bool) -> Wrong {
        let mut wrong = Wrong::default();
        wrong.need("name", "Full name", self.name.as_deref());
        if uses_sso {
            if self.password.as_deref().is_some_and(|password| !password.is_empty()) {
                wrong.add("password", "not allowed for SSO users");
            }
        } else {
            wrong.need("password", "Password", self.password.as_deref());
        }
        wrong.need("email", "Email", self.email.as_deref());
        self.check_lengths(&mut wrong);
        wrong
    }

    /// What a change demands of what it names.
    pub fn check_change(&self) -> Result<()> {
        let mut wrong = Wrong::default();
        for (field, called, value) in [("name", "Full name", &self.name), ("email", "Email", &self.email)] {
            if value.is_some() {
                wrong.need(field, called, value.as_deref());
            }
        }
        if self.new_password.as_deref() == Some("") {
            wrong.add("new_password", "New password cannot be empty");
        }
        self.check_lengths(&mut wrong);
        wrong.result()
    }

    fn check_lengths(&self, wrong: &mut Wrong) {
        let fields = [
            ("name", &self.name),
            ("email", &self.email),
            ("gravatar_url", &self.gravatar_url),
            ("position", &self.position),
        ];
        for (field, value) in fields {
            if let Err(error) = limited(field, value.as_deref().unwrap_or_default()) {
                wrong.0.extend(error.errors.into_iter().flatten());
            }
        }
    }

    /// The roles that are given, checked.
    pub fn roles(&self) -> Result<Roles> {
        roles_of(self.global_role.as_deref(), self.teams.as_deref().unwrap_or_default())
    }

    /// The roles that a change is about. Empty ones are taken for "unchanged", since clients send them along.
    pub fn changed_roles(&self) -> Result<Option<Roles>> {
        let global = self.global_role.as_deref().filter(|role| !role.is_empty());
        let teams = self.teams.as_deref().unwrap_or_default();
        match (global, teams) {
            (None, []) => Ok(None),
            (Some(_), [_, ..]) => Err(Error::invalid("teams", "may not be specified with global_role")),
            _ => roles_of(global, teams).map(Some),
        }
    }
}

/// A text that is not too long.
pub fn limited(field: &str, text: &str) -> Result<()> {
    if text.chars().count() > MAX_LENGTH {
        return Err(Error::invalid(field, format!("must have {MAX_LENGTH} characters at most")));
    }
    Ok(())
}

/// One global role, or roles on teams (errors with code 1 otherwise).
pub fn roles_of(global: Option<&str>, teams: &[GivenTeam]) -> Result<Roles> {
    let global = global.filter(|role| !role.is_empty());
    match (global, teams) {
        (None, []) => Err(Error::coded(1, "either global role or team role needs to be defined")),
        (Some(_), [_, ..]) => Err(Error::coded(1, "Cannot specify both Global Role and Team Roles")),
        (Some(role), []) => {
            let role = Role::parse(role).ok_or_else(|| {
                Error::coded(1, "GlobalRole role can only be admin, observer, or maintainer.")
            })?;
            Ok(Roles { global: Some(role), teams: Vec::new() })
        }
        (None, teams) => Ok(Roles { global: None, teams: on_teams(teams)? }),
    }
}

fn on_teams(given: &[GivenTeam]) -> Result<Vec<(u32, Role)>> {
    if given.len() > MAX_TEAMS {
        return Err(Error::invalid("teams", format!("a user can be on {MAX_TEAMS} teams at most")));
    }
    let mut teams = Vec::with_capacity(given.len());
    for on in given {
        let role = Role::parse(&on.role)
            .ok_or_else(|| Error::coded(1, "Team roles can be observer or maintainer"))?;
        teams.push((on.id, role));
    }
    teams.sort_unstable();
    match teams.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => Err(Error::invalid("teams", format!("team {} is named twice", pair[0].0))),
        None => Ok(teams),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(id: u32, role: &str) -> GivenTeam {
        GivenTeam { id, role: role.into() }
    }

    #[test]
    fn there_is_one_kind_of_role_and_errors_have_their_code() {
        let refused = |global: Option<&str>, teams: &[GivenTeam]| {
            let error = roles_of(global, teams).unwrap_err();
            (error.code, error.message)
        };
        let text = |text: &str| (Some(1), text.to_owned());
        assert_eq!(refused(None, &[]), text("either global role or team role needs to be defined"));
        assert_eq!(
            refused(Some("admin"), &[on(1, "admin")]),
            text("Cannot specify both Global Role and Team Roles")
        );
        assert_eq!(
            refused(Some("root"), &[]),
            text("GlobalRole role can only be admin, observer, or maintainer.")
        );
        assert_eq!(refused(None, &[on(1, "owner")]), text("Team roles can be observer or maintainer"));
        assert_eq!(refused(None, &[on(1, "admin"), on(1, "observer")]).0, None);
        let teams = roles_of(None, &[on(2, "observer"), on(1, "admin")]).unwrap().teams;
        assert_eq!(teams, [(1, Role::Admin), (2, Role::Observer)]);
    }

    #[test]
    fn all_that_is_missing_is_told_at_once() {
        let wrong = Payload { name: Some(" ".into()), ..Payload::default() }.check_new(false);
        let reasons: Vec<_> = wrong.0.iter().map(|(_, reason)| reason.as_str()).collect();
        let missing = ["Password missing required argument", "Email missing required argument"];
        assert_eq!(reasons, ["Full name cannot be empty", missing[0], missing[1]]);
    }
}
