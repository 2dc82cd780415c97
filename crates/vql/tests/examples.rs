//! Every example in a callable's declaration gives the result written beside it, and the lists of callables are
//! complete.

use std::any::Any;
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use vql::call::{Flow, Sink};
use vql::cancel::Cancel;
use vql::host::{Host, Level, Spill};
use vql::json::{self, JsonOptions};
use vql::permission::Permissions;
use vql::registry::Registry;
use vql::scope::Context;
use vql::session::{Program, Session};
use vql::value::{Row, Time, Value};

/// A host without a world; the clock stands still.
#[derive(Default)]
struct Still {
    lines: Mutex<Vec<String>>,
}

impl Host for Still {
    fn log(&self, level: Level, message: &str) {
        self.lines.lock().unwrap().push(format!("{}:{message}", level.name()));
    }

    fn now(&self) -> Time {
        Time::from_second(1_714_557_600).unwrap()
    }

    fn spill(&self) -> io::Result<Box<dyn Spill>> {
        Ok(Box::new(io::Cursor::new(Vec::new())))
    }

    fn world(&self) -> &(dyn Any + Send + Sync) {
        &()
    }
}

#[derive(Default)]
struct Rows(Vec<Value>);

impl Sink for Rows {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.0.push(std::mem::take(row).into());
        Ok(())
    }

    fn value(&mut self, value: Value) -> Flow {
        self.0.push(value);
        Ok(())
    }
}

/// The rows of a program, and what it logged.
fn run(registry: &Registry, source: &str) -> Result<(Vec<Value>, Vec<String>), String> {
    let program = Program::compile(source, registry).map_err(|e| e.message.to_string())?;
    let host = Arc::new(Still::default());
    let context = Context::new(Arc::new(registry.clone()), host.clone(), Permissions::all());
    let session = Session::new(Arc::new(context), Row::default(), Cancel::default());
    let mut rows = Rows::default();
    for statement in &program.statements {
        let _ = session.run(statement, &mut rows);
    }
    session.close();
    let lines = host.lines.lock().unwrap().clone();
    Ok((rows.0, lines))
}

fn compact(value: &Value) -> String {
    let mut out = Vec::new();
    json::write_value(value, &mut out, &JsonOptions::default());
    String::from_utf8(out).unwrap()
}

#[test]
fn examples_give_their_results() {
    let registry = Registry::pure();
    let mut wrong = Vec::new();
    let mut check = |name: &str, source: &str, wanted: &str, show: &dyn Fn(Vec<Value>) -> String| {
        let (got, lines) = match run(&registry, source) {
            Ok((rows, lines)) => (show(rows), lines),
            Err(e) => (e, Vec::new()),
        };
        // The result is written with plain `<`, `>` and `&`.
        let got = got.replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&");
        if got != wanted {
            wrong.push(format!("{name}: {source}\n  wanted {wanted}\n  got    {got}\n  log    {lines:?}"));
        }
    };
    for function in registry.functions() {
        let signature = &function.signature;
        assert!(!signature.examples.is_empty(), "{} has no example", signature.name);
        for example in signature.examples {
            let source = format!("SELECT {} AS Value FROM scope()", example.vql);
            let cell = |rows: Vec<Value>| match &rows[..] {
                [Value::Dict(row)] => compact(&row.get_str("Value").unwrap_or_default()),
                rows => format!("{rows:?}"),
            };
            check(signature.name, &source, example.result, &cell);
        }
    }
    for plugin in registry.plugins() {
        let signature = &plugin.signature;
        assert!(!signature.examples.is_empty(), "{} has no example", signature.name);
        for example in signature.examples {
            check(signature.name, example.vql, example.result, &|rows| compact(&Value::list(rows)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each file of a folder is declared and listed, in order.
#[test]
fn lists_are_complete() {
    for folder in ["functions", "plugins"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
        let list = std::fs::read_to_string(folder.join("mod.rs")).unwrap();
        let files: BTreeSet<String> = std::fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
            .filter(|name| name != "mod")
            .collect();
        let between = |start: &str, end: &str| -> Vec<String> {
            let names = list.lines().filter_map(|l| l.trim().strip_prefix(start)?.strip_suffix(end));
            names.map(|n| n.trim_start_matches("r#").to_owned()).collect()
        };
        let wanted: Vec<String> = files.into_iter().collect();
        assert_eq!(between("mod ", ";"), wanted, "mod lines of {}", folder.display());
        let entry = if folder.ends_with("functions") { "::FUNCTION," } else { "::PLUGIN," };
        assert_eq!(between("&", entry), wanted, "list of {}", folder.display());
    }
}

#[test]
fn names_and_documentation_are_in_form() {
    let registry = Registry::pure();
    let functions = registry.functions().into_iter().map(|f| &f.signature);
    let plugins = registry.plugins().into_iter().map(|p| &p.signature);
    for signature in functions.chain(plugins) {
        let name = signature.name;
        assert!(signature.doc.ends_with('.'), "the documentation of {name} is a sentence");
        for arg in signature.args {
            assert!(arg.doc.ends_with('.'), "the documentation of {name}({}=) is a sentence", arg.name);
        }
    }
}
