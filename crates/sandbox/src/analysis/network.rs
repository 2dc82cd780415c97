//! The network of a run: connected before the sample is there, gone with the machine.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::Analysis;
use crate::api::options;
use crate::internet::event::FILE;
use crate::internet::{Authority, Beyond, Internet, Program, Proxy, Route, Settings};
use crate::machine::{Guest, Qemu, Vm};
use crate::scheduler::Run;

/// What a task asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wish {
    pub route: Route,
    /// The proxy of the route `proxy`, with its name.
    proxy: Option<(String, Proxy)>,
}

impl Wish {
    /// What was asked for and is not there fails: it is a matter of safety.
    pub fn of(run: &Run) -> Result<Self, String> {
        let options = run.task.options.as_deref().unwrap_or_default();
        let asked = options::pairs(options).find(|(name, _)| *name == "route").map(|(_, value)| value);
        let route = Route::asked(asked)?;
        let proxies = &run.sandbox.settings.proxies;
        let proxy = match asked.and_then(Route::proxy_name) {
            Some(name) => {
                let proxy = proxies
                    .get(name)
                    .ok_or_else(|| format!("the proxy {name:?} is not in the configuration any more"))?;
                Some((name.to_owned(), proxy.clone()))
            }
            None => None,
        };
        Ok(Self { route, proxy })
    }

    /// As the task tells it.
    pub fn name(&self) -> String {
        match &self.proxy {
            Some((name, _)) => format!("{}:{name}", self.route.name()),
            None => self.route.name().to_owned(),
        }
    }

    /// What the network's process gets to know, and what stays here.
    pub fn settings(&self) -> (Settings, Beyond) {
        let mut settings = Settings::new(self.route);
        let proxy = self.proxy.as_ref().map(|(_, proxy)| proxy.clone());
        settings.allow = proxy.as_ref().map(|proxy| proxy.allow.clone()).unwrap_or_default();
        (settings, Beyond { proxy, results: None })
    }
}

/// Connects a machine, and writes down what its guest does there.
pub(crate) async fn open(
    (qemu, program): (&Qemu, &Program),
    vm: &Vm,
    settings: &Settings,
    beyond: Beyond,
    folder: &Path,
) -> Result<Internet, String> {
    let failed = |error: &dyn std::fmt::Display| format!("the network cannot be made: {error}");
    let log = OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(folder.join(FILE))
        .map_err(|error| failed(&error))?;
    Internet::connect(qemu, vm, program, settings, beyond, log).await.map_err(|error| failed(&error))
}

/// Connects the guest to what was asked for; to nothing, when that is the route.
pub(super) async fn connect(
    analysis: &mut Analysis,
    guest: &Guest,
    wish: &Wish,
) -> Result<Option<Internet>, String> {
    if wish.route == Route::None {
        analysis.log.info("the machine has no network");
        return Ok(None);
    }
    let failed = |error: &dyn std::fmt::Display| format!("the network cannot be made: {error}");
    let image = analysis.qemu.guests().get(&analysis.run.machine.label).map_err(|error| failed(&error))?;
    let (mut settings, beyond) = wish.settings();
    settings.authority = Some(authority(image.authority()).map_err(|error| failed(&error))?);
    if let Some(clock) = analysis.clock() {
        settings.clock_offset = clock.duration_since(jiff::Timestamp::now()).as_secs();
    }
    let folder = analysis.run.folder.path();
    let internet = open((&analysis.qemu, &analysis.internet), guest, &settings, beyond, folder).await?;
    analysis.log.info(&format!("the network is {}", wish.name()));
    Ok(Some(internet))
}

/// What the guest trusts, for who answers its encrypted connections: the files of its certificate and its key.
pub(crate) fn authority(
    (certificate, key): (impl AsRef<Path>, impl AsRef<Path>),
) -> std::io::Result<Authority> {
    Ok(Authority { certificate: std::fs::read_to_string(certificate)?, key: std::fs::read_to_string(key)? })
}

/// Waits until everything is told. The machine is off by then.
pub(crate) async fn finish(internet: Option<Internet>) -> Option<Result<(), String>> {
    let ended = internet?.finish().await;
    Some(ended.map_err(|error| format!("{error}; what the sample did after that was not answered")))
}
