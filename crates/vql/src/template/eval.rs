//! Runs a parsed template.

use super::functions::dicts::copied;
use super::functions::{Budget, Call};
use super::tree::{Body, Branch, Node, Operand, Pipe};
use super::{Error, MAX_CALLS, MAX_OUTPUT, MAX_STEPS, Surroundings, Template, print};
use crate::schema::Name;
use crate::stack;
use crate::text::Text;
use crate::value::{Value, member};

pub fn expand(
    template: &Template,
    data: &Value,
    html: bool,
    around: &Surroundings<'_>,
) -> Result<Text, Error> {
    let mut run = Run {
        template,
        around,
        html,
        out: Vec::new(),
        budget: Budget { left: MAX_STEPS, is_cancelled: around.is_cancelled },
        variables: Vec::new(),
        calls: 0,
        line: 1,
    };
    match run.whole(data) {
        Ok(()) => Ok(run.out.into()),
        Err(reason) => Err(Error { line: run.line, reason }),
    }
}

/// How a body ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Through,
    Break,
    Continue,
}

struct Run<'a> {
    template: &'a Template,
    around: &'a Surroundings<'a>,
    html: bool,
    out: Vec<u8>,
    budget: Budget<'a>,
    /// The newest last.
    variables: Vec<(String, Value)>,
    calls: usize,
    line: u32,
}

impl<'a> Run<'a> {
    fn whole(&mut self, data: &Value) -> Result<(), String> {
        let data = self.own(data.clone())?;
        self.variables.push(("$".to_owned(), data.clone()));
        self.body(&self.template.main, &data).map(drop)
    }

    /// What a template that changes dicts may change.
    fn own(&mut self, value: Value) -> Result<Value, String> {
        if self.template.changes { copied(&mut self.budget, &value, 0) } else { Ok(value) }
    }

    fn body(&mut self, body: &'a Body, dot: &Value) -> Result<Ended, String> {
        let known = self.variables.len();
        for node in body {
            self.budget.charge(1)?;
            let ended = stack::deep(|| self.node(node, dot))?;
            if ended != Ended::Through {
                self.variables.truncate(known);
                return Ok(ended);
            }
        }
        self.variables.truncate(known);
        Ok(Ended::Through)
    }

    fn node(&mut self, node: &'a Node, dot: &Value) -> Result<Ended, String> {
        match node {
            Node::Text(text) => self.append(text)?,
            Node::Action(pipe) => {
                let value = self.pipe(pipe, dot)?;
                if pipe.variables.is_empty() {
                    self.print(&value, pipe)?;
                }
            }
            Node::If(branch) | Node::With(branch) => {
                let known = self.variables.len();
                let value = self.pipe(&branch.pipe, dot)?;
                let inner = if matches!(node, Node::With(_)) { &value } else { dot };
                let ended = match print::is_true(&value) {
                    true => self.body(&branch.body, inner),
                    false => self.body(&branch.otherwise, dot),
                };
                self.variables.truncate(known);
                return ended;
            }
            Node::Range(branch) => return self.range(branch, dot),
            Node::Call { line, name, argument } => {
                self.line = *line;
                let argument = match argument {
                    Some(pipe) => self.pipe(pipe, dot)?,
                    None => Value::Null,
                };
                self.call(name, &argument)?;
            }
            Node::Break => return Ok(Ended::Break),
            Node::Continue => return Ok(Ended::Continue),
        }
        Ok(Ended::Through)
    }

    fn append(&mut self, text: &[u8]) -> Result<(), String> {
        if self.out.len() + text.len() > MAX_OUTPUT {
            return Err(format!("the text would have more than {MAX_OUTPUT} bytes"));
        }
        self.out.extend_from_slice(text);
        Ok(())
    }

    fn print(&mut self, value: &Value, pipe: &Pipe) -> Result<(), String> {
        if value.is_null() {
            // What is missing leaves no mark on a page.
            return if self.html { Ok(()) } else { self.append(b"<no value>") };
        }
        let text = print::text(value).ok_or("the value is too large to print")?;
        let escaped_already = matches!(pipe.commands.last().and_then(|c| c.first()), Some(Operand::Function(f)) if f.name == "html");
        if !self.html || escaped_already {
            return self.append(&text);
        }
        let mut escaped = Vec::with_capacity(text.len() + text.len() / 8);
        print::escape_html(&text, &mut escaped);
        self.append(&escaped)
    }

    fn call(&mut self, name: &str, argument: &Value) -> Result<(), String> {
        let template: &'a Template = self.template;
        let body = template.named.get(name).ok_or_else(|| format!("template {name:?} not defined"))?;
        if self.calls >= MAX_CALLS {
            return Err(format!("templates call each other more than {MAX_CALLS} deep"));
        }
        self.calls += 1;
        let outer = std::mem::replace(&mut self.variables, vec![("$".to_owned(), argument.clone())]);
        self.body(body, argument)?;
        self.variables = outer;
        self.calls -= 1;
        Ok(())
    }

    fn range(&mut self, branch: &'a Branch, dot: &Value) -> Result<Ended, String> {
        let known = self.variables.len();
        let pipe = &branch.pipe;
        let value = self.commands(pipe, dot)?;
        let mut count = 0;
        let mut each = |run: &mut Self, key: Value, item: &Value| -> Result<bool, String> {
            count += 1;
            run.budget.charge(1)?;
            let item = run.settle(item.clone())?;
            run.set_pair(pipe, key, &item)?;
            let ended = run.body(&branch.body, &item)?;
            run.variables.truncate(known);
            Ok(ended != Ended::Break)
        };
        match &value {
            Value::Null => {}
            Value::Int(end) => {
                for i in 0..*end {
                    if !each(self, Value::Int(i), &Value::Int(i))? {
                        break;
                    }
                }
            }
            Value::List(items) => {
                for (i, item) in items.iter().enumerate() {
                    if !each(self, Value::Int(i as i64), item)? {
                        break;
                    }
                }
            }
            Value::Dict(dict) => {
                let row = dict.snapshot();
                let mut pairs: Vec<_> = row.iter().collect();
                pairs.sort_by(print::by_name);
                for (name, item) in pairs {
                    if !each(self, Value::text(name.as_str()), item)? {
                        break;
                    }
                }
            }
            other => return Err(format!("range can't iterate over a value of type {}", other.type_name())),
        }
        if count == 0 {
            self.body(&branch.otherwise, dot)?;
        }
        Ok(Ended::Through)
    }

