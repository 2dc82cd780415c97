//! Users (the Fleet reference, sections 2.4 to 2.6).

mod admin;
mod change;
mod email;
mod forgotten;
mod passwords;
mod payload;
mod roles;
mod spec;

use schemars::JsonSchema;
use serde::Serialize;
use store::fleet::user::User;
use store::rights::{Action, Object};

pub use payload::{GivenTeam, limited, roles_of};
pub use roles::require_read;

use crate::route::{Access, Noun, Route};

pub const NOUN: Noun = Noun { name: "users", routes };

fn routes() -> Vec<Route> {
    let list = Access::May(Action::List, Object::User);
    let create = Access::May(Action::Create, Object::User);
    let read = Access::May(Action::Read, Object::User);
    let write = Access::May(Action::Write, Object::User);
    let roles = Access::May(Action::Write, Object::UserRole);
    let invited = Access::Public("asks for the token of an invitation");
    let forgotten = Access::Public("tells the same of everybody, and only so often");
    let reset = Access::Public("asks for a token that was sent by mail");
    vec![
        Route::get("users", list, "Users, or those of one team.", admin::list),
        Route::post("users", invited, "Become a user with an invitation.", admin::accept),
        Route::post("users/admin", create, "Make a user.", admin::create),
        Route::post("users/roles/spec", roles, "Replace the roles of users by mail address.", spec::apply),
        Route::get("users/{id}", read, "One user.", admin::show),
        Route::patch("users/{id}", write, "Change a user.", change::patch),
        Route::delete("users/{id}", write, "Delete a user.", admin::delete),
        Route::post(
            "users/{id}/require_password_reset",
            roles,
            "Have a user choose a new password at the next login, or no longer.",
            passwords::require,
        ),
        Route::post("change_password", Access::Session, "Change one's own password.", passwords::change),
        Route::post(
            "perform_required_password_reset",
            Access::Session,
            "Choose the new password that an administrator demands.",
            passwords::perform,
        ),
        Route::post("forgot_password", forgotten, "Have a token for a new password sent.", forgotten::ask),
        Route::post("reset_password", reset, "Choose a new password with that token.", forgotten::reset),
        Route::get(
            "email/change/{token}",
            Access::Session,
            "Confirm one's new mail address.",
            email::confirm,
        ),
    ]
}

#[derive(Serialize, JsonSchema)]
pub struct One {
    user: User,
}
