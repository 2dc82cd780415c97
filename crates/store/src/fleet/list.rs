//! Paging and order of lists (the Fleet reference, section 1.6).

use crate::db::Value;

use super::fault::{Fault, Outcome};

/// The most rows of a list that asks for no page.
const EVERYTHING: u32 = 1_000_000;
/// A page of a list that names no size.
const PAGE: u32 = 20;

/// The most characters of a text to match: databases refuse longer patterns, and no name is that long.
const MAX_PATTERN: usize = 1000;

/// What a list should show. Made from a query string by the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListOptions {
    pub page: u32,
    pub per_page: Option<u32>,
    pub order_key: Option<String>,
    pub descending: bool,
    /// The text to match; empty matches all.
    pub query: String,
    /// With `order_key`: rows beyond this value.
    pub after: Option<String>,
}

/// Something a list can be ordered by: the name on the wire, and the column. Nothing else reaches the statement.
pub type OrderKey = (&'static str, &'static str);

/// The end of a statement, and its arguments.
pub struct Tail {
    /// To be added after the last condition; starts with ` AND …` or a blank.
    pub sql: String,
    /// The value of the one additional argument, when there is one.
    pub after: Option<Owned>,
}

/// An argument that outlives the request.
#[derive(Clone, Debug, PartialEq)]
pub enum Owned {
    Int(i64),
    Real(f64),
    Text(String),
}

impl Owned {
    pub fn value(&self) -> Value<'_> {
        match self {
            Self::Int(int) => Value::Int(*int),
            Self::Real(real) => Value::Real(*real),
            Self::Text(text) => Value::Text(text),
        }
    }
}

impl ListOptions {
    /// ` [AND column > $next] ORDER BY … LIMIT … OFFSET …`. `next` is the number of the first free argument, `keys`
    /// what the list can be ordered by; the first of them is the default.
    pub fn tail(&self, keys: &[OrderKey], next: usize) -> Outcome<Tail> {
        let Tail { sql, after } = self.order(keys, next)?;
        let (offset, limit) = self.window();
        Ok(Tail { sql: format!("{sql} LIMIT {limit} OFFSET {offset}"), after })
    }

    /// The same without the page, for lists whose rows are chosen further.
    pub fn order(&self, keys: &[OrderKey], next: usize) -> Outcome<Tail> {
        let column = match self.order_key.as_deref().filter(|key| !key.is_empty()) {
            None => keys.first(),
            Some(wanted) => Some(find(keys, wanted)?),
        };
        let Some((key, column)) = column else {
            return Err(Fault::invalid("order_key", "nothing to order by"));
        };
        let (direction, beyond) = if self.descending { ("DESC", "<") } else { ("ASC", ">") };
        let after = self.after.as_ref().filter(|_| self.order_key.is_some());
        let after = after.map(|after| cursor(key, column, after)).transpose()?;
        let condition = after.as_ref().map_or(String::new(), |_| format!(" AND {column} {beyond} ${next}"));
        // Rows that are equal by their key stay on their pages.
        let tie = match keys.first() {
            Some((_, first)) if *first != *column => format!(", {first} {direction}"),
            _ => String::new(),
        };
        Ok(Tail { sql: format!("{condition} ORDER BY {column} {direction}{tie}"), after })
    }

    /// The rows of the page: how many to leave out, and how many to show.
    pub fn window(&self) -> (u64, u64) {
        let limit = u64::from(self.limit());
        let continued = self.after.is_some() && self.order_key.is_some();
        (if continued { 0 } else { u64::from(self.page) * limit }, limit)
    }

    fn limit(&self) -> u32 {
        self.per_page.unwrap_or(if self.page > 0 { PAGE } else { EVERYTHING }).min(EVERYTHING)
    }

    /// The pattern for `LIKE … ESCAPE '\'` against lower-case text, `None` when everything matches.
    pub fn pattern(&self) -> Option<String> {
        pattern(&self.query)
    }
}

/// See [`ListOptions::pattern`].
pub fn pattern(text: &str) -> Option<String> {
    let text: String = text.trim().to_lowercase().chars().take(MAX_PATTERN).collect();
    let escape = |text: &str| text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    (!text.is_empty()).then(|| format!("%{}%", escape(&text)))
}

