//! What every database must do with tasks.

use super::change::again;
use super::*;
use crate::db::Db;
use crate::db::fresh::on_each;
use crate::sandbox::{Digests, Filter, GuestStatus, guest, sample};

fn digests(byte: u8) -> Digests {
    Digests {
        file_size: 20_480,
        file_type: "ASCII text".into(),
        md5: format!("{byte:032x}"),
        sha1: format!("{byte:040x}"),
        sha256: format!("{byte:064x}"),
        sha512: format!("{byte:0128x}"),
        crc32: "0A1B2C3D".into(),
        ssdeep: None,
    }
}

async fn write<T: Send + 'static>(
    db: &Db,
    work: impl Fn(&mut Tx<'_>) -> DbResult<T> + Send + Sync + 'static,
) -> T {
    db.write(work).await.unwrap()
}

async fn listed(db: &Db, filter: Filter) -> Vec<u32> {
    write(db, move |tx| list(tx, &filter)).await.into_iter().map(|task| task.id).collect()
}

/// Goes all the way to a report.
async fn finish(db: &Db, id: u32) {
    for next in [Status::Running, Status::Completed, Status::Reported] {
        assert!(write(db, move |tx| set_status(tx, id, next)).await, "{id} to {next:?}");
    }
}

async fn next(db: &Db) -> Vec<u32> {
    write(db, next_of_each_wish).await.iter().map(|task| task.id).collect()
}

