//! A sandbox with its REST API in this process, and what tests ask it.
#![allow(dead_code)] // not every file needs all of it

mod configured;
mod guests;

use std::sync::Arc;
use std::time::Duration;

use reqwest::multipart::{Form, Part};
use sandbox::pool::Pool;
use sandbox::{Sandbox, Settings, processor, scheduler};
use serde_json::{Value as Json, json};
use serve::listener::{Limits, Listener};
use serve::shutdown::CancellationToken;
use store::db::{Db, Location};

/// Of a task that waits for another one, on a slow machine.
const PATIENCE: Duration = Duration::from_secs(300);
const LOOK: Duration = Duration::from_millis(50);

pub struct Server {
    pub http: reqwest::Client,
    pub root: String,
    pub sandbox: Arc<Sandbox>,
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

impl Server {
    /// A sandbox with these machines, whose tasks `analyst` runs. Its files are in a folder.
    async fn open(
        dir: tempfile::TempDir,
        settings: Settings,
        pool: Arc<Pool>,
        analyst: Arc<dyn scheduler::Analyst>,
        stop: CancellationToken,
    ) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let db = Db::open(&Location::Sqlite(dir.path().join("harrier.db"))).await.unwrap();
        let sandbox = Sandbox::open(db, settings, pool).unwrap();
        let api = listener().await;
        let root = format!("http://{}", api.local_addr().unwrap());
        tokio::spawn(processor::run(sandbox.clone(), stop.clone()));
        tokio::spawn(scheduler::run(sandbox.clone(), analyst, stop.clone()));
        tokio::spawn(sandbox::serve(sandbox.clone(), api.incoming(None), stop.clone().cancelled_owned()));
        Self { http: reqwest::Client::new(), root, sandbox, stop, dir }
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
        self.create("file", with_fields(Form::new().part("file", part), fields)).await
    }

    pub async fn submit_url(&self, url: &str, fields: &[(&'static str, &str)]) -> u64 {
        self.create("url", with_fields(Form::new().text("url", url.to_owned()), fields)).await
    }

    /// A task for each member of an archive.
    pub async fn submit_members(&self, name: &str, content: Vec<u8>, options: &str) -> Vec<u64> {
        let form = Form::new().part("files", Part::bytes(content).file_name(name.to_owned()));
        let answer = self.post("submit", form.text("options", options.to_owned())).await;
        assert_eq!(answer["errors"], json!([]), "{answer}");
        answer["task_ids"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect()
    }

    async fn create(&self, what: &str, form: Form) -> u64 {
        let answer = self.post(what, form).await;
        assert_eq!(answer["task_ids"], json!([answer["task_id"]]));
        answer["task_id"].as_u64().unwrap()
    }

    async fn post(&self, what: &str, form: Form) -> Json {
        let url = format!("{}/tasks/create/{what}", self.root);
        let sent = self.http.post(url).multipart(form).send().await.unwrap();
        let (status, answer) = (sent.status(), sent.text().await.unwrap());
        assert_eq!(status, 200, "{answer}");
        serde_json::from_str(&answer).unwrap()
    }

    /// The task, once it has ended.
    pub async fn ended(&self, task: u64) -> Json {
        let until = tokio::time::Instant::now() + PATIENCE;
        loop {
            let shown = self.json(&format!("tasks/view/{task}")).await["task"].clone();
            if !["pending", "running", "completed"].contains(&shown["status"].as_str().unwrap()) {
                return shown;
            }
            assert!(tokio::time::Instant::now() < until, "task {task} did not end: {shown:#}");
            tokio::time::sleep(LOOK).await;
        }
    }

    pub async fn report(&self, task: u64) -> Json {
        self.json(&format!("tasks/report/{task}")).await
    }

    /// A text among the results of a task.
    pub fn file(&self, task: u64, name: &str) -> String {
        String::from_utf8(self.bytes(task, name)).unwrap()
    }

    /// A result of a task; nothing when there is none.
    pub fn bytes(&self, task: u64, name: &str) -> Vec<u8> {
        std::fs::read(self.dir.path().join(format!("analyses/{task}/{name}"))).unwrap_or_default()
    }
}

fn with_fields(form: Form, fields: &[(&'static str, &str)]) -> Form {
    fields.iter().fold(form, |form, (name, value)| form.text(*name, (*value).to_owned()))
}
