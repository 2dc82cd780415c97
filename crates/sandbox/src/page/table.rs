//! Lists and tables of the page, with what was cut.

use super::text::Text;

/// Some of a list, and how many there are besides.
#[derive(Debug)]
pub struct List<T> {
    pub rows: Vec<T>,
    pub cut: usize,
}

impl<T> List<T> {
    /// Whether there is nothing to tell, not even that something was cut.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.cut == 0
    }

    pub fn all(&self) -> usize {
        self.rows.len() + self.cut
    }
}

/// A table with a head.
pub struct Table<'r> {
    pub title: &'static str,
    pub head: &'static [&'static str],
    pub rows: List<Vec<Text<'r>>>,
}

/// A part of the page that is tables.
pub struct Section<'r> {
    pub id: &'static str,
    pub title: &'static str,
    pub tables: Vec<Table<'r>>,
    /// What else is to be said, such as that something was cut before.
    pub notes: Vec<String>,
}

impl<'r> Section<'r> {
    /// With the tables that have rows; `None` when there is nothing in it.
    pub fn of(
        id: &'static str,
        title: &'static str,
        tables: impl IntoIterator<Item = Table<'r>>,
        notes: Vec<String>,
    ) -> Option<Self> {
        let tables: Vec<Table<'r>> = tables.into_iter().filter(|table| !table.rows.is_empty()).collect();
        (!tables.is_empty() || !notes.is_empty()).then_some(Self { id, title, tables, notes })
    }

    pub fn all(&self) -> usize {
        self.tables.iter().map(|table| table.rows.all()).sum()
    }
}
