//! `expand(path=)`: environment variables in text.

use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Function, FunctionBody, OnError, Signature, Type};
use vql::permission::Permission;
use vql::value::Value;

use crate::world::World;

pub const FUNCTION: Function = Function {
    signature: Signature {
        name: "expand",
        doc: "Replaces $NAME, ${NAME} and %NAME% by environment variables; a %NAME% that is not set stays.",
        category: Category::Host,
        args: &[Arg::required("path", Type::Str, "The text to expand.")],
        permissions: &[Permission::MachineState],
        examples: &[Example::new(
            "Not set",
            "expand(path='/a/${NO_SUCH}/$NO_SUCH-%NO_SUCH%')",
            "\"/a//-%NO_SUCH%\"",
        )],
        ..Signature::NEW
    },
    on_error: OnError::Null,
    run: FunctionBody::Plain(run),
};

fn run(args: &Args<'_>) -> Result<Value, Error> {
    let world = World::of(args.scope)?;
    Ok(Value::from(expand(&args.string(0)?, |name| world.variable(name))))
}

fn expand<'a>(text: &str, look_up: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['$', '%']) {
        out.push_str(&rest[..at]);
        let sign = &rest[at..=at];
        rest = &rest[at + 1..];
        match reference(sign, rest) {
            Some((name, after)) => {
                match look_up(name) {
                    Some(value) => out.push_str(value),
                    None if sign == "%" => {
                        out.extend(["%", name, "%"]);
                    }
                    None => {}
                }
                rest = after;
            }
            None => out.push_str(sign),
        }
    }
    out.push_str(rest);
    out
}

/// The name that follows a sign, and what is after it; `None` when the sign is plain text.
fn reference<'t>(sign: &str, text: &'t str) -> Option<(&'t str, &'t str)> {
    let word = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let closed = |name: &'t str, close: char| {
        let (name, after) = name.split_once(close)?;
        (!name.is_empty()).then_some((name, after))
    };
    match (sign, text.strip_prefix('{')) {
        ("%", _) => closed(text, '%').filter(|(name, _)| !name.contains(['/', '\\', ' '])),
        (_, Some(braced)) => closed(braced, '}'),
        _ => (word > 0).then(|| text.split_at(word)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_table() {
        let look_up = |name: &str| (name == "HOME").then_some("/root");
        for (text, wanted) in [
            ("$HOME/x", "/root/x"),
            ("${HOME}x$HOME", "/rootx/root"),
            ("%HOME%\\%NO%", "/root\\%NO%"),
            ("$NO-${NO}-", "--"),
            ("5$ 100% %", "5$ 100% %"),
            ("${HOME", "${HOME"),
            ("${}%%", "${}%%"),
            ("a%b/c%HOME%", "a%b/c/root"),
        ] {
            assert_eq!(expand(text, look_up), wanted, "{text}");
        }
    }
}
