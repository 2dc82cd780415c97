//! What queries cost on hosts: medians and the like, counted now and then from what agents reported (the Fleet
//! reference, section 6.1).

use std::collections::{BTreeMap, HashMap};

use schemars::JsonSchema;
use serde::Serialize;

use crate::db::{DbResult, Row, Tx};
use crate::fleet::fault::Outcome;
use crate::params;

/// Costs of one execution in milliseconds, over all hosts; null while nobody reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct Stats {
    pub system_time_p50: Option<f64>,
    pub system_time_p95: Option<f64>,
    pub user_time_p50: Option<f64>,
    pub user_time_p95: Option<f64>,
    pub total_executions: Option<u64>,
}

/// Whose stats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    Query = 0,
    ScheduledQuery = 1,
}

fn from_row(row: &mut Row) -> DbResult<Stats> {
    Ok(Stats {
        system_time_p50: row.take()?,
        system_time_p95: row.take()?,
        user_time_p50: row.take()?,
        user_time_p95: row.take()?,
        total_executions: row.take()?,
    })
}

const COLUMNS: &str = "system_time_p50, system_time_p95, user_time_p50, user_time_p95, total_executions";

/// The stats of one query or scheduled query.
pub fn stats_of(tx: &mut Tx<'_>, of: Of, id: u32) -> Outcome<Stats> {
    let sql = format!("SELECT {COLUMNS} FROM query_stats WHERE kind = $1 AND id = $2");
    Ok(tx.first(&sql, params![of as i32, id], from_row)?.unwrap_or_default())
}

/// The stats of all that have some, by id.
pub fn all(tx: &mut Tx<'_>, of: Of) -> Outcome<HashMap<u32, Stats>> {
    let sql = format!("SELECT id, {COLUMNS} FROM query_stats WHERE kind = $1");
    Ok(tx.all(&sql, params![of as i32], |row| Ok((row.take()?, from_row(row)?)))?.into_iter().collect())
}

/// What one host reported of one scheduled query.
struct Sample {
    executions: u64,
    system_time: f64,
    user_time: f64,
}

/// Counts everything anew. Meant for a job that runs every hour.
pub fn aggregate(tx: &mut Tx<'_>) -> Outcome<()> {
    let sql = "SELECT s.id, s.query_id, t.executions, t.system_time, t.user_time FROM scheduled_query_stats t \
        JOIN scheduled_queries s ON s.id = t.scheduled_query_id WHERE t.executions > 0";
    let mut samples: BTreeMap<(i32, u32), Vec<Sample>> = BTreeMap::new();
    tx.all(sql, &[], |row| {
        let (scheduled, query): (u32, u32) = (row.take()?, row.take()?);
        let (executions, system, user): (i64, i64, i64) = (row.take()?, row.take()?, row.take()?);
        for of in [(Of::Query as i32, query), (Of::ScheduledQuery as i32, scheduled)] {
            let per = |total: i64| total as f64 / executions as f64;
            let sample = Sample {
                executions: executions.unsigned_abs(),
                system_time: per(system),
                user_time: per(user),
            };
            samples.entry(of).or_default().push(sample);
        }
        Ok(())
    })?;
    tx.execute("DELETE FROM query_stats", &[])?;
    for ((kind, id), samples) in samples {
        let stats = count(&samples);
        let sql =
            format!("INSERT INTO query_stats (kind, id, {COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7)");
        let total = stats.total_executions.map(|total| i64::try_from(total).unwrap_or(i64::MAX));
        tx.execute(
            &sql,
            params![
                kind,
                id,
                stats.system_time_p50,
                stats.system_time_p95,
                stats.user_time_p50,
                stats.user_time_p95,
                total
            ],
        )?;
    }
    Ok(())
}

fn count(samples: &[Sample]) -> Stats {
    let sorted = |of: fn(&Sample) -> f64| {
        let mut values: Vec<f64> = samples.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let (system, user) = (sorted(|s| s.system_time), sorted(|s| s.user_time));
    let total = samples.iter().fold(0_u64, |sum, sample| sum.saturating_add(sample.executions));
    Stats {
        system_time_p50: percentile(&system, 50),
        system_time_p95: percentile(&system, 95),
        user_time_p50: percentile(&user, 50),
        user_time_p95: percentile(&user, 95),
        total_executions: (!samples.is_empty()).then_some(total),
    }
}

/// The smallest value that so many percent of all are not above; the values are in order.
fn percentile(values: &[f64], percent: usize) -> Option<f64> {
    let rank = (values.len() * percent).div_ceil(100).max(1);
    values.get(rank - 1).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_reported() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((percentile(&values, 50), percentile(&values, 95)), (Some(50.0), Some(95.0)));
        assert_eq!((percentile(&[7.0], 50), percentile(&[7.0], 95)), (Some(7.0), Some(7.0)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn executions_add_up() {
        let sample = |executions, system_time| Sample { executions, system_time, user_time: 1.0 };
        let stats = count(&[sample(2, 5.0), sample(3, 4.0)]);
        assert_eq!((stats.total_executions, stats.system_time_p50), (Some(5), Some(4.0)));
        assert_eq!(count(&[]), Stats::default());
    }
}
