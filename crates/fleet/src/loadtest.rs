//! Simulated osquery hosts, to see how many a server can take: they enrol, answer what they are asked about themselves, and
//! check in, over connections that stay open.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tokio::task::JoinSet;

mod client;
mod figures;

pub use client::Target;
pub use figures::{Figures, Phase};

use client::Client;

/// What to simulate.
#[derive(Clone, Debug)]
pub struct Plan {
    pub target: Target,
    pub enroll_secret: String,
    pub hosts: usize,
    /// Open at a time; hosts share them.
    pub connections: usize,
    /// How long hosts check in.
    pub lasts: Duration,
    /// Each host checks in once in this time; zero is as fast as answers come.
    pub interval: Duration,
}

/// What was measured.
#[derive(Debug)]
pub struct Outcome {
    pub enrolment: Phase,
    pub details: Phase,
    pub check_ins: Phase,
}

/// Why a simulation broke off.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A simulated host.
struct Host {
    identifier: String,
    node_key: String,
}

/// Runs the plan; `say` hears of each phase that begins.
pub async fn run(plan: &Plan, say: impl Fn(&str)) -> Result<Outcome, Failure> {
    say(&format!("enrolling {} hosts", plan.hosts));
    let hosts =
        (0..plan.hosts).map(|number| Host { identifier: format!("load-{number}"), node_key: String::new() });
    let (enrolment, hosts) = each(plan, hosts.collect(), Step::Enrol).await?;
    say("answering the first questions");
    let (details, hosts) = each(plan, hosts, Step::Answer).await?;
    say(&format!("checking in for {} s", plan.lasts.as_secs()));
    let check_ins = check_in(plan, hosts).await?;
    Ok(Outcome { enrolment, details, check_ins })
}

/// What each host does once.
#[derive(Clone, Copy)]
enum Step {
    Enrol,
    Answer,
}

/// Does something once for each host, over all connections.
async fn each(plan: &Plan, hosts: Vec<Host>, step: Step) -> Result<(Phase, Vec<Host>), Failure> {
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for mut share in shares(hosts, plan.connections) {
        let plan = plan.clone();
        tasks.spawn(async move {
            let mut client = Client::connect(&plan.target).await?;
            let mut figures = Figures::default();
            for host in &mut share {
                let sent = Instant::now();
                match step {
                    Step::Enrol => enrol(&mut client, &plan, host).await?,
                    Step::Answer => work(&mut client, host).await?,
                }
                figures.add(sent.elapsed());
            }
            Ok::<_, Failure>((figures, share))
        });
    }
    let (mut all, mut hosts) = (Figures::default(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (figures, share) = done??;
        all.merge(figures);
        hosts.extend(share);
    }
    Ok((all.phase(begun.elapsed()), hosts))
}

/// Parts of the hosts, one for each connection.
fn shares(hosts: Vec<Host>, connections: usize) -> Vec<Vec<Host>> {
    let count = connections.clamp(1, hosts.len().max(1));
    let mut shares: Vec<Vec<Host>> = (0..count).map(|_| Vec::new()).collect();
    for (number, host) in hosts.into_iter().enumerate() {
        shares[number % count].push(host);
    }
    shares
}

async fn enrol(client: &mut Client, plan: &Plan, host: &mut Host) -> Result<(), Failure> {
    let body = json!({
        "enroll_secret": plan.enroll_secret,
        "host_identifier": host.identifier,
        "platform_type": "9",
        "host_details": {
            "os_version": {"name": "Ubuntu", "major": "22", "minor": "4", "patch": "0", "platform": "ubuntu"},
            "osquery_info": {"version": "5.12.1"},
            "system_info": {"hostname": host.identifier, "uuid": host.identifier},
        },
    });
    let answer = client.post("/api/osquery/enroll", &body).await?;
    let key = answer["node_key"].as_str().ok_or_else(|| format!("{}: {answer}", host.identifier))?;
    host.node_key = key.to_owned();
    Ok(())
}

/// Asks for work and answers it: an idle host has nothing left to tell.
async fn work(client: &mut Client, host: &Host) -> Result<(), Failure> {
    let asked = client.post("/api/osquery/distributed/read", &json!({"node_key": host.node_key})).await?;
    answer(client, host, &asked).await
}

/// Answers what was asked. Asking once more would not do: a query is handed out once.
async fn answer(client: &mut Client, host: &Host, asked: &Json) -> Result<(), Failure> {
    let names: Vec<&String> =
        asked["queries"].as_object().into_iter().flat_map(|queries| queries.keys()).collect();
    let rows = |name: &str| match name.strip_prefix("fleet_detail_query_") {
        Some("uptime") => json!([{"total_seconds": "3600"}]),
        Some("osquery_flags") => {
            json!([{"name": "distributed_interval", "value": "10"}, {"name": "config_refresh", "value": "60"}])
        }
        Some(_) => json!([]),
        None => json!([{"1": "1"}]),
    };
    let queries: serde_json::Map<String, Json> =
        names.iter().map(|name| ((*name).clone(), rows(name))).collect();
    let statuses: serde_json::Map<String, Json> =
        names.iter().map(|name| ((*name).clone(), json!(0))).collect();
    let body = json!({"node_key": host.node_key, "queries": queries, "statuses": statuses});
    let answer = client.post("/api/osquery/distributed/write", &body).await?;
    if answer != json!({}) {
        return Err(format!("{}: {answer}", host.identifier).into());
    }
    Ok(())
}

/// Checks in again and again. A host that is asked something (a live query, say) answers it at once.
async fn check_in(plan: &Plan, hosts: Vec<Host>) -> Result<Phase, Failure> {
    let begun = Instant::now();
    let until = begun + plan.lasts;
    let plan = Arc::new(plan.clone());
    let mut tasks = JoinSet::new();
    for share in shares(hosts, plan.connections) {
        tasks.spawn(check_in_over_one(plan.clone(), share, until));
    }
    let mut all = Figures::default();
    while let Some(done) = tasks.join_next().await {
        all.merge(done??);
    }
    Ok(all.phase(begun.elapsed()))
}

async fn check_in_over_one(plan: Arc<Plan>, share: Vec<Host>, until: Instant) -> Result<Figures, Failure> {
    let mut client = Client::connect(&plan.target).await?;
    let mut figures = Figures::default();
    // Built once: what is measured is the server.
    let bodies: Vec<bytes::Bytes> =
        share.iter().map(|host| json!({"node_key": host.node_key}).to_string().into()).collect();
    let pause = plan.interval / share.len().max(1) as u32;
    let mut next = Instant::now();
    while Instant::now() < until {
        for (host, body) in share.iter().zip(&bodies) {
            if !pause.is_zero() {
                next += pause;
                tokio::time::sleep_until(next.into()).await;
            }
            let sent = Instant::now();
            if sent >= until {
                break;
            }
            let text = client.send("/api/osquery/distributed/read", body.clone()).await?;
            figures.add(sent.elapsed());
            if text.len() > IDLE {
                let asked = serde_json::from_slice(&text)?;
                answer(&mut client, host, &asked).await?;
            }
        }
    }
    Ok(figures)
}

/// Bytes of the answer that has no work in it.
const IDLE: usize = r#"{"queries":{},"discovery":{}}"#.len();
