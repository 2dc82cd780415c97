//! Where the server's log goes: to standard error, and to queries that watch it.

use std::fmt;
use std::sync::Arc;

use plugins::log_lines::{LogLine, LogLines};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, fmt as text};
use vql::value::{Time, Value};

/// Starts the log; gives what queries may see of it.
pub fn start() -> Arc<LogLines> {
    let filter = EnvFilter::try_from_env("HARRIER_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let stderr = text::layer().with_writer(std::io::stderr).with_ansi(false).with_filter(filter);
    let lines = Arc::new(LogLines::default());
    // Below INFO are the log lines of queries, which belong to whoever runs them.
    let watched = Capture(lines.clone()).with_filter(LevelFilter::INFO);
    tracing_subscriber::registry().with(stderr).with(watched).init();
    lines
}

/// Hands events to those who watch.
struct Capture(Arc<LogLines>);

impl<S: Subscriber> Layer<S> for Capture {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let component = metadata.target().split("::").next().unwrap_or_default();
        self.0.push(LogLine {
            time: Time::now(),
            component: component.to_owned(),
            level: metadata.level().as_str(),
            message: fields.message,
            fields: fields.others,
        });
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    others: Vec<(String, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        self.others.push((field.name().to_owned(), value));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        match field.name() {
            "message" => self.message = text,
            _ => self.add(field, Value::from(text.as_str())),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => value.clone_into(&mut self.message),
            _ => self.add(field, Value::from(value)),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, Value::Int(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, Value::UInt(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, Value::Float(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, Value::Bool(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_becomes_a_line_with_its_fields() {
        let lines = Arc::new(LogLines::default());
        let capture = Capture(lines.clone()).with_filter(LevelFilter::INFO);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(capture), || {
            tracing::warn!(target: "api", user = %"fred", tries = 3, password = "hidden", "no entry");
            tracing::debug!("not for others");
        });
        let kept = lines.listen().earlier;
        assert_eq!(kept.len(), 1);
        assert_eq!((kept[0].component.as_str(), kept[0].level), ("api", "WARN"));
        assert_eq!(kept[0].message, "no entry");
        let text = |value: &Value| vql::value::convert::to_text(value).to_str_lossy().into_owned();
        let fields: Vec<_> =
            kept[0].fields.iter().map(|(name, value)| format!("{name}={}", text(value))).collect();
        assert_eq!(fields, ["user=fred", "tries=3", "password=***"]);
    }
}
