//! A server without listeners, in a directory of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use plugins::artifact::repository::Repository;
use plugins::collection::Runtime;
use plugins::monitoring::Monitor;
use plugins::server::Server;
use plugins::world::World;
use store::DataDir;
use store::event::{Event, Subscription};
use store::user::Users;
use vql::cancel::Cancel;
use vql::permission::Permissions;
use vql::value::Value;

use super::{Outcome, run_in};

/// Everything goes with the directory.
pub struct TestServer {
    pub dir: tempfile::TempDir,
    pub server: Arc<Server>,
    pub world: Arc<World>,
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.server.stopping.cancel();
    }
}

impl TestServer {
    pub fn new() -> Self {
        Self::in_dir(tempfile::tempdir().unwrap())
    }

    pub fn in_dir(dir: tempfile::TempDir) -> Self {
        let data = DataDir::open(dir.path().join("data")).unwrap();
        let users = Some(Users::open(&data.database()).unwrap());
        let events = Arc::new(data.events(Default::default()).unwrap());
        let config = Value::dict([("server_urls", Value::list(Vec::new()))]);
        let server = Arc::new(Server::open(&data, events, users, config, Cancel::new()).unwrap());
        let artifacts = Arc::new(Repository::with(data.definitions().unwrap()));
        let world = Arc::new(World { artifacts, server: Some(server.clone()), ..World::of_process() });
        let runtime = Runtime {
            world: world.clone(),
            registry: plugins::registry().into(),
            permissions: Permissions::all(),
            user: String::new(),
        };
        server.monitor.get_or_init(|| Monitor::new(runtime, Vec::new())).refresh(&server);
        TestServer { dir, server, world }
    }

    pub fn run_as(&self, source: &str, permissions: Permissions) -> Outcome {
        run_in(
            self.world.clone(),
            source,
            &[("Dir", &self.dir.path().to_string_lossy())],
            permissions,
            Cancel::new(),
        )
    }

    /// The rows of a query that logs nothing.
    #[track_caller]
    pub fn rows(&self, source: &str) -> String {
        let outcome = self.run_as(source, Permissions::all());
        let lines: Vec<_> = outcome.log.iter().filter(|l| !l.starts_with("DEBUG")).collect();
        assert!(lines.is_empty(), "{source}: {lines:?}");
        outcome.rows
    }

    /// Defines an artifact.
    #[track_caller]
    pub fn define(&self, yaml: &str) {
        self.world.artifacts.set(yaml).unwrap();
    }

    /// Collects on the server and waits for the end: the id of the collection.
    #[track_caller]
    pub fn collect(&self, arguments: &str) -> String {
        let rows = self.rows(&format!(
            "SELECT collect_client(client_id='server', {arguments}).flow_id AS Id FROM scope()"
        ));
        let id = rows.split('"').nth(3).unwrap_or_else(|| panic!("{rows}")).to_owned();
        self.wait(&id);
        id
    }

    #[track_caller]
    pub fn wait(&self, id: &str) {
        let until = Instant::now() + Duration::from_secs(60);
        while self.server.running.lock().contains_key(id) {
            assert!(Instant::now() < until, "collection {id} does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The next row that a queue gets, as JSON.
#[track_caller]
pub fn next_row(watch: &mut Subscription) -> serde_json::Value {
    match watch.recv_timeout(Duration::from_secs(20)) {
        Event::Row(_, row) => serde_json::from_slice(&row).unwrap(),
        other => panic!("{other:?}"),
    }
}
