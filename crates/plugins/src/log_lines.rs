//! The lines of the server's own log, for queries that watch it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use parking_lot::Mutex;
use vql::value::{Time, Value};

/// Lines that are remembered.
const REMEMBERED: usize = 1000;
/// Lines that wait for one listener; beyond, lines are lost to it.
const WAITING: usize = 1000;
/// A longer text is cut.
const MAX_TEXT: usize = 16 << 10;

/// Words in the names of fields whose values are no one's business.
const SECRET: &[&str] =
    &["password", "passwd", "secret", "token", "key", "credential", "authorization", "cookie"];

/// One line of the log.
#[derive(Clone, Debug)]
pub struct LogLine {
    pub time: Time,
    /// The part of the program that says it.
    pub component: String,
    pub level: &'static str,
    pub message: String,
    /// What else the line tells, by name.
    pub fields: Vec<(String, Value)>,
}

impl LogLine {
    /// Cuts what is too long and takes out what a name gives away as secret.
    fn cleaned(mut self) -> Self {
        cut(&mut self.message);
        for (name, value) in &mut self.fields {
            let lower = name.to_ascii_lowercase();
            if SECRET.iter().any(|word| lower.contains(word)) {
                *value = Value::from("***");
            } else if let Value::Text(text) = value
                && text.len() > MAX_TEXT
            {
                let mut text = text.to_str_lossy().into_owned();
                cut(&mut text);
                *value = Value::from(text.as_str());
            }
        }
        self
    }
}

fn cut(text: &mut String) {
    if text.len() > MAX_TEXT {
        text.truncate(text.floor_char_boundary(MAX_TEXT));
    }
}

/// The log of a program: its last lines, and whoever listens.
#[derive(Debug, Default)]
pub struct LogLines(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: VecDeque<Arc<LogLine>>,
    listeners: Vec<(SyncSender<Arc<LogLine>>, Arc<AtomicU64>)>,
}

impl LogLines {
    /// Adds a line. Never waits: who does not keep up loses lines.
    pub fn push(&self, line: LogLine) {
        let line = Arc::new(line.cleaned());
        let mut state = self.0.lock();
        if state.last.len() == REMEMBERED {
            state.last.pop_front();
        }
        state.last.push_back(line.clone());
        state.listeners.retain(|(sender, lost)| match sender.try_send(line.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                lost.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        });
    }

    /// Listens from now on, with the lines of before.
    pub fn listen(&self) -> Listener {
        let (sender, lines) = sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let mut state = self.0.lock();
        state.listeners.push((sender, lost.clone()));
        Listener { earlier: state.last.iter().cloned().collect(), lines, lost }
    }
}

/// One who hears of new lines.
pub struct Listener {
    /// The remembered lines, oldest first.
    pub earlier: Vec<Arc<LogLine>>,
    pub lines: Receiver<Arc<LogLine>>,
    lost: Arc<AtomicU64>,
}

impl Listener {
    /// How many lines were lost since this was last asked.
    pub fn lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use vql::text::Text;
    use vql::value::convert;

    use super::*;

    fn line(message: &str) -> LogLine {
        LogLine {
            time: Time::now(),
            component: "api".into(),
            level: "INFO",
            message: message.into(),
            fields: vec![("user".into(), "fred".into()), ("api_key".into(), "abc".into())],
        }
    }

    #[test]
    fn the_last_lines_are_kept_and_slow_listeners_lose_some() {
        let log = LogLines::default();
        let slow = log.listen();
        for n in 0..WAITING + 5 {
            log.push(line(&n.to_string()));
        }
        let late = log.listen();
        assert_eq!((slow.lost(), slow.lost()), (5, 0));
        assert_eq!(slow.lines.try_iter().count(), WAITING);
        assert_eq!((late.earlier.len(), late.earlier[0].message.as_str()), (REMEMBERED, "5"));
        drop((slow, late));
        log.push(line("x"));
        assert!(log.0.lock().listeners.is_empty());
    }

    #[test]
    fn secrets_and_endless_texts_do_not_get_in() {
        let log = LogLines::default();
        log.push(line(&"ä".repeat(MAX_TEXT)));
        let kept = log.listen().earlier.remove(0);
        assert_eq!(kept.message.len(), MAX_TEXT);
        let values: Vec<_> = kept.fields.iter().map(|(_, value)| convert::to_text(value)).collect();
        assert_eq!(values, [Text::from("fred"), Text::from("***")]);
    }
}
