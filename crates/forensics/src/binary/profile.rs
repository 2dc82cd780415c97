//! The profile: JSON to descriptions of structures.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value as Json;

use super::scalar::Integer;

/// Descriptions of structures, by name.
#[derive(Debug, Default)]
pub struct Profile {
    pub structs: HashMap<String, Arc<StructDef>>,
}

#[derive(Debug)]
pub struct StructDef {
    pub name: String,
    pub size: Number,
    pub fields: Vec<Field>,
}

#[derive(Debug)]
pub struct Field {
    pub name: String,
    pub offset: Number,
    pub kind: Type,
}

/// A number, or the lambda that gives it.
#[derive(Clone, Debug, PartialEq)]
pub enum Number {
    Fixed(i64),
    Lambda(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    Bytes,
    Utf16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    WinFileTime,
    /// Seconds since 1970, times a factor.
    Epoch,
    Fat,
}

/// The type of a field.
#[derive(Debug)]
pub enum Type {
    Null,
    Integer(Integer),
    Float {
        bytes: usize,
        big: bool,
    },
    Leb128 {
        signed: bool,
    },
    String {
        length: Option<Number>,
        max_length: u64,
        term: Vec<u8>,
        encoding: Encoding,
    },
    Signature(Vec<u8>),
    Array {
        element: Box<Type>,
        count: Option<Number>,
        max_count: u64,
        sentinel: Option<String>,
    },
    Enumeration {
        of: Box<Type>,
        choices: BTreeMap<i64, String>,
    },
    Flags {
        of: Box<Type>,
        bits: Vec<(String, u32)>,
    },
    BitField {
        of: Box<Type>,
        start: u32,
        end: u32,
    },
    /// A number that is the offset, in the file, of what it points to.
    Pointer {
        of: Box<Type>,
        to: Box<Type>,
    },
    /// Another type at an offset in the file.
    Elsewhere {
        to: Box<Type>,
        offset: Number,
    },
    Union {
        selector: String,
        choices: HashMap<String, Type>,
    },
    Value(String),
    Constant(i64),
    Time {
        of: Box<Type>,
        clock: Clock,
        factor: i64,
    },
    Struct(String),
}

/// How large a profile may be.
const MAX_FIELDS: usize = 100_000;
const MAX_DEPTH: usize = 20;

/// The longest a string is without a length, and the longest an array without one.
const MAX_LENGTH: u64 = 1024;
const MAX_COUNT: u64 = 1000;

impl Profile {
    /// Reads a profile; what is wrong with it as a sentence.
    pub fn parse(text: &str) -> Result<Profile, String> {
        let json: Json = serde_json::from_str(text).map_err(|e| format!("the profile is no JSON: {e}"))?;
        let structs = json.as_array().ok_or("the profile should be a list of structures")?;
        let mut profile = Profile::default();
        let mut left = MAX_FIELDS;
        for description in structs {
            let [name, size, fields] = parts(description, "a structure should be [name, size, fields]")?;
            let name = name.as_str().ok_or("the name of a structure should be text")?.to_owned();
            let fields = fields.as_array().ok_or_else(|| format!("{name}: the fields should be a list"))?;
            left = left.checked_sub(fields.len()).ok_or("the profile has too many fields")?;
            let fields = fields.iter().map(|f| field(&name, f)).collect::<Result<_, _>>()?;
            let size =
                number(size).ok_or_else(|| format!("{name}: the size should be a number or a lambda"))?;
            profile.structs.insert(name.clone(), Arc::new(StructDef { name, size, fields }));
        }
        Ok(profile)
    }
}

fn parts<'a>(json: &'a Json, otherwise: &str) -> Result<[&'a Json; 3], String> {
    match json.as_array().map(Vec::as_slice) {
        Some([a, b, c]) => Ok([a, b, c]),
        _ => Err(otherwise.into()),
    }
}

