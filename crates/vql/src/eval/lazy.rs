//! The lazy row: columns not yet evaluated, as the layer that WHERE and GROUP BY see (reference, section 6.1).

use std::sync::OnceLock;

use crate::plan::{Column, Select};
use crate::schema::Name;
use crate::scope::Scope;
use crate::value::{Row, Value};

/// The named columns of one row; each is evaluated when first asked for, and kept.
pub struct LazyRow<'a> {
    pub(crate) select: &'a Select,
    /// Outer scope and raw row: what the columns are evaluated in.
    pub(crate) scope: &'a Scope<'a>,
    /// One for each of the aliases.
    pub(crate) cells: &'a [OnceLock<Value>],
}

impl LazyRow<'_> {
    /// The column of that name.
    pub fn get(&self, name: &Name) -> Option<Value> {
        self.select.aliases.find(name).map(|i| self.cell(i))
    }

    pub(crate) fn cell(&self, i: usize) -> Value {
        self.cells[i]
            .get_or_init(|| self.scope.eval_column(&self.select.columns[self.select.alias_columns[i]]))
            .clone()
    }

    /// All columns, evaluated.
    pub fn force(&self) -> Row {
        let cells = (0..self.cells.len()).map(|i| self.cell(i)).collect();
        Row { schema: self.select.aliases.clone(), cells }
    }
}

impl Scope<'_> {
    /// A value as the cell of a row: queries in it are run (section 6.2), those that are elements of a list as well.
    pub(crate) fn cell(&self, value: Value) -> Value {
        match value {
            v @ Value::Query(_) => self.listed(v),
            Value::List(items) if items.iter().any(|v| matches!(v, Value::Query(_))) => {
                Value::list(items.iter().map(|v| self.listed(v.clone())).collect())
            }
            v => v,
        }
    }

    /// The value of a column for the row in scope.
    pub(crate) fn eval_column(&self, column: &Column) -> Value {
        match column {
            Column::Star => Value::Null,
            Column::Expr { value, .. } => self.cell(self.eval(value)),
            Column::Select { query, .. } => self.eval_cell_select(query),
        }
    }
}
