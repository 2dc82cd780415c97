//! The description of the API for programs (OpenAPI 3.1), made from the routes and the signatures of their handlers.

use std::sync::LazyLock;

use serde_json::{Map, Value as Json, json};
use store::rights::{Action, Object, RIGHTS, Role};

use crate::describe::{Operation, Shapes};
use crate::error::Envelope;
use crate::route::{Access, Route};
use crate::router::paths;
use crate::routes::NOUNS;

/// The document.
pub fn document() -> &'static Json {
    static DOCUMENT: LazyLock<Json> = LazyLock::new(make);
    &DOCUMENT
}

fn make() -> Json {
    let mut all = Map::new();
    let mut shapes = Shapes::new();
    for noun in NOUNS {
        for route in (noun.routes)() {
            let operation = (route.describe)(&mut shapes);
            for path in paths(&route) {
                let method = route.method.as_str().to_ascii_lowercase();
                let described = described(noun.name, &route, &path, &operation);
                let methods = all.entry(path).or_insert_with(|| json!({}));
                methods[method] = described;
            }
        }
    }
    let error = shapes.shown::<Envelope<'_>>();
    let mut named = shapes.named();
    named.insert("Error".into(), error);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Harrier's Fleet API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Answers are 200 with JSON unless an operation says otherwise, or an error as described by the \
                schema Error. Bodies may be packed by gzip. Names in paths may be encoded twice.",
        },
        "paths": all,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": named,
        },
    })
}

fn described(noun: &str, route: &Route, path: &str, operation: &Operation) -> Json {
    let (security, description) = access(route.access);
    let mut parameters = path_parameters(path, &operation.path);
    parameters.extend(operation.query.iter().cloned());
    let mut described = json!({
        "operationId": operation_id(route, path),
        "tags": [noun],
        "summary": route.summary,
        "description": description,
        "security": security,
        "parameters": parameters,
        "responses": responses(operation),
    });
    if let Some(body) = &operation.body {
        described["requestBody"] =
            json!({"required": true, "content": {"application/json": {"schema": body}}});
    }
    described
}

