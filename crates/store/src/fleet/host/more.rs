//! What agents report that does not fit into the row of their host. Each part replaces what was known of it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Tx;
use crate::fleet::fault::Outcome;
use crate::fleet::pack;
use crate::params;

/// A user of the host.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct HostUser {
    pub uid: i64,
    pub username: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub groupname: String,
    pub shell: String,
}

/// How the device is managed.
#[derive(Clone, Debug, PartialEq)]
pub struct Mdm {
    pub enrolled: bool,
    pub server_url: String,
    pub installed_from_dep: bool,
}

/// A program on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct Software {
    pub name: String,
    pub version: String,
    /// The table that told of it.
    pub source: String,
    pub release: String,
    pub vendor: String,
    pub arch: String,
    pub bundle_identifier: String,
    /// Microseconds since 1970.
    pub last_opened_at: Option<i64>,
}

/// Programs, and the sources that were asked: what is known of these and not told again is gone.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    pub sources: Vec<String>,
    pub programs: Vec<Software>,
}

/// The parts that a report has.
#[derive(Clone, Debug, Default)]
pub struct More {
    pub users: Option<Vec<HostUser>>,
    /// Mail addresses of browser profiles.
    pub emails: Option<Vec<String>>,
    pub mdm: Option<Option<Mdm>>,
    /// The version of Munki.
    pub munki: Option<Option<String>>,
    pub software: Inventory,
    /// By the names of pack and entry.
    pub stats: Vec<(String, String, pack::Report)>,
}

/// Writes all parts.
pub fn save_more(tx: &mut Tx<'_>, host: u32, more: &More) -> Outcome<()> {
    if let Some(list) = &more.users {
        users(tx, host, list)?;
    }
    if let Some(list) = &more.emails {
        emails(tx, host, list)?;
    }
    if let Some(found) = &more.mdm {
        mdm(tx, host, found.as_ref())?;
    }
    if let Some(version) = &more.munki {
        munki(tx, host, version.as_deref())?;
    }
    for (pack, entry, report) in &more.stats {
        pack::report(tx, host, pack, entry, report)?;
    }
    software(tx, host, &more.software)
}

fn users(tx: &mut Tx<'_>, host: u32, list: &[HostUser]) -> Outcome<()> {
    tx.execute("DELETE FROM host_users WHERE host_id = $1", params![host])?;
    for user in list {
        let sql = "INSERT INTO host_users (host_id, uid, username, type, groupname, shell) \
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
        tx.execute(sql, params![host, user.uid, user.username, user.kind, user.groupname, user.shell])?;
    }
    Ok(())
}

fn emails(tx: &mut Tx<'_>, host: u32, list: &[String]) -> Outcome<()> {
    const SOURCE: &str = "google_chrome_profiles";
    tx.execute("DELETE FROM host_emails WHERE host_id = $1 AND source = $2", params![host, SOURCE])?;
    for email in list {
        let sql =
            "INSERT INTO host_emails (host_id, email, source) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        tx.execute(sql, params![host, email, SOURCE])?;
    }
    Ok(())
}

fn mdm(tx: &mut Tx<'_>, host: u32, found: Option<&Mdm>) -> Outcome<()> {
    tx.execute("DELETE FROM host_mdm WHERE host_id = $1", params![host])?;
    if let Some(mdm) = found {
        let sql = "INSERT INTO host_mdm (host_id, enrolled, server_url, installed_from_dep) VALUES ($1, $2, $3, $4)";
        tx.execute(sql, params![host, mdm.enrolled, mdm.server_url, mdm.installed_from_dep])?;
    }
    Ok(())
}

fn munki(tx: &mut Tx<'_>, host: u32, version: Option<&str>) -> Outcome<()> {
    tx.execute("DELETE FROM host_munki WHERE host_id = $1", params![host])?;
    if let Some(version) = version {
        tx.execute("INSERT INTO host_munki (host_id, version) VALUES ($1, $2)", params![host, version])?;
    }
    Ok(())
}

fn software(tx: &mut Tx<'_>, host: u32, inventory: &Inventory) -> Outcome<()> {
    let mut sources: Vec<&str> = inventory.sources.iter().map(String::as_str).collect();
    sources.extend(inventory.programs.iter().map(|program| program.source.as_str()));
    sources.sort_unstable();
    sources.dedup();
    for source in sources {
        let sql = "DELETE FROM host_software WHERE host_id = $1 \
            AND software_id IN (SELECT id FROM software WHERE source = $2)";
        tx.execute(sql, params![host, source])?;
    }
    for program in &inventory.programs {
        let id = program_id(tx, program)?;
        let sql = "INSERT INTO host_software (host_id, software_id, last_opened_at) VALUES ($1, $2, $3) \
            ON CONFLICT DO NOTHING";
        tx.execute(sql, params![host, id, program.last_opened_at])?;
    }
    Ok(())
}

/// The number of a program, which all hosts that have it share.
fn program_id(tx: &mut Tx<'_>, program: &Software) -> Outcome<u32> {
    let Software { name, version, source, release, vendor, arch, bundle_identifier, .. } = program;
    let find = "SELECT id FROM software WHERE name = $1 AND version = $2 AND source = $3 AND release = $4 \
        AND vendor = $5 AND arch = $6";
    let identity = params![name, version, source, release, vendor, arch];
    if let Some(id) = tx.value(find, identity)? {
        return Ok(id);
    }
    let insert = "INSERT INTO software (name, version, source, release, vendor, arch, bundle_identifier) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";
    let id = tx.value(insert, params![name, version, source, release, vendor, arch, bundle_identifier])?;
    Ok(id.unwrap_or_default())
}
