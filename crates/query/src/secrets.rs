//! The managed secrets of the store, as queries use them.

use plugins::net::secrets::{Change, Described, Fields, Secrets};
use store::secret::Record;

/// The secrets of one data directory.
#[derive(Debug)]
pub struct StoredSecrets(pub store::secret::Secrets);

impl Secrets for StoredSecrets {
    fn fields(&self, user: &str, kind: &str, name: &str) -> Result<Option<Fields>, String> {
        self.0.fields(user, kind, name).map_err(|e| e.to_string())
    }

    fn add(&self, creator: &str, kind: &str, name: &str, fields: Fields) -> Result<(), String> {
        self.0.add(creator, kind, name, &fields).map_err(|e| e.to_string())
    }

    fn change(&self, kind: &str, name: &str, change: &Change) -> Result<bool, String> {
        let changed = match change.delete {
            true => self.0.remove(kind, name),
            false => self.0.change(kind, name, |record| apply(record, change)),
        };
        changed.map_err(|e| e.to_string())
    }

    fn list(&self) -> Result<Vec<Described>, String> {
        let records = self.0.list().map_err(|e| e.to_string())?;
        Ok(records.into_iter().map(described).collect())
    }
}

fn apply(record: &mut Record, change: &Change) {
    edit(&mut record.users, &change.add_users, &change.remove_users);
    edit(&mut record.orgs, &change.add_orgs, &change.remove_orgs);
    if let Some(visible) = change.visible_to_all_orgs {
        record.visible_to_all_orgs = visible;
    }
}

fn edit(list: &mut Vec<String>, add: &[String], remove: &[String]) {
    for name in add {
        if !list.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            list.push(name.clone());
        }
    }
    list.retain(|known| !remove.iter().any(|name| name.eq_ignore_ascii_case(known)));
}

fn described(record: Record) -> Described {
    Described {
        kind: record.kind,
        name: record.name,
        creator: record.creator,
        users: record.users,
        orgs: record.orgs,
        visible_to_all_orgs: record.visible_to_all_orgs,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_added_and_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = StoredSecrets(store::secret::Secrets::open(dir.path().join("secrets")));
        secrets.add("anna", "HTTP Secrets", "a", [("url".to_owned(), "u".to_owned())].into()).unwrap();
        let names = |list: &[&str]| list.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let change = Change { add_users: names(&["fred", "FRED", "eve"]), ..Change::default() };
        assert!(secrets.change("HTTP Secrets", "a", &change).unwrap());
        let change =
            Change { remove_users: names(&["Eve"]), visible_to_all_orgs: Some(true), ..Change::default() };
        assert!(secrets.change("HTTP Secrets", "a", &change).unwrap());
        assert_eq!(secrets.list().unwrap()[0].users, ["fred"]);
        assert!(secrets.fields("eve", "HTTP Secrets", "a").unwrap().is_none());
        assert_eq!(secrets.fields("fred", "HTTP Secrets", "a").unwrap().unwrap()["url"], "u");
        let gone = Change { delete: true, ..Change::default() };
        assert!(secrets.change("HTTP Secrets", "a", &gone).unwrap());
        assert!(!secrets.change("HTTP Secrets", "a", &gone).unwrap());
    }
}
