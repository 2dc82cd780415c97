//! SELECT: source rows → lazy columns → WHERE → (GROUP BY) → columns → ORDER BY → LIMIT (reference, section 6).

use std::sync::{Arc, OnceLock};

use crate::call::{Flow, Sink, Stop};
use crate::eval::group::Groups;
use crate::eval::lazy::LazyRow;
use crate::eval::order::Sorter;
use crate::host::Level;
use crate::plan::{Column, Select};
use crate::schema::{Name, Schema};
use crate::scope::{Aggregates, Cleanup, Layer, Scope};
use crate::value::{Row, Value};

impl Scope<'_> {
    /// Runs a SELECT, pushing its rows. A problem is logged; only the consumer, or cancellation, stops it early.
    pub fn run_select(&self, select: &Select, sink: &mut dyn Sink) -> Flow {
        if !self.may_nest() {
            return Ok(());
        }
        super::with_stack(|| {
            let scope = self.with_query(&select.text);
            if select.explain {
                scope.log(Level::Info, format!("EXPLAIN {}", super::super::explain::describe(select)));
            }
            scope.run_limited(select, sink)
        })
    }

    fn run_limited(&self, select: &Select, sink: &mut dyn Sink) -> Flow {
        let Some(limit) = select.limit else { return self.run_ordered(select, sink) };
        // Whatever runs in the background for this query ends with it.
        let cancel = self.cancel().child();
        let mut limited = Limit { sink, left: limit.max(1), reached: false };
        let flow = self.with_cancel(&cancel).run_ordered(select, &mut limited);
        let reached = limited.reached;
        cancel.cancel();
        if reached { Ok(()) } else { flow }
    }

    fn run_ordered(&self, select: &Select, sink: &mut dyn Sink) -> Flow {
        let Some(order) = &select.order_by else { return self.run_grouped(select, sink) };
        let limit = select.limit.map(|n| n.max(1) as usize);
        let mut sorter = Sorter::new(self, order, limit);
        self.run_grouped(select, &mut sorter)?;
        sorter.finish(sink)
    }

    fn run_grouped(&self, select: &Select, sink: &mut dyn Sink) -> Flow {
        // Destructors registered by the source run when the source is finished.
        let cleanup = Cleanup::default();
        let source = self.with_cleanup(&cleanup);
        match &select.group_by {
            None => source.push_from(&select.from, &mut Project::new(self, select, sink)),
            Some(key) => {
                let mut groups = Groups::new(self, select, key);
                source.push_from(&select.from, &mut groups)?;
                groups.finish(sink)
            }
        }
    }
}

/// Passes on so many rows, then stops the source.
struct Limit<'a> {
    sink: &'a mut dyn Sink,
    left: i64,
    reached: bool,
}

impl Limit<'_> {
    fn count(&mut self) -> Flow {
        self.left -= 1;
        if self.left > 0 {
            return Ok(());
        }
        self.reached = true;
        Err(Stop::Done)
    }
}

impl Sink for Limit<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        self.sink.row(row)?;
        self.count()
    }

    fn value(&mut self, value: Value) -> Flow {
        self.sink.value(value)?;
        self.count()
    }
}

/// Where the cells of an output row come from when there is a `*`.
enum Cell {
    Raw(usize),
    /// A place in the select's aliases.
    Named(usize),
}

/// The output columns for one shape of raw rows.
struct Shape {
    raw: Arc<Schema>,
    out: Arc<Schema>,
    cells: Vec<Cell>,
}

