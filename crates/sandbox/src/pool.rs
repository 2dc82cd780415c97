//! The machines: which there are, who has them, and whether a task can ever have one (the Cuckoo reference, section 3.5).

use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;
use store::sandbox::{Stamp, Task};
use tokio::sync::Notify;

/// A machine as on the wire.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub id: u32,
    pub name: String,
    pub label: String,
    /// Of the guest.
    pub ip: String,
    pub platform: String,
    pub tags: Vec<String>,
    pub options: Option<String>,
    pub interface: Option<String>,
    pub snapshot: Option<String>,
    /// While an analysis has it.
    pub locked: bool,
    pub locked_changed_on: Option<Stamp>,
    /// The machinery's word; `None` before it was asked.
    pub status: Option<&'static str>,
    pub status_changed_on: Option<Stamp>,
    pub resultserver_ip: String,
    pub resultserver_port: String,
    /// Not told to clients.
    #[serde(skip)]
    pub kind: Kind,
}

/// What runs a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// Harrier, from an image of its own.
    #[default]
    Guest,
    /// Somebody else; its guest speaks Cuckoo's protocol.
    Remote,
}

impl Machine {
    /// A machine that is free, under one name.
    pub fn new(name: &str, platform: &str, tags: &[&str]) -> Self {
        Self {
            id: 0,
            name: name.into(),
            label: name.into(),
            ip: String::new(),
            platform: platform.into(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            options: None,
            interface: None,
            snapshot: None,
            locked: false,
            locked_changed_on: None,
            status: None,
            status_changed_on: None,
            resultserver_ip: String::new(),
            resultserver_port: "2042".into(),
            kind: Kind::default(),
        }
    }

    /// Why it cannot run a task, whatever else happens; `None` when it can.
    fn misfit(&self, task: &Task) -> Option<Misfit> {
        if task.machine.as_ref().is_some_and(|wanted| *wanted != self.label && *wanted != self.name) {
            return Some(Misfit::Machine);
        }
        if task.platform.as_ref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(&self.platform)) {
            return Some(Misfit::Platform);
        }
        (!task.tags.iter().all(|tag| self.tags.contains(tag))).then_some(Misfit::Tags)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Misfit {
    Machine,
    Platform,
    Tags,
}

/// All machines.
pub struct Pool {
    machines: Mutex<Vec<Machine>>,
    /// Why there is none, when there is none.
    absent: Mutex<String>,
    /// A machine that is being made, and is not among them.
    expected: Mutex<Option<Machine>>,
    /// Told when a machine is free again.
    pub freed: Notify,
}

const NONE_YET: &str = "there is no machine yet: `harrier guest build` makes one";

/// What there is for a task.
#[derive(Debug)]
pub enum Found {
    Lease(Box<Lease>),
    /// There is no machine at all: the reason. Guests may be built later.
    None(String),
    /// Every machine that fits is busy: how many there are.
    Busy(usize),
    /// No machine fits: the reason.
    Never(String),
}

/// A machine that is taken until this is dropped.
pub struct Lease {
    pool: Arc<Pool>,
    pub machine: Machine,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease({})", self.machine.name)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.change(&self.machine.name, |machine| {
            machine.locked = false;
            machine.locked_changed_on = Some(Stamp::now());
        });
        self.pool.freed.notify_one();
    }
}

impl Pool {
    /// These machines, numbered in their order.
    pub fn new(machines: Vec<Machine>) -> Arc<Self> {
        let numbered = machines.into_iter().zip(1..).map(|(machine, id)| Machine { id, ..machine }).collect();
        let absent = Mutex::new(NONE_YET.to_owned());
        Arc::new(Self {
            machines: Mutex::new(numbered),
            absent,
            expected: Mutex::default(),
            freed: Notify::new(),
        })
    }

    /// These machines from now on: known ones stay as they are, and one that is at work is kept until it is free. Says whether
    /// anything changed.
    pub fn set(&self, wanted: Vec<Machine>) -> bool {
        let mut machines = self.machines.lock();
        let before = machines.len();
        machines.retain(|known| known.locked || wanted.iter().any(|machine| machine.name == known.name));
        let mut has_changed = machines.len() != before;
        for machine in wanted {
            if machines.iter().all(|known| known.name != machine.name) {
                let id = machines.iter().map(|known| known.id).max().unwrap_or(0) + 1;
                machines.push(Machine { id, ..machine });
                has_changed = true;
            }
        }
        has_changed
    }

