//! `FROM sigma(rules=, log_sources=, …)`: Sigma rules on the rows of queries, each source read once.

use forensics::sigma::{Rule, parse};
use vql::args::Args;
use vql::call::{Arg, Category, Error, Example, Flow, Plugin, Signature, Sink, Type};
use vql::eval::parallel::{self, Shared, Threads};
use vql::host::Level;
use vql::lambda::Lambda;
use vql::permission::Permission;
use vql::scope::Scope;
use vql::value::{Value, convert};

use crate::evidence::json;
use crate::sigma::{Callbacks, Engine};

const RULES: usize = 0;
const LOG_SOURCES: usize = 1;
const FIELD_MAPPING: usize = 2;
const DEBUG: usize = 3;
const RULE_FILTER: usize = 4;
const DEFAULT_DETAILS: usize = 5;

pub const PLUGIN: Plugin = Plugin {
    signature: Signature {
        name: "sigma",
        doc: "Events that Sigma rules match, with `_Rule`, `_Match` and `Details`.",
        category: Category::Events,
        args: &[
            Arg::required("rules", Type::StrList, "Rules in YAML; a text may hold several."),
            Arg::required("log_sources", Type::Any, "Where events come from: see `sigma_log_sources()`."),
            Arg::optional(
                "field_mapping",
                Type::Dict,
                "For names of fields, lambdas that take them out of an event.",
            ),
            Arg::optional("debug", Type::Bool, "Give events that no rule matches as well."),
            Arg::optional("rule_filter", Type::Lambda, "Tells of each rule (a dict) whether to use it."),
            Arg::optional("default_details", Type::Lambda, "Makes `Details` for rules that do not."),
        ],
        permissions: &[
            Permission::MachineState,
            Permission::Execve,
            Permission::FilesystemRead,
            Permission::FilesystemWrite,
        ],
        examples: &[Example::new(
            "One rule",
            "SELECT Name, _Rule.Title AS Rule, Details FROM sigma(\
             rules='{title: T, logsource: {category: c}, detection: {s: {Image|endswith: .exe}, condition: s}, details: \"saw %Image%\"}', \
             log_sources=sigma_log_sources(`c/*/*`={ SELECT * FROM parse_json_array(data='[{\"Name\":\"a.exe\"},{\"Name\":\"b.txt\"}]') }), \
             field_mapping=dict(Image='x=>x.Name'))",
            r#"[{"Name":"a.exe","Rule":"T","Details":"saw a.exe"}]"#,
        )],
        ..Signature::NEW
    },
    columns: &[],
    run,
};

fn run(args: &Args<'_>, sink: &mut dyn Sink) -> Flow {
    let Value::Dict(sources) = args.value(LOG_SOURCES) else {
        return Err(Error::from("log_sources should be what sigma_log_sources() gives").into());
    };
    let engine = Engine::new(rules(args)?, callbacks(args)?);
    let mut is_used = vec![false; engine.len()];
    let mut work: Vec<(Vec<usize>, Value)> = Vec::new();
    for (name, query) in sources.snapshot().iter() {
        let rules = engine.rules_of(name.as_str());
        rules.iter().for_each(|rule| is_used[*rule] = true);
        if !rules.is_empty() {
            work.push((rules, query.clone()));
        }
    }
    for rule in (0..engine.len()).filter(|rule| !is_used[*rule]) {
        args.scope.log(Level::Debug, format!("sigma: no log source for rule {}", engine.title(rule)));
    }
    read_all(args.scope, &engine, &work, sink)
}

fn rules(args: &Args<'_>) -> Result<Vec<Rule>, Error> {
    let filter = args.lambda(RULE_FILTER)?;
    let mut rules = Vec::new();
    for text in args.text_list(RULES)? {
        let parsed = parse(&text.to_str_lossy()).unwrap_or_else(|e| vec![Err(e)]);
        for rule in parsed {
            match rule {
                Ok(rule) if is_wanted(args, filter.as_deref(), &rule) => rules.push(rule),
                Ok(_) => {}
                Err(e) => args.scope.log(Level::Default, format!("sigma: {e}")),
            }
        }
    }
    Ok(rules)
}

fn is_wanted(args: &Args<'_>, filter: Option<&Lambda>, rule: &Rule) -> bool {
    filter.is_none_or(|filter| {
        let shown = json(serde_json::Value::Object(rule.text.clone()));
        let wanted = filter.call(args.scope, &[shown]);
        args.scope.truth(&wanted)
    })
}

fn callbacks(args: &Args<'_>) -> Result<Callbacks, Error> {
    let mut callbacks = Callbacks {
        default_details: args.lambda(DEFAULT_DETAILS)?,
        debug: args.bool(DEBUG),
        ..Callbacks::default()
    };
    if let Some(mapping) = args.dict(FIELD_MAPPING)? {
        for (name, source) in mapping.snapshot().iter() {
            let source = convert::to_text(source);
            let lambda = Lambda::compile(&source.to_str_lossy(), &args.scope.context().registry)
                .map_err(|e| Error::new(format!("field_mapping {name}: {e}")))?;
            callbacks.mapping.insert(name.to_string(), lambda.into());
        }
    }
    Ok(callbacks)
}

/// Reads all sources, at the same time: some may never end.
fn read_all(scope: &Scope<'_>, engine: &Engine, work: &[(Vec<usize>, Value)], sink: &mut dyn Sink) -> Flow {
    let shared = Shared::new(scope, sink);
    let permits = Threads::take(scope, work.len());
    let next = std::sync::atomic::AtomicUsize::new(0);
    let read = || {
        let scope = scope.with_cancel(shared.cancel());
        while let Some((rules, query)) = work.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
            let mut each = |event: Value| engine.try_all(&scope, rules, &event, &mut &shared);
            parallel::report(&scope, "sigma", scope.each(query, &mut each));
        }
    };
    std::thread::scope(|threads| {
        for _ in 1..permits.count.max(1) {
            threads.spawn(read);
        }
        read();
    });
    shared.flow()
}