impl Shape {
    /// Section 6.2: what `*` adds, and which of two columns of one name stays.
    fn new(select: &Select, raw: &Arc<Schema>) -> Self {
        let star_first = matches!(select.columns.first(), Some(Column::Star));
        let mut chosen: Vec<(Name, Cell)> = Vec::new();
        for column in &select.columns {
            match column {
                Column::Star => {
                    // The names of a row differ from each other: only columns before the star need a look.
                    let before = chosen.len();
                    for (i, name) in raw.names().iter().enumerate() {
                        if !chosen[..before].iter().any(|(n, _)| n == name) {
                            chosen.push((name.clone(), Cell::Raw(i)));
                        }
                    }
                }
                Column::Expr { name, .. } | Column::Select { name, .. } => {
                    let at = chosen.iter().position(|(n, _)| n == name);
                    let kept = |c: &Cell| matches!(c, Cell::Raw(_)) && !star_first;
                    match at {
                        Some(i) if kept(&chosen[i].1) => continue,
                        Some(i) => drop(chosen.remove(i)),
                        None => {}
                    }
                    if let Some(i) = select.aliases.find(name) {
                        chosen.push((name.clone(), Cell::Named(i)));
                    }
                }
            }
        }
        let out = Schema::of(chosen.iter().map(|(n, _)| n.clone()));
        Shape { raw: raw.clone(), out, cells: chosen.into_iter().map(|(_, c)| c).collect() }
    }
}

/// WHERE and the columns of one SELECT, for raw rows as they come.
pub(super) struct Columns<'a> {
    pub scope: &'a Scope<'a>,
    pub select: &'a Select,
    cells: Vec<OnceLock<Value>>,
    shape: Option<Shape>,
    pub out: Row,
}

impl<'a> Columns<'a> {
    pub fn new(scope: &'a Scope<'a>, select: &'a Select) -> Self {
        let lazy = select.filter.is_some() || select.group_by.is_some();
        let cells =
            if lazy { select.aliases.names().iter().map(|_| OnceLock::new()).collect() } else { Vec::new() };
        Columns { scope, select, cells, shape: None, out: Row::new(select.aliases.clone()) }
    }

    /// Whether the row passes WHERE. Columns that WHERE looked at are kept for [`Columns::fill`].
    pub fn passes(&mut self, scope: &Scope<'_>) -> bool {
        let Some(filter) = &self.select.filter else { return true };
        for cell in &mut self.cells {
            cell.take();
        }
        let lazy = LazyRow { select: self.select, scope, cells: &self.cells };
        let scope = scope.with(Layer::Lazy(&lazy));
        let value = scope.eval(filter);
        scope.truth(&value)
    }

    /// Evaluates an expression that sees the columns (the key of GROUP BY).
    pub fn eval_with_columns(&mut self, scope: &Scope<'_>, expr: &crate::plan::Expr) -> Value {
        if self.select.filter.is_none() {
            for cell in &mut self.cells {
                cell.take();
            }
        }
        let lazy = LazyRow { select: self.select, scope, cells: &self.cells };
        let value = scope.with(Layer::Lazy(&lazy)).eval(expr);
        scope.listed(value)
    }

    /// Evaluates the columns not evaluated yet, into `self.out`.
    pub fn fill(&mut self, scope: &Scope<'_>, raw: &Raw<'_>) {
        self.out.cells.clear();
        if !self.select.has_star {
            share(&mut self.out.schema, &self.select.aliases);
            for i in 0..self.select.aliases.len() {
                let value = self.named(scope, i);
                self.out.cells.push(value);
            }
            return;
        }
        let shape = self.take_shape(raw);
        for cell in &shape.cells {
            let value = match cell {
                Cell::Raw(i) => raw.cell(&shape.raw, *i, scope),
                Cell::Named(i) => self.named(scope, *i),
            };
            self.out.cells.push(value);
        }
        share(&mut self.out.schema, &shape.out);
        self.shape = Some(shape);
    }

    fn named(&mut self, scope: &Scope<'_>, i: usize) -> Value {
        let known = self.cells.get_mut(i).and_then(OnceLock::take);
        known.unwrap_or_else(|| scope.eval_column(&self.select.columns[self.select.alias_columns[i]]))
    }

    fn take_shape(&mut self, raw: &Raw<'_>) -> Shape {
        let schema = raw.schema();
        match self.shape.take() {
            Some(shape) if Arc::ptr_eq(&shape.raw, &schema) || same_names(&shape.raw, &schema) => shape,
            _ => Shape::new(self.select, &schema),
        }
    }
}

