//! How samples are run: one package for each kind (the sandbox reference, sections 8.3 and 12).
//!
//! The package is the one that was asked for, or the first that knows the sample's type.

use store::sandbox::{Category, Task};

use crate::api::options;
use crate::samples::chosen::Chosen;

mod archive;
mod deb;
mod elf;
mod generic;
mod jar;
mod javascript;
mod perl;
mod python;
pub mod reboot;
mod shell;
mod url;

/// Below which folders files are collected.
pub const WATCHED: &[&str] =
    &["/tmp", "/home", "/root", "/var/tmp", "/dev/shm", "/etc", "/opt", "/usr/local", "/srv"];

/// Further ones that only root writes to: programs and libraries, units, tables of cron, what a package installs.
pub const WATCHED_OF_ROOT: &[&str] =
    &["/usr", "/boot", "/var/spool", "/var/www", "/var/lib/systemd", "/run/systemd"];

/// Where samples are put, as their own user would.
const FOLDER: &str = "/tmp";

/// A way to run samples.
pub struct Package {
    pub name: &'static str,
    /// Other names that clients use.
    pub aliases: &'static [&'static str],
    /// Whether it is for a sample of this type (in the words of `file`) and name.
    pub fits: fn(&str, &str) -> bool,
    /// The words of the command, without the arguments that the task asks for.
    pub command: fn(&Given<'_>) -> Vec<String>,
    /// Whether it needs all rights in the guest.
    pub as_root: bool,
    /// The package of Debian that brings the interpreter, when not every guest has it.
    pub needs: Option<&'static str>,
}

/// All of them; the first that fits is taken.
const PACKAGES: &[&Package] = &[
    &deb::PACKAGE,
    &elf::PACKAGE,
    &jar::PACKAGE,
    &python::PACKAGE,
    &perl::PACKAGE,
    &javascript::PACKAGE,
    &shell::PACKAGE,
    &archive::PACKAGE,
    &reboot::PACKAGE,
    &generic::PACKAGE,
];

/// What a package gets to know.
pub struct Given<'t> {
    /// Of the sample in the guest, or the URL.
    pub path: &'t str,
    pub options: &'t str,
}

impl Given<'_> {
    /// An option that is given and not empty.
    pub fn option(&self, name: &str) -> Option<&str> {
        options::pairs(self.options)
            .find(|(given, _)| *given == name)
            .map(|(_, value)| value)
            .filter(|value| !value.is_empty())
    }
}

/// What is run in the guest.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub package: &'static str,
    pub needs: Option<&'static str>,
    /// Where the sample is put.
    pub path: String,
    pub command: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub folder: String,
    pub as_root: bool,
}

impl Plan {
    /// The plan for a task; for one about a member that the host takes out, with that instead of the sample.
    pub fn of(task: &Task, member: Option<&Chosen>) -> Self {
        let of_sample = task.sample.as_ref().map(|sample| sample.digests.file_type.as_str());
        let file_type = member.map(|member| member.file_type.as_str()).or(of_sample).unwrap_or_default();
        let name = member.map_or(task.file_name(), |member| &member.name);
        let package = choose(task, file_type, name);
        let path = match task.category {
            Category::Url => task.target.clone(),
            _ => format!("{FOLDER}/{name}"),
        };
        let given = Given { path: &path, options: task.options.as_deref().unwrap_or_default() };
        let mut command = (package.command)(&given);
        command.extend(given.option("arguments").into_iter().flat_map(words));
        let environment = given.option("environment").into_iter().flat_map(words);
        let environment = environment
            .filter_map(|pair| pair.split_once('=').map(|(name, value)| (name.into(), value.into())));
        let asked_root = given.option("root").is_some_and(options::is_on);
        Self {
            package: package.name,
            needs: package.needs,
            command,
            environment: environment.collect(),
            folder: given.option("curdir").unwrap_or(FOLDER).to_owned(),
            as_root: package.as_root || asked_root,
            path,
        }
    }
}

impl Plan {
    /// Below which folders files are collected.
    pub fn watched(&self) -> impl Iterator<Item = &'static str> {
        let of_root = if self.as_root { WATCHED_OF_ROOT } else { &[] };
        WATCHED.iter().chain(of_root).copied()
    }

    /// What to say of a package that was asked for and is not there.
    pub fn not_as_asked(&self, task: &Task) -> Option<String> {
        let asked = task.package.as_deref().filter(|_| named(task).is_none())?;
        let known: Vec<&str> = choice(task).iter().map(|package| package.name).collect();
        Some(format!("the package {asked} is not known: {} is used, of {}", self.package, known.join(", ")))
    }

    /// What to do about a run that broke off, when it is known.
    pub fn explain(&self, error: String, image: &str) -> String {
        match (self.needs, self.command.first()) {
            (Some(needed), Some(program)) if error.contains("cannot be started") => format!(
                "{error}: the package {} needs {program}, which the guest {image} lacks; `harrier guest build {image} --package {needed}` adds it",
                self.package
            ),
            _ => error,
        }
    }
}

/// Whether a file of this type and name, in lower case, is run in a way of its own.
pub fn is_known(file_type: &str, name: &str) -> bool {
    let takes_all = ["archive", "generic"];
    PACKAGES.iter().any(|package| !takes_all.contains(&package.name) && (package.fits)(file_type, name))
}

/// Those of which a task may name one.
fn choice(task: &Task) -> &'static [&'static Package] {
    if task.category == Category::Url { &[&url::PACKAGE] } else { PACKAGES }
}

fn named(task: &Task) -> Option<&'static Package> {
    let name = task.package.as_deref()?;
    let is = |package: &&&Package| package.name == name || package.aliases.contains(&name);
    choice(task).iter().find(is).copied()
}

fn choose(task: &Task, file_type: &str, name: &str) -> &'static Package {
    let name = name.to_ascii_lowercase();
    let fitting = || choice(task).iter().find(|package| (package.fits)(file_type, &name)).copied();
    let otherwise = if task.category == Category::Url { &url::PACKAGE } else { &generic::PACKAGE };
    named(task).or_else(fitting).unwrap_or(otherwise)
}

/// Words between blanks; quotes keep blanks, and a backslash keeps what follows.
pub fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut is_word) = (Vec::new(), String::new(), false);
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => word.extend(letters.next()),
            (letter, Some(open)) if letter == open => quote = None,
            ('"' | '\'', None) => quote = Some(letter),
            (letter, None) if letter.is_whitespace() => {
                if is_word || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                is_word = false;
                continue;
            }
            (letter, _) => word.push(letter),
        }
        is_word = true;
    }
    if is_word {
        words.push(word);
    }
    words
}

/// Texts for commands.
fn strings<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(String::from).into()
}

#[cfg(test)]
mod tests;
