//! Lambdas: `"x=>x + 1"` given to an argument of lambda type (reference, section 12).

use std::sync::Arc;

use crate::call::Error;
use crate::host::Level;
use crate::plan::Expr;
use crate::registry::Registry;
use crate::schema::Schema;
use crate::scope::{Layer, Scope};
use crate::value::{Row, Value};

/// A compiled lambda.
#[derive(Debug)]
pub struct Lambda {
    params: Arc<Schema>,
    count: usize,
    body: Expr,
}

impl Lambda {
    pub fn compile(source: &str, registry: &Registry) -> Result<Self, Error> {
        let ast = crate::parser::parse_lambda(source).map_err(|e| Error::new(e.to_string()))?;
        let params = Schema::of(ast.params.iter().map(|p| p.name.as_str()));
        let body = crate::compile::expression(&ast.body, source, registry);
        Ok(Lambda { params, count: ast.params.len(), body })
    }

    /// Calls it in the scope of use; a wrong number of arguments is logged and gives NULL.
    pub fn call(&self, scope: &Scope<'_>, args: &[Value]) -> Value {
        if args.len() != self.count {
            scope.log(Level::Error, "Incorrect number of parameters in Lambda call");
            return Value::Null;
        }
        if !scope.may_nest() {
            return Value::Null;
        }
        let row = Row { schema: self.params.clone(), cells: args[..self.params.len()].to_vec() };
        scope.with(Layer::Row(&row)).eval(&self.body)
    }
}