on_each! {
    async fn a_task_is_as_on_the_wire(db: &Db) {
        let id = write(db, |tx| {
            let sample_id = sample::keep(tx, &digests(7))?;
            assert_eq!(sample::keep(tx, &digests(7))?, sample_id);
            let tags = vec!["office".to_owned(), "win10".to_owned()];
            let clock = Some(Stamp(1_932_884_405_000_000));
            let category = Category::File;
            create(tx, &NewTask { category, sample_id: Some(sample_id), tags, clock, ..NewTask::of_url("invoice.js") })
        }).await;
        let task = write(db, move |tx| view(tx, id)).await.unwrap();
        assert_eq!(task.file_name(), "invoice.js");
        let shown = serde_json::to_value(&task).unwrap();
        let added = shown["added_on"].clone();
        assert_eq!(shown, serde_json::json!({
            "id": 1, "category": "file", "target": "/uploads/1/invoice.js", "machine": null, "package": null,
            "options": null, "timeout": 0, "priority": 1, "custom": null, "owner": "", "platform": null,
            "tags": ["office", "win10"], "memory": false, "enforce_timeout": false, "clock": "2031-04-02 08:20:05",
            "added_on": added, "started_on": null, "completed_on": null, "status": "pending", "sample_id": 1,
            "sample": {"id": 1, "file_size": 20480, "file_type": "ASCII text", "md5": format!("{:032x}", 7),
                "sha1": format!("{:040x}", 7), "sha256": format!("{:064x}", 7), "sha512": format!("{:0128x}", 7),
                "crc32": "0A1B2C3D", "ssdeep": null},
            "guest": {}, "errors": [], "processing": null, "route": null, "duration": -1, "submit_id": null
        }));
    }

    async fn lists_are_in_one_order_and_narrowed(db: &Db) {
        for name in ["a", "b", "c", "d"] {
            write(db, move |tx| create(tx, &NewTask { owner: name.into(), ..NewTask::of_url("http://x.example") })).await;
        }
        finish(db, 3).await;
        finish(db, 1).await;
        write(db, |tx| fail(tx, 4, "no luck")).await;
        assert_eq!(listed(db, Filter::default()).await, [3, 1, 2, 4]);
        assert_eq!(listed(db, Filter { limit: Some(2), offset: 1, ..Filter::default() }).await, [1, 2]);
        assert_eq!(listed(db, Filter { limit: Some(0), ..Filter::default() }).await, [0; 0]);
        assert_eq!(listed(db, Filter { owner: Some("b".into()), ..Filter::default() }).await, [2]);
        assert_eq!(listed(db, Filter { status: Some("pending".into()), ..Filter::default() }).await, [2, 4]);
        assert_eq!(listed(db, Filter { completed_after: Some(Stamp(0)), ..Filter::default() }).await, [3, 1]);
        let all = write(db, |tx| list(tx, &Filter::default())).await;
        assert_eq!(all.iter().map(|task| task.errors.len()).collect::<Vec<_>>(), [0, 0, 0, 1]);
        let counts = write(db, counts).await;
        assert_eq!((counts.total, counts.of(Status::Reported), counts.of(Status::Running)), (4, 2, 0));
    }

    async fn the_important_and_the_old_are_served_first(db: &Db) {
        for priority in [1, 3, 1, 3, -1] {
            write(db, move |tx| create(tx, &NewTask { priority, ..NewTask::of_url("u") })).await;
        }
        for id in [2, 4, 1, 3, 5] {
            assert_eq!(next(db).await, [id]);
            assert!(write(db, move |tx| take(tx, id)).await);
            assert!(!write(db, move |tx| take(tx, id)).await);
        }
        write(db, |tx| create(tx, &NewTask::of_url("u"))).await;
        assert!(!write(db, |tx| set_status(tx, 6, Status::Reported)).await);
    }

    async fn of_each_wish_one_is_next(db: &Db) {
        let wish = |machine: Option<&str>, platform: Option<&str>, tags: &str, priority| NewTask {
            machine: machine.map(String::from),
            platform: platform.map(String::from),
            tags: tags.split_whitespace().map(String::from).collect(),
            priority,
            ..NewTask::of_url("u")
        };
        for new in [
            wish(None, None, "", 1),
            wish(None, None, "office", 2),
            wish(None, Some("windows"), "office", 1),
            wish(None, None, "", 1),
            wish(None, None, "office", 3),
            wish(Some("one"), None, "", 3),
        ] {
            write(db, move |tx| create(tx, &new)).await;
        }
        assert_eq!(next(db).await, [5, 6, 1, 3]);
        assert!(write(db, |tx| take(tx, 5)).await && write(db, |tx| take(tx, 1)).await);
        assert_eq!(next(db).await, [6, 2, 3, 4]);
    }

    async fn what_was_running_when_the_server_died_waits_again(db: &Db) {
        for _ in 0..2 {
            write(db, |tx| create(tx, &NewTask::of_url("u"))).await;
        }
        finish(db, 1).await;
        write(db, |tx| { take(tx, 2)?; guest::begin(tx, 2, "linux1", "linux-1", "QEMU") }).await;
        assert_eq!(write(db, requeue_running).await, [2]);
        // What both runs have to say is said once.
        for message in ["one", "two", "one"] {
            write(db, move |tx| fail(tx, 2, message)).await;
        }
        let task = write(db, |tx| view(tx, 2)).await.unwrap();
        assert_eq!(task.errors, ["one", "two"]);
        assert_eq!((task.status, task.started_on, task.guest), (Status::Pending, None, None));
    }

    async fn rescheduled_deleted_and_reported_again(db: &Db) {
        write(db, |tx| create(tx, &NewTask { priority: 2, ..NewTask::of_url("http://x.example") })).await;
        assert_eq!(write(db, |tx| reschedule(tx, 9, None)).await, None);
        assert_eq!(write(db, |tx| reschedule(tx, 1, None)).await, Some(2));
        assert_eq!(write(db, |tx| reschedule(tx, 2, Some(7))).await, Some(3));
        let task = write(db, |tx| view(tx, 3)).await.unwrap();
        assert_eq!((task.priority, &*task.target), (7, "http://x.example"));
        assert_eq!(write(db, |tx| view(tx, 2)).await.unwrap().priority, 2);
        // A clock that was asked for stays; the time of submission is not one.
        write(db, |tx| tx.execute("UPDATE tasks SET added_on = 1000000, clock = 1000000 WHERE id = 2", &[])).await;
        assert_eq!(write(db, |tx| Ok(again(view(tx, 2)?.unwrap()).clock)).await, None);
        write(db, |tx| tx.execute("UPDATE tasks SET clock = 7000000 WHERE id = 2", &[])).await;
        assert_eq!(write(db, |tx| Ok(again(view(tx, 2)?.unwrap()).clock)).await, Some(Stamp(7_000_000)));
        assert!(write(db, |tx| take(tx, 3)).await);
        assert_eq!(write(db, |tx| delete(tx, 3)).await, Deleted::Busy);
        assert!(!write(db, |tx| complete_again(tx, 3)).await);
        for next in [Status::Completed, Status::Reported] {
            write(db, move |tx| set_status(tx, 3, next)).await;
        }
        let completed = write(db, |tx| view(tx, 3)).await.unwrap().completed_on.unwrap();
        // Stamps of two moments may be the same.
        let long_ago = Stamp(completed.0 - 1_000_000);
        let sql = "UPDATE tasks SET completed_on = $1 WHERE id = 3";
        write(db, move |tx| tx.execute(sql, params![long_ago])).await;
        assert!(write(db, |tx| complete_again(tx, 3)).await);
        assert!(write(db, |tx| set_status(tx, 3, Status::Reported)).await);
        assert!(write(db, |tx| view(tx, 3)).await.unwrap().completed_on > Some(long_ago));
        assert_eq!(write(db, |tx| delete(tx, 3)).await, Deleted::Done);
        assert_eq!(write(db, |tx| delete(tx, 3)).await, Deleted::Unknown);
        // The number of a deleted task is not given to another.
        assert_eq!(write(db, |tx| create(tx, &NewTask::of_url("u"))).await, 4);
        assert!(write(db, |tx| is_known_url(tx, "u")).await && !write(db, |tx| is_known_url(tx, "v")).await);
    }

    async fn the_time_on_the_machine_is_the_duration(db: &Db) {
        write(db, |tx| create(tx, &NewTask::of_url("u"))).await;
        write(db, |tx| guest::begin(tx, 1, "linux1", "linux-1", "QEMU")).await;
        assert_eq!(write(db, |tx| view(tx, 1)).await.unwrap().duration, -1);
        write(db, |tx| { tx.execute("UPDATE task_guests SET started_on = started_on - 7500000", &[])?;
            guest::set_status(tx, 1, GuestStatus::Stopped) }).await;
        let task = write(db, |tx| view(tx, 1)).await.unwrap();
        let guest = task.guest.unwrap();
        assert_eq!((task.duration, &*guest.status, &*guest.name), (7, "stopped", "linux1"));
        assert!(guest.shutdown_on.is_some());
    }
}
