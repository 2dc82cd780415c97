//! All artifact definitions: the built-in set, and those that owners wrote.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use store::definition::{Definitions, Stamps};
use vql::call::Error;
use vql::lint::Problem;

use super::builtin;
use super::definition::{Definition, Metadata};

/// How long a look at the directory is believed.
const FRESH: Duration = Duration::from_secs(2);

/// The built-in set, parsed once.
static BUILT_IN: LazyLock<BTreeMap<String, Arc<Definition>>> = LazyLock::new(|| {
    let mut all = BTreeMap::new();
    for (file, yaml) in builtin::FILES {
        match Definition::parse(yaml) {
            Ok(definition) => {
                let definition = Definition { built_in: true, ..definition };
                all.insert(definition.name.clone(), Arc::new(definition));
            }
            // A test parses every file, so this is never seen.
            Err(problems) => {
                tracing::error!(file, problem = %first(&problems), "a built-in artifact is broken")
            }
        }
    }
    all
});

fn first(problems: &[Problem]) -> String {
    problems.first().map(Problem::to_string).unwrap_or_default()
}

/// The definitions known to a program.
#[derive(Debug, Default)]
pub struct Repository {
    /// Where names are looked up that are not found here.
    base: Option<Arc<Repository>>,
    files: Option<Definitions>,
    custom: RwLock<Custom>,
}

#[derive(Debug, Default)]
struct Custom {
    by_name: BTreeMap<String, (PathBuf, Arc<Definition>)>,
    aliases: HashMap<String, String>,
    /// The files that were read; `None` before the first look.
    stamps: Option<Stamps>,
    looked: Option<Instant>,
}

impl Repository {
    /// The built-in set alone.
    pub fn built_in() -> Self {
        Self::default()
    }

    /// The built-in set and the files of a directory. Broken files are reported and left out.
    pub fn with(files: Definitions) -> Self {
        let repository = Self { files: Some(files), ..Self::default() };
        repository.refresh();
        repository
    }

    /// These and some more, which are kept nowhere.
    pub fn extended(self: &Arc<Self>, more: Vec<Definition>) -> Self {
        let more = more.into_iter().map(|d| (d.name.clone(), (PathBuf::new(), Arc::new(d))));
        let custom = Custom { by_name: more.collect(), ..Custom::default() };
        Self { base: Some(self.clone()), files: None, custom: RwLock::new(custom) }
    }

    /// The definition of that name or alias.
    pub fn find(&self, name: &str) -> Option<Arc<Definition>> {
        if let Some(found) = BUILT_IN.get(name) {
            return Some(self.with_metadata(found));
        }
        self.refresh();
        let custom = self.custom.read();
        let name = custom.aliases.get(name).map_or(name, String::as_str);
        let own = custom.by_name.get(name).map(|(_, d)| d.clone());
        own.or_else(|| self.base.as_ref()?.find(name))
    }