fn find<'k>(keys: &'k [OrderKey], wanted: &str) -> Outcome<&'k OrderKey> {
    // Clients qualify columns as the published server's tables are named.
    let bare = wanted.rsplit('.').next().unwrap_or(wanted);
    keys.iter().find(|(name, _)| *name == bare).ok_or_else(|| {
        let known: Vec<&str> = keys.iter().map(|(name, _)| *name).collect();
        Fault::invalid("order_key", format!("unknown order_key {wanted}, choose from {}", known.join(", ")))
    })
}

fn cursor(key: &str, column: &str, after: &str) -> Outcome<Owned> {
    if key.ends_with("id") && !key.ends_with("uuid") {
        let number =
            after.parse().map_err(|_| Fault::invalid("after", format!("{after} is not a number")))?;
        return Ok(Owned::Int(number));
    }
    if key.ends_with("_at") || key.ends_with("_time") {
        let refuse = || Fault::invalid("after", format!("{after} is not a time"));
        return after
            .parse::<jiff::Timestamp>()
            .map(|time| Owned::Int(time.as_microsecond()))
            .map_err(|_| refuse());
    }
    // Names are ordered as they compare.
    Ok(Owned::Text(if column.ends_with("_key") { super::name::key(after) } else { after.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: &[OrderKey] = &[("id", "h.id"), ("hostname", "h.hostname")];

    fn sql(options: &ListOptions) -> String {
        options.tail(KEYS, 3).unwrap().sql
    }

    #[test]
    fn pages_and_cursors_follow_the_reference() {
        let options = ListOptions::default();
        assert_eq!(sql(&options), " ORDER BY h.id ASC LIMIT 1000000 OFFSET 0");
        let options = ListOptions { page: 2, ..ListOptions::default() };
        assert_eq!(sql(&options), " ORDER BY h.id ASC LIMIT 20 OFFSET 40");
        let by = ListOptions {
            order_key: Some("hosts.hostname".into()),
            descending: true,
            after: Some("m".into()),
            page: 7,
            per_page: Some(5),
            ..ListOptions::default()
        };
        assert_eq!(sql(&by), " AND h.hostname < $3 ORDER BY h.hostname DESC, h.id DESC LIMIT 5 OFFSET 0");
        assert_eq!(by.tail(KEYS, 3).unwrap().after, Some(Owned::Text("m".into())));
    }

    #[test]
    fn cursors_are_compared_as_what_the_column_holds() {
        let keys: &[OrderKey] = &[("id", "t.id"), ("name", "t.name_key"), ("created_at", "t.created_at")];
        let after = |key: &str, after: &str| {
            let options = ListOptions {
                order_key: Some(key.into()),
                after: Some(after.into()),
                ..ListOptions::default()
            };
            options.tail(keys, 1).map(|tail| tail.after)
        };
        assert_eq!(after("id", "7").unwrap(), Some(Owned::Int(7)));
        assert_eq!(after("name", " Blue").unwrap(), Some(Owned::Text("blue".into())));
        assert_eq!(after("created_at", "1970-01-01T00:00:02Z").unwrap(), Some(Owned::Int(2_000_000)));
        for (key, text) in [("id", "x"), ("created_at", "yesterday")] {
            assert!(matches!(after(key, text), Err(Fault::Invalid { field: "after", .. })), "{key}");
        }
    }

    #[test]
    fn only_listed_columns_reach_a_statement() {
        let options =
            ListOptions { order_key: Some("id; DROP TABLE hosts".into()), ..ListOptions::default() };
        assert!(matches!(options.tail(KEYS, 1), Err(Fault::Invalid { field: "order_key", .. })));
    }

    #[test]
    fn wildcards_in_a_search_are_plain_characters() {
        let options = ListOptions { query: " 50%_Off\\ ".into(), ..ListOptions::default() };
        assert_eq!(options.pattern().as_deref(), Some("%50\\%\\_off\\\\%"));
        assert_eq!(ListOptions::default().pattern(), None);
        assert_eq!(pattern(&"x".repeat(60_000)).map(|pattern| pattern.len()), Some(1002));
    }

    #[test]
    fn cursors_are_as_their_columns_are_stored() {
        assert_eq!(cursor("team_id", "team_id", "7").unwrap(), Owned::Int(7));
        assert_eq!(cursor("seen_time", "seen_time", "1970-01-01T00:00:01Z").unwrap(), Owned::Int(1_000_000));
        assert_eq!(cursor("uuid", "uuid", "7").unwrap(), Owned::Text("7".into()));
        assert!(cursor("created_at", "created_at", "yesterday").is_err() && cursor("id", "id", "x").is_err());
    }
}
