//! What a guest is given: the analyzer, its configuration and the sample; then the analyzer is started (the sandbox reference, section
//! 7.2).

use std::fs::File;

use store::sandbox::Category;

use super::Analysis;
use crate::api::options;
use crate::remote::analyzer;
use crate::remote::conf::{Conf, guest_name};
use crate::remote::http::Fault;
use crate::remote::machine::Platform;
use crate::remote::package::{Facts, choose};
use crate::samples::chosen::Choice;
use crate::samples::members::Format;

/// The largest program of which exports are read.
const MAX_PE: u64 = 64 << 20;
/// What consumers of reports look for, to the letter.
const NOT_STARTED: &str = "Unable to execute the initial process, analysis aborted.";

/// What is put into the guest. Nothing for a URL.
#[derive(Default)]
struct Given {
    name: String,
    file_type: String,
    file: Option<File>,
}

impl Analysis {
    /// All that the analyzer needs, and its start.
    pub(super) async fn upload(&mut self) -> Result<(), String> {
        self.tell("uploading", "uploading the analyzer and the sample");
        let platform = self.machine.platform;
        let analyzer = self.configuration.analyzers.get(&platform).cloned().ok_or_else(|| {
            format!(
                "there is no analyzer for {0}: name a folder or a zip archive in Cuckoo.analyzers.{0}; Harrier ships none",
                platform.name()
            )
        })?;
        let incoming = self.run.sandbox.samples.folders().1.to_owned();
        let archive = tokio::task::spawn_blocking(move || analyzer::archive(&analyzer, &incoming)).await;
        let archive = archive.map_err(|error| error.to_string())??;
        let told = |what: &'static str| move |fault: Fault| format!("{what}: {fault}");
        let environ = self.agent.environ().await.map_err(told("the guest's environment is not known"))?;
        let folder = self.folder(&environ).await?;
        self.agent.extract(&folder, archive).await.map_err(told("the analyzer did not reach the guest"))?;
        let given = self.given().await?;
        let conf = self.conf(&given)?;
        let conf = content(&conf).map_err(|error| format!("analysis.conf cannot be written: {error}"))?;
        let stored = self.agent.store(&format!("{folder}/analysis.conf"), conf).await;
        stored.map_err(told("analysis.conf did not reach the guest"))?;
        if let Some(sample) = given.file {
            let name = given.name;
            let place = match (platform, environ.get("TEMP")) {
                (Platform::Windows, None) => return Err("the guest has no variable TEMP".into()),
                (Platform::Windows, Some(temp)) => format!("{temp}\\{name}"),
                _ => format!("/tmp/{name}"),
            };
            self.agent.store(&place, sample).await.map_err(told("the sample did not reach the guest"))?;
        }
        let started = self.agent.execpy(&format!("{folder}/analyzer.py"), &folder).await;
        started.map_err(|fault| format!("{NOT_STARTED} The analyzer was not started: {fault}"))
    }

    /// A folder for the analyzer: the one that the option `analpath` names, or a new one on the system's drive.
    async fn folder(
        &mut self,
        environ: &std::collections::BTreeMap<String, String>,
    ) -> Result<String, String> {
        let given = self.run.task.options.as_deref().unwrap_or_default();
        let asked = options::pairs(given).find(|(name, value)| *name == "analpath" && !value.is_empty());
        let drive = match (self.machine.platform, environ.get("SYSTEMDRIVE")) {
            (Platform::Windows, Some(drive)) => format!("{drive}/"),
            (Platform::Windows, None) => return Err("the guest has no variable SYSTEMDRIVE".into()),
            _ => "/".to_owned(),
        };
        let made = match asked {
            Some((_, name)) => {
                let dir = format!("{drive}{}", name.trim_start_matches('/'));
                self.agent.mkdir(&dir).await.map(|()| dir)
            }
            None => self.agent.mkdtemp(&drive).await,
        };
        made.map_err(|fault| format!("there is no folder for the analyzer in the guest: {fault}"))
    }

