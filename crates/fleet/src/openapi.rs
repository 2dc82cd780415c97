//! The description of the API for programs (OpenAPI 3.1), made from the routes themselves.

use serde_json::{Map, Value as Json, json};
use store::rights::{Action, Object, RIGHTS, Role};

use crate::route::{Access, Route};
use crate::router::paths;
use crate::routes::NOUNS;

/// The document.
pub fn document() -> Json {
    let mut all = Map::new();
    for noun in NOUNS {
        for route in (noun.routes)() {
            for path in paths(&route) {
                let method = route.method.as_str().to_ascii_lowercase();
                let described = operation(noun.name, &route, &path);
                let methods = all.entry(path).or_insert_with(|| json!({}));
                methods[method] = described;
            }
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Harrier's Fleet API",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Answers are 200 with JSON, or an error as described by the schema Error.",
        },
        "paths": all,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Error": error()},
        },
    })
}

fn error() -> Json {
    let text = json!({"type": "string"});
    let reason = json!({"type": "object", "properties": {"name": text, "reason": text}});
    json!({
        "type": "object",
        "required": ["message"],
        "properties": {
            "message": text,
            "code": {"type": "integer", "description": "Of errors about roles alone."},
            "errors": {"type": "array", "items": reason},
        },
    })
}

fn operation(noun: &str, route: &Route, path: &str) -> Json {
    let body = json!({"content": {"application/json": {"schema": {"type": "object"}}}});
    let failed = json!({
        "description": "Refused.",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    });
    let (security, description) = access(route.access);
    let mut operation = json!({
        "operationId": operation_id(route, path),
        "tags": [noun],
        "summary": route.summary,
        "description": description,
        "security": security,
        "parameters": parameters(path),
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {"schema": {"type": "object"}}}},
            "default": failed,
        },
    });
    if route.method != http::Method::GET {
        operation["requestBody"] = body;
    }
    operation
}

/// One word that no other operation has.
fn operation_id(route: &Route, path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let name: Vec<&str> = words.skip_while(|word| *word == "api").collect();
    format!("{}_{}", route.method.as_str().to_ascii_lowercase(), name.join("_"))
}

fn parameters(path: &str) -> Vec<Json> {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let described = |name: &str| {
        let is_number = name == "id" || name.ends_with("_id");
        let kind = if is_number { "integer" } else { "string" };
        json!({"name": name, "in": "path", "required": true, "schema": {"type": kind}})
    };
    names.map(described).collect()
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

    #[test]
    fn operations_have_names_of_their_own_and_declare_their_parameters() {
        let document = document();
        let mut ids = HashSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap();
                assert!(ids.insert(id.to_owned()), "{method} {path} is called {id} as another is");
                let parameters = operation["parameters"].as_array().unwrap();
                assert_eq!(parameters.len(), path.matches('{').count(), "{path}");
                assert!(!operation["summary"].as_str().unwrap().is_empty(), "{method} {path}");
            }
        }
        let host = &document["paths"]["/api/v1/fleet/hosts/{id}"]["get"];
        assert_eq!(host["parameters"][0]["schema"]["type"], "integer");
        assert_eq!(host["security"], json!([{"token": []}]));
        assert!(host["description"].as_str().unwrap().starts_with("Right: Read Host."));
        let login = &document["paths"]["/api/latest/fleet/login"]["post"];
        assert_eq!(login["security"], json!([]));
    }
}