fn responses(operation: &Operation) -> Json {
    let shapes = operation.answers.iter().map(|(kind, shape)| ((*kind).to_owned(), json!({"schema": shape})));
    let content: Map<String, Json> = shapes.collect();
    let good = |status: &u16| (status.to_string(), json!({"description": "Done.", "content": content}));
    let mut responses: Map<String, Json> = operation.statuses.iter().map(good).collect();
    let error = json!({
        "description": "Refused.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    });
    responses.insert("default".into(), error);
    responses.into()
}

/// One word that no other operation has.
fn operation_id(route: &Route, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name: Vec<&str> = words.skip_while(|word| *word == "api").collect();
    format!("{}_{}", route.method.as_str().to_ascii_lowercase(), name.join("_"))
}

fn path_parameters(path: &str, are_numbers: &[bool]) -> Vec<Json> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let described = |(name, is_number): (&str, &bool)| {
        let schema = match is_number {
            true => json!({"type": "integer", "minimum": 0, "maximum": u32::MAX}),
            false => json!({"type": "string", "minLength": 1}),
        };
        json!({"name": name, "in": "path", "required": true, "schema": schema})
    };
    names.zip(are_numbers).map(described).collect()
}

fn access(access: Access) -> (Json, String) {
    let token = json!([{"token": []}]);
    match access {
        Access::Public(why) => (json!([]), format!("Needs no session: {why}.")),
        Access::Session => (token, "For every user who is logged in.".to_owned()),
        Access::May(action, object) => (token, format!("{}.", right(action, object))),
    }
}

fn right(action: Action, object: Object) -> String {
    let Some(right) = RIGHTS.iter().find(|right| right.action == action && right.object == object) else {
        return "Refused to everybody".to_owned();
    };
    let list = |roles: &[Role]| match roles {
        [] => "none".to_owned(),
        roles => roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", "),
    };
    let owner = if right.owner { "; or the owner" } else { "" };
    format!(
        "Right: {action:?} {object:?}. Global roles: {}; roles on the team: {}{owner}",
        list(right.global),
        list(right.team)
    )
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    #[test]
    fn every_route_is_described_once_and_nothing_else() {
        let document = document();
        let described: BTreeSet<(String, String)> = document["paths"]
            .as_object()
            .unwrap()
            .iter()
            .flat_map(|(path, methods)| {
                let methods = methods.as_object().unwrap().keys();
                methods.map(|method| (path.clone(), method.to_uppercase())).collect::<Vec<_>>()
            })
            .collect();
        let routes: BTreeSet<(String, String)> = crate::router::all()
            .iter()
            .flat_map(|route| paths(route).into_iter().map(|path| (path, route.method.to_string())))
            .collect();
        assert_eq!(described, routes);
    }

    fn each(check: impl Fn(&str, &Json)) {
        for (path, methods) in document()["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                check(&format!("{method} {path}"), operation);
            }
        }
    }

    #[test]
    fn operations_have_names_of_their_own_and_declare_their_parameters() {
        let ids = std::cell::RefCell::new(HashSet::new());
        each(|which, operation| {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.borrow_mut().insert(id.to_owned()), "{which} is called {id} as another is");
            let parameters = operation["parameters"].as_array().unwrap();
            let in_path = parameters.iter().filter(|parameter| parameter["in"] == "path").count();
            assert_eq!(in_path, which.matches('{').count(), "{which}");
            let names: HashSet<&str> = parameters.iter().map(|one| one["name"].as_str().unwrap()).collect();
            assert_eq!(names.len(), parameters.len(), "{which} has a parameter twice");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{which}");
        });
        let document = document();
        let host = &document["paths"]["/api/v1/fleet/hosts/{id}"]["get"];
        assert_eq!(host["parameters"][0]["schema"]["type"], "integer");
        assert_eq!(host["security"], json!([{"token": []}]));
        assert!(host["description"].as_str().unwrap().starts_with("Right: Read Host."));
        let login = &document["paths"]["/api/latest/fleet/login"]["post"];
        assert_eq!(login["security"], json!([]));
        let body = &login["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(body["properties"]["email"]["type"], "string");
        let hosts = &document["paths"]["/api/v1/fleet/hosts"]["get"];
        let key =
            hosts["parameters"].as_array().unwrap().iter().find(|one| one["name"] == "order_key").unwrap();
        assert!(key["schema"]["enum"].as_array().unwrap().contains(&json!("hostname")));
    }

    /// What has no fixed shape: settings of agents are anybody's.
    const FREE: [&str; 1] = ["/agent_options"];

    #[test]
    fn every_operation_tells_what_it_takes_and_gives() {
        each(|which, operation| {
            // Single sign-on is refused, always.
            if !which.contains("post /api/v1/fleet/sso") {
                let answer = ["200", "202"].map(|status| &operation["responses"][status]["content"]);
                let answer = answer.into_iter().find(|answer| answer.is_object());
                let answer = answer.unwrap_or_else(|| panic!("{which} has no answer"));
                for (kind, shape) in answer.as_object().unwrap() {
                    assert!(is_shape(&shape["schema"]), "{which}: {kind} has no shape");
                }
            }
            let body = &operation["requestBody"]["content"]["application/json"]["schema"];
            let is_free = FREE.iter().any(|end| which.ends_with(end));
            assert!(body.is_null() || is_free || is_shape(body), "{which}: the body has no shape");
            if which.starts_with("patch") {
                assert!(!body.is_null(), "{which} has no body");
            }
            assert!(operation["responses"]["default"].is_object(), "{which}");
        });
    }

    fn is_shape(schema: &Json) -> bool {
        schema["type"].is_string() || schema["type"].is_array() || schema["$ref"].is_string()
    }

    #[test]
    fn references_lead_somewhere_and_nothing_is_named_in_vain() {
        let document = document();
        let text = document.to_string();
        let named = document["components"]["schemas"].as_object().unwrap();
        for part in text.split("\"$ref\":\"").skip(1) {
            let name = part.split('"').next().unwrap().rsplit('/').next().unwrap();
            assert!(named.contains_key(name), "{name} is not described");
        }
        for name in named.keys() {
            assert!(text.contains(&format!("schemas/{name}\"")), "{name} is not used");
        }
    }
}
