//! Queries of SQL databases (builtins page, section 4.3).

pub mod database;
pub mod postgres;
pub mod sqlite;

use std::sync::Arc;

use vql::schema::{Name, Schema};

/// The columns of rows; two columns of one name stay two.
fn schema_of<'a>(columns: impl Iterator<Item = &'a str>) -> Arc<Schema> {
    let mut schema = Schema::new();
    for column in columns {
        let mut name = column.to_owned();
        while schema.add(Name::new(&name)).is_err() {
            name.push('_');
        }
    }
    schema.into()
}
