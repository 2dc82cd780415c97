//! Every method, called as every kind of user: who may not is refused, by the table and nothing else.

use std::sync::Arc;

use plugins::world::World;
use proto::api_server::Api;
use serve::identity::PeerIdentity;
use serve::listener::ConnectInfo;
use store::DataDir;
use store::db::Db;
use store::fleet::user::{self as person, NewUser, Roles};
use store::rights::{Call, GRPC_ROLES, Grant, Need, Role};
use store::user::Users;
use tonic::{Code, Request};
use vql::cancel::Cancel;
use vql::permission::{Permission, Permissions};
use vql::value::Value;

use super::Service;
use crate::server::Server;

struct Place {
    service: Service,
    users: Users,
    db: Db,
    _dir: tempfile::TempDir,
}

/// A service without a listener. Call it off the async threads.
fn place() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let data = DataDir::open(dir.path().join("data")).unwrap();
    let users = Users::open(&data.database()).unwrap();
    let events = Arc::new(data.events(Default::default()).unwrap());
    let stopping = Cancel::new();
    let open = plugins::server::Server::open;
    let kept = Arc::new(open(&data, events, Some(users.clone()), Value::Null, stopping.clone()).unwrap());
    let world = World { server: Some(kept.clone()), ..World::of_process() };
    let server = Server {
        users: users.clone(),
        revocations: Arc::new(vec![data.revocations()]),
        events: kept.events.clone(),
        files: kept.files.clone(),
        audit: kept.audit.clone(),
        registry: Arc::new(plugins::registry()),
        world: Arc::new(world),
        stopping,
        config: Value::Null,
        running: Arc::new(tokio::sync::Semaphore::new(8)),
    };
    Place { service: Service::new(Arc::new(server)), db: users.db().clone(), users, _dir: dir }
}

/// A request as the listener hands it over, of somebody with a certificate or of nobody.
fn request<T: Default>(name: Option<&str>) -> Request<T> {
    filled(name, T::default())
}

fn filled<T>(name: Option<&str>, message: T) -> Request<T> {
    let identity =
        name.map(|name| PeerIdentity { name: name.into(), serial: "1".into(), fingerprint: "2".into() });
    let mut request = Request::new(message);
    let peer_addr = "127.0.0.1:1".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo { peer_addr, identity: identity.map(Arc::new) });
    request
}

/// What a call answers that asks for nothing in particular.
async fn ask(service: &Service, call: Call, name: Option<&str>) -> Code {
    macro_rules! send {
        ($method:ident) => {
            send!($method, request(name))
        };
        ($method:ident, $request:expr) => {
            match service.$method($request).await {
                // What a call is about may take more than the call: those who get that far were let in.
                Err(status) if status.message().starts_with("PermissionDenied: ") => Code::Ok,
                Err(status) => status.code(),
                Ok(_) => Code::Ok,
            }
        };
    }
    match call {
        Call::CancelFlow => send!(cancel_flow),
        Call::Check => send!(check),
        Call::CollectArtifact => send!(collect_artifact),
        Call::CreateHunt => send!(create_hunt),
        Call::GetArtifactFile => send!(get_artifact_file),
        Call::GetArtifacts => send!(get_artifacts),
        Call::GetClient => send!(get_client),
        Call::GetClientFlows => send!(get_client_flows),
        Call::GetClientMetadata => send!(get_client_metadata),
        Call::GetFlowDetails => send!(get_flow_details),
        Call::GetHunt => send!(get_hunt),
        Call::GetHuntFlows => send!(get_hunt_flows),
        Call::GetHuntResults => send!(get_hunt_results),
        Call::GetTable => send!(get_table),
        Call::LabelClients => send!(label_clients),
        Call::ListClients => send!(list_clients),
        Call::ListHunts => send!(list_hunts),
        Call::ModifyHunt => send!(modify_hunt),
        Call::PushEvents => send!(
            push_events,
            filled(name, proto::PushEventRequest { artifact: "Q".into(), ..Default::default() })
        ),
        Call::Query => send!(query),
        Call::ReformatVql => send!(reformat_vql),
        Call::SetArtifactFile => send!(set_artifact_file),
        Call::SetClientMetadata => send!(set_client_metadata),
        Call::VfsGetBuffer => send!(vfs_get_buffer),
        Call::WatchEvent => send!(watch_event),
        Call::WriteEvent => {
            let query = Some(proto::VqlRequest { name: "Q".into(), ..Default::default() });
            send!(
                write_event,
                filled(name, proto::VqlResponse { query, response: "[]".into(), ..Default::default() })
            )
        }
    }
}