/// Points to a schema, without touching its reference count when it does already.
fn share(present: &mut Arc<Schema>, wanted: &Arc<Schema>) {
    if !Arc::ptr_eq(present, wanted) {
        present.clone_from(wanted);
    }
}

/// Rows of dicts often have equal schemas that are not shared.
fn same_names(a: &Schema, b: &Schema) -> bool {
    a.names() == b.names()
}

/// A raw row: in flight, or any value.
pub(super) enum Raw<'a> {
    Row(&'a Row),
    Value(&'a Value),
}

impl Raw<'_> {
    pub fn layer(&self) -> Layer<'_> {
        match self {
            Raw::Row(row) => Layer::Row(row),
            Raw::Value(value) => Layer::Value(value),
        }
    }

    /// The members that `*` shows.
    fn schema(&self) -> Arc<Schema> {
        match self {
            Raw::Row(row) => row.schema.clone(),
            Raw::Value(Value::Dict(dict)) => dict.schema(),
            Raw::Value(Value::Object(o)) => Schema::of(o.members()),
            Raw::Value(Value::Time(_)) => Schema::of(crate::time::MEMBERS.iter().copied()),
            Raw::Value(_) => Schema::empty(),
        }
    }

    fn cell(&self, schema: &Schema, i: usize, scope: &Scope<'_>) -> Value {
        let value = match self {
            Raw::Row(row) => row.cells[i].clone(),
            Raw::Value(value) => scope.member(value, &schema.names()[i]),
        };
        scope.cell(scope.settle(value))
    }
}

/// A SELECT without GROUP BY: each raw row that passes becomes an output row at once.
struct Project<'a> {
    columns: Columns<'a>,
    cleanup: Cleanup,
    sink: &'a mut dyn Sink,
}

impl<'a> Project<'a> {
    fn new(scope: &'a Scope<'a>, select: &'a Select, sink: &'a mut dyn Sink) -> Self {
        Project { columns: Columns::new(scope, select), cleanup: Cleanup::default(), sink }
    }

    fn push(&mut self, raw: &Raw<'_>) -> Flow {
        let outer = self.columns.scope;
        outer.tick()?;
        let scope = outer.with_row(raw.layer(), &self.cleanup);
        let flow = match self.columns.passes(&scope) {
            false => Ok(()),
            true => {
                self.columns.fill(&scope, raw);
                // Cells computed while the query was being cancelled may lack what they should hold.
                outer.live().and_then(|()| self.sink.row(&mut self.columns.out))
            }
        };
        self.cleanup.run();
        flow
    }

    /// A row of which all cells are wanted, and no others, is not copied.
    fn pass_on(&mut self, row: &mut Row) -> Flow {
        let outer = self.columns.scope;
        outer.tick()?;
        let scope = outer.with_row(Layer::Row(row), &self.cleanup);
        let passes = self.columns.passes(&scope);
        let settled = (passes && row.cells.iter().any(is_unsettled))
            .then(|| row.cells.iter().map(|cell| scope.cell(scope.settle(cell.clone()))).collect());
        if let Some(cells) = settled {
            row.cells = cells;
        }
        let flow = if passes { outer.live().and_then(|()| self.sink.row(row)) } else { Ok(()) };
        self.cleanup.run();
        flow
    }
}

/// Whether a value is replaced when it becomes a cell.
fn is_unsettled(value: &Value) -> bool {
    match value {
        Value::Query(_) | Value::Expr(_) => true,
        Value::List(items) => items.iter().any(|v| matches!(v, Value::Query(_))),
        _ => false,
    }
}

impl Sink for Project<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        match *self.columns.select.columns {
            [Column::Star] => self.pass_on(row),
            _ => self.push(&Raw::Row(row)),
        }
    }

    fn value(&mut self, value: Value) -> Flow {
        self.push(&Raw::Value(&value))
    }
}

/// An aggregate context for the rows of a group.
pub(super) type GroupState = Aggregates;