    fn sample(&self) -> Result<File, String> {
        let sample = self.run.task.sample.as_ref().ok_or("the task has no sample")?;
        let file = self.run.sandbox.samples.open_sample(&sample.digests.sha256);
        let file = file.map_err(|error| format!("the sample cannot be read: {error}"))?;
        match file.metadata() {
            Ok(about) if about.len() == sample.digests.file_size => Ok(file),
            _ => Err("the sample on disk is not the one that was submitted".into()),
        }
    }

    /// The sample; or the member that the task is about, unless the analyzer opens what that lies in: zip archives, on Windows.
    async fn given(&mut self) -> Result<Given, String> {
        let task = &self.run.task;
        if task.category == Category::Url {
            return Ok(Given::default());
        }
        let choice = Choice::of(task).filter(|choice| !self.opens(choice.format));
        let Some(choice) = choice else {
            let file_type = task.sample.as_ref().map(|sample| sample.digests.file_type.clone());
            let (name, file_type) = (guest_name(task.file_name()), file_type.unwrap_or_default());
            return Ok(Given { name, file_type, file: Some(self.sample()?) });
        };
        let text = format!("the sample is {}, out of {}", choice.member, task.file_name());
        let member = choice.taken(self.run.sandbox.samples.clone()).await?;
        self.log.info(&text);
        Ok(Given { name: guest_name(&member.name), file_type: member.file_type, file: Some(member.file) })
    }

    fn opens(&self, format: Format) -> bool {
        self.machine.platform == Platform::Windows && format == Format::Zip
    }

    fn conf(&mut self, given: &Given) -> Result<String, String> {
        let task = &self.run.task;
        let is_url = task.category == Category::Url;
        let (file_type, file_name) = (given.file_type.as_str(), given.name.clone());
        let exports = match &given.file {
            Some(file) if file_type.contains("DLL") => exports(file),
            _ => Vec::new(),
        };
        let facts = Facts { is_url, file_type, file_name: &file_name, exports: &exports };
        let asked = task.package.as_deref().filter(|name| !name.is_empty());
        let package = asked.unwrap_or_else(|| choose(self.machine.platform, &facts));
        let results = self.configuration.results_for(&self.machine);
        let machine: Vec<(String, String)> =
            self.machine.options.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let mut options = task.options.clone().unwrap_or_default();
        let has_file = options::pairs(&options).any(|(name, _)| name == "file");
        if let Some(choice) = Choice::of(task).filter(|choice| self.opens(choice.format) && !has_file) {
            // The package `zip` knows the member under this name.
            options.push_str(&format!(",file={}", choice.member));
        }
        if self.hosted.is_some() && !options::pairs(&options).any(|(name, _)| name == "screenshots") {
            // They are taken from outside, where no sample can draw them.
            options.push_str(if options.is_empty() { "screenshots=0" } else { ",screenshots=0" });
        }
        let conf = Conf {
            id: task.id,
            ip: results.ip(),
            port: results.port(),
            category: if is_url { "url" } else { "file" },
            target: if is_url { &task.target } else { &file_name },
            package,
            options: &options,
            file_name: &file_name,
            file_type,
            pe_exports: &exports,
            timeout: self.timeout(),
            enforce_timeout: task.enforce_timeout,
            clock: self.clock().unwrap_or_else(jiff::Timestamp::now),
            machine: &machine,
        };
        self.log.info(&format!("the package is {package}"));
        Ok(conf.text())
    }
}

/// A text as a file that can be sent.
fn content(text: &str) -> std::io::Result<File> {
    let mut file = tempfile::tempfile()?;
    std::io::Write::write_all(&mut file, text.as_bytes())?;
    std::io::Seek::rewind(&mut file)?;
    Ok(file)
}

/// Names of what a library exports; none when it cannot be read as one.
fn exports(mut file: &File) -> Vec<String> {
    let mut bytes = Vec::new();
    let read = std::io::Read::read_to_end(&mut std::io::Read::take(file, MAX_PE), &mut bytes);
    // It is sent after this.
    let rewound = std::io::Seek::rewind(&mut file);
    let read = read.and(rewound);
    let parsed = read.ok().and_then(|()| forensics::pe::Pe::parse(bytes).ok());
    parsed.map(|pe| pe.exports().names).unwrap_or_default()
}