    /// Sets the variables of a loop: with one it is the item.
    fn set_pair(&mut self, pipe: &Pipe, key: Value, item: &Value) -> Result<(), String> {
        match &pipe.variables[..] {
            [] => Ok(()),
            [one] => self.set(one, item.clone(), pipe.assigns),
            [first, second, ..] => {
                self.set(first, key, pipe.assigns)?;
                self.set(second, item.clone(), pipe.assigns)
            }
        }
    }

    fn set(&mut self, name: &str, value: Value, assigns: bool) -> Result<(), String> {
        if !assigns {
            self.variables.push((name.to_owned(), value));
            return Ok(());
        }
        match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => return Err(format!("undefined variable: {name}")),
        }
        Ok(())
    }

    fn pipe(&mut self, pipe: &'a Pipe, dot: &Value) -> Result<Value, String> {
        let value = self.commands(pipe, dot)?;
        for name in &pipe.variables {
            self.set(name, value.clone(), pipe.assigns)?;
        }
        Ok(value)
    }

    fn commands(&mut self, pipe: &'a Pipe, dot: &Value) -> Result<Value, String> {
        self.line = pipe.line;
        let mut last = None;
        for command in &pipe.commands {
            self.budget.charge(1)?;
            last = Some(self.command(command, dot, last)?);
            self.line = pipe.line;
        }
        Ok(last.unwrap_or_default())
    }

    fn command(&mut self, command: &'a [Operand], dot: &Value, last: Option<Value>) -> Result<Value, String> {
        let [Operand::Function(function), arguments @ ..] = command else {
            if command.len() > 1 {
                return Err("a value that is no function has arguments".to_owned());
            }
            return self.operand(&command[0], dot);
        };
        if matches!(function.name, "and" | "or") {
            return self.logic(function.name == "and", arguments, dot, last);
        }
        let mut values = Vec::with_capacity(arguments.len() + 1);
        for argument in arguments {
            values.push(self.operand(argument, dot)?);
        }
        values.extend(last);
        if values.len() < function.least || values.len() > function.most {
            let wanted = if values.len() < function.least { function.least } else { function.most };
            return Err(format!(
                "wrong number of args for {}: want {wanted} got {}",
                function.name,
                values.len()
            ));
        }
        let mut call = Call { args: values, budget: &mut self.budget };
        let made = (function.run)(&mut call);
        let made = made.map_err(|e| format!("error calling {}: {e}", function.name))?;
        self.settle(made)
    }

    /// `and` and `or` look at no argument after the one that decides.
    fn logic(
        &mut self,
        is_and: bool,
        arguments: &'a [Operand],
        dot: &Value,
        last: Option<Value>,
    ) -> Result<Value, String> {
        let mut value = None;
        for argument in arguments {
            let this = self.operand(argument, dot)?;
            if print::is_true(&this) != is_and {
                return Ok(this);
            }
            value = Some(this);
        }
        last.or(value).ok_or_else(|| "wrong number of args: want at least 1 got 0".to_owned())
    }

    fn operand(&mut self, operand: &'a Operand, dot: &Value) -> Result<Value, String> {
        self.budget.charge(1)?;
        match operand {
            Operand::Dot => Ok(dot.clone()),
            Operand::Nil => Ok(Value::Null),
            Operand::Constant(value) => Ok(value.clone()),
            Operand::Field(names) => self.fields(dot.clone(), names),
            Operand::Variable(name, names) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                let value = found.map(|(_, value)| value.clone());
                self.fields(value.ok_or_else(|| format!("undefined variable: {name}"))?, names)
            }
            // A function among the arguments is called without any of its own.
            Operand::Function(_) => self.command(std::slice::from_ref(operand), dot, None),
            Operand::Pipe(pipe, names) => {
                let line = self.line;
                let value = stack::deep(|| self.pipe(pipe, dot))?;
                self.line = line;
                self.fields(value, names)
            }
        }
    }

    fn fields(&mut self, mut value: Value, names: &[Name]) -> Result<Value, String> {
        for name in names {
            let found = match &value {
                Value::Null => Some(Value::Null),
                Value::Dict(dict) => Some(dict.get(name).unwrap_or_default()),
                Value::Object(_) | Value::Time(_) | Value::Path(_) => member::member(&value, name),
                _ => None,
            };
            let missing = || format!("can't evaluate field {name} in type {}", value.type_name());
            value = self.settle(found.ok_or_else(missing)?)?;
        }
        Ok(value)
    }

    /// Queries become lists of their rows, and what is stored as an expression is evaluated.
    fn settle(&mut self, value: Value) -> Result<Value, String> {
        let stands_for_more =
            matches!(value, Value::Query(_) | Value::Rows(_) | Value::Expr(_)) || value.is_source();
        if !stands_for_more {
            return Ok(value);
        }
        match (self.around.settle)(value) {
            Value::Query(_) | Value::Rows(_) | Value::Expr(_) => Ok(Value::list(Vec::new())),
            value => self.own(value),
        }
    }
}
