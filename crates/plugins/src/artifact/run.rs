//! Running the sources of an artifact in a scope of their own.

use std::sync::Arc;

use store::flow::SERVER;
use vql::call::{Error, Flow, Sink, Stop};
use vql::cancel::Cancel;
use vql::host::Level;
use vql::permission::Permission;
use vql::plan::Statement;
use vql::schema::{Name, Schema};
use vql::scope::{Context, Scope};
use vql::session::{Program, Session};
use vql::value::{Row, Value};

use super::definition::{Definition, Parameter};
use super::parameter::ParameterType;
use super::prepared::{Prepared, PreparedSource};
use crate::server::{Server, failed, shown};

/// The values of all parameters: what was given, else the defaults. Values for parameters that do not exist
/// are reported to `unknown`. Parameters of type `server_metadata` take what was noted about the server.
pub fn environment(
    definition: &Definition,
    given: Row,
    server: Option<&Server>,
    mut unknown: impl FnMut(&str),
) -> Result<Row, Error> {
    let mut env = Row::default();
    for parameter in &definition.parameters {
        let name = Name::new(&parameter.name);
        let value = match given.get(&name) {
            Some(value) if !value.is_null() => Some(value.clone()),
            // What was noted may be secret: only artifacts that take trust to define get to see it.
            _ if definition.kind.is_server() => noted(parameter, server)?,
            _ => None,
        };
        env.set(&name, parameter.resolve(value)?);
    }
    for (name, _) in given.iter() {
        if env.get(name).is_none() {
            unknown(name.as_str());
        }
    }
    Ok(env)
}

fn noted(parameter: &Parameter, server: Option<&Server>) -> Result<Option<Value>, Error> {
    match server {
        Some(server) if parameter.kind == ParameterType::ServerMetadata => {
            let facts = server.metadata.of(SERVER).map_err(failed)?;
            facts.get(&parameter.name).map(shown).transpose()
        }
        _ => Ok(None),
    }
}

/// Refuses callers who lack a right that the artifact demands.
pub fn check_rights(definition: &Definition, context: &Context) -> Result<(), Error> {
    for name in &definition.required_permissions {
        if Permission::from_name(name).is_none_or(|p| !context.permissions.has(p)) {
            return Err(Error::new(format!("PermissionDenied: Permission denied: [{name}]")));
        }
    }
    Ok(())
}

/// Runs artifacts: one session for all sources, or one for each when they have preconditions.
pub struct Runner<'a> {
    pub prepared: &'a Prepared,
    pub context: Arc<Context>,
    pub env: Row,
    pub cancel: Cancel,
    /// Sources whose precondition gives no row are left out.
    pub obey_preconditions: bool,
    /// The scope that calls, if any: its depth counts.
    pub caller: Option<&'a Scope<'a>>,
}

impl Runner<'_> {
    /// Runs each source, or only the one of that name; `sink_of` gives where its rows go.
    pub fn run(
        &self,
        only: &str,
        mut each: impl FnMut(&PreparedSource, &Session, &mut dyn FnMut(&mut dyn Sink) -> Flow) -> Flow,
    ) -> Flow {
        let shared = if self.prepared.is_isolated() { None } else { Some(self.session()) };
        if self.obey_preconditions
            && let Some(precondition) = &self.prepared.precondition
        {
            let session = self.session();
            let holds = holds(&session, precondition);
            session.close();
            if !holds {
                return Ok(());
            }
        }
        for source in self.prepared.sources.iter().filter(|s| only.is_empty() || s.name == only) {
            let own = if shared.is_none() { Some(self.session()) } else { None };
            let Some(session) = shared.as_ref().or(own.as_ref()) else { continue };
            let flow = self.source(source, session, &mut each);
            if let Some(own) = own {
                own.close();
            }
            flow?;
        }
        if let Some(shared) = shared {
            shared.close();
        }
        Ok(())
    }

    fn source(
        &self,
        source: &PreparedSource,
        session: &Session,
        each: &mut impl FnMut(&PreparedSource, &Session, &mut dyn FnMut(&mut dyn Sink) -> Flow) -> Flow,
    ) -> Flow {
        if self.obey_preconditions
            && let Some(precondition) = &source.precondition
            && !holds(session, precondition)
        {
            return Ok(());
        }
        each(source, session, &mut |sink| {
            source.programs.iter().try_for_each(|program| statements(session, program, sink))
        })
    }

    /// A scope with the parameters and what imports define.
    fn session(&self) -> Session {
        let mut session = Session::new(self.context.clone(), self.env.clone(), self.cancel.clone());
        if let Some(caller) = self.caller {
            session = session.below(caller);
        }
        for program in &self.prepared.exports {
            for statement in &program.statements {
                if let Statement::Let(l) = statement {
                    session.define(l);
                }
            }
        }
        session
    }
}

fn statements(session: &Session, program: &Program, sink: &mut dyn Sink) -> Flow {
    program.statements.iter().try_for_each(|statement| match session.run(statement, sink) {
        Err(Stop::Failed(e)) => {
            session.scope().log(Level::Error, e.to_string());
            Ok(())
        }
        flow => flow,
    })
}

/// Whether a query gives any row.
fn holds(session: &Session, program: &Program) -> bool {
    struct Any(bool);
    impl Sink for Any {
        fn row(&mut self, _row: &mut Row) -> Flow {
            self.0 = true;
            Err(Stop::Done)
        }
        fn value(&mut self, _value: Value) -> Flow {
            self.0 = true;
            Err(Stop::Done)
        }
    }
    let mut any = Any(false);
    let _ = statements(session, program, &mut any);
    any.0
}

/// Adds a column `_Source` to each row.
pub struct Tagged<'a> {
    sink: &'a mut dyn Sink,
    source: Value,
    column: Name,
    /// The schema of the last row, and the same with the column: rows of a query share theirs.
    last: Option<(Arc<Schema>, Arc<Schema>)>,
}

impl<'a> Tagged<'a> {
    pub fn new(sink: &'a mut dyn Sink, source: &str) -> Self {
        Tagged { sink, source: Value::from(source), column: Name::new("_Source"), last: None }
    }
}

impl Sink for Tagged<'_> {
    fn row(&mut self, row: &mut Row) -> Flow {
        match &self.last {
            Some((plain, tagged)) if Arc::ptr_eq(plain, &row.schema) => {
                row.schema = tagged.clone();
                row.cells.push(self.source.clone());
            }
            _ => {
                let plain = row.schema.clone();
                let had = row.get(&self.column).is_some();
                row.set(&self.column, self.source.clone());
                if !had {
                    self.last = Some((plain, row.schema.clone()));
                }
            }
        }
        self.sink.row(row)
    }

    fn value(&mut self, value: Value) -> Flow {
        match value {
            Value::Dict(dict) => self.row(&mut dict.snapshot()),
            other => {
                let mut row = Row { schema: Schema::value().clone(), cells: vec![other] };
                self.row(&mut row)
            }
        }
    }
}
