//! On SQLite, and on PostgreSQL when `HARRIER_TEST_POSTGRES` names a server.

use super::*;
use crate::db::fresh::{Fresh, on_each_blocking};
use crate::fleet::user as person;
use crate::params;
use crate::rights::DEFAULT_CLIENT_GRANT;

fn sqlite() -> (Fresh, Users) {
    let fresh = Fresh::sqlite();
    let users = Users::new(fresh.db.clone());
    (fresh, users)
}

/// A user as Fleet's API makes them.
fn employ(db: &Db, email: &'static str, role: Option<Role>) -> u32 {
    let new = person::NewUser {
        name: "A Person".into(),
        email: email.into(),
        global_role: role,
        ..Default::default()
    };
    db.write_blocking(move |tx| person::create(tx, &new)).unwrap().id
}

on_each_blocking! {
    fn names_compare_ignoring_case_and_keep_their_spelling(db) {
        let users = Users::new(db.clone());
        users.grant("Fred", &DEFAULT_CLIENT_GRANT).unwrap();
        users.grant("FRED", &Grant { roles: &["reader"], permissions: Permissions::NONE }).unwrap();
        let fred = users.get("fred").unwrap();
        assert_eq!((fred.name.as_str(), fred.acl.roles.len()), ("Fred", 2));
        assert_eq!(users.list().unwrap().len(), 1);
    }

    fn a_global_role_brings_permissions_along_and_the_own_record_stays_its_own(db) {
        let users = Users::new(db.clone());
        let id = employ(db, "Mia@example.org", Some(Role::Observer));
        let mia = users.get("mia@EXAMPLE.org").unwrap();
        assert_eq!((mia.effective(), mia.acl.clone()), (Role::Observer.permissions(), Acl::default()));
        users.grant("mia@example.org", &Grant { roles: &["artifact_writer"], permissions: Permissions::NONE }).unwrap();
        let both = Role::Observer.permissions().with(Permission::ArtifactWriter);
        assert_eq!(users.effective("mia@example.org").unwrap(), both);
        let row = db.read_blocking(move |tx| person::by_id(tx, id)).unwrap();
        assert_eq!((row.global_role, row.name.as_str(), row.api_only), (Some(Role::Observer), "A Person", false));
        db.write_blocking(move |tx| person::set_roles(tx, id, &person::Roles::default())).unwrap();
        assert_eq!(users.effective("mia@example.org").unwrap(), Permissions::of(&[Permission::ArtifactWriter]));
    }

    fn who_was_made_for_grpc_is_a_user_without_a_way_to_log_in(db) {
        let users = Users::new(db.clone());
        users.grant("robot", &DEFAULT_CLIENT_GRANT).unwrap();
        let (row, password) = db.read_blocking(|tx| {
            Ok::<_, crate::fleet::Fault>((person::by_email(tx, "robot")?, person::password_of(tx, "robot")?))
        }).unwrap();
        assert!(row.api_only && row.global_role.is_none() && row.teams.is_empty() && row.has_own_rights);
        assert_eq!((row.name.as_str(), row.email.as_str(), password), ("robot", "robot", None));
        db.write_blocking(move |tx| person::delete(tx, row.id)).unwrap();
        assert!(users.find("robot").unwrap().is_none());
    }

    fn changes_over_another_connection_count_at_once(db) {
        let (server, cli) = (Users::new(db.clone()), Users::new(db.clone()));
        assert!(matches!(server.get("fred"), Err(Error::UserNotFound(name)) if name == "fred"));
        cli.grant("fred", &DEFAULT_CLIENT_GRANT).unwrap();
        assert!(server.effective("fred").unwrap().has(Permission::AnyQuery));
        cli.set_acl("fred", Acl::default()).unwrap();
        assert_eq!(server.effective("fred").unwrap(), Permissions::NONE);
        assert!(cli.remove("fred").unwrap() && !cli.remove("fred").unwrap());
        assert!(server.find("fred").unwrap().is_none());
    }

    fn the_server_may_do_all_and_reserved_names_cannot_be_taken(db) {
        let users = Users::new(db.clone());
        assert_eq!(users.effective(SUPER_USER).unwrap(), Permissions::all());
        for name in [SUPER_USER, GATEWAY, "velociraptorserver", "grpc_gw"] {
            let refused = users.grant(name, &DEFAULT_CLIENT_GRANT).unwrap_err();
            assert_eq!(refused.to_string(), format!("Username is reserved: {name}"));
        }
        let new = person::NewUser { email: " GRPC_gw ".into(), name: "x".into(), ..Default::default() };
        let refused = db.write_blocking(move |tx| person::create(tx, &new)).unwrap_err();
        assert_eq!(refused.to_string(), "Username is reserved: GRPC_gw");
        let new = person::NewUser { email: "GRPC_GW\0".into(), name: "x".into(), ..Default::default() };
        assert!(db.write_blocking(move |tx| person::create(tx, &new)).is_err());
        let id = employ(db, "x@example.org", None);
        let changes = person::Changes { email: Some("VelociraptorServer".into()), ..Default::default() };
        assert!(db.write_blocking(move |tx| person::update(tx, id, &changes)).is_err());
        assert!(users.find("velociraptorserver").unwrap().is_none());
    }

    fn strange_names_are_names(db) {
        let users = Users::new(db.clone());
        for name in ["../../etc/passwd", "a/b", "..", "ünï@example.com", "CON", "a b", "%", "a'; DROP TABLE users; --"] {
            users.grant(name, &DEFAULT_CLIENT_GRANT).unwrap();
            assert_eq!(users.get(name).unwrap().name, name);
        }
        assert_eq!(users.list().unwrap().len(), 8);
        for name in ["", " a", "a\n", "a\0", &"x".repeat(65)] {
            assert!(matches!(users.grant(name, &DEFAULT_CLIENT_GRANT), Err(Error::NameInvalid { .. })));
            assert!(users.find(name).unwrap().is_none());
        }
    }

    fn a_damaged_record_is_an_error_and_not_a_grant(db) {
        let users = Users::new(db.clone());
        users.grant("fred", &DEFAULT_CLIENT_GRANT).unwrap();
        db.write_blocking::<_, crate::db::DbError, _>(|tx| tx.execute("UPDATE users SET acl = $1", params!["{"])).unwrap();
        assert!(matches!(users.get("fred"), Err(Error::UserDamaged { .. })));
        assert!(users.remove("fred").unwrap());
    }

    fn the_last_global_admin_stays(db) {
        let users = Users::new(db.clone());
        for name in ["a@example.org", "b@example.org"] {
            employ(db, name, Some(Role::Admin));
        }
        assert!(users.remove("a@example.org").unwrap());
        assert!(matches!(users.remove("B@example.org"), Err(Error::LastAdmin { .. })));
        assert!(users.find("b@example.org").unwrap().is_some());
    }

    fn concurrent_changes_are_all_kept(db) {
        std::thread::scope(|scope| {
            for queue in 0..8 {
                let users = Users::new(db.clone());
                scope.spawn(move || {
                    let push = move |acl: &mut Acl| {
                        acl.publish_queues.push(queue.to_string());
                        Ok(())
                    };
                    users.update("fred", push).unwrap();
                });
            }
        });
        assert_eq!(Users::new(db.clone()).get("fred").unwrap().acl.publish_queues.len(), 8);
    }
}

#[test]
fn two_processes_share_a_file() {
    let (fresh, server) = sqlite();
    let cli = Users::open(&fresh.location).unwrap();
    cli.grant("fred", &DEFAULT_CLIENT_GRANT).unwrap();
    assert!(server.effective("fred").unwrap().has(Permission::AnyQuery));
    server.remove("fred").unwrap();
    assert!(cli.find("fred").unwrap().is_none());
}

#[tokio::test]
async fn async_code_finds_the_same() {
    let fresh = Fresh::sqlite_async().await;
    let users = Users::new(fresh.db.clone());
    let granted = {
        let users = users.clone();
        tokio::task::spawn_blocking(move || users.grant("fred", &DEFAULT_CLIENT_GRANT))
    };
    granted.await.unwrap().unwrap();
    assert_eq!(users.fetch("FRED").await.unwrap().unwrap().name, "fred");
    assert!(users.fetch("nobody").await.unwrap().is_none());
    assert!(users.fetch(SUPER_USER).await.unwrap().unwrap().acl.super_user);
}
