//! Parsing one field: a type and a place to an item, and how many bytes it takes.

use std::sync::Arc;

use super::image::MAX_PIECE;
use super::object::{Array, Struct};
use super::profile::{Clock, Encoding, Number, Type};
use super::scalar;
use super::{Item, Lambdas};

/// What was found, and the bytes it takes.
type Parsed<L> = (Item<L>, u64);

/// No array is longer, whatever the profile says.
const MAX_COUNT: u64 = 1_000_000;

impl Type {
    /// Parses a field of `this` at a place in the file.
    pub(crate) fn parse<L: Lambdas>(&self, this: &Arc<Struct<L>>, offset: u64) -> Parsed<L> {
        let Some(_level) = this.machine.enter() else { return (Item::Null, 0) };
        self.parse_here(this, offset).unwrap_or((Item::Null, self.width()))
    }

    /// The bytes a type of fixed size takes.
    fn width(&self) -> u64 {
        match self {
            Type::Integer(integer) => integer.bytes as u64,
            Type::Float { bytes, .. } => *bytes as u64,
            Type::Signature(value) => value.len() as u64,
            Type::Enumeration { of, .. }
            | Type::Flags { of, .. }
            | Type::BitField { of, .. }
            | Type::Pointer { of, .. }
            | Type::Time { of, .. } => of.width(),
            _ => 0,
        }
    }

    fn parse_here<L: Lambdas>(&self, this: &Arc<Struct<L>>, offset: u64) -> Option<Parsed<L>> {
        let machine = &this.machine;
        Some(match self {
            Type::Null => (Item::Null, 0),
            Type::Constant(n) => (Item::Int(*n), 0),
            Type::Integer(integer) => {
                let number = integer.read(&machine.image.exact(offset, integer.bytes)?);
                let is_wide = !integer.signed && integer.bytes == 8;
                let item = if is_wide { Item::UInt(number) } else { Item::Int(number as i64) };
                (item, integer.bytes as u64)
            }
            Type::Float { bytes, big } => {
                (Item::Float(float(&machine.image.exact(offset, *bytes)?, *big)?), *bytes as u64)
            }
            Type::Leb128 { signed } => {
                let (number, length) = scalar::leb128(&machine.image.bytes(offset, 10), *signed)?;
                let item = if *signed { Item::Int(number as i64) } else { Item::UInt(number) };
                (item, length)
            }
            Type::Signature(value) => {
                let found = machine.image.exact(offset, value.len())?;
                let item = if found == *value { Item::Text(found) } else { Item::Null };
                (item, value.len() as u64)
            }
            Type::String { length, max_length, term, encoding } => {
                string(this, offset, (length.as_ref(), *max_length), term, *encoding)?
            }
            Type::Array { element, count, max_count, sentinel } => {
                array(this, offset, element, (count.as_ref(), *max_count), sentinel.as_deref())?
            }
            Type::Enumeration { of, choices } => {
                let (number, width) = bits(of, this, offset)?;
                let name = choices.get(&(number as i64)).cloned();
                (Item::Text(name.unwrap_or_else(|| format!("{number:#x}")).into_bytes()), width)
            }
            Type::Flags { of, bits: names } => {
                let (number, width) = bits(of, this, offset)?;
                let set = names.iter().filter(|(_, bit)| number >> bit & 1 == 1);
                (Item::Names(set.map(|(name, _)| name.clone()).collect()), width)
            }
            Type::BitField { of, start, end } => {
                let (number, width) = bits(of, this, offset)?;
                let mask = u64::MAX >> (64 - (end - start));
                (Item::UInt(number >> start & mask), width)
            }
            Type::Pointer { of, to } => {
                let (address, width) = bits(of, this, offset)?;
                let item = if address == 0 { Item::Null } else { to.parse(this, address).0 };
                (item, width)
            }
            Type::Elsewhere { to, offset } => {
                let offset = u64::try_from(this.number(offset)?).ok()?;
                (to.parse(this, offset).0, 0)
            }
            Type::Union { selector, choices } => {
                let lambdas = &machine.lambdas;
                let key = lambdas.text(&lambdas.call(selector, Item::Struct(this.clone())));
                choices.get(&key)?.parse(this, offset)
            }
            Type::Value(lambda) => (Item::Other(machine.lambdas.call(lambda, Item::Struct(this.clone()))), 0),
            Type::Time { of, clock, factor } => {
                let (number, width) = bits(of, this, offset)?;
                (time(number, *clock, *factor).map_or(Item::Null, |(s, n)| Item::Time(s, n)), width)
            }
            Type::Struct(name) => {
                let def = machine.profile.structs.get(name)?.clone();
                let inner = this.part(def, offset)?;
                let size = inner.size();
                (Item::Struct(inner), size)
            }
        })
    }
}

