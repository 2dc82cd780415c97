//! What agents report about their hosts, written down.

use super::Time;
use crate::db::{DbResult, Tx, Value};
use crate::fleet::fault::Outcome;
use crate::params;

/// The longest text of a column, in characters; longer reports are cut.
const MAX_TEXT: usize = 255;

/// Columns of `hosts` that a report changes, and their new values. Columns come from the program, values from agents.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    texts: Vec<(&'static str, String)>,
    numbers: Vec<(&'static str, i64)>,
    reals: Vec<(&'static str, f64)>,
}

impl Facts {
    pub fn text(&mut self, column: &'static str, value: &str) {
        let clean: String = value.chars().filter(|c| *c != '\0').take(MAX_TEXT).collect();
        self.texts.push((column, clean));
    }

    pub fn number(&mut self, column: &'static str, value: i64) {
        self.numbers.push((column, value));
    }

    pub fn real(&mut self, column: &'static str, value: f64) {
        self.reals.push((column, value));
    }

    pub fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.numbers.is_empty() && self.reals.is_empty()
    }
}

/// Writes what a host reported. `details_complete` ends the wait for details, and a refetch.
pub fn save_facts(tx: &mut Tx<'_>, id: u32, facts: &Facts, details_complete: bool) -> Outcome<()> {
    let now = Time::now();
    let mut set = vec!["updated_at = $2".to_owned()];
    let mut values = vec![Value::Int(id.into()), Value::Int(now.0)];
    if details_complete {
        set.push("detail_updated_at = $2, refetch_requested = 0".into());
    }
    let texts = facts.texts.iter().map(|(column, text)| (*column, Value::Text(text)));
    let numbers = facts.numbers.iter().map(|(column, number)| (*column, Value::Int(*number)));
    let reals = facts.reals.iter().map(|(column, real)| (*column, Value::Real(*real)));
    for (column, value) in texts.chain(numbers).chain(reals) {
        values.push(value);
        set.push(format!("{column} = ${}", values.len()));
    }
    tx.execute(&format!("UPDATE hosts SET {} WHERE id = $1", set.join(", ")), &values)?;
    Ok(())
}

/// Stores the rows of additional queries, one JSON object by name.
pub fn save_additional(tx: &mut Tx<'_>, id: u32, additional: &str) -> Outcome<()> {
    tx.execute("UPDATE hosts SET additional = $2 WHERE id = $1", params![id, additional])?;
    Ok(())
}

/// Writes which labels a host is in, as far as it was asked. Labels deleted meanwhile are left out.
pub fn label_results(tx: &mut Tx<'_>, id: u32, results: &[(u32, bool)]) -> Outcome<()> {
    for (label, is_member) in results {
        let sql = if *is_member {
            "INSERT INTO label_membership (label_id, host_id) SELECT id, $2 FROM labels \
                WHERE id = $1 AND label_membership_type = 'dynamic' ON CONFLICT DO NOTHING"
        } else {
            "DELETE FROM label_membership WHERE label_id = $1 AND host_id = $2 AND EXISTS ( \
                SELECT 1 FROM labels WHERE id = $1 AND label_membership_type = 'dynamic')"
        };
        tx.execute(sql, params![label, id])?;
    }
    tx.execute("UPDATE hosts SET label_updated_at = $2 WHERE id = $1", params![id, Time::now()])?;
    Ok(())
}

/// Writes which policies a host passes; `None` for one whose query failed. Policies deleted meanwhile, and those of other
/// teams, are left out.
pub fn policy_results(tx: &mut Tx<'_>, id: u32, results: &[(u32, Option<bool>)]) -> Outcome<()> {
    let now = Time::now();
    for (policy, passes) in results {
        let sql = "INSERT INTO policy_membership (policy_id, host_id, passes, updated_at) \
            SELECT p.id, h.id, $3, $4 FROM policies p, hosts h \
            WHERE p.id = $1 AND h.id = $2 AND (p.team_id IS NULL OR p.team_id = h.team_id) \
            ON CONFLICT (policy_id, host_id) DO UPDATE SET passes = excluded.passes, updated_at = excluded.updated_at";
        tx.execute(sql, params![policy, id, passes, now])?;
    }
    tx.execute("UPDATE hosts SET policy_updated_at = $2 WHERE id = $1", params![id, now])?;
    Ok(())
}

/// Writes when hosts were last seen, many at once.
pub fn seen(tx: &mut Tx<'_>, hosts: &[(u32, Time)]) -> DbResult<()> {
    for (id, time) in hosts {
        tx.execute("UPDATE hosts SET seen_time = $2 WHERE id = $1 AND seen_time < $2", params![id, time])?;
    }
    Ok(())
}
