//! BSON as logs of monitors have it: documents one after the other, looked at where they lie.
//!
//! A reader of our own: the published crate brings a dozen others, refuses texts that are no UTF-8, and builds whole trees.

/// The most bytes of one document, as monitors write it.
pub const MAX_DOCUMENT: usize = 20 << 20;
/// The least: its length and its end.
pub const MIN_DOCUMENT: usize = 5;

/// A value. What lies in a document or an array is read when it is asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'b> {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(&'b [u8]),
    Binary(&'b [u8]),
    Document(Document<'b>),
    Array(Document<'b>),
    /// Null, and what monitors do not write.
    Null,
}

/// A document, between its length and its end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Document<'b> {
    body: &'b [u8],
}

/// Names and values of a document; ends at the first that cannot be read.
#[derive(Clone, Debug)]
pub struct Fields<'b> {
    rest: &'b [u8],
}

/// The length that a document gives itself; `None` when no document is like that.
pub fn length(start: [u8; 4]) -> Option<usize> {
    let length = usize::try_from(i32::from_le_bytes(start)).ok()?;
    (MIN_DOCUMENT..=MAX_DOCUMENT).contains(&length).then_some(length)
}

impl<'b> Document<'b> {
    /// All of these bytes as one document.
    pub fn parse(bytes: &'b [u8]) -> Option<Self> {
        let (document, rest) = split(bytes)?;
        rest.is_empty().then_some(document)
    }

    pub fn fields(&self) -> Fields<'b> {
        Fields { rest: self.body }
    }

    /// The first field of that name.
    pub fn get(&self, name: &str) -> Option<Value<'b>> {
        self.fields().find(|(field, _)| *field == name.as_bytes()).map(|(_, value)| value)
    }

    pub fn int(&self, name: &str) -> Option<i64> {
        self.get(name)?.int()
    }

    pub fn text(&self, name: &str) -> Option<&'b [u8]> {
        self.get(name)?.text()
    }

    pub fn array(&self, name: &str) -> Option<Document<'b>> {
        self.get(name)?.list()
    }
}

impl<'b> Value<'b> {
    pub fn int(self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(number),
            Self::Bool(is) => Some(is.into()),
            // Cut where it does not fit.
            Self::Float(number) => Some(number as i64),
            _ => None,
        }
    }

    pub fn text(self) -> Option<&'b [u8]> {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn list(self) -> Option<Document<'b>> {
        match self {
            Self::Array(list) => Some(list),
            _ => None,
        }
    }
}

impl<'b> Iterator for Fields<'b> {
    type Item = (&'b [u8], Value<'b>);

    fn next(&mut self) -> Option<Self::Item> {
        let field = self.read();
        if field.is_none() {
            self.rest = &[];
        }
        field
    }
}

impl<'b> Fields<'b> {
    fn read(&mut self) -> Option<(&'b [u8], Value<'b>)> {
        let (kind, rest) = self.rest.split_first()?;
        self.rest = rest;
        let name = self.until_zero()?;
        let value = match kind {
            0x01 => Value::Float(f64::from_le_bytes(self.array()?)),
            0x02 | 0x0d | 0x0e => Value::Text(self.string()?),
            0x03 => Value::Document(self.document()?),
            0x04 => Value::Array(self.document()?),
            0x05 => {
                let length = usize::try_from(i32::from_le_bytes(self.array()?)).ok()?;
                self.take(1)?;
                Value::Binary(self.take(length)?)
            }
            0x06 | 0x0a | 0x7f | 0xff => Value::Null,
            0x07 => self.take(12).map(|_| Value::Null)?,
            0x08 => Value::Bool(self.take(1)? != [0]),
            0x09 | 0x11 | 0x12 => Value::Int(i64::from_le_bytes(self.array()?)),
            0x0b => {
                self.until_zero()?;
                self.until_zero().map(|_| Value::Null)?
            }
            0x10 => Value::Int(i32::from_le_bytes(self.array()?).into()),
            0x13 => self.take(16).map(|_| Value::Null)?,
            _ => return None,
        };
        Some((name, value))
    }

    fn take(&mut self, length: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn until_zero(&mut self) -> Option<&'b [u8]> {
        let end = self.rest.iter().position(|byte| *byte == 0)?;
        let name = self.take(end)?;
        self.take(1)?;
        Some(name)
    }

    /// Its length counts the zero byte at its end.
    fn string(&mut self) -> Option<&'b [u8]> {
        let length = usize::try_from(i32::from_le_bytes(self.array()?)).ok()?;
        let (end, text) = self.take(length)?.split_last()?;
        (*end == 0).then_some(text)
    }

    fn document(&mut self) -> Option<Document<'b>> {
        let (document, rest) = split(self.rest)?;
        self.rest = rest;
        Some(document)
    }
}

fn split(bytes: &[u8]) -> Option<(Document<'_>, &[u8])> {
    let length = length(bytes.first_chunk().copied()?)?;
    let (document, rest) = bytes.split_at_checked(length)?;
    let (end, body) = document.get(4..)?.split_last()?;
    (*end == 0).then_some((Document { body }, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_where_it_lies() {
        let bytes = b"\x4a\0\0\0\x10I\0\x07\0\0\0\x12t\0\xff\xff\xff\xff\xff\xff\xff\xff\x02name\0\x03\0\0\0\xff\xfe\0\x05b\0\x02\0\0\0\0hi\
            \x08ok\0\x01\x04args\0\x0c\0\0\0\x100\0\x01\0\0\0\0\x0anil\0\0";
        let document = Document::parse(bytes).unwrap();
        assert_eq!((document.int("I"), document.int("t"), document.int("ok")), (Some(7), Some(-1), Some(1)));
        assert_eq!((document.text("name"), document.text("b")), (Some(&b"\xff\xfe"[..]), Some(&b"hi"[..])));
        assert_eq!(document.array("args").unwrap().int("0"), Some(1));
        assert_eq!((document.get("nil"), document.get("none")), (Some(Value::Null), None));
        assert_eq!(document.fields().count(), 7);
    }

    #[test]
    fn lengths_that_lie_end_the_reading() {
        assert_eq!(length(4i32.to_le_bytes()), None);
        assert_eq!(length((-1i32).to_le_bytes()), None);
        assert_eq!(length((20i32 << 20 | 1).to_le_bytes()), None);
        assert_eq!(Document::parse(b"\x05\0\0\0\0").unwrap().fields().count(), 0);
        assert_eq!(Document::parse(b"\x06\0\0\0\0"), None);
        assert_eq!(Document::parse(b"\x05\0\0\0\x01"), None);
        // A text that is longer than its document, an array that is longer, a kind that is none, a name without an end.
        for body in [
            &b"\x02a\0\x50\0\0\0x\0"[..],
            b"\x04a\0\x50\0\0\0\0",
            b"\x99a\0",
            b"\x10aaaa",
            b"\x02a\0\0\0\0\0",
        ] {
            let mut bytes = vec![body.len() as u8 + 5, 0, 0, 0];
            bytes.extend_from_slice(body);
            bytes.push(0);
            let document = Document::parse(&bytes).unwrap();
            assert_eq!(document.fields().count(), 0, "{body:?}");
        }
    }
}
