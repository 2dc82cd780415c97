//! How fast lists, counts and the summary of 100,000 hosts are answered, over plain HTTP.
//!
//! `cargo xtask bench hosts_speed` runs it; each line is `BENCH <name> <figure> <unit> budget <figure>`.

use std::time::{Duration, Instant};

use fleet::{Fleet, Settings};
use reqwest::Client;
use serde_json::{Value as Json, json};
use serve::listener::{Limits, Listener};
use store::db::{Db, DbError, Location};

const HOSTS: usize = 100_000;
const ROUNDS: usize = 9;

const REQUESTS: &[(&str, &str)] = &[
    ("list", "hosts?per_page=100"),
    ("list_page_500", "hosts?per_page=100&page=500"),
    ("list_by_hostname", "hosts?per_page=100&order_key=hostname&order_direction=desc"),
    ("list_by_seen_time", "hosts?per_page=100&order_key=seen_time&order_direction=desc"),
    ("list_online", "hosts?per_page=100&status=online"),
    ("list_offline_by_hostname", "hosts?per_page=100&status=offline&order_key=hostname"),
    ("list_search", "hosts?per_page=100&query=host-04711"),
    ("list_of_label", "labels/6/hosts?per_page=100"),
    ("count", "hosts/count"),
    ("count_online", "hosts/count?status=online"),
    ("count_search", "hosts/count?query=host-04711"),
    ("count_of_label", "labels/6/hosts?per_page=1"),
    ("summary", "host_summary"),
    ("summary_linux", "host_summary?platform=linux"),
    ("labels", "labels"),
];

/// Hosts as agents would have left them: two thirds online, in two operating systems.
async fn fill(db: &Db) {
    let now = jiff::Timestamp::now().as_microsecond();
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {HOSTS}) \
        INSERT INTO hosts (created_at, updated_at, osquery_host_id, seen_time, detail_updated_at, label_updated_at, \
            policy_updated_at, last_enrolled_at, hostname, uuid, platform, osquery_version, os_version, hardware_serial, \
            computer_name, primary_ip, distributed_interval, config_tls_refresh, logger_tls_period, additional) \
        SELECT {now}, {now}, 'agent-' || i, {now} - CASE WHEN i % 3 = 0 THEN 86400000000 ELSE 0 END, {now}, {now}, {now}, {now}, \
            printf('host-%06d.example.org', (i * 7919) % {HOSTS}), printf('%08x-0000-4000-8000-000000000000', i), \
            CASE WHEN i % 2 = 0 THEN 'ubuntu' ELSE 'windows' END, '5.10.2', \
            CASE WHEN i % 2 = 0 THEN 'Ubuntu 22.04.1 LTS' ELSE 'Microsoft Windows 11 Pro' END, 'serial-' || i, \
            printf('Computer %d', i), '10.0.0.1', 86000, 86000, 10, NULL FROM n; \
        INSERT INTO label_membership (label_id, host_id) SELECT 6, id FROM hosts"
    );
    db.write::<_, DbError, _>(move |tx| tx.script(&sql)).await.expect("hosts are stored");
}

fn main() {
    let dir = tempfile::tempdir().expect("a folder for the database");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let db =
            Db::open(&Location::Sqlite(dir.path().join("harrier.db"))).await.expect("the database opens");
        fill(&db).await;
        let fleet =
            Fleet::open(db, Settings::in_dir(dir.path().to_owned())).await.expect("the server starts");
        let address = "127.0.0.1:0".parse().expect("an address");
        let listener = Listener::bind(address, Limits::default()).await.expect("a port");
        let root = format!("http://{}/api", listener.local_addr().expect("an address"));
        tokio::spawn(fleet::serve(fleet, listener.incoming(None), std::future::pending()));
        let http = Client::new();
        let token = set_up(&http, &root).await;
        for (name, path) in REQUESTS {
            let url = format!("{root}/latest/fleet/{path}");
            let mut times: Vec<Duration> = Vec::new();
            for _ in 0..ROUNDS {
                let begun = Instant::now();
                let answer = http.get(&url).bearer_auth(&token).send().await.expect("an answer");
                assert!(answer.status().is_success(), "{path}: {}", answer.status());
                let size = answer.bytes().await.expect("a body").len();
                assert!(size > 10, "{path}");
                times.push(begun.elapsed());
            }
            times.sort_unstable();
            println!("BENCH hosts_{name} {:.1} ms budget 50", times[ROUNDS / 2].as_secs_f64() * 1e3);
        }
    });
}

async fn set_up(http: &Client, root: &str) -> String {
    let body = json!({
        "admin": {"name": "Ada", "email": "ada@example.org", "password": "correct-horse1!"},
        "org_info": {"org_name": "Example"},
        "server_url": "https://fleet.example.org",
    });
    let answer =
        http.post(format!("{root}/v1/setup")).body(body.to_string()).send().await.expect("an answer");
    let answer: Json = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("an object");
    answer["token"].as_str().expect("a token").to_owned()
}