fn field(structure: &str, json: &Json) -> Result<Field, String> {
    let wrong = |why: &str| format!("{structure}: {why}");
    let parts = json.as_array().map_or(&[][..], Vec::as_slice);
    let (name, offset, kind, options) = match parts {
        [name, offset, kind] => (name, offset, kind, &Json::Null),
        [name, offset, kind, options] => (name, offset, kind, options),
        _ => return Err(wrong("a field should be [name, offset, type, options]")),
    };
    let name = name.as_str().ok_or_else(|| wrong("the name of a field should be text"))?.to_owned();
    let wrong = |why: &str| format!("{structure}.{name}: {why}");
    let kind = kind.as_str().ok_or_else(|| wrong("the type should be text"))?;
    let kind = Type::named(kind, options, 0).map_err(|why| wrong(&why))?;
    let offset = number(offset).ok_or_else(|| wrong("the offset should be a number or a lambda"))?;
    Ok(Field { name, offset, kind })
}

/// A number, the text of one, or a lambda.
fn number(json: &Json) -> Option<Number> {
    match json {
        Json::Number(n) => n.as_i64().map(Number::Fixed),
        Json::String(text) if text.contains("=>") => Some(Number::Lambda(text.clone())),
        Json::String(text) => integer(text).map(Number::Fixed),
        _ => None,
    }
}

/// Decimal, or hexadecimal after `0x`.
fn integer(text: &str) -> Option<i64> {
    match text.trim().strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.trim().parse().ok(),
    }
}

struct Options<'a>(&'a Json);

impl<'a> Options<'a> {
    fn get(&self, name: &str) -> Option<&'a Json> {
        self.0.get(name).filter(|v| !v.is_null())
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str()
    }

    fn number(&self, name: &str) -> Result<Option<Number>, String> {
        let Some(json) = self.get(name) else { return Ok(None) };
        number(json).map(Some).ok_or_else(|| format!("{name} should be a number or a lambda"))
    }

    fn fixed(&self, name: &str, default: u64) -> Result<u64, String> {
        match self.number(name)? {
            None => Ok(default),
            Some(Number::Fixed(n)) => u64::try_from(n).map_err(|_| format!("{name} should not be negative")),
            Some(Number::Lambda(_)) => Err(format!("{name} should be a number")),
        }
    }

    fn required(&self, name: &str) -> Result<&'a str, String> {
        self.text(name).ok_or_else(|| format!("{name} is needed"))
    }

    /// The type that `type` names, with `type_options`.
    fn inner(&self, default: Option<&str>, depth: usize) -> Result<Box<Type>, String> {
        let name = self.text("type").or(default).ok_or("type is needed")?;
        let options = self.get("type_options").unwrap_or(&Json::Null);
        Type::named(name, options, depth + 1).map(Box::new)
    }

    fn pairs(&self, name: &str) -> impl Iterator<Item = (&'a String, &'a Json)> + use<'a> {
        self.get(name).and_then(Json::as_object).into_iter().flatten()
    }
}

impl Type {
    fn named(name: &str, options: &Json, depth: usize) -> Result<Type, String> {
        if depth > MAX_DEPTH {
            return Err("types are nested too deeply".into());
        }
        let options = Options(options);
        if let Some(integer) = Integer::named(name) {
            return Ok(Type::Integer(integer));
        }
        Ok(match name {
            "Null" | "null" => Type::Null,
            "float" | "float32" => Type::Float { bytes: 4, big: false },
            "double" | "float64" => Type::Float { bytes: 8, big: false },
            "floatb" | "float32b" => Type::Float { bytes: 4, big: true },
            "doubleb" | "float64b" => Type::Float { bytes: 8, big: true },
            "leb128" | "uleb128" | "Leb128" => Type::Leb128 { signed: false },
            "sleb128" => Type::Leb128 { signed: true },
            "String" | "string" | "CString" => Self::string(&options)?,
            "Signature" => Type::Signature(options.required("value")?.bytes().collect()),
            "Array" => Type::Array {
                element: options.inner(None, depth)?,
                count: options.number("count")?,
                max_count: options.fixed("max_count", MAX_COUNT)?,
                sentinel: options.text("sentinel").map(str::to_owned),
            },
            "Enumeration" => {
                Type::Enumeration { of: options.inner(None, depth)?, choices: enumeration(&options)? }
            }
            "Flags" => Type::Flags { of: options.inner(None, depth)?, bits: flags(&options)? },
            "BitField" => {
                let (start, end) = (options.fixed("start_bit", 0)?, options.fixed("end_bit", 64)?);
                if start >= end || end > 64 {
                    return Err("start_bit should be below end_bit, and that at most 64".into());
                }
                Type::BitField {
                    of: options.inner(Some("uint64"), depth)?,
                    start: start as u32,
                    end: end as u32,
                }
            }
            "Pointer" => Type::Pointer {
                of: Box::new(Type::named(
                    options.text("pointer_type").unwrap_or("uint64"),
                    &Json::Null,
                    depth + 1,
                )?),
                to: options.inner(None, depth)?,
            },
            "Profile" => Type::Elsewhere {
                to: options.inner(None, depth)?,
                offset: options.number("offset")?.ok_or("offset is needed")?,
            },
            "Union" => Self::union(&options, depth)?,
            "Value" => match options.get("value") {
                Some(Json::String(lambda)) if lambda.contains("=>") => Type::Value(lambda.clone()),
                Some(json) => match number(json) {
                    Some(Number::Fixed(n)) => Type::Constant(n),
                    _ => return Err("value should be a number or a lambda".into()),
                },
                None => return Err("value is needed".into()),
            },
            "WinFileTime" => Self::time(&options, "uint64", Clock::WinFileTime, depth)?,
            "Timestamp" | "EpochTime" | "UnixTime" | "epoch" => {
                Self::time(&options, "uint32", Clock::Epoch, depth)?
            }
            "FatTimestamp" => Self::time(&options, "uint32", Clock::Fat, depth)?,
            // What is no type of its own is a structure, known now or not.
            structure => Type::Struct(structure.to_owned()),
        })
    }

