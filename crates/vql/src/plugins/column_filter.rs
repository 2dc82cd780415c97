//! `column_filter(query=, include=, exclude=)`: rows with some of their columns (builtins page, section 4.2).

use std::sync::Arc;

use ::regex::bytes::Regex;

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Type};
use crate::schema::Schema;
use crate::value::{Row, Value, regex};

const QUERY: usize = 0;
const EXCLUDE: usize = 1;
const INCLUDE: usize = 2;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "column_filter",
        doc: "The rows of a query with the columns whose names match one pattern of include and none of exclude.",
        category: Category::Language,
        args: &[
            Arg::required("query", Type::Query, "Where rows come from."),
            Arg::optional("exclude", Type::StrList, "Patterns of names to leave out; case counts."),
            Arg::optional("include", Type::StrList, "Patterns of names to keep; all names by default."),
        ],
        examples: &[
            Example::new(
                "Leave out",
                "SELECT * FROM column_filter(query={ SELECT 1 AS A, 2 AS _B, 3 AS C FROM scope() }, exclude='^_')",
                r#"[{"A":1,"C":3}]"#,
            ),
            Example::new(
                "Keep",
                "SELECT * FROM column_filter(query={ SELECT 1 AS A, 2 AS AB, 3 AS C FROM scope() }, include='A', exclude='B')",
                r#"[{"A":1}]"#,
            ),
        ],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let (include, exclude) = (patterns(args, INCLUDE)?, patterns(args, EXCLUDE)?);
    let query = args.value(QUERY);
    args.scope.push_rows(&query, &mut Filter { sink, include, exclude, shape: None })
}

fn patterns(args: &Args<'_>, slot: usize) -> Result<Vec<Regex>, Error> {
    args.text_list(slot)?.iter().map(|pattern| regex::compile(pattern, false)).collect()
}

struct Filter<'a> {
    sink: &'a mut dyn Sink,
    include: Vec<Regex>,
    exclude: Vec<Regex>,
    shape: Option<Shape>,
}

/// Which columns stay, for rows of one schema.
struct Shape {
    from: Arc<Schema>,
    to: Arc<Schema>,
    places: Vec<usize>,
}

impl Filter<'_> {
    fn keeps(&self, name: &[u8]) -> bool {
        let matches = |patterns: &[Regex]| patterns.iter().any(|p| p.is_match(name));
        (self.include.is_empty() || matches(&self.include)) && !matches(&self.exclude)
    }

    fn shape_of(&self, from: &Arc<Schema>) -> Shape {
        let kept = |(_, name): &(usize, &crate::schema::Name)| self.keeps(name.as_str().as_bytes());
        let (places, names): (Vec<_>, Vec<_>) =
            from.names().iter().enumerate().filter(kept).map(|(i, name)| (i, name.clone())).unzip();
        Shape { from: from.clone(), to: Schema::of(names), places }
    }
}

impl Sink for Filter<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        let shape = match self.shape.take() {
            Some(shape) if Arc::ptr_eq(&shape.from, &row.schema) => shape,
            _ => self.shape_of(&row.schema),
        };
        let cells = shape.places.iter().map(|i| std::mem::take(&mut row.cells[*i])).collect();
        let mut kept = Row { schema: shape.to.clone(), cells };
        self.shape = Some(shape);
        self.sink.row(&mut kept)
    }

    fn value(&mut self, value: Value) -> Flow {
        self.row(&mut value.into_row())
    }
}
