//! Scheduling itself: the analyst of these tests runs no machine but says when it is done.

use std::collections::HashMap;

use parking_lot::Mutex;
use store::db::{Db, Location};
use store::sandbox::{NewTask, Stamp};
use tokio::sync::mpsc;

use super::*;
use crate::pool::Pool;
use crate::settings::Settings;

/// Tells which task it got, and runs it until it is told.
struct Scripted {
    began: mpsc::UnboundedSender<u32>,
    ends: Mutex<HashMap<u32, CancellationToken>>,
}

impl Scripted {
    fn end(&self, task: u32) {
        self.ends.lock().entry(task).or_default().cancel();
    }
}

impl Analyst for Scripted {
    fn manager(&self, _: &Machine) -> &'static str {
        "Scripted"
    }

    fn analyse(&self, run: Run) -> BoxFuture<'static, Vec<String>> {
        let end = self.ends.lock().entry(run.task.id).or_default().clone();
        let _ = self.began.send(run.task.id);
        Box::pin(async move {
            tokio::select! {
                () = end.cancelled() => Vec::new(),
                () = run.stop.cancelled() => vec!["stopped early".to_owned()],
            }
        })
    }
}

struct Setting {
    sandbox: Arc<Sandbox>,
    analyst: Arc<Scripted>,
    began: mpsc::UnboundedReceiver<u32>,
    stop: CancellationToken,
    dir: tempfile::TempDir,
}

