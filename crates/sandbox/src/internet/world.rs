//! What all connections of a guest share.

use std::io::Write;
use std::net::Ipv4Addr;

use jiff::{SignedDuration, Timestamp};

use super::Route;
use super::certificates::Certificates;
use super::event::{Event, Flow};
use super::log::Log;
use super::names::Names;
use super::pipe::Way;
use super::settings::Settings;

pub struct World {
    pub settings: Settings,
    pub names: Names,
    pub certificates: Certificates,
    pub log: Log,
}

impl World {
    /// Fails when the authority's texts are none.
    pub fn new(settings: Settings, log: Box<dyn Write + Send>) -> Result<Self, String> {
        let log = Log::new(log, settings.log_bytes);
        let mut world = Self {
            certificates: Certificates::new(settings.authority.as_ref())?,
            names: Names::default(),
            log,
            settings,
        };
        world.tell(Event::Started { route: world.settings.route });
        Ok(world)
    }

    pub fn tell(&mut self, event: Event) {
        self.log.write(now(), event);
    }

    /// The last line of the log.
    pub fn tell_end(&mut self, event: Event) {
        self.log.last(now(), event);
    }

    /// The time in the guest, as far as anybody knows: a sample may have set its clock.
    pub fn guest_time(&self) -> Timestamp {
        let offset = SignedDuration::from_secs(self.settings.clock_offset);
        Timestamp::now().saturating_add(offset).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// Where a connection of the guest leads, if it leads out of here.
    pub fn way(&self, flow: &Flow) -> Option<Way> {
        let settings = &self.settings;
        if flow.dst == settings.addresses.gateway && Some(flow.dport) == settings.results {
            return Some(Way::Results);
        }
        if settings.route != Route::Proxy {
            return None;
        }
        let host = self.name_of(flow.dst).unwrap_or_else(|| flow.dst.to_string());
        let is_allowed = settings.allow.iter().any(|allowed| allowed.permits(&host, flow.dport));
        is_allowed.then_some(Way::Proxy { host, port: flow.dport })
    }

    pub fn name_of(&self, address: Ipv4Addr) -> Option<String> {
        self.names.name(address).map(str::to_owned)
    }
}

fn now() -> f64 {
    Timestamp::now().as_microsecond() as f64 / 1e6
}
