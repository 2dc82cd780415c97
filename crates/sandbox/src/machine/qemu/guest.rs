//! A machine whose guest has Harrier's agent.

use std::ops::Deref;

use super::Vm;
use super::restore::Timings;
use crate::guest::Agent;

/// The machine, and the way to the agent inside. Dropped, it is gone like its machine.
pub struct Guest {
    vm: Vm,
    agent: Agent,
    timings: Timings,
}

impl Guest {
    pub(super) fn new(vm: Vm, agent: Agent, timings: Timings) -> Self {
        Self { vm, agent, timings }
    }

    /// The channel to the agent inside: ping, put, run, get, kill.
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    pub fn timings(&self) -> Timings {
        self.timings
    }
}

/// Whatever a machine has, it has.
impl Deref for Guest {
    type Target = Vm;

    fn deref(&self) -> &Vm {
        &self.vm
    }
}