impl Setting {
    async fn start(machines: Vec<Machine>, change: impl FnOnce(&mut Settings)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&Location::Sqlite(dir.path().join("harrier.db"))).await.unwrap();
        let mut settings = Settings::in_dir(dir.path().to_owned());
        settings.free_space = 0;
        change(&mut settings);
        let sandbox = Sandbox::open(db, settings, Pool::new(machines)).unwrap();
        let (sender, began) = mpsc::unbounded_channel();
        let analyst = Arc::new(Scripted { began: sender, ends: Mutex::default() });
        let setting = Self { sandbox, analyst, began, stop: CancellationToken::new(), dir };
        setting.schedule();
        setting
    }

    fn schedule(&self) {
        let (sandbox, analyst, stop) = (self.sandbox.clone(), self.analyst.clone(), self.stop.clone());
        tokio::spawn(crate::processor::run(sandbox.clone(), stop.clone()));
        tokio::spawn(run(sandbox, analyst, stop));
    }

    async fn submit(&self, change: impl FnOnce(&mut NewTask)) -> u32 {
        let mut new = NewTask { clock: Some(Stamp(0)), ..NewTask::of_url("http://x.example") };
        change(&mut new);
        let id = self.sandbox.db.write(move |tx| task::create(tx, &new)).await.unwrap();
        self.sandbox.submitted.notify_one();
        id
    }

    async fn view(&self, id: u32) -> Task {
        self.sandbox.db.read(move |tx| task::view(tx, id)).await.unwrap().unwrap()
    }

    async fn waits_for(&self, id: u32) -> Option<String> {
        waits_for(&self.sandbox, &self.view(id).await)
    }

    /// Waits until a task is in this state.
    async fn until(&self, id: u32, status: Status) -> Task {
        for _ in 0..1000 {
            let task = self.view(id).await;
            if task.status == status {
                return task;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("task {id} is {:?}", self.view(id).await.status);
    }
}

#[tokio::test]
async fn what_cannot_run_now_holds_nobody_up_and_says_why() {
    let machines = vec![Machine::new("plain", "linux", &[]), Machine::new("office", "linux", &["office"])];
    let mut setting = Setting::start(machines, |_| {}).await;
    let tagged = |task: &mut NewTask| task.tags = vec!["office".into()];
    let first = setting.submit(tagged).await;
    assert_eq!(setting.began.recv().await, Some(first));
    let second = setting.submit(tagged).await;
    let third = setting.submit(|_| {}).await;
    assert_eq!(setting.began.recv().await, Some(third));
    assert_eq!(setting.view(second).await.status, Status::Pending);
    assert_eq!(setting.waits_for(second).await.unwrap(), "the one machine that fits is busy");
    let running = setting.view(first).await;
    assert_eq!((running.status, &*running.guest.unwrap().manager), (Status::Running, "Scripted"));
    setting.analyst.end(first);
    assert_eq!(setting.began.recv().await, Some(second));
    let done = setting.until(first, Status::Reported).await;
    assert!(done.completed_on.is_some() && done.errors.is_empty());
    assert_eq!(setting.waits_for(second).await, None);
}

#[tokio::test]
async fn a_task_that_no_machine_can_run_ends_at_once() {
    let setting = Setting::start(vec![Machine::new("plain", "linux", &[])], |_| {}).await;
    let id = setting.submit(|task| task.platform = Some("windows".into())).await;
    let task = setting.until(id, Status::FailedAnalysis).await;
    assert_eq!(task.errors, ["there is no such machine with the platform \"windows\""]);
}

#[tokio::test]
async fn the_disk_guard_lets_nothing_begin() {
    let setting = Setting::start(vec![Machine::new("plain", "linux", &[])], |settings| {
        settings.free_space = u64::MAX;
    })
    .await;
    let id = setting.submit(|_| {}).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(setting.waits_for(id).await.unwrap().contains("MB are free"));
    assert_eq!((setting.view(id).await.status, setting.sandbox.pool.counts()), (Status::Pending, (1, 1)));
}

#[tokio::test]
async fn a_task_scheduled_anew_stops_and_the_new_one_runs() {
    let mut setting = Setting::start(vec![Machine::new("plain", "linux", &[])], |_| {}).await;
    let old = setting.submit(|_| {}).await;
    assert_eq!(setting.began.recv().await, Some(old));
    let new = setting.sandbox.db.write(move |tx| task::reschedule(tx, old, None)).await.unwrap().unwrap();
    setting.sandbox.notes.stop(old);
    assert_eq!(setting.began.recv().await, Some(new));
    assert_eq!(setting.view(old).await.status, Status::Recovered);
    setting.analyst.end(new);
    setting.until(new, Status::Reported).await;
}

#[tokio::test]
async fn what_a_killed_server_left_running_begins_anew() {
    let mut setting = Setting::start(vec![Machine::new("plain", "linux", &[])], |_| {}).await;
    let id = setting.submit(|_| {}).await;
    assert_eq!(setting.began.recv().await, Some(id));
    std::fs::write(setting.dir.path().join(format!("analyses/{id}/half")), "x").unwrap();
    // As another server would find it: the task is running, and nobody runs it.
    recover(&setting.sandbox).await.unwrap();
    assert_eq!(setting.view(id).await.status, Status::Pending);
    assert!(setting.sandbox.analyses.find(id).unwrap().is_none());
}

#[tokio::test]
async fn what_a_server_breaks_off_as_it_ends_begins_anew_with_the_next() {
    let mut setting = Setting::start(vec![Machine::new("plain", "linux", &[])], |_| {}).await;
    let id = setting.submit(|_| {}).await;
    assert_eq!(setting.began.recv().await, Some(id));
    setting.stop.cancel();
    while setting.sandbox.pool.counts() != (1, 1) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(setting.view(id).await.status, Status::Running);
    recover(&setting.sandbox).await.unwrap();
    setting.stop = CancellationToken::new();
    setting.schedule();
    assert_eq!(setting.began.recv().await, Some(id));
    setting.analyst.end(id);
    assert!(setting.until(id, Status::Reported).await.errors.is_empty());
}

#[tokio::test]
async fn results_are_processed_again_on_request() {
    let mut setting = Setting::start(vec![Machine::new("plain", "linux", &[])], |_| {}).await;
    let id = setting.submit(|_| {}).await;
    setting.began.recv().await;
    setting.analyst.end(id);
    setting.until(id, Status::Reported).await;
    let report = setting.dir.path().join(format!("analyses/{id}/reports/report.json"));
    std::fs::remove_file(&report).unwrap();
    assert!(setting.sandbox.db.write(move |tx| task::complete_again(tx, id)).await.unwrap());
    setting.sandbox.completed.notify_one();
    setting.until(id, Status::Reported).await;
    assert!(report.exists());
}
