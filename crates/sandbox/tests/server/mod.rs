//! A sandbox with machines of a configuration, over its API.

use std::sync::Arc;
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use sandbox::pool::Pool;
use sandbox::remote::{Configuration, Host, Remote};
use sandbox::result_server::{Limits as Amounts, ResultServer};
use sandbox::scheduler::{Kinds, Nobody};
use sandbox::{Sandbox, Settings, processor, scheduler};
use serde_json::Value as Json;
use serve::listener::{Limits, Listener};
use serve::shutdown::CancellationToken;
use store::db::{Db, Location};

pub struct Server {
    pub http: reqwest::Client,
    pub root: String,
    stop: CancellationToken,
    pub dir: tempfile::TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

pub async fn listener() -> Listener {
    Listener::bind("127.0.0.1:0".parse().unwrap(), Limits::default()).await.unwrap()
}

#[allow(dead_code)] // not every file needs all of it
impl Server {
    /// A sandbox as this section of a configuration says, with its files in a folder; results are taken by `results`.
    pub async fn run(
        dir: tempfile::TempDir,
        section: Json,
        results: Listener,
        host: Result<Host, String>,
        critical: u32,
    ) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let configuration = Configuration::read(section).unwrap();
        let listed = configuration.machines.iter().map(|one| one.listed(configuration.results_for(one)));
        let pool = Pool::new(listed.collect());
        let db = Db::open(&Location::Sqlite(dir.path().join("harrier.db"))).await.unwrap();
        let proxies = configuration.proxies.clone();
        let settings = Settings {
            free_space: 0,
            critical_timeout: critical,
            proxies,
            ..Settings::in_dir(dir.path().to_owned())
        };
        let sandbox = Sandbox::open(db, settings, pool).unwrap();
        let (api, stop) = (listener().await, CancellationToken::new());
        let root = format!("http://{}", api.local_addr().unwrap());
        let amounts =
            Amounts { file: 1 << 20, log: 1 << 20, grace: Duration::from_millis(300), ..Amounts::default() };
        let taken = ResultServer::new(amounts);
        tokio::spawn(taken.clone().serve(results.incoming(None), stop.clone().cancelled_owned()));
        let kinds = Kinds { guests: Arc::new(Nobody), remote: Remote::new(configuration, taken, host) };
        tokio::spawn(processor::run(sandbox.clone(), stop.clone()));
        tokio::spawn(scheduler::run(sandbox.clone(), Arc::new(kinds), stop.clone()));
        tokio::spawn(sandbox::serve(sandbox, api.incoming(None), stop.clone().cancelled_owned()));
        Self { http: reqwest::Client::new(), root, stop, dir }
    }

    pub async fn json(&self, path: &str) -> Json {
        let response = self.http.get(format!("{}/{path}", self.root)).send().await.unwrap();
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    pub async fn submit(&self, name: &str, content: &[u8], fields: &[(&'static str, &str)]) -> u64 {
        let part = Part::bytes(content.to_vec()).file_name(name.to_owned());
        let form = Form::new().part("file", part);
        let form = fields.iter().fold(form, |form, (name, value)| form.text(*name, (*value).to_owned()));
        let sent =
            self.http.post(format!("{}/tasks/create/file", self.root)).multipart(form).send().await.unwrap();
        let answer: Json = serde_json::from_slice(&sent.bytes().await.unwrap()).unwrap();
        answer["task_id"].as_u64().unwrap_or_else(|| panic!("{answer}"))
    }

    /// The task, once it has ended.
    pub async fn ended(&self, task: u64) -> Json {
        for _ in 0..6000 {
            let shown = self.json(&format!("tasks/view/{task}")).await["task"].clone();
            if !["pending", "running", "completed"].contains(&shown["status"].as_str().unwrap()) {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("task {task} did not end");
    }

    pub fn file(&self, task: u64, name: &str) -> Vec<u8> {
        std::fs::read(self.dir.path().join(format!("analyses/{task}/{name}"))).unwrap_or_default()
    }

    pub fn text(&self, task: u64, name: &str) -> String {
        String::from_utf8(self.file(task, name)).unwrap()
    }
}
