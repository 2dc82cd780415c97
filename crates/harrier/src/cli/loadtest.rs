//! `harrier loadtest`: how many hosts a fleet server takes.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use fleet::loadtest::{Phase, Plan, Target, run as simulate};

use super::Outcome;

/// Simulate osquery hosts against a fleet server, and measure its answers.
///
/// The hosts stay in the server's list; use a server that is there for trying out.
#[derive(clap::Args)]
pub struct Args {
    /// Where the server is: https://HOST:PORT, or http:// when it runs with --fleet-tls off.
    url: String,
    /// A secret with which hosts enrol.
    #[arg(long, env = "HARRIER_ENROLL_SECRET", hide_env_values = true)]
    secret: String,
    /// What signed the server's certificate: DIR/fleet.pem.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[arg(long, default_value_t = 1000)]
    hosts: usize,
    /// Open connections, which hosts share.
    #[arg(long, default_value_t = 64)]
    connections: usize,
    /// How long hosts check in, in seconds.
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Each host checks in every so many seconds; 0 is as fast as answers come.
    #[arg(long, default_value_t = 10)]
    interval: u64,
}

pub fn run(args: &Args) -> Outcome {
    let plan = Plan {
        target: target(args)?,
        enroll_secret: args.secret.clone(),
        hosts: args.hosts,
        connections: args.connections,
        lasts: Duration::from_secs(args.seconds),
        interval: Duration::from_secs(args.interval),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(simulate(&plan, |phase| eprintln!("{phase} …")));
    let outcome = outcome.map_err(|error| anyhow::anyhow!("the simulation broke off: {error}"))?;
    println!(
        "{:<12} {:>10} {:>10} {:>10} {:>10} {:>10}",
        "", "requests", "per s", "median", "p99", "slowest"
    );
    for (name, phase) in
        [("enrolment", outcome.enrolment), ("details", outcome.details), ("check-ins", outcome.check_ins)]
    {
        println!("{}", line(name, &phase));
    }
    Ok(ExitCode::SUCCESS)
}

fn line(name: &str, phase: &Phase) -> String {
    let ms = |took: Duration| format!("{:.1} ms", took.as_secs_f64() * 1e3);
    let (median, p99, slowest) = (ms(phase.median), ms(phase.p99), ms(phase.slowest));
    format!("{name:<12} {:>10} {:>10.0} {median:>10} {p99:>10} {slowest:>10}", phase.count, phase.per_second)
}

fn target(args: &Args) -> anyhow::Result<Target> {
    let (scheme, authority) = args.url.split_once("://").context("give the address as https://HOST:PORT")?;
    let authority = authority.trim_end_matches('/').to_owned();
    let tls = match (scheme, &args.ca) {
        ("http", _) => None,
        ("https", Some(ca)) => {
            let pem = std::fs::read_to_string(ca).with_context(|| format!("cannot read {}", ca.display()))?;
            Some(Arc::new(serve::tls::web_client_config(&pem)?))
        }
        ("https", None) => bail!("give what signed the server's certificate: --ca DIR/fleet.pem"),
        _ => bail!("give the address as https://HOST:PORT"),
    };
    Ok(Target { authority, tls })
}
