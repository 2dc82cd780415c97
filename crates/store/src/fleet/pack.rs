//! Packs (the Fleet reference, section 7).
//!
//! ```text
//! record      packs as the API shows and changes them     target      the hosts that packs are for
//! scheduled   queries in packs                            system      the packs behind the schedules
//! spec        packs as files describe them                config      packs as agents are sent them
//! stats       what agents reported about queries in packs
//! ```

mod config;
mod record;
pub mod scheduled;
mod spec;
mod stats;
mod system;
mod target;

pub use config::for_host;
pub use record::{
    NewPack, ORDER_KEYS, Pack, PackHead, by_id, create, delete, find, head, heads_without_teams, list, update,
};
pub use scheduled::{NewScheduled, Scheduled, ScheduledPatch};
pub use spec::{PackSpec, apply, spec_named, specs};
pub use stats::{PackStats, QueryStats, Report, report, stats_of_host};
pub use system::{System, delete_of_team, rename_of_team, system, system_if_used};
pub use target::{Target, TargetKind, forget_target};

/// The condition that a pack `p` applies to the host `$1` of the team `$2`.
pub(super) const APPLIES: &str = "p.disabled = 0 AND EXISTS (SELECT 1 FROM pack_targets g WHERE g.pack_id = p.id AND ( \
    (g.kind = 0 AND g.target_id IN (SELECT m.label_id FROM label_membership m WHERE m.host_id = $1)) \
    OR (g.kind = 1 AND g.target_id = $1) OR (g.kind = 2 AND g.target_id = $2)))";
