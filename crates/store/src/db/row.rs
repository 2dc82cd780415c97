//! Rows that come out of queries.

use super::error::{DbError, DbResult};

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Column {
    Null,
    Int(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

/// One row. Its columns are taken in the order of the SELECT.
#[derive(Clone, Debug)]
pub struct Row {
    columns: std::vec::IntoIter<Column>,
    taken: usize,
}

impl Row {
    pub(super) fn new(columns: Vec<Column>) -> Self {
        Self { columns: columns.into_iter(), taken: 0 }
    }

    /// The next column.
    pub fn take<T: FromColumn>(&mut self) -> DbResult<T> {
        let column = self.taken;
        self.taken += 1;
        let value = self.columns.next().unwrap_or(Column::Null);
        T::from_column(Taken(value)).ok_or(DbError::Column { column, wanted: T::NAME })
    }
}

/// A value on its way into a type.
pub struct Taken(Column);

/// What a column can become.
pub trait FromColumn: Sized {
    /// For messages: "a number".
    const NAME: &'static str;

    /// `None` when the value is something else.
    fn from_column(taken: Taken) -> Option<Self>;
}

macro_rules! int {
    ($($type:ty),*) => {
        $(impl FromColumn for $type {
            const NAME: &'static str = "a whole number in range";
            fn from_column(taken: Taken) -> Option<Self> {
                match taken.0 {
                    Column::Int(int) => int.try_into().ok(),
                    _ => None,
                }
            }
        })*
    };
}

int!(i64, i32, u32, u64, u16);

impl FromColumn for bool {
    const NAME: &'static str = "0 or 1";
    fn from_column(taken: Taken) -> Option<Self> {
        matches!(taken.0, Column::Int(_)).then_some(taken.0 != Column::Int(0))
    }
}

impl FromColumn for f64 {
    const NAME: &'static str = "a number";
    fn from_column(taken: Taken) -> Option<Self> {
        match taken.0 {
            Column::Real(real) => Some(real),
            Column::Int(int) => Some(int as f64),
            _ => None,
        }
    }
}

impl FromColumn for String {
    const NAME: &'static str = "a text";
    fn from_column(taken: Taken) -> Option<Self> {
        match taken.0 {
            Column::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl FromColumn for Vec<u8> {
    const NAME: &'static str = "bytes";
    fn from_column(taken: Taken) -> Option<Self> {
        match taken.0 {
            Column::Blob(blob) => Some(blob),
            _ => None,
        }
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    const NAME: &'static str = T::NAME;
    fn from_column(taken: Taken) -> Option<Self> {
        match taken.0 {
            Column::Null => Some(None),
            _ => T::from_column(taken).map(Some),
        }
    }
}
