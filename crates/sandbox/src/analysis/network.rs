//! The network of a run: connected before the sample is there, gone with the machine.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;

use super::Analysis;
use crate::guest::Image;
use crate::internet::event::FILE;
use crate::internet::{Authority, Internet, Route, Settings};
use crate::machine::Guest;

/// Connects the guest to what was asked for; to nothing, when that is the route.
pub async fn connect(
    analysis: &mut Analysis,
    guest: &Guest,
    route: Route,
) -> Result<Option<Internet>, String> {
    if route == Route::None {
        analysis.log.info("the machine has no network");
        return Ok(None);
    }
    let failed = |error: &dyn std::fmt::Display| format!("the network cannot be made: {error}");
    let image = analysis.qemu.guests().get(&analysis.run.machine.label).map_err(|error| failed(&error))?;
    let mut settings = Settings::new(route);
    settings.authority = Some(authority(&image).map_err(|error| failed(&error))?);
    if let Some(clock) = analysis.clock() {
        settings.clock_offset = clock.duration_since(jiff::Timestamp::now()).as_secs();
    }
    let path = analysis.run.folder.path().join(FILE);
    let log = OpenOptions::new()
        .append(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| failed(&error))?;
    let internet = Internet::connect(&analysis.qemu, guest, &analysis.internet, &settings, log).await;
    let internet = internet.map_err(|error| failed(&error))?;
    analysis.log.info(&format!("the network is {}", route.name()));
    Ok(Some(internet))
}

/// What the guest trusts, for who answers its encrypted connections.
fn authority(image: &Image) -> std::io::Result<Authority> {
    let (certificate, key) = image.authority();
    Ok(Authority { certificate: std::fs::read_to_string(certificate)?, key: std::fs::read_to_string(key)? })
}

/// Waits until everything is told. The machine is off by then.
pub async fn finish(internet: Option<Internet>) -> Option<Result<(), String>> {
    let ended = internet?.finish().await;
    Some(ended.map_err(|error| format!("{error}; what the sample did after that was not answered")))
}
