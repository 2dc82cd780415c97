//! The machine.

use super::{ALWAYS, Detail, EVERYWHERE, Ingest, Row, always, number, single, text};

pub const DETAIL: Detail = Detail {
    name: "system_info",
    platforms: EVERYWHERE,
    sql: "SELECT * FROM system_info LIMIT 1",
    discovery: ALWAYS,
    wanted: always,
    ingest,
};

const TEXTS: &[&str] = &[
    "hostname",
    "uuid",
    "cpu_type",
    "cpu_subtype",
    "cpu_brand",
    "hardware_vendor",
    "hardware_model",
    "hardware_version",
    "hardware_serial",
    "computer_name",
];

fn ingest(rows: Vec<Row>, into: &mut Ingest) {
    let Some(row) = single(rows) else { return };
    for column in TEXTS {
        into.facts.text(column, text(&row, column));
    }
    let numbers = [
        ("memory", "physical_memory"),
        ("cpu_physical_cores", "cpu_physical_cores"),
        ("cpu_logical_cores", "cpu_logical_cores"),
    ];
    for (column, told) in numbers {
        if let Some(number) = number(&row, told) {
            into.facts.number(column, number);
        }
    }
}