    /// Every definition, by name.
    pub fn all(&self) -> Vec<Arc<Definition>> {
        self.refresh();
        let custom = self.custom.read();
        let mut all: Vec<_> = custom.by_name.values().map(|(_, d)| d.clone()).collect();
        drop(custom);
        match &self.base {
            Some(base) => all.extend(base.all()),
            None => all.extend(BUILT_IN.values().map(|d| self.with_metadata(d))),
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// A built-in definition with what an owner set about it.
    fn with_metadata(&self, definition: &Arc<Definition>) -> Arc<Definition> {
        let Some(files) = &self.files else { return definition.clone() };
        match files.metadata().unwrap_or_default().remove(&definition.name) {
            None => definition.clone(),
            Some(facts) => {
                let metadata = serde_json::from_value(facts).unwrap_or_default();
                Arc::new(Definition { metadata, ..Definition::clone(definition) })
            }
        }
    }

    /// Defines an artifact; an earlier one of that name is replaced.
    pub fn set(&self, yaml: &str) -> Result<Arc<Definition>, Error> {
        let definition = Definition::parse(yaml).map_err(|problems| Error::new(first(&problems)))?;
        if BUILT_IN.contains_key(&definition.name) {
            let name = &definition.name;
            return Err(Error::new(format!(
                "{name} is built in and cannot be replaced; call yours Custom.{name}"
            )));
        }
        let files = self.files()?;
        // A file that somebody dropped under another name would win by chance.
        if let Some((path, _)) = self.custom.read().by_name.get(&definition.name) {
            let _ = files.delete(path);
        }
        files.write(&definition.name, yaml).map_err(|e| Error::new(e.to_string()))?;
        self.look_again();
        self.find(&definition.name).ok_or_else(|| "the definition was not kept".into())
    }

    /// Forgets a definition that an owner wrote. False if there is none.
    pub fn delete(&self, name: &str) -> Result<bool, Error> {
        if BUILT_IN.contains_key(name) {
            return Err(Error::new(format!("{name} is built in and cannot be deleted")));
        }
        let files = self.files()?;
        self.refresh();
        let path = self.custom.read().by_name.get(name).map(|(path, _)| path.clone());
        let Some(path) = path else { return Ok(false) };
        files.delete(&path).map_err(|e| Error::new(e.to_string()))?;
        let _ = files.set_metadata(name, serde_json::Value::Null);
        self.look_again();
        Ok(true)
    }

    /// Sets facts about a definition.
    pub fn set_metadata(&self, name: &str, metadata: &Metadata) -> Result<(), Error> {
        if self.find(name).is_none() {
            return Err(Error::new(format!("artifact {name} is not known")));
        }
        let facts = serde_json::to_value(metadata).map_err(|e| Error::new(e.to_string()))?;
        self.files()?.set_metadata(name, facts).map_err(|e| Error::new(e.to_string()))?;
        self.look_again();
        Ok(())
    }

    fn files(&self) -> Result<&Definitions, Error> {
        self.files.as_ref().ok_or_else(|| "definitions are kept on a server: use --api-config".into())
    }

    fn look_again(&self) {
        {
            let mut custom = self.custom.write();
            custom.looked = None;
            custom.stamps = None;
        }
        self.refresh();
    }

    /// Reads what changed in the directory since the last look.
    fn refresh(&self) {
        let Some(files) = &self.files else { return };
        if self.custom.read().looked.is_some_and(|at| at.elapsed() < FRESH) {
            return;
        }
        let mut custom = self.custom.write();
        custom.looked = Some(Instant::now());
        match files.stamps() {
            Ok(stamps) if custom.stamps.as_ref() == Some(&stamps) => {}
            Ok(stamps) => custom.load(files, stamps),
            Err(error) => tracing::error!(%error, "cannot look for artifact definitions"),
        }
    }
}

impl Custom {
    fn load(&mut self, files: &Definitions, stamps: Stamps) {
        let metadata = files.metadata().unwrap_or_default();
        self.by_name.clear();
        self.aliases.clear();
        for path in stamps.keys() {
            let Some(mut definition) = read(files, path) else { continue };
            if BUILT_IN.contains_key(&definition.name) || self.by_name.contains_key(&definition.name) {
                let (file, name) = (path.display(), &definition.name);
                tracing::warn!(%file, name, "an artifact of that name is known already; this file has no effect");
                continue;
            }
            if let Some(facts) = metadata.get(&definition.name) {
                definition.metadata = serde_json::from_value(facts.clone()).unwrap_or_default();
            }
            for alias in &definition.aliases {
                self.aliases.insert(alias.clone(), definition.name.clone());
            }
            self.by_name.insert(definition.name.clone(), (path.clone(), Arc::new(definition)));
        }
        self.stamps = Some(stamps);
    }
}

fn read(files: &Definitions, path: &Path) -> Option<Definition> {
    let file = path.display();
    let yaml =
        files.read(path).inspect_err(|error| tracing::warn!(%error, "an artifact cannot be read")).ok()?;
    let parsed = Definition::parse(&yaml);
    parsed.inspect_err(|problems| tracing::warn!("{file}:{}", first(problems))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(dir: &Path) -> Repository {
        Repository::with(Definitions::open(dir.to_owned()).unwrap())
    }

    const YAML: &str = "name: Custom.A\naliases: [Old.A]\nsources:\n  - query: SELECT 1 AS X FROM scope()\n";

    #[test]
    fn what_was_set_is_found_after_a_restart_and_by_its_alias() {
        let dir = tempfile::tempdir().unwrap();
        repository(dir.path()).set(YAML).unwrap();
        let again = repository(dir.path());
        assert_eq!(again.find("Old.A").unwrap().name, "Custom.A");
        assert!(again.delete("Custom.A").unwrap());
        assert!(again.find("Custom.A").is_none());
        assert!(!again.delete("Custom.A").unwrap());
    }

    #[test]
    fn broken_files_do_not_hide_sound_ones() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.yaml"), "name: [").unwrap();
        std::fs::write(dir.path().join("b.yaml"), YAML).unwrap();
        assert!(repository(dir.path()).find("Custom.A").is_some());
    }

    #[test]
    fn built_in_artifacts_cannot_be_replaced_or_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let repository = repository(dir.path());
        let yaml = YAML.replace("Custom.A", "Generic.Client.Info");
        assert!(repository.set(&yaml).unwrap_err().to_string().contains("is built in"));
        assert!(repository.delete("Generic.Client.Info").is_err());
        repository
            .set_metadata("Generic.Client.Info", &Metadata { hidden: true, ..Metadata::default() })
            .unwrap();
        assert!(repository.find("Generic.Client.Info").unwrap().metadata.hidden);
    }
}
