//! `template()`: fills a template in the language of Go (builtins page, section 4.1).

use crate::args::Args;
use crate::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use crate::template::{Surroundings, Template};
use crate::value::Value;

const TEMPLATE: usize = 0;
const EXPANSION: usize = 1;
const HTML: usize = 2;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "template",
        doc: "Fills a template in the language of Go's text/template, with the usual functions of sprig.",
        category: Category::Text,
        args: &[
            Arg::required("template", Type::Str, "The template."),
            Arg::required("expansion", Type::Dict, "What it is filled with."),
            Arg::optional("html", Type::Bool, "Escape what is filled in for the text of a page."),
        ],
        examples: &[
            Example::new(
                "A field",
                "template(template='Hello {{ .Name }}', expansion=dict(Name='you'))",
                r#""Hello you""#,
            ),
            Example::new(
                "A loop and a function",
                "template(template='{{ range .Users }}{{ . | upper }};{{ end }}', expansion=dict(Users=['a', 'b']))",
                r#""A;B;""#,
            ),
            Example::new(
                "What is missing",
                "template(template='{{ .X | default `none` }}', expansion=dict())",
                r#""none""#,
            ),
        ],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let text = args.text(TEMPLATE)?;
    let template = args.memo(TEMPLATE, &text, |text| {
        Template::parse(&text.to_str_lossy()).map_err(|e| Error::new(e.to_string()))
    })?;
    let data = Value::Dict(args.dict(EXPANSION)?.unwrap_or_default());
    let scope = args.scope;
    let around = Surroundings {
        settle: &|value| scope.listed(scope.settle(value)),
        is_cancelled: &|| scope.cancel().is_cancelled(),
    };
    let made = template.expand(&data, args.bool(HTML), &around).map_err(|e| Error::new(e.to_string()))?;
    Ok(Value::Text(made))
}
