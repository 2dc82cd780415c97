//! Expressions (reference, section 7).

use crate::ast::{ArithOp, CompareOp};
use crate::call::Error;
use crate::host::Level;
use crate::plan::{Access, Arith, Expr, Match, Step};
use crate::scope::Scope;
use crate::value::{self, Value};

impl Scope<'_> {
    /// The value of an expression. Problems are logged and give NULL.
    pub fn eval(&self, expr: &Expr) -> Value {
        match expr {
            Expr::Const(v) => v.clone(),
            Expr::Symbol(symbol) => self.eval_symbol(symbol),
            Expr::Call(call) => self.eval_call(call),
            Expr::CallSymbol(call) => self.eval_call_symbol(call),
            Expr::Arith(arith) => self.eval_arith(arith),
            Expr::Compare(op, sides) => Value::Bool(self.eval_compare(*op, &sides.0, &sides.1)),
            Expr::Match(m) => Value::Bool(self.eval_match(m)),
            Expr::And { terms, last_value } => self.eval_and(terms, *last_value),
            Expr::Or(terms) => self.eval_or(terms),
            Expr::Not(e) => {
                let v = self.eval(e);
                Value::Bool(!self.truth(&v))
            }
            Expr::Negate(e) => negate(self.eval(e)),
            Expr::List(items) => Value::list(items.iter().map(|e| self.eval(e)).collect()),
            Expr::Query(query) => Value::Query(query.clone()),
            Expr::Access(access) => self.eval_access(access),
            Expr::Deep(e) => crate::stack::deep(|| self.eval(e)),
        }
    }

    /// Section 7.1. A query is run until its first row.
    pub fn truth(&self, value: &Value) -> bool {
        match value::truth::truth(value) {
            Some(truth) => truth,
            None => self.has_rows(value),
        }
    }

    fn eval_and(&self, terms: &[Expr], last_value: bool) -> Value {
        let mut last = Value::Null;
        for term in terms {
            last = self.eval(term);
            if !self.truth(&last) {
                return Value::Bool(false);
            }
        }
        if last_value { last } else { Value::Bool(true) }
    }

    fn eval_or(&self, terms: &[(bool, Expr)]) -> Value {
        let mut last = Value::Null;
        for (i, (keep_value, term)) in terms.iter().enumerate() {
            last = self.eval(term);
            if self.truth(&last) {
                return if i == 0 || *keep_value { last } else { Value::Bool(true) };
            }
        }
        last
    }

    fn eval_arith(&self, arith: &Arith) -> Value {
        let mut left = self.eval(&arith.first);
        for (op, right) in &arith.rest {
            let right = self.eval(right);
            left = self.arith(*op, left, right);
        }
        left
    }

    fn arith(&self, op: ArithOp, left: Value, right: Value) -> Value {
        // The common case, before anything else is looked at.
        if let (Value::Int(a), Value::Int(b)) = (&left, &right) {
            match op {
                ArithOp::Add => return Value::Int(a.wrapping_add(*b)),
                ArithOp::Sub => return Value::Int(a.wrapping_sub(*b)),
                ArithOp::Mul => return Value::Int(a.wrapping_mul(*b)),
                ArithOp::Div => {}
            }
        }
        let result = match op {
            ArithOp::Add => {
                let (left, right) = self.add_operands(left, right);
                value::add::add(&left, &right)
            }
            ArithOp::Sub => value::subtract::subtract(&left, &right),
            ArithOp::Mul => value::multiply::multiply(&left, &right),
            ArithOp::Div => value::divide::divide(&left, &right),
        };
        result.unwrap_or_else(|Error(message)| {
            self.log(Level::Error, message);
            Value::Null
        })
    }

    /// Queries take part in a sum as lists of their rows, beside another query or a list (section 7.3).
    fn add_operands(&self, left: Value, right: Value) -> (Value, Value) {
        let is_query = |v: &Value| matches!(v, Value::Query(_) | Value::Rows(_));
        let is_list = |v: &Value| matches!(v, Value::List(_));
        match (is_query(&left), is_query(&right)) {
            (true, true) => (self.listed(left), self.listed(right)),
            (true, false) if is_list(&right) => (self.listed(left), right),
            (false, true) if is_list(&left) => (left, self.listed(right)),
            _ => (left, right),
        }
    }

    fn eval_compare(&self, op: CompareOp, left: &Expr, right: &Expr) -> bool {
        let (a, b) = (self.eval(left), self.eval(right));
        if let (Value::Int(a), Value::Int(b)) = (&a, &b) {
            return match op {
                CompareOp::Eq => a == b,
                CompareOp::Ne | CompareOp::LtGt => a != b,
                CompareOp::Lt => a < b,
                CompareOp::Le => a <= b,
                CompareOp::Gt => a > b,
                CompareOp::Ge => a >= b,
                CompareOp::In | CompareOp::Match => false,
            };
        }
        let zones = || self.zones();
        match op {
            CompareOp::Eq => value::equal::equal(&a, &b),
            CompareOp::Ne | CompareOp::LtGt => !value::equal::equal(&a, &b),
            CompareOp::Lt => value::compare::less(&a, &b, &zones),
            CompareOp::Le => value::compare::less(&a, &b, &zones) || value::equal::equal(&a, &b),
            CompareOp::Gt => value::compare::greater(&a, &b, &zones),
            CompareOp::Ge => value::compare::greater(&a, &b, &zones) || value::equal::equal(&a, &b),
            CompareOp::In => match b {
                Value::Rows(_) => false,
                b => value::contains::contains(&a, &b),
            },
            CompareOp::Match => false,
        }
    }

    fn eval_match(&self, m: &Match) -> bool {
        let Value::Text(pattern) = self.eval(&m.pattern) else { return false };
        if value::regex::is_match_all(&pattern) {
            return true;
        }
        let target = self.eval(&m.target);
        let regex = m.memo.get(0, &pattern, |p| {
            value::regex::compile(p, true)
                .inspect_err(|e| self.log(Level::Default, format!("Compile regexp: {e}")))
        });
        regex.is_ok_and(|regex| value::regex::matches(&target, &regex))
    }

    fn eval_access(&self, access: &Access) -> Value {
        let mut v = self.eval(&access.base);
        for step in &access.steps {
            if v.is_null() {
                return v;
            }
            v = match step {
                Step::Member(name) => self.member(&v, name),
                Step::Index(index) => {
                    let index = self.eval(index);
                    self.index(&v, &index)
                }
                Step::Range(start, end) => {
                    let start = start.as_ref().map(|e| self.eval(e));
                    let end = end.as_ref().map(|e| self.eval(e));
                    self.range(&v, start, end)
                }
            };
        }
        v
    }

    fn index(&self, base: &Value, index: &Value) -> Value {
        match (base, index) {
            (Value::Query(_), _) => match value::convert::to_int_arg(index) {
                Some(i) => value::index::index(&self.listed(base.clone()), &Value::Int(i)),
                None => self.member_by_text(base, index),
            },
            (Value::Rows(rows), _) if !rows.is_empty() => match value::convert::to_int_arg(index) {
                Some(i) => rows.get(i.rem_euclid(rows.len() as i64) as usize).unwrap_or_default(),
                None => self.member_by_text(base, index),
            },
            (Value::Rows(_), _) => Value::Null,
            _ => value::index::index(base, index),
        }
    }

    fn member_by_text(&self, base: &Value, index: &Value) -> Value {
        match index {
            Value::Text(t) => self.member(base, &crate::schema::Name::new(&t.to_str_lossy())),
            _ => Value::Null,
        }
    }

    fn range(&self, base: &Value, start: Option<Value>, end: Option<Value>) -> Value {
        match base {
            // The reference answers an empty range for a query that is not materialised (section 7.11).
            Value::Query(_) => Value::list(Vec::new()),
            Value::Rows(_) => {
                let listed = self.listed(base.clone());
                value::index::range(&listed, start.as_ref(), end.as_ref())
            }
            _ => value::index::range(base, start.as_ref(), end.as_ref()),
        }
    }
}

/// `-x` (section 5).
fn negate(value: Value) -> Value {
    match value {
        Value::Bool(b) => Value::Bool(!b),
        Value::Int(i) => Value::Int(i.wrapping_neg()),
        Value::UInt(u) => Value::Int((u as i64).wrapping_neg()),
        Value::Float(f) => Value::Float(-f),
        _ => Value::Null,
    }
}
