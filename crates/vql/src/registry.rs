//! The built-in functions and plugins a program may call, by name.

use std::collections::HashMap;
use std::sync::Arc;

use crate::call::{Function, Plugin};
use crate::schema::Schema;

/// All callables of one host. Made once; shared by every query.
#[derive(Default, Clone)]
pub struct Registry {
    functions: HashMap<&'static str, &'static Function, foldhash::fast::FixedState>,
    plugins: HashMap<&'static str, (&'static Plugin, Arc<Schema>), foldhash::fast::FixedState>,
}

impl Registry {
    /// The callables of the language itself.
    pub fn pure() -> Self {
        let mut registry = Registry::default();
        registry.add(crate::functions::FUNCTIONS, crate::plugins::PLUGINS);
        registry
    }

    /// Adds callables; a later one of the same name replaces the earlier.
    pub fn add(&mut self, functions: &[&'static Function], plugins: &[&'static Plugin]) {
        for f in functions {
            self.functions.insert(f.signature.name, f);
        }
        for p in plugins {
            self.plugins.insert(p.signature.name, (p, Schema::of(p.columns.iter().copied())));
        }
    }

    /// Takes names out: a denied callable is simply unknown.
    pub fn deny(&mut self, functions: &[String], plugins: &[String]) {
        for name in functions {
            self.functions.remove(name.as_str());
        }
        for name in plugins {
            self.plugins.remove(name.as_str());
        }
    }

    pub fn function(&self, name: &str) -> Option<&'static Function> {
        self.functions.get(name).copied()
    }

    pub fn plugin(&self, name: &str) -> Option<&'static Plugin> {
        self.plugins.get(name).map(|(p, _)| *p)
    }

    /// The columns a plugin declares, as a shared schema.
    pub fn columns(&self, plugin: &str) -> Arc<Schema> {
        self.plugins.get(plugin).map_or_else(Schema::empty, |(_, s)| s.clone())
    }

    /// Every function, by name.
    pub fn functions(&self) -> Vec<&'static Function> {
        let mut all: Vec<_> = self.functions.values().copied().collect();
        all.sort_by_key(|f| f.signature.name);
        all
    }

    /// Every plugin, by name.
    pub fn plugins(&self) -> Vec<&'static Plugin> {
        let mut all: Vec<_> = self.plugins.values().map(|(p, _)| *p).collect();
        all.sort_by_key(|p| p.signature.name);
        all
    }
}
