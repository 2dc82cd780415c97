//! State: who may do what, which certificates are revoked, event queues, stored files
//! and the audit log.
//!
//! Users and what belongs to Fleet are rows of a database, the rest are plain files below one directory, each module's behind a
//! narrow face. All calls block: use them from threads that may.
//!
//! ```text
//! DIR/revoked.json               certificates that lost trust [revocation]
//! DIR/artifacts/**/*.yaml       artifact definitions         [definition]
//! DIR/events/<queue>/…           rows of event queues         [event]
//! DIR/results/{result,status}/… what osquery agents log      [result_log]
//! DIR/forwarding/…               how far each destination is  [result_log]
//! DIR/files/…                    the file store               [file_store]
//! DIR/flows/<client>/<id>.json   one record per collection    [flow]
//! DIR/monitoring.json            event artifacts that run    [monitoring]
//! DIR/clients/<id>.json          one record per client        [client]
//! DIR/metadata/<client>.json     free facts about each        [metadata]
//! DIR/hunts/<id>.json            one record per hunt          [hunt]
//! DIR/profiles/<user>.json       what each user keeps         [profile]
//! DIR/logs/audit.jsonl           who did what                 [audit]
//! DIR/harrier.db                 users and all of Fleet       [db] [user] [fleet]
//! DIR/secrets/<type>/<name>.json sealed secrets               [secret]
//! ```

pub mod audit;
pub mod beneath;
pub mod client;
mod data_dir;
pub mod db;
pub mod definition;
mod durable;
mod encode;
mod error;
pub mod event;
pub mod file_store;
pub mod fleet;
pub mod flow;
pub mod hunt;
pub mod metadata;
pub mod monitoring;
pub mod profile;
#[cfg(test)]
mod random;
pub mod result_log;
pub mod revocation;
pub mod rights;
pub mod rows;
pub mod sandbox;
pub mod secret;
pub mod tls;
pub mod user;

pub use data_dir::DataDir;
pub use error::{Error, Result};
