//! What the YARA plugins share: compiling rules once a program, scanning, rows.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use forensics::yara::{Found, Hit, Rules, Scanner, Variable};
use parking_lot::Mutex;
use vql::args::Args;
use vql::call::{Error, Flow, Sink};
use vql::dict::Dict;
use vql::host::Level;
use vql::schema::Schema;
use vql::value::{Row, Value};

use crate::evidence::{count, texts};

/// Collections of rules that a program keeps compiled; beyond, all are forgotten.
const MOST_KEPT: usize = 100;

/// The columns of a row, of all plugins that scan.
pub const COLUMNS: &[&str] = &["File", "FileName", "Rule", "Namespace", "Meta", "Tags", "String"];

/// Compiled rules by what they were made from.
#[derive(Default)]
struct Compiled(Mutex<HashMap<String, Arc<Rules>>>);

/// The places of the arguments that tell which rules.
pub struct RuleArgs {
    pub rules: usize,
    pub key: usize,
    pub namespace: usize,
    pub vars: usize,
}

impl RuleArgs {
    /// The rules, compiled at the first call of a program.
    pub fn compile(&self, args: &Args<'_>) -> Result<Arc<Rules>, Error> {
        let source = args.string(self.rules)?;
        if source.trim().is_empty() {
            return Err("no rules to scan with".into());
        }
        let namespace = args.string(self.namespace)?;
        let variables = args.dict(self.vars)?.map(variables).unwrap_or_default();
        let key = match args.string(self.key)? {
            key if key.is_empty() => format!("{namespace}\0{variables:?}\0{source}"),
            key => key,
        };
        let compiled = args.scope.kept::<Compiled>();
        let mut compiled = compiled.0.lock();
        if let Some(rules) = compiled.get(&key) {
            return Ok(rules.clone());
        }
        let rules = Rules::compile(&source, &namespace, &variables).map_err(|e| Error::new(e.to_string()))?;
        if compiled.len() >= MOST_KEPT {
            compiled.clear();
        }
        Ok(compiled.entry(key).or_insert(Arc::new(rules)).clone())
    }
}

fn variables(vars: Dict) -> Vec<(String, Variable)> {
    let row = vars.snapshot();
    let variable = |value: &Value| match value {
        Value::Bool(b) => Variable::Bool(*b),
        Value::Int(i) => Variable::Int(*i),
        Value::UInt(u) => Variable::Int(i64::try_from(*u).unwrap_or(i64::MAX)),
        Value::Float(f) => Variable::Float(*f),
        value => Variable::Text(vql::value::convert::to_text(value).to_str_lossy().into_owned()),
    };
    row.iter().map(|(name, value)| (name.to_string(), variable(value))).collect()
}

/// What is told of a match, and where it lies.
pub struct Report<'a> {
    /// The cells `File` and `FileName`.
    pub file: (Value, Value),
    /// Bytes shown on each side of a match.
    pub context: usize,
    /// Rows that may still be given.
    pub left: u64,
    pub args: &'a Args<'a>,
}

static STRING: LazyLock<Arc<Schema>> = LazyLock::new(|| Schema::of(["Name", "Offset", "HexData", "Data"]));

impl Report<'_> {
    /// Scans content that starts at `base`; matches that start in the last `overlap` bytes are left to the next call.
    pub fn scan(
        &mut self,
        scanner: &mut Scanner<'_>,
        content: &[u8],
        (base, overlap): (u64, usize),
        sink: &mut dyn Sink,
    ) -> Flow {
        let hits = match scanner.scan(content) {
            Ok(hits) => hits,
            Err(e) => {
                let name = self.args.signature.name;
                self.args.scope.log(Level::Default, format!("{name}: {e}"));
                return Ok(());
            }
        };
        for hit in &hits {
            if hit.strings.is_empty() && overlap == 0 {
                self.row(hit, Value::Null, sink)?;
            }
            for found in hit.strings.iter().filter(|f| f.range.start < content.len() - overlap) {
                self.row(hit, self.string(found, content, base), sink)?;
            }
        }
        Ok(())
    }

    fn row(&mut self, hit: &Hit, string: Value, sink: &mut dyn Sink) -> Flow {
        if self.left == 0 {
            return Ok(());
        }
        self.left -= 1;
        let meta = hit.meta.iter().map(|(name, value)| (name.as_str(), value_of(value)));
        let cells = vec![
            self.file.0.clone(),
            self.file.1.clone(),
            Value::from(hit.rule.as_str()),
            Value::from(hit.namespace.as_str()),
            Value::dict(meta),
            texts(hit.tags.iter().map(String::as_str)),
            string,
        ];
        sink.row(&mut Row { schema: self.args.columns(), cells })
    }

    fn string(&self, found: &Found, content: &[u8], base: u64) -> Value {
        let start = found.range.start.saturating_sub(self.context);
        let end = found.range.end.saturating_add(self.context).min(content.len());
        let data = content.get(start..end).unwrap_or_default();
        let cells = vec![
            Value::from(found.name.as_str()),
            count(base + found.range.start as u64),
            texts(hex_lines(data)),
            Value::text(data),
        ];
        Row { schema: STRING.clone(), cells }.into()
    }
}

fn value_of(variable: &Variable) -> Value {
    match variable {
        Variable::Bool(b) => Value::Bool(*b),
        Variable::Int(i) => Value::Int(*i),
        Variable::Float(f) => Value::Float(*f),
        Variable::Text(s) => Value::from(s.as_str()),
        Variable::Bytes(b) => Value::text(&b[..]),
    }
}

/// Bytes as hex dumps show them: place, two groups of eight, the printable characters.
fn hex_lines(data: &[u8]) -> Vec<String> {
    data.chunks(16)
        .enumerate()
        .map(|(i, line)| {
            let mut text = format!("{:08x} ", i * 16);
            for at in 0..16 {
                text.push_str(if at % 8 == 0 { " " } else { "" });
                text.push_str(&line.get(at).map_or_else(|| "   ".to_owned(), |b| format!("{b:02x} ")));
            }
            let shown = |b: &u8| if (b' '..=b'~').contains(b) { char::from(*b) } else { '.' };
            format!("{text} |{}|", line.iter().map(shown).collect::<String>())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_dumped_as_hexdump_does() {
        assert_eq!(
            hex_lines(b"hello\0world 123\n4"),
            [
                "00000000  68 65 6c 6c 6f 00 77 6f  72 6c 64 20 31 32 33 0a  |hello.world 123.|",
                "00000010  34                                                |4|",
            ]
        );
        assert!(hex_lines(b"").is_empty());
    }
}
