//! Calls by which processes become other programs, and what those programs were. What a call was given is not always there to be
//! copied when it is made: a child that was just forked has yet to see its parent's constants. What the kernel told about the new
//! program fills that in.

use std::collections::VecDeque;

use serde_json::Value as Json;

use super::Call;
use crate::processing::CUT;

/// Of one process: calls that wait for their program, and programs whose call is yet to come.
const MOST: usize = 64;

/// What a process became.
struct Program {
    time: f64,
    path: String,
    command_line: String,
}

/// Of one process.
#[derive(Default)]
pub struct Programs {
    seen: VecDeque<Program>,
    waiting: VecDeque<Call>,
}

impl Programs {
    /// A program that a process became; gives the calls that are known now.
    pub fn became(&mut self, time: f64, path: &str, command_line: &str) -> Vec<Call> {
        let program = Program { time, path: path.into(), command_line: command_line.into() };
        let mut known: Vec<Call> = Vec::new();
        while self.waiting.front().is_some_and(|call| call.time <= time) {
            known.extend(self.waiting.pop_front());
        }
        match known.last_mut() {
            Some(call) => program.fill(call),
            None => {
                self.seen.truncate(MOST - 1);
                self.seen.push_back(program);
            }
        }
        known
    }

    /// A call by which it became one; gives it back unless it waits.
    pub fn call(&mut self, mut call: Call) -> Option<Call> {
        while let Some(program) = self.seen.pop_front() {
            if program.time >= call.time {
                program.fill(&mut call);
                return Some(call);
            }
        }
        self.waiting.push_back(call);
        if self.waiting.len() > MOST { self.waiting.pop_front() } else { None }
    }

    /// Those of whose programs nothing was told.
    pub fn rest(&mut self) -> VecDeque<Call> {
        std::mem::take(&mut self.waiting)
    }
}

impl Program {
    fn fill(self, call: &mut Call) {
        if call.text("filepath").is_none() && !self.path.is_empty() {
            call.arguments.insert("filepath".into(), self.path.into());
        }
        let said = call.text("command_line").unwrap_or_default();
        if self.command_line.starts_with(said.strip_suffix(CUT).unwrap_or(said).trim_end())
            && !self.command_line.is_empty()
        {
            call.arguments.insert("command_line".into(), Json::String(self.command_line));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn execve(time: f64, path: Json, line: &str) -> Call {
        let mut arguments = serde_json::Map::from_iter([(String::from("filepath"), path)]);
        if !line.is_empty() {
            arguments.insert("command_line".into(), line.into());
        }
        Call { time, api: "execve".into(), arguments, ..Call::default() }
    }

    #[test]
    fn a_call_gets_what_its_program_was_whichever_comes_first() {
        let mut programs = Programs::default();
        assert!(programs.call(execve(1.0, Json::Null, "")).is_none());
        let known = programs.became(1.1, "/bin/dash", "sh -c evil");
        assert_eq!(
            (&known[0].arguments["filepath"], &known[0].arguments["command_line"]),
            (&json!("/bin/dash"), &json!("sh -c evil"))
        );
        assert!(programs.became(2.0, "/bin/ls", "ls -l").is_empty());
        let call = programs.call(execve(1.9, json!("/usr/bin/ls"), "ls")).unwrap();
        assert_eq!(
            (&call.arguments["filepath"], &call.arguments["command_line"]),
            (&json!("/usr/bin/ls"), &json!("ls -l"))
        );
    }

    #[test]
    fn what_a_call_said_itself_stays_unless_it_was_cut() {
        let mut programs = Programs::default();
        programs.became(1.0, "/bin/bash", "/bin/bash /tmp/x.sh");
        let script = programs.call(execve(0.9, json!("/tmp/x.sh"), "x.sh")).unwrap();
        assert_eq!(script.arguments["command_line"], "x.sh");
        programs.became(2.0, "/bin/echo", "echo 1 2 3");
        let long = programs.call(execve(1.9, json!("/bin/echo"), "echo 1 [...]")).unwrap();
        assert_eq!(long.arguments["command_line"], "echo 1 2 3");
        // A program of before is no later call's.
        programs.became(3.0, "/bin/old", "old");
        assert!(programs.call(execve(4.0, Json::Null, "")).is_none());
        assert_eq!(programs.rest().len(), 1);
    }
}
