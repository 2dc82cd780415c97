//! How many agents the fleet server takes: simulated hosts and the server share this machine, over plain HTTP.
//!
//! `cargo xtask bench fleet_speed` runs it; each line is `BENCH <name> <figure> <unit> budget <figure>`.

use std::time::Duration;

use fleet::loadtest::{Plan, Target, run};
use fleet::{Fleet, Settings};
use serve::listener::{Limits, Listener};
use store::db::{Db, Location};
use store::fleet::enroll_secret;

const SECRET: &str = "fleet-speed-secret";
const HOSTS: usize = 10_000;
const CONNECTIONS: usize = 64;
const LASTS: Duration = Duration::from_secs(10);

fn main() {
    let dir = tempfile::tempdir().expect("a folder for the database");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let db =
            Db::open(&Location::Sqlite(dir.path().join("harrier.db"))).await.expect("the database opens");
        let secrets = [SECRET.to_owned()];
        db.write(move |tx| enroll_secret::replace(tx, None, &secrets)).await.expect("the secret is stored");
        let fleet =
            Fleet::open(db, Settings::in_dir(dir.path().to_owned())).await.expect("the server starts");
        let limits = Limits { per_peer: 65_536, total: 65_536, ..Limits::default() };
        let listener =
            Listener::bind("127.0.0.1:0".parse().expect("an address"), limits).await.expect("a port");
        let authority = listener.local_addr().expect("an address").to_string();
        let served = tokio::spawn(fleet::serve(fleet, listener.incoming(None), std::future::pending()));
        let plan = Plan {
            target: Target { authority, tls: None },
            enroll_secret: SECRET.to_owned(),
            hosts: HOSTS,
            connections: CONNECTIONS,
            lasts: LASTS,
            interval: Duration::ZERO,
        };
        let outcome = run(&plan, |phase| eprintln!("{phase}")).await.expect("every request is answered");
        served.abort();
        let enrolled = outcome.enrolment.per_second;
        println!("BENCH fleet_enrolment {enrolled:.0} hosts/s budget 1500");
        println!("BENCH fleet_first_details {:.0} hosts/s budget 500", outcome.details.per_second);
        println!("BENCH fleet_idle_check_in {:.0} reads/s budget 12000", outcome.check_ins.per_second);
        let p99 = outcome.check_ins.p99.as_secs_f64() * 1e3;
        println!("BENCH fleet_idle_check_in_p99 {p99:.2} ms budget 20");
    });
}
