//! The functions of templates: those of Go's `text/template` and the usual ones of its library sprig.
//!
//! The last argument is what a pipeline hands on. As in Go, an argument that should be text is not made into text.

mod compare;
pub mod dicts;
mod encoding;
mod lists;
mod numbers;
mod output;
mod strings;
mod times;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::{BYTES_PER_STEP, MAX_OUTPUT, print};
use crate::dict::Dict;
use crate::text::Text;
use crate::value::Value;
use crate::value::convert::as_text;
use crate::value::items::Items;

type Made = Result<Value, String>;

/// A function and how many arguments it takes.
#[derive(Debug)]
pub struct Function {
    pub name: &'static str,
    pub least: usize,
    pub most: usize,
    pub run: fn(&mut Call<'_, '_>) -> Made,
}

/// Takes any number of arguments.
const MANY: usize = usize::MAX;

const fn function(
    name: &'static str,
    least: usize,
    most: usize,
    run: fn(&mut Call<'_, '_>) -> Made,
) -> Function {
    Function { name, least, most, run }
}

impl Function {
    /// Whether it changes a dict in place.
    pub fn changes(&self) -> bool {
        matches!(self.name, "merge" | "set" | "unset")
    }
}

pub fn find(name: &str) -> Option<&'static Function> {
    static ALL: LazyLock<HashMap<&'static str, &'static Function>> = LazyLock::new(|| {
        let files = [
            compare::FUNCTIONS,
            dicts::FUNCTIONS,
            encoding::FUNCTIONS,
            lists::FUNCTIONS,
            numbers::FUNCTIONS,
            output::FUNCTIONS,
            strings::FUNCTIONS,
            times::FUNCTIONS,
        ];
        files.into_iter().flatten().map(|function| (function.name, function)).collect()
    });
    ALL.get(name).copied()
}

/// What is left of the work that one expansion may do.
pub struct Budget<'a> {
    pub left: usize,
    pub is_cancelled: &'a dyn Fn() -> bool,
}

impl Budget<'_> {
    pub fn charge(&mut self, steps: usize) -> Result<(), String> {
        if (self.is_cancelled)() {
            return Err("cancelled".to_owned());
        }
        match self.left.checked_sub(steps) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err("the template takes too many steps".to_owned()),
        }
    }
}

/// One call: its arguments.
pub struct Call<'a, 'b> {
    pub args: Vec<Value>,
    pub budget: &'a mut Budget<'b>,
}

impl Call<'_, '_> {
    fn ill_typed<T>(&self, i: usize, wanted: &str) -> Result<T, String> {
        Err(match &self.args[i] {
            Value::Null => format!("invalid value; expected {wanted}"),
            other => format!("wrong type for value; expected {wanted}; got {}", other.type_name()),
        })
    }

    fn text(&self, i: usize) -> Result<Cow<'_, str>, String> {
        match &self.args[i] {
            Value::Path(path) => Ok(path.text().to_str_lossy().into_owned().into()),
            other => match as_text(other) {
                Some(text) => Ok(text.to_str_lossy()),
                None => self.ill_typed(i, "string"),
            },
        }
    }

    fn int(&self, i: usize) -> Result<i64, String> {
        match &self.args[i] {
            Value::Int(number) => Ok(*number),
            Value::UInt(number) => i64::try_from(*number).or_else(|_| self.ill_typed(i, "int")),
            _ => self.ill_typed(i, "int"),
        }
    }

    /// A number of things, within what may be made.
    fn count(&self, i: usize) -> Result<usize, String> {
        Ok(usize::try_from(self.int(i)?.max(0)).unwrap_or(usize::MAX))
    }

    fn list(&self, i: usize) -> Result<Arc<Items>, String> {
        match &self.args[i] {
            Value::List(items) => Ok(items.clone()),
            _ => self.ill_typed(i, "list"),
        }
    }

    fn dict(&self, i: usize) -> Result<Dict, String> {
        match &self.args[i] {
            Value::Dict(dict) => Ok(dict.clone()),
            _ => self.ill_typed(i, "map[string]interface {}"),
        }
    }

    /// Any value as text.
    fn printed(&mut self, i: usize) -> Result<Text, String> {
        self.show(&self.args[i].clone())
    }

    fn show(&mut self, value: &Value) -> Result<Text, String> {
        let text = print::text(value).ok_or("the value is too large")?;
        self.room_for(text.len())?;
        Ok(text)
    }

    /// Pays for text that is about to be made.
    fn room_for(&mut self, bytes: usize) -> Result<(), String> {
        if bytes > MAX_OUTPUT {
            return Err(format!("the text would have more than {MAX_OUTPUT} bytes"));
        }
        self.budget.charge(bytes / BYTES_PER_STEP)
    }

    fn made(&mut self, text: impl Into<Text>) -> Made {
        let text = text.into();
        self.room_for(text.len())?;
        Ok(Value::Text(text))
    }

    fn joined(&mut self, texts: &[Text], between: &[u8]) -> Made {
        let size = texts.iter().map(|text| text.len().saturating_add(between.len())).sum();
        self.room_for(size)?;
        let texts: Vec<&[u8]> = texts.iter().map(|text| &**text).collect();
        Ok(Value::text(texts.join(between)))
    }

    fn made_list(&mut self, items: Vec<Value>) -> Made {
        self.budget.charge(items.len())?;
        Ok(Value::list(items))
    }
}
