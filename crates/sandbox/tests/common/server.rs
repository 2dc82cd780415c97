//! A sandbox with its REST API in this process, and what tests ask it.

use std::sync::Arc;
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use sandbox::analysis::Detonator;
use sandbox::pool::{Machine, Pool};
use sandbox::{Sandbox, Settings, processor, scheduler};
use serde_json::{Value as Json, json};
use serve::listener::{Limits, Listener};
use serve::shutdown::CancellationToken;
use store::db::{Db, Location};

use crate::common::{GUEST, internet_program, qemu};

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

impl Server {
    /// A sandbox with so many machines of the usual guest; none when this host has no QEMU.
    pub async fn start(machines: u32) -> Option<Self> {
        Self::start_with(machines, GUEST).await
    }

    pub async fn start_with(machines: u32, image: &str) -> Option<Self> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let qemu = qemu()?;
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&Location::Sqlite(dir.path().join("harrier.db"))).await.unwrap();
        let settings = Settings { free_space: 0, ..Settings::in_dir(dir.path().to_owned()) };
        let named = |number| Machine {
            label: image.into(),
            ..Machine::new(&format!("linux{number}"), "linux", &["x64"])
        };
        let sandbox = Sandbox::open(db, settings, Pool::new((1..=machines).map(named).collect())).unwrap();
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Limits::default()).await.unwrap();
        let root = format!("http://{}", listener.local_addr().unwrap());
        let stop = CancellationToken::new();
        tokio::spawn(processor::run(sandbox.clone(), stop.clone()));
        tokio::spawn(scheduler::run(
            sandbox.clone(),
            Detonator::with_internet(qemu, internet_program()) as Arc<dyn scheduler::Analyst>,
            stop.clone(),
        ));
        tokio::spawn(sandbox::serve(sandbox, listener.incoming(None), stop.clone().cancelled_owned()));
        Some(Self { http: reqwest::Client::new(), root, stop, dir })
    }

    pub async fn get(&self, path: &str) -> reqwest::Response {
        self.http.get(format!("{}/{path}", self.root)).send().await.unwrap()
    }

    pub async fn json(&self, path: &str) -> Json {
        let response = self.get(path).await;
        assert_eq!(response.headers()["content-type"], "application/json", "{path}");
        serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
    }

    pub async fn submit(
        &self,
        name: &str,
        content: impl AsRef<[u8]>,
        fields: &[(&'static str, &str)],
    ) -> u64 {
        let part = Part::bytes(content.as_ref().to_vec()).file_name(name.to_owned());
        let form = fields.iter().fold(Form::new().part("file", part), |form, (name, value)| {
            form.text(*name, (*value).to_owned())
        });
        self.create("file", form).await
    }

    pub async fn submit_url(&self, url: &str, fields: &[(&'static str, &str)]) -> u64 {
        let form = fields.iter().fold(Form::new().text("url", url.to_owned()), |form, (name, value)| {
            form.text(*name, (*value).to_owned())
        });
        self.create("url", form).await
    }

    /// A task for each member of an archive.
    pub async fn submit_members(&self, name: &str, content: Vec<u8>, options: &str) -> Vec<u64> {
        let form = Form::new().part("files", Part::bytes(content).file_name(name.to_owned()));
        let form = form.text("options", options.to_owned());
        let sent = self.http.post(format!("{}/tasks/create/submit", self.root)).multipart(form).send();
        let answer: Json = serde_json::from_slice(&sent.await.unwrap().bytes().await.unwrap()).unwrap();
        assert_eq!(answer["errors"], json!([]), "{answer}");
        answer["task_ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
    }

    async fn create(&self, what: &str, form: Form) -> u64 {
        let sent = self
            .http
            .post(format!("{}/tasks/create/{what}", self.root))
            .multipart(form)
            .send()
            .await
            .unwrap();
        assert_eq!(sent.status(), 200);
        let answer: Json = serde_json::from_slice(&sent.bytes().await.unwrap()).unwrap();
        assert_eq!(answer["task_ids"], json!([answer["task_id"]]));
        answer["task_id"].as_u64().unwrap()
    }

    /// The task, once it has ended.
    pub async fn ended(&self, task: u64) -> Json {
        for _ in 0..3000 {
            let shown = self.json(&format!("tasks/view/{task}")).await["task"].clone();
            if !["pending", "running", "completed"].contains(&shown["status"].as_str().unwrap()) {
                return shown;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("task {task} did not end: {:#}", self.json(&format!("tasks/view/{task}")).await);
    }

    pub async fn report(&self, task: u64) -> Json {
        self.json(&format!("tasks/report/{task}")).await
    }

    pub fn file(&self, task: u64, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(format!("analyses/{task}/{name}"))).unwrap()
    }
}
