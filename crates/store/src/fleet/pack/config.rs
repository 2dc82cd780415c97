//! Packs as agents are sent them (the osquery reference, section 4).

use serde_json::{Map, Value as Json, json};

use super::APPLIES;
use crate::db::Tx;
use crate::fleet::fault::Outcome;
use crate::fleet::host::Host;
use crate::params;

/// The packs that apply to a host, as its configuration has them: by name, with their queries.
pub fn for_host(tx: &mut Tx<'_>, host: &Host) -> Outcome<Map<String, Json>> {
    let sql = format!("SELECT p.id, p.name, p.platform FROM packs p WHERE {APPLIES} ORDER BY p.name");
    let found = tx.all(&sql, params![host.id, host.team_id], |row| {
        Ok((row.take::<u32>()?, row.take::<String>()?, row.take::<String>()?))
    })?;
    let mut packs = Map::new();
    for (id, name, platform) in found {
        let queries = queries(tx, id)?;
        let mut pack = Map::new();
        if !platform.is_empty() {
            pack.insert("platform".into(), platform.into());
        }
        pack.insert("queries".into(), Json::Object(queries));
        packs.insert(name, Json::Object(pack));
    }
    Ok(packs)
}

fn queries(tx: &mut Tx<'_>, pack: u32) -> Outcome<Map<String, Json>> {
    let sql = "SELECT s.name, q.query, s.interval, s.platform, s.version, s.snapshot, s.removed, s.shard, s.denylist \
        FROM scheduled_queries s JOIN queries q ON q.id = s.query_id WHERE s.pack_id = $1 ORDER BY s.name";
    let all = tx.all(sql, params![pack], |row| {
        let name: String = row.take()?;
        let mut entry = Map::new();
        entry.insert("query".into(), row.take::<String>()?.into());
        entry.insert("interval".into(), row.take::<u32>()?.into());
        for key in ["platform", "version"] {
            if let Some(text) = row.take::<Option<String>>()?.filter(|text| !text.is_empty()) {
                entry.insert(key.into(), text.into());
            }
        }
        if row.take::<Option<bool>>()? == Some(true) {
            entry.insert("snapshot".into(), json!(true));
        }
        if let Some(removed) = row.take::<Option<bool>>()? {
            entry.insert("removed".into(), removed.into());
        }
        if let Some(shard) = row.take::<Option<u32>>()? {
            entry.insert("shard".into(), shard.into());
        }
        if let Some(denylist) = row.take::<Option<bool>>()? {
            entry.insert("denylist".into(), denylist.into());
        }
        Ok((name, Json::Object(entry)))
    })?;
    Ok(all.into_iter().collect())
}
