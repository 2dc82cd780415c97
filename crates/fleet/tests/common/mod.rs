//! A fleet server of its own for each test, over real sockets, and clients for it.

#![allow(dead_code)] // Each test file uses its part.

pub mod smtp;

use std::net::SocketAddr;
use std::sync::Arc;

use fleet::{Fleet, Settings};
use reqwest::{Client, Method};
use serde_json::{Value as Json, json};
use serve::listener::{Limits, Listener};
use serve::shutdown::CancellationToken;
use store::db::{Db, Location};
use store::rights::Role;

pub const PASSWORD: &str = "correct-horse1!";

/// A running server with one administrator.
pub struct Server {
    pub fleet: Arc<Fleet>,
    pub address: SocketAddr,
    pub admin: User,
    stop: CancellationToken,
    pub dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A client, logged in or not.
#[derive(Clone)]
pub struct User {
    address: SocketAddr,
    http: Client,
    token: Option<String>,
    pub id: u64,
}

/// A status and a body.
#[derive(Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Json,
}

impl Answer {
    /// The body of a good answer.
    #[track_caller]
    pub fn ok(self) -> Json {
        assert_eq!(self.status, 200, "{:#}", self.body);
        self.body
    }

    /// The first reason of a refusal, after its status was checked.
    #[track_caller]
    pub fn refused(self, status: u16) -> String {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body["errors"][0]["reason"].as_str().unwrap_or_default().to_owned()
    }
}

impl Server {
    /// Starts a server that is set up, on SQLite, or on PostgreSQL when `HARRIER_TEST_POSTGRES` names a server and
    /// `HARRIER_TEST_BACKEND` is `postgres`.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// The same with other settings.
    pub async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&location(dir.path()).await).await.unwrap();
        let mut settings = Settings::in_dir(dir.path().to_owned());
        change(&mut settings);
        let fleet = Fleet::open(db, settings).await.unwrap();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Limits::default()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let incoming = listener.incoming(None);
        tokio::spawn(fleet::serve(fleet.clone(), incoming, stop.clone().cancelled_owned()));
        let mut admin = User { address, http: http(), token: None, id: 1 };
        let setup = json!({
            "admin": {"name": "Ada", "email": "ada@example.org", "password": PASSWORD},
            "org_info": {"org_name": "Example"},
            "server_url": "https://fleet.example.org",
        });
        let answer = admin.send(Method::POST, "/api/v1/setup", Some(setup)).await.ok();
        admin.token = answer["token"].as_str().map(String::from);
        Self { fleet, address, admin, stop, dir }
    }

    /// Somebody who is not logged in.
    pub fn anonymous(&self) -> User {
        User { address: self.address, http: http(), token: None, id: 0 }
    }

    /// A new user with a global role, logged in.
    pub async fn user(&self, role: Role) -> User {
        self.make_user(Some(role), Vec::new()).await
    }

    /// A new user with a role on a team, logged in.
    pub async fn team_user(&self, team: u32, role: Role) -> User {
        self.make_user(None, vec![(team, role)]).await
    }

    /// A new user with or without roles, made in the database: what the API demands of users is tested with them.
    pub async fn make_user(&self, global_role: Option<Role>, teams: Vec<(u32, Role)>) -> User {
        let (id, token) = self
            .fleet
            .db
            .write(move |tx| -> store::fleet::Outcome<_> {
                let number = store::fleet::user::count(tx)?;
                let new = store::fleet::user::NewUser {
                    name: format!("User {number}"),
                    email: format!("user{number}@example.org"),
                    password_hash: Some(store::fleet::password::hash(PASSWORD)?),
                    global_role,
                    teams: teams.clone(),
                    ..Default::default()
                };
                let user = store::fleet::user::create(tx, &new)?;
                Ok((user.id, store::fleet::session::create(tx, user.id)?))
            })
            .await
            .unwrap();
        User { address: self.address, http: http(), token: Some(token), id: id.into() }
    }

    /// A new team, made in the database; gives its id.
    pub async fn team(&self, name: &'static str) -> u32 {
        let sql = "INSERT INTO teams (created_at, name, name_key) VALUES (0, $1, $2) RETURNING id";
        let insert = move |tx: &mut store::db::Tx<'_>| {
            tx.value::<u32>(sql, store::params![name, store::fleet::key(name)])
        };
        self.fleet.db.write::<_, store::db::DbError, _>(insert).await.unwrap().unwrap()
    }

    /// A host that enrolled and told its details; gives its id and its agent.
    pub async fn host(&self, name: &str) -> Agent {
        let secret = self.admin.get("spec/enroll_secret").await.ok()["spec"]["secrets"][0]["secret"].clone();
        Agent::enrol(self, name, secret.as_str().unwrap()).await
    }
}