    fn string(options: &Options<'_>) -> Result<Type, String> {
        let encoding = match options.text("encoding") {
            None | Some("utf8" | "utf-8") => Encoding::Bytes,
            Some("utf16" | "utf-16") => Encoding::Utf16,
            Some(other) => return Err(format!("unknown encoding {other}")),
        };
        let term = match (options.text("term_hex"), options.text("term")) {
            (Some(hex), _) => unhex(hex).ok_or("term_hex should be hexadecimal digits")?,
            (None, Some(term)) => term.as_bytes().to_vec(),
            (None, None) => vec![0],
        };
        let length = options.number("length")?;
        Ok(Type::String { length, max_length: options.fixed("max_length", MAX_LENGTH)?, term, encoding })
    }

    fn union(options: &Options<'_>, depth: usize) -> Result<Type, String> {
        let mut choices = HashMap::new();
        for (key, name) in options.pairs("choices") {
            let name = name.as_str().ok_or("choices should name types")?;
            choices.insert(key.clone(), Type::named(name, &Json::Null, depth + 1)?);
        }
        Ok(Type::Union { selector: options.required("selector")?.to_owned(), choices })
    }

    fn time(options: &Options<'_>, default: &str, clock: Clock, depth: usize) -> Result<Type, String> {
        let factor = options.fixed("factor", 1)?.clamp(1, 1_000_000_000) as i64;
        Ok(Type::Time { of: options.inner(Some(default), depth)?, clock, factor })
    }
}

/// `choices` by number, and `map` by name.
fn enumeration(options: &Options<'_>) -> Result<BTreeMap<i64, String>, String> {
    let mut choices = BTreeMap::new();
    for (key, name) in options.pairs("choices") {
        let key = integer(key).ok_or_else(|| format!("the choice {key} should be a number"))?;
        choices.insert(key, name.as_str().map_or_else(|| name.to_string(), str::to_owned));
    }
    for (name, key) in options.pairs("map") {
        let Some(Number::Fixed(key)) = number(key) else { return Err(format!("{name} should be a number")) };
        choices.insert(key, name.clone());
    }
    Ok(choices)
}

/// `bitmap`: names and the numbers of their bits; lowest bit first.
fn flags(options: &Options<'_>) -> Result<Vec<(String, u32)>, String> {
    let mut bits = Vec::new();
    for (name, bit) in options.pairs("bitmap") {
        match number(bit) {
            Some(Number::Fixed(bit @ 0..=63)) => bits.push((name.clone(), bit as u32)),
            _ => return Err(format!("{name} should be a bit from 0 to 63")),
        }
    }
    bits.sort_by_key(|(_, bit)| *bit);
    Ok(bits)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        text.bytes().map(|c| char::from(c).to_digit(16).map(|d| d as u8)).collect::<Option<_>>()?;
    digits.len().is_multiple_of(2).then(|| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}
