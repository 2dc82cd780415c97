//! The value of a field.

/// What rules can be about.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    /// With its lower case, which most rules compare.
    Text(String, String),
    List(Vec<Cell>),
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Cell {
        let text = text.into();
        let lower = text.to_lowercase();
        Cell::Text(text, lower)
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Cell::Int(i) => Some(*i as f64),
            Cell::Float(f) => Some(*f),
            Cell::Text(text, _) => text.trim().parse().ok(),
            _ => None,
        }
    }

    /// Numbers and truth values as the text that rules write for them.
    pub(super) fn as_text(&self) -> Option<Cell> {
        match self {
            Cell::Text(..) => Some(self.clone()),
            Cell::Int(i) => Some(Cell::text(i.to_string())),
            Cell::Float(f) => Some(Cell::text(f.to_string())),
            Cell::Bool(b) => Some(Cell::text(b.to_string())),
            Cell::Null | Cell::List(_) => None,
        }
    }
}
