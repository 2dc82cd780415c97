//! Numbers about the running server, as Prometheus reads them.
//!
//! A registry of our own, for two kinds of numbers: requests by route, method and status, which are counted here, and what
//! the server knows anyway. The facade `metrics` keeps its numbers for the whole process, and would need an exporter
//! and a dozen crates for them; here each server has its own, and the labels come from a fixed set, so that no client can
//! make them grow.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::Method;
use parking_lot::{Mutex, RwLock};
use store::fleet::Time;

use crate::error::database_errors;
use crate::server::Fleet;

/// Upper bounds of the buckets of latencies, in seconds.
const BUCKETS: [f64; 10] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// What was counted.
#[derive(Default)]
pub struct Metrics {
    series: RwLock<HashMap<(&'static str, Arc<str>), Arc<Series>>>,
    /// Paths as the router knows them, and the routes that they stand for.
    names: RwLock<HashMap<String, Arc<str>>>,
}

/// Requests of one method to one route.
#[derive(Default)]
struct Series {
    statuses: Mutex<BTreeMap<u16, u64>>,
    /// One more than bounds, for what took longer.
    buckets: [AtomicU64; BUCKETS.len() + 1],
    microseconds: AtomicU64,
}

impl Series {
    fn count(&self, status: u16, took: Duration) {
        *self.statuses.lock().entry(status).or_default() += 1;
        let seconds = took.as_secs_f64();
        let bucket = BUCKETS.iter().position(|bound| seconds <= *bound).unwrap_or(BUCKETS.len());
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.microseconds.fetch_add(microseconds, Ordering::Relaxed);
    }
}

impl Metrics {
    /// Has requests to a path of the router counted under the name of a route.
    pub fn name(&self, path: &str, route: &str) {
        self.names.write().insert(path.to_owned(), route.into());
    }

    fn count(&self, method: &Method, path: Option<&str>, status: u16, took: Duration) {
        let route: Arc<str> = match path {
            None => "unknown".into(),
            Some(path) => self.names.read().get(path).cloned().unwrap_or_else(|| path.into()),
        };
        let key = (method_name(method), route);
        let known = self.series.read().get(&key).cloned();
        let series = known.unwrap_or_else(|| self.series.write().entry(key).or_default().clone());
        series.count(status, took);
    }

    /// All numbers.
    pub fn text(&self, fleet: &Fleet) -> String {
        let mut out = String::new();
        self.write_requests(&mut out);
        let (known, online) = fleet.agents.count_online(Time::now());
        family(&mut out, "harrier_agents_known", "gauge", "Agents that called since the start.");
        let _ = writeln!(out, "harrier_agents_known {known}");
        family(&mut out, "harrier_agents_online", "gauge", "Agents that called within their interval.");
        let _ = writeln!(out, "harrier_agents_online {online}");
        let name = "harrier_agent_answers_refused_total";
        family(&mut out, name, "counter", "Answers of agents that were not taken, by reason.");
        let refused: BTreeMap<&str, u64> =
            fleet.agents.refused.lock().iter().map(|(reason, n)| (*reason, *n)).collect();
        for (reason, count) in refused {
            let _ = writeln!(out, "{name}{{reason=\"{}\"}} {count}", escaped(reason));
        }
        family(&mut out, "harrier_live_campaigns", "gauge", "Live queries that run.");
        let _ = writeln!(out, "harrier_live_campaigns {}", fleet.live.count());
        family(&mut out, "harrier_database_errors_total", "counter", "Requests that the database failed.");
        let _ = writeln!(out, "harrier_database_errors_total {}", database_errors());
        fleet.forwarders.metrics(&fleet.results, &mut out);
        out
    }

    fn write_requests(&self, out: &mut String) {
        let mut all: Vec<_> =
            self.series.read().iter().map(|(key, series)| (key.clone(), series.clone())).collect();
        all.sort_by(|(a, _), (b, _)| (&a.1, a.0).cmp(&(&b.1, b.0)));
        let name = "harrier_http_requests_total";
        family(out, name, "counter", "Requests, by route, method and status.");
        for ((method, route), series) in &all {
            let route = escaped(route);
            for (status, count) in series.statuses.lock().iter() {
                let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
                let _ = writeln!(out, "{name}{{{labels}}} {count}");
            }
        }
        let name = "harrier_http_request_duration_seconds";
        family(out, name, "histogram", "How long requests took until their answer began.");
        for ((method, route), series) in &all {
            let labels = format!("method=\"{method}\",route=\"{}\"", escaped(route));
            let mut total = 0;
            for (bound, count) in BUCKETS.iter().zip(&series.buckets) {
                total += count.load(Ordering::Relaxed);
                let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{bound}\"}} {total}");
            }
            total += series.buckets[BUCKETS.len()].load(Ordering::Relaxed);
            let sum = Duration::from_micros(series.microseconds.load(Ordering::Relaxed)).as_secs_f64();
            let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {total}");
            let _ = writeln!(out, "{name}_sum{{{labels}}} {sum}\n{name}_count{{{labels}}} {total}");
        }
    }
}

pub fn family(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

pub fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Methods can be any word: those that nothing here answers are one.
fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::PUT => "PUT",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// Counts a request and its answer.
pub async fn observe(State(fleet): State<Arc<Fleet>>, request: Request, next: Next) -> Response {
    let method = request.method().clone();
    let path = request.extensions().get::<MatchedPath>().cloned();
    let began = Instant::now();
    let response = next.run(request).await;
    let path = path.as_ref().map(MatchedPath::as_str);
    fleet.metrics.count(&method, path, response.status().as_u16(), began.elapsed());
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_and_buckets_add_up() {
        let metrics = Metrics::default();
        metrics.name("/api/v1/fleet/hosts/{p4}", "hosts/{id}");
        let path = Some("/api/v1/fleet/hosts/{p4}");
        metrics.count(&Method::GET, path, 200, Duration::from_millis(2));
        metrics.count(&Method::GET, path, 404, Duration::from_secs(9));
        metrics.count(&Method::from_bytes(b"NONSENSE").unwrap(), None, 404, Duration::ZERO);
        let mut out = String::new();
        metrics.write_requests(&mut out);
        for line in [
            "harrier_http_requests_total{method=\"GET\",route=\"hosts/{id}\",status=\"200\"} 1",
            "harrier_http_requests_total{method=\"other\",route=\"unknown\",status=\"404\"} 1",
            "harrier_http_request_duration_seconds_bucket{method=\"GET\",route=\"hosts/{id}\",le=\"0.001\"} 0",
            "harrier_http_request_duration_seconds_bucket{method=\"GET\",route=\"hosts/{id}\",le=\"5\"} 1",
            "harrier_http_request_duration_seconds_bucket{method=\"GET\",route=\"hosts/{id}\",le=\"+Inf\"} 2",
            "harrier_http_request_duration_seconds_sum{method=\"GET\",route=\"hosts/{id}\"} 9.002",
            "harrier_http_request_duration_seconds_count{method=\"GET\",route=\"hosts/{id}\"} 2",
        ] {
            assert!(out.lines().any(|found| found == line), "{line}\n{out}");
        }
    }
}