    /// A machine is being made: tasks that only it fits wait for it, and are told what [`Pool::set_absent`] says.
    pub fn expect(&self, machine: Machine) {
        *self.expected.lock() = Some(machine);
    }

    /// Says why there is no machine.
    pub fn set_absent(&self, reason: &str) {
        reason.clone_into(&mut self.absent.lock());
    }

    /// All of them.
    pub fn list(&self) -> Vec<Machine> {
        self.machines.lock().clone()
    }

    /// The machine of that name.
    pub fn view(&self, name: &str) -> Option<Machine> {
        self.machines.lock().iter().find(|machine| machine.name == name).cloned()
    }

    /// How many there are, and how many of them are free.
    pub fn counts(&self) -> (usize, usize) {
        let machines = self.machines.lock();
        (machines.len(), machines.iter().filter(|machine| !machine.locked).count())
    }

    /// Takes a free machine on which the task can run: all of its wishes have to hold.
    pub fn acquire(self: &Arc<Self>, task: &Task) -> Found {
        let mut machines = self.machines.lock();
        let at = match self.find(&machines, task) {
            Ok(at) => at,
            Err(why) => return why,
        };
        let machine = &mut machines[at];
        machine.locked = true;
        machine.locked_changed_on = Some(Stamp::now());
        Found::Lease(Box::new(Lease { pool: self.clone(), machine: machine.clone() }))
    }

    /// Why no machine can be taken for a task; `None` when one can.
    pub fn why_none(&self, task: &Task) -> Option<String> {
        let machines = self.machines.lock();
        match self.find(&machines, task) {
            Ok(_) | Err(Found::Lease(_)) => None,
            Err(Found::None(reason) | Found::Never(reason)) => Some(reason),
            Err(Found::Busy(1)) => Some("the one machine that fits is busy".to_owned()),
            Err(Found::Busy(machines)) => Some(format!("all {machines} machines that fit are busy")),
        }
    }

    /// Which of these a task gets, or what there is instead.
    fn find(&self, machines: &[Machine], task: &Task) -> Result<usize, Found> {
        if machines.is_empty() {
            return Err(Found::None(self.absent.lock().clone()));
        }
        let fitting: Vec<usize> =
            (0..machines.len()).filter(|at| machines[*at].misfit(task).is_none()).collect();
        let expected = self.expected.lock();
        let is_here = |machine: &Machine| machines.iter().any(|known| known.name == machine.name);
        let may_come = |machine: &Machine| machine.misfit(task).is_none() && !is_here(machine);
        if fitting.is_empty() && expected.as_ref().is_some_and(may_come) {
            return Err(Found::None(self.absent.lock().clone()));
        }
        if fitting.is_empty() {
            return Err(Found::Never(why_never(machines, task)));
        }
        fitting.iter().find(|at| !machines[**at].locked).copied().ok_or(Found::Busy(fitting.len()))
    }

    /// Notes what the machinery says of a machine.
    pub fn set_status(&self, name: &str, status: &'static str) {
        self.change(name, |machine| {
            machine.status = Some(status);
            machine.status_changed_on = Some(Stamp::now());
        });
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut Machine)) {
        if let Some(machine) = self.machines.lock().iter_mut().find(|machine| machine.name == name) {
            change(machine);
        }
    }
}