fn employ(db: &Db, name: &str, global_role: Option<Role>) -> u32 {
    let new = NewUser { name: name.into(), email: name.into(), global_role, ..NewUser::default() };
    db.write_blocking(move |tx| person::create(tx, &new)).unwrap().id
}

/// Users of every kind, with what they may do.
fn everybody(place: &Place) -> Vec<(String, Permissions)> {
    let mut all = vec![("nothing@example.org".to_owned(), Permissions::NONE)];
    employ(&place.db, "nothing@example.org", None);
    for role in Role::ALL {
        let name = format!("{}@example.org", role.name());
        employ(&place.db, &name, Some(role));
        all.push((name, role.permissions()));
    }
    for role in GRPC_ROLES {
        place.users.grant(role.name, &Grant { roles: &[role.name], permissions: Permissions::NONE }).unwrap();
        all.push((role.name.to_owned(), role.permissions));
    }
    for permission in Permission::ALL {
        let permissions = Permissions::of(&[*permission]);
        place.users.grant(permission.name(), &Grant { roles: &[], permissions }).unwrap();
        all.push((permission.name().to_owned(), permissions));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_method_refuses_those_who_may_not() {
    let place = tokio::task::block_in_place(place);
    let users = tokio::task::block_in_place(|| everybody(&place));
    for call in Call::ALL {
        for (name, permissions) in &users {
            let code = ask(&place.service, *call, Some(name)).await;
            let is_refused = code == Code::PermissionDenied;
            assert_eq!(!is_refused, call.need().met_by(*permissions), "{} as {name}: {code:?}", call.name());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn those_without_a_certificate_or_a_user_get_nowhere() {
    let place = tokio::task::block_in_place(place);
    for call in Call::ALL {
        let is_open = matches!(call.need(), Need::Nothing(_));
        let answers = (ask(&place.service, *call, None).await, ask(&place.service, *call, Some("x")).await);
        let wanted = if is_open { (Code::Ok, Code::Ok) } else { (Code::Unauthenticated, Code::Unknown) };
        assert_eq!(answers, wanted, "{}", call.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_in_the_own_record_can_be_pushed_to_and_no_other() {
    let place = tokio::task::block_in_place(place);
    tokio::task::block_in_place(|| {
        for (name, queue) in [("q", "Q"), ("r", "R")] {
            let push = move |acl: &mut store::user::Acl| {
                acl.publish_queues.push(queue.to_owned());
                Ok(())
            };
            place.users.update(name, push).unwrap();
        }
    });
    for call in [Call::PushEvents, Call::WriteEvent] {
        assert_eq!(ask(&place.service, call, Some("Q")).await, Code::Ok);
        assert_eq!(ask(&place.service, call, Some("r")).await, Code::PermissionDenied);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fleet_changes_counts_for_the_next_call() {
    let place = tokio::task::block_in_place(place);
    let id = tokio::task::block_in_place(|| employ(&place.db, "mia@example.org", Some(Role::Maintainer)));
    let list = || ask(&place.service, Call::ListClients, Some("Mia@Example.org"));
    assert_eq!(list().await, Code::Ok);
    place.db.write(move |tx| person::set_roles(tx, id, &Roles::default())).await.unwrap();
    assert_eq!(list().await, Code::PermissionDenied);
    place.db.write(move |tx| person::delete(tx, id)).await.unwrap();
    assert_eq!(list().await, Code::Unknown);
}

#[test]
fn every_method_with_rights_is_one_of_the_api() {
    for call in Call::ALL {
        assert!(proto::METHODS.contains(&call.name()), "{call:?}");
    }
}
