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
    columns: Vec<Column>,
    taken: usize,
}

impl Row {
    /// A row for so many columns, to be filled again and again.
    pub(super) fn with_width(width: usize) -> Self {
        Self { columns: Vec::with_capacity(width), taken: 0 }
    }

    /// Puts the columns of the next row in.
    pub(super) fn fill(&mut self, columns: impl Iterator<Item = DbResult<Column>>) -> DbResult<()> {
        self.columns.clear();
        self.taken = 0;
        columns.into_iter().try_for_each(|column| {
            self.columns.push(column?);
            Ok(())
        })
    }

    /// The next column.
    pub fn take<T: FromColumn>(&mut self) -> DbResult<T> {
        let column = self.taken;
        self.taken += 1;
        let value =
            self.columns.get_mut(column).map_or(Column::Null, |value| std::mem::replace(value, Column::Null));
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