/// The number of a field that others are made of.
fn bits<L: Lambdas>(of: &Type, this: &Arc<Struct<L>>, offset: u64) -> Option<(u64, u64)> {
    match of.parse(this, offset) {
        (Item::Int(i), width) => Some((i as u64, width)),
        (Item::UInt(u), width) => Some((u, width)),
        (Item::Float(f), width) => Some((f as i64 as u64, width)),
        (item @ Item::Other(_), width) => Some((item.number(&this.machine.lambdas)? as u64, width)),
        _ => None,
    }
}

fn float(bytes: &[u8], big: bool) -> Option<f64> {
    match (<[u8; 4]>::try_from(bytes), <[u8; 8]>::try_from(bytes)) {
        (Ok(b), _) => Some(f64::from(if big { f32::from_be_bytes(b) } else { f32::from_le_bytes(b) })),
        (_, Ok(b)) => Some(if big { f64::from_be_bytes(b) } else { f64::from_le_bytes(b) }),
        _ => None,
    }
}

fn time(number: u64, clock: Clock, factor: i64) -> Option<(i64, u32)> {
    match clock {
        Clock::WinFileTime => scalar::win_file_time(number),
        Clock::Fat => scalar::fat_time(number as u32),
        Clock::Epoch => {
            let number = number as i64;
            let rest = i128::from(number.rem_euclid(factor)) * 1_000_000_000 / i128::from(factor);
            Some((number.div_euclid(factor), rest as u32))
        }
    }
}

/// Text of a given length, or up to its end mark. The end mark is no part of it, but of the bytes it takes.
fn string<L: Lambdas>(
    this: &Arc<Struct<L>>,
    offset: u64,
    (length, max_length): (Option<&Number>, u64),
    term: &[u8],
    encoding: Encoding,
) -> Option<Parsed<L>> {
    let fixed = match length {
        Some(length) => Some(u64::try_from(this.number(length)?).ok()?),
        None => None,
    };
    let bytes = this.machine.image.bytes(offset, fixed.unwrap_or(max_length).min(MAX_PIECE));
    if bytes.is_empty() && fixed != Some(0) {
        return None;
    }
    let wide = encoding == Encoding::Utf16;
    let end = end_of(&bytes, term, wide);
    let text = &bytes[..end.unwrap_or(bytes.len())];
    let mark = term.len().max(if wide { 2 } else { 1 });
    let taken = fixed.unwrap_or_else(|| end.map_or(bytes.len(), |end| end + mark) as u64);
    let text = if wide { scalar::utf16(text) } else { text.to_vec() };
    Some((Item::Text(text), taken))
}

/// Where the end mark stands; in wide text it stands at even places, a mark of one byte widened.
fn end_of(bytes: &[u8], term: &[u8], wide: bool) -> Option<usize> {
    if term.is_empty() {
        return None;
    }
    if !wide {
        return bytes.windows(term.len()).position(|w| w == term);
    }
    let term: Vec<u8> = if term.len() == 1 { vec![term[0], 0] } else { term.to_vec() };
    (0..bytes.len()).step_by(2).find(|at| bytes[*at..].starts_with(&term))
}

fn array<L: Lambdas>(
    this: &Arc<Struct<L>>,
    offset: u64,
    element: &Type,
    (count, max_count): (Option<&Number>, u64),
    sentinel: Option<&str>,
) -> Option<Parsed<L>> {
    let machine = &this.machine;
    let count = match count {
        Some(count) => u64::try_from(this.number(count)?).ok()?.min(MAX_COUNT),
        None => max_count.min(MAX_COUNT),
    };
    let (mut items, mut at) = (Vec::new(), offset);
    for _ in 0..count {
        // Beyond the end there is nothing more, however many elements were announced.
        if machine.image.bytes(at, 1).is_empty() {
            break;
        }
        let (item, size) = element.parse(this, at);
        if matches!(item, Item::Null) && machine.enter().is_none() {
            break;
        }
        if let Some(sentinel) = sentinel
            && machine.lambdas.truth(&machine.lambdas.call(sentinel, item.clone()))
        {
            break;
        }
        items.push(item);
        at = at.checked_add(size)?;
        // An element without a size would be the same for ever.
        if size == 0 {
            break;
        }
    }
    let size = at - offset;
    Some((Item::List(Arc::new(Array::new(machine.clone(), items, offset, size))), size))
}
