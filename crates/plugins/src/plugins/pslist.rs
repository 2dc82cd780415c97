//! `FROM pslist(pid=)`: the processes of the host.

use std::collections::HashMap;

use vql::args::Args;
use vql::call::{Arg, Category, Example, Flow, Plugin, Signature, Sink, Type};
use vql::permission::Permission;
use vql::value::{Row, Time, Value};

use crate::machine::process::{self, Process};
use crate::machine::{passwd, read_bytes};

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "pslist",
        doc: "The processes of the host; what may not be read of one is empty.",
        category: Category::Host,
        args: &[Arg::optional("pid", Type::Int, "Only the process of this number.")],
        permissions: &[Permission::MachineState],
        examples: &[Example::new(
            "The server itself",
            "SELECT Pid = getpid() AS Same, Ppid > -1 AS HasParent FROM pslist(pid=getpid())",
            r#"[{"Same":true,"HasParent":true}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[
        "Pid",
        "Name",
        "Ppid",
        "CommandLine",
        "CreateTime",
        "Times",
        "Exe",
        "Cwd",
        "Username",
        "MemoryInfo",
    ],
    run,
};

/// What all rows are made with.
struct Machine {
    booted: i64,
    ticks: u64,
    page: u64,
    users: HashMap<u32, String>,
}

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let machine = Machine {
        booted: booted(),
        ticks: rustix::param::clock_ticks_per_second().max(1),
        page: rustix::param::page_size() as u64,
        users: passwd::names(),
    };
    let pids = if args.has(0) { vec![args.int(0, 0)?] } else { process::pids() };
    let schema = args.columns();
    for pid in pids {
        args.scope.tick()?;
        // It may have ended meanwhile.
        if let Some(process) = process::read(pid) {
            sink.row(&mut Row { schema: schema.clone(), cells: machine.cells(&process) })?;
        }
    }
    Ok(())
}

/// When the machine started, in seconds since the epoch.
fn booted() -> i64 {
    let stat = read_bytes("/proc/stat");
    let stat = String::from_utf8_lossy(&stat);
    stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok()).unwrap_or(0)
}

impl Machine {
    fn cells(&self, process: &Process) -> Vec<Value> {
        let pid = process.pid;
        let seconds = |ticks: u64| Value::Float(ticks as f64 / self.ticks as f64);
        let bytes = |n: u64| Value::Int(i64::try_from(n).unwrap_or(i64::MAX));
        let user = process::user(pid);
        let user = user.map(|uid| self.users.get(&uid).cloned().unwrap_or_else(|| uid.to_string()));
        vec![
            Value::Int(pid),
            Value::text(&*process.name),
            Value::Int(process.parent),
            Value::text(process::command_line(pid)),
            self.started(process),
            Value::dict([("user", seconds(process.user_ticks)), ("system", seconds(process.system_ticks))]),
            Value::text(process::link(pid, "exe")),
            Value::text(process::link(pid, "cwd")),
            Value::from(user.unwrap_or_default()),
            Value::dict([
                ("rss", bytes(process.resident_pages.saturating_mul(self.page))),
                ("vms", bytes(process.virtual_bytes)),
            ]),
        ]
    }

    fn started(&self, process: &Process) -> Value {
        let seconds = self.booted.saturating_add((process.start_ticks / self.ticks) as i64);
        let nanos = (process.start_ticks % self.ticks) * (1_000_000_000 / self.ticks);
        Time::new(seconds, nanos as i32).map_or(Value::Null, Value::Time)
    }
}
