//! What kinds of labels there are.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};

use crate::db::{FromColumn, Param, Taken, Value};

/// Who made a label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LabelType {
    #[default]
    Regular,
    Builtin,
}

/// Who says which hosts are in it: agents, or a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Membership {
    #[default]
    Dynamic,
    Manual,
}

impl LabelType {
    /// As on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::Builtin => "builtin",
        }
    }

    /// The reverse; the numbers of old clients are known as well.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "regular" | "0" => Some(Self::Regular),
            "builtin" | "1" => Some(Self::Builtin),
            _ => None,
        }
    }
}

impl Membership {
    /// As on the wire and in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dynamic => "dynamic",
            Self::Manual => "manual",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "dynamic" => Some(Self::Dynamic),
            "manual" => Some(Self::Manual),
            _ => None,
        }
    }
}

macro_rules! column {
    ($($kind:ident: $name:literal),*) => {
        $(impl Param for $kind {
            fn value(&self) -> Value<'_> {
                Value::Text(self.name())
            }
        }

        impl FromColumn for $kind {
            const NAME: &'static str = $name;
            fn from_column(taken: Taken) -> Option<Self> {
                Self::parse(&String::from_column(taken)?)
            }
        })*
    };
}

column!(LabelType: "a type of label", Membership: "a kind of membership");

impl<'de> Deserialize<'de> for LabelType {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let given = serde_json::Value::deserialize(from)?;
        let text = given.as_str().map_or_else(|| given.to_string(), String::from);
        Self::parse(&text).ok_or_else(|| de::Error::custom(format!("invalid LabelType: {given}")))
    }
}
