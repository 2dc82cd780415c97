//! The list of tasks: one file each, named as the task.

mod bench;
mod ci;
mod dist;
mod fuzz;
mod guest_agent;
mod setup;
mod test;
mod tidy;
mod up;

use crate::shell::Result;

/// A task: what the help shows and what runs.
pub struct Task {
    pub name: &'static str,
    /// The call, without `cargo xtask`.
    pub usage: &'static str,
    /// One line for the overview.
    pub summary: &'static str,
    /// What `--help` adds.
    pub help: &'static str,
    pub run: fn(&[String]) -> Result,
}

/// Every task, by name.
pub const TASKS: &[&Task] = &[
    &bench::TASK,
    &ci::TASK,
    &dist::TASK,
    &fuzz::TASK,
    &guest_agent::TASK,
    &setup::TASK,
    &test::TASK,
    &tidy::TASK,
    &up::TASK,
];
