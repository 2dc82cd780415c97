//! An artifact compiled for one set of callables: what its sources run.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use vql::call::Error;
use vql::registry::Registry;
use vql::session::Program;

use super::definition::{Definition, Source};
use super::repository::Repository;

/// Definitions that one artifact may import.
const MAX_IMPORTS: usize = 64;

/// A compiled artifact.
pub struct Prepared {
    pub definition: Arc<Definition>,
    pub precondition: Option<Program>,
    /// Definitions that every source sees: those of the imports, then its own.
    pub exports: Vec<Program>,
    pub sources: Vec<PreparedSource>,
}

/// A compiled source.
pub struct PreparedSource {
    /// `Artifact` or `Artifact/Source`.
    pub full_name: String,
    pub name: String,
    pub precondition: Option<Program>,
    pub programs: Vec<Program>,
}

impl Prepared {
    /// Compiles a definition. The syntax of its queries was checked when it was read; what its imports export
    /// is looked up now.
    pub fn new(
        definition: Arc<Definition>,
        repository: &Repository,
        registry: &Registry,
    ) -> Result<Self, Error> {
        let optional = |vql: &str| match vql.trim() {
            "" => Ok(None),
            _ => compile(vql, registry).map(Some),
        };
        let mut exports = Vec::new();
        for import in definition.imports.iter().take(MAX_IMPORTS) {
            let found = repository.find(import);
            let found = found.ok_or_else(|| {
                Error::new(format!("{} imports {import}, which is not known", definition.name))
            })?;
            exports.extend(optional(&found.export)?);
        }
        exports.extend(optional(&definition.export)?);
        let source = |source: &Source| {
            Ok(PreparedSource {
                full_name: definition.full_name(source),
                name: source.name.clone(),
                precondition: optional(&source.precondition)?,
                programs: source.texts().map(|vql| compile(vql, registry)).collect::<Result<_, Error>>()?,
            })
        };
        let sources = definition.sources.iter().map(source).collect::<Result<_, Error>>()?;
        Ok(Prepared { precondition: optional(&definition.precondition)?, exports, sources, definition })
    }

    /// Whether each source runs in a scope of its own: those with preconditions do not depend on each other.
    pub fn is_isolated(&self) -> bool {
        self.sources.iter().any(|s| s.precondition.is_some())
    }
}

fn compile(vql: &str, registry: &Registry) -> Result<Program, Error> {
    Program::compile(vql, registry).map_err(|e| Error::new(e.to_string()))
}

/// Artifacts that a program has compiled; kept as long as the program.
#[derive(Default)]
pub struct PreparedArtifacts(Mutex<HashMap<String, Arc<Prepared>>>);

impl PreparedArtifacts {
    /// The compiled form of a definition.
    pub fn get(
        &self,
        definition: Arc<Definition>,
        repository: &Repository,
        registry: &Registry,
    ) -> Result<Arc<Prepared>, Error> {
        if let Some(known) = self.0.lock().get(&definition.name)
            && Arc::ptr_eq(&known.definition, &definition)
        {
            return Ok(known.clone());
        }
        let prepared = Arc::new(Prepared::new(definition, repository, registry)?);
        self.0.lock().insert(prepared.definition.name.clone(), prepared.clone());
        Ok(prepared)
    }
}
