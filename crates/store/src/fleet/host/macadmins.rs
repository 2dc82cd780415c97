//! Munki and device management (the Fleet reference, sections 4.3 and 12.5).

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::Tx;
use crate::fleet::Visible;
use crate::fleet::fault::Outcome;
use crate::params;

/// What is known of one host.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MacAdmins {
    pub munki: Option<Munki>,
    pub mobile_device_management: Option<Management>,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Munki {
    pub version: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Management {
    pub enrollment_status: &'static str,
    pub server_url: String,
}

/// What is known of many.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Aggregated {
    pub munki_versions: Vec<MunkiCount>,
    pub mobile_device_management_enrollment_status: ManagementCounts,
}

#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct MunkiCount {
    pub version: String,
    pub hosts_count: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct ManagementCounts {
    pub enrolled_manual_hosts_count: u64,
    pub enrolled_automated_hosts_count: u64,
    pub unenrolled_hosts_count: u64,
    pub hosts_count: u64,
}

fn enrollment_status(enrolled: bool, installed_from_dep: bool) -> &'static str {
    match (enrolled, installed_from_dep) {
        (false, _) => "Unenrolled",
        (true, false) => "Enrolled (manual)",
        (true, true) => "Enrolled (automated)",
    }
}

/// Munki and management of a host; `None` when it told of neither.
pub fn macadmins(tx: &mut Tx<'_>, host: u32) -> Outcome<Option<MacAdmins>> {
    let version = tx.value("SELECT version FROM host_munki WHERE host_id = $1", params![host])?;
    let munki = version.map(|version| Munki { version });
    let sql = "SELECT enrolled, installed_from_dep, server_url FROM host_mdm WHERE host_id = $1";
    let mobile_device_management = tx.first(sql, params![host], |row| {
        let enrollment_status = enrollment_status(row.take()?, row.take()?);
        Ok(Management { enrollment_status, server_url: row.take()? })
    })?;
    let known = munki.is_some() || mobile_device_management.is_some();
    Ok(known.then_some(MacAdmins { munki, mobile_device_management }))
}

/// Munki and management of all these hosts.
pub fn aggregated_macadmins(tx: &mut Tx<'_>, visible: &Visible) -> Outcome<Aggregated> {
    let condition = visible.condition("h.team_id");
    let sql = format!(
        "SELECT m.version, COUNT(*) FROM host_munki m JOIN hosts h ON h.id = m.host_id WHERE {condition} \
            GROUP BY m.version ORDER BY m.version"
    );
    let munki_versions =
        tx.all(&sql, &[], |row| Ok(MunkiCount { version: row.take()?, hosts_count: row.take()? }))?;
    let sql = format!(
        "SELECT m.enrolled, m.installed_from_dep, COUNT(*) FROM host_mdm m JOIN hosts h ON h.id = m.host_id \
            WHERE {condition} GROUP BY m.enrolled, m.installed_from_dep"
    );
    let mut counts = ManagementCounts::default();
    tx.all(&sql, &[], |row| {
        let (enrolled, automated): (bool, bool) = (row.take()?, row.take()?);
        let hosts: u64 = row.take()?;
        counts.hosts_count += hosts;
        match (enrolled, automated) {
            (false, _) => counts.unenrolled_hosts_count += hosts,
            (true, false) => counts.enrolled_manual_hosts_count += hosts,
            (true, true) => counts.enrolled_automated_hosts_count += hosts,
        }
        Ok(())
    })?;
    Ok(Aggregated { munki_versions, mobile_device_management_enrollment_status: counts })
}