/// Where the database of a test is.
async fn location(dir: &std::path::Path) -> Location {
    let server = std::env::var("HARRIER_TEST_POSTGRES").ok();
    match server.filter(|_| std::env::var("HARRIER_TEST_BACKEND").is_ok_and(|backend| backend == "postgres"))
    {
        Some(server) => Location::Postgres(new_database(&server).await),
        None => Location::Sqlite(dir.join("harrier.db")),
    }
}

/// Makes a database on a PostgreSQL server; gives its address.
async fn new_database(server: &str) -> String {
    let name = format!("harrier_{:016x}", getrandom::u64().unwrap());
    let admin = format!("{server} dbname=postgres");
    let (client, connection) = tokio_postgres::connect(&admin, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    format!("{server} dbname={name}")
}

fn http() -> Client {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder().no_proxy().build().unwrap()
}

impl User {
    pub async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Json) -> Answer {
        self.call(Method::POST, path, Some(body)).await
    }

    pub async fn patch(&self, path: &str, body: Json) -> Answer {
        self.call(Method::PATCH, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.call(Method::DELETE, path, None).await
    }

    /// A call below `/api/v1/fleet/`.
    pub async fn call(&self, method: Method, path: &str, body: Option<Json>) -> Answer {
        self.send(method, &format!("/api/v1/fleet/{path}"), body).await
    }

    /// A call of a whole path.
    pub async fn send(&self, method: Method, path: &str, body: Option<Json>) -> Answer {
        let response = self.raw(method, path, body).await;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Json::String(text));
        Answer { status, body }
    }

    /// The same, with headers and bytes.
    pub async fn raw(&self, method: Method, path: &str, body: Option<Json>) -> reqwest::Response {
        let mut request = self.http.request(method, format!("http://{}{path}", self.address));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        if let Some(body) = body {
            request = request.body(body.to_string());
        }
        request.send().await.unwrap()
    }

    /// The same client with another session.
    pub fn with_token(&self, token: &Json) -> Self {
        Self { token: token.as_str().map(String::from), ..self.clone() }
    }

    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap()
    }
}

/// An agent that answers what it is asked.
pub struct Agent {
    pub host_id: u32,
    pub node_key: String,
    pub user: User,
}

impl Agent {
    /// Enrols as `name` and tells its details.
    pub async fn enrol(server: &Server, name: &str, secret: &str) -> Self {
        let user = server.anonymous();
        let details = json!({
            "system_info": {"hostname": name, "uuid": format!("uuid-{name}"), "hardware_serial": format!("serial-{name}")},
            "os_version": {"name": "Ubuntu", "major": "22", "minor": "4", "patch": "0", "platform": "ubuntu"},
            "osquery_info": {"version": "5.12.1"},
        });
        let body = json!({"enroll_secret": secret, "host_identifier": name, "host_details": details});
        let answer = user.send(Method::POST, "/api/osquery/enroll", Some(body)).await.ok();
        let name = name.to_owned();
        let find = move |tx: &mut store::db::Tx<'_>| {
            tx.value::<u32>("SELECT id FROM hosts WHERE osquery_host_id = $1", store::params![name])
        };
        let host_id = server.fleet.db.read::<_, store::db::DbError, _>(find).await.unwrap().unwrap();
        Self { host_id, node_key: answer["node_key"].as_str().unwrap().to_owned(), user }
    }

    /// A request to an endpoint, `distributed/read` say.
    pub async fn call(&self, path: &str, mut body: Json) -> Json {
        body["node_key"] = self.node_key.clone().into();
        self.user.send(Method::POST, &format!("/api/osquery/{path}"), Some(body)).await.body
    }

    /// Asks for work and answers all of it with no rows, but for those in `answers`; gives what was asked.
    pub async fn work(&self, answers: &[(&str, Json)]) -> Json {
        let asked = self.call("distributed/read", json!({})).await["queries"].clone();
        let names = asked.as_object().cloned().unwrap_or_default();
        let rows =
            |name: &str| answers.iter().find(|(n, _)| *n == name).map_or(json!([]), |(_, rows)| rows.clone());
        let queries: serde_json::Map<String, Json> =
            names.keys().map(|name| (name.clone(), rows(name))).collect();
        let statuses: serde_json::Map<String, Json> =
            names.keys().map(|name| (name.clone(), json!(0))).collect();
        if !queries.is_empty() {
            self.call("distributed/write", json!({"queries": queries, "statuses": statuses})).await;
        }
        asked
    }
}
