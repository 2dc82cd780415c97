//! How members of JSON objects are read where "absent", `null` and a value differ, or do not.

use serde::{Deserialize, Deserializer};

/// Takes `null` for the default, as clients mean it. Use with `#[serde(default, deserialize_with = …)]`.
pub fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(from).map(Option::unwrap_or_default)
}

/// `Some(None)` for `null`; with `#[serde(default, deserialize_with = …)]` an absent member gives `None`.
pub fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(from).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Thing {
        #[serde(default, deserialize_with = "or_default")]
        name: String,
        #[serde(default, deserialize_with = "given")]
        shard: Option<Option<u32>>,
    }

    #[test]
    fn absent_null_and_values_differ_where_they_should() {
        let read = |text: &str| serde_json::from_str::<Thing>(text).unwrap();
        assert_eq!(read("{}"), Thing::default());
        assert_eq!(read(r#"{"name":null,"shard":null}"#), Thing { name: String::new(), shard: Some(None) });
        assert_eq!(read(r#"{"name":"a","shard":3}"#), Thing { name: "a".into(), shard: Some(Some(3)) });
    }
}