/// The wish at which the best of the machines fails.
fn why_never(machines: &[Machine], task: &Task) -> String {
    // Machines of one guest share its label.
    let list = |mut names: Vec<&str>| {
        names.dedup();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    };
    match machines.iter().filter_map(|machine| machine.misfit(task)).max() {
        None => NONE_YET.to_owned(),
        Some(Misfit::Machine) => format!(
            "there is no machine {:?}: there are {}",
            task.machine.as_deref().unwrap_or_default(),
            list(machines.iter().map(|machine| machine.label.as_str()).collect())
        ),
        Some(Misfit::Platform) => format!(
            "there is no such machine with the platform {:?}",
            task.platform.as_deref().unwrap_or_default()
        ),
        Some(Misfit::Tags) => format!("there is no such machine with the tags {}", task.tags.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(machine: Option<&str>, platform: Option<&str>, tags: &[&str]) -> Task {
        Task {
            machine: machine.map(String::from),
            platform: platform.map(String::from),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..crate::example::task()
        }
    }

    #[test]
    fn all_wishes_have_to_hold_and_a_machine_runs_one_task() {
        let pool = Pool::new(vec![
            Machine { label: "l-1".into(), ..Machine::new("one", "linux", &["x64"]) },
            Machine::new("two", "linux", &["x64", "java"]),
        ]);
        let Found::Lease(java) = pool.acquire(&task(None, Some("Linux"), &["java", "x64"])) else { panic!() };
        assert_eq!((java.machine.id, &*java.machine.name), (2, "two"));
        assert!(matches!(pool.acquire(&task(None, None, &["java"])), Found::Busy(1)));
        let Found::Lease(one) = pool.acquire(&task(Some("l-1"), Some("linux"), &[])) else { panic!() };
        assert!(matches!(pool.acquire(&task(None, None, &[])), Found::Busy(2)));
        assert_eq!(pool.counts(), (2, 0));
        drop(one);
        let Found::Lease(again) = pool.acquire(&task(Some("one"), None, &[])) else { panic!() };
        drop((again, java));
        assert!(pool.counts() == (2, 2) && pool.view("two").unwrap().locked_changed_on.is_some());
    }

    #[test]
    fn a_wish_that_no_machine_fulfils_is_named() {
        let pool = Pool::new(vec![Machine::new("one", "linux", &["x64"])]);
        let reason = |task: &Task| match pool.acquire(task) {
            Found::Never(reason) => reason,
            found => panic!("{found:?}"),
        };
        assert_eq!(reason(&task(Some("w7"), None, &[])), "there is no machine \"w7\": there are one");
        assert!(reason(&task(None, Some("windows"), &[])).contains("platform \"windows\""));
        assert!(reason(&task(None, None, &["x64", "office"])).contains("tags x64, office"));
        let none = Pool::new(Vec::new());
        none.set_absent("there is no QEMU");
        assert!(
            matches!(none.acquire(&task(None, None, &[])), Found::None(text) if text == "there is no QEMU")
        );
        none.set_absent(NONE_YET);
        assert!(
            matches!(none.acquire(&task(None, None, &[])), Found::None(text) if text.contains("guest build"))
        );
    }

    #[test]
    fn a_task_waits_for_a_machine_that_is_being_made() {
        let pool = Pool::new(vec![Machine::new("w10", "windows", &[])]);
        let of = |machine| pool.acquire(&task(machine, Some("linux"), &[]));
        assert!(matches!(of(None), Found::Never(_)));
        pool.expect(Machine { label: "linux".into(), ..Machine::new("linux1", "linux", &["x64"]) });
        pool.set_absent("the guest linux is being built: packages");
        for machine in [None, Some("linux"), Some("linux1")] {
            assert!(
                matches!(of(machine), Found::None(text) if text.contains("is being built")),
                "{machine:?}"
            );
        }
        assert!(matches!(of(Some("other")), Found::Never(_)));
        assert!(matches!(pool.acquire(&task(None, Some("windows"), &[])), Found::Lease(_)));
        // Once it is there, it counts as any other.
        pool.set(vec![Machine { label: "linux".into(), ..Machine::new("linux1", "linux", &["x64"]) }]);
        let Found::Lease(_lease) = of(Some("linux")) else { panic!() };
        assert!(matches!(of(Some("linux")), Found::Busy(1)));
        assert!(matches!(pool.acquire(&task(None, Some("linux"), &["java"])), Found::Never(_)));
    }

    #[test]
    fn machines_come_and_go_while_tasks_run() {
        let pool = Pool::new(Vec::new());
        let named =
            |names: &[&str]| names.iter().map(|name| Machine::new(name, "linux", &[])).collect::<Vec<_>>();
        assert!(pool.set(named(&["one", "two"])) && !pool.set(named(&["one", "two"])));
        let Found::Lease(one) = pool.acquire(&task(Some("one"), None, &[])) else { panic!() };
        // One that is at work stays until it is free.
        assert!(pool.set(named(&["three"])));
        let names = || pool.list().into_iter().map(|machine| (machine.id, machine.name)).collect::<Vec<_>>();
        assert_eq!(names(), [(1, "one".to_owned()), (2, "three".to_owned())]);
        drop(one);
        assert!(pool.set(named(&["three"])));
        assert_eq!(names(), [(2, "three".to_owned())]);
    }
}
