//! Machines: what starts guests, stops them and takes evidence from outside.

mod accelerator;
mod check;
mod kvm;
pub mod qemu;

use std::future::Future;
use std::path::Path;
use std::pin::Pin;

pub use accelerator::{Accelerator, Choice};
pub use check::{Report, check};
pub use qemu::{Brought, Guest, Hardware, Qemu, Settings, Spec, Start, Timings, Vm};

use crate::error::Result;
use crate::guest::Agent;

/// What a machine's calls give: boxed, since the kind of machine is chosen by the configuration.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// A kind of machines.
pub trait Machinery: Send + Sync {
    /// As the configuration names it.
    fn name(&self) -> &'static str;

    /// A guest in its clean state, running, with the clock and randomness of this moment.
    fn start<'a>(&'a self, spec: &'a Spec) -> Answer<'a, Box<dyn Machine>>;
}

/// A machine that runs. Dropped, it is gone with all that it wrote.
pub trait Machine: Send + Sync {
    /// The channel to the agent inside.
    fn agent(&self) -> &Agent;

    /// What is on the screen, as a PNG file.
    fn screenshot<'a>(&'a self, target: &'a Path) -> Answer<'a, ()>;

    /// All memory as an ELF core file. The guest stands still meanwhile.
    fn dump_memory<'a>(&'a self, target: &'a Path) -> Answer<'a, ()>;

    /// Hard power-off. The machine's files stay until it is dropped.
    fn stop(&self) -> Answer<'_, ()>;
}

impl Machinery for Qemu {
    fn name(&self) -> &'static str {
        "qemu"
    }

    fn start<'a>(&'a self, spec: &'a Spec) -> Answer<'a, Box<dyn Machine>> {
        Box::pin(async move { Ok(Box::new(self.restore(spec).await?) as Box<dyn Machine>) })
    }
}

impl Machine for Guest {
    fn agent(&self) -> &Agent {
        Guest::agent(self)
    }

    fn screenshot<'a>(&'a self, target: &'a Path) -> Answer<'a, ()> {
        Box::pin(qemu::Vm::screenshot(self, target))
    }

    fn dump_memory<'a>(&'a self, target: &'a Path) -> Answer<'a, ()> {
        Box::pin(qemu::Vm::dump_memory(self, target))
    }

    fn stop(&self) -> Answer<'_, ()> {
        Box::pin(qemu::Vm::stop(self))
    }
}
