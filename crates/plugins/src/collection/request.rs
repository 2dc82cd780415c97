//! What a collection is asked to do, from the arguments of `collect_client()` and the like.

use std::sync::Arc;

use store::flow::{Env, Parameters, Request, Spec};
use vql::call::Error;
use vql::json::{self, JsonOptions};
use vql::value::{Row, Value};

use crate::artifact::definition::Definition;
use crate::artifact::repository::Repository;

/// The most artifacts that one collection may hold.
const MAX_ARTIFACTS: usize = 200;

/// Adds the artifacts to a request, with the parameters that `env` (for all of them) and `spec` (by the name of
/// the artifact) give. Unknown artifacts are an error; parameters that an artifact does not have are left out.
pub fn add_artifacts(
    request: &mut Request,
    repository: &Repository,
    artifacts: &[String],
    env: &Row,
    spec: &Row,
) -> Result<(), Error> {
    for (name, _) in spec.iter() {
        if !artifacts.iter().any(|a| a == name.as_str()) {
            return Err(Error::new(format!("spec names {name}, which is not among the artifacts")));
        }
    }
    check_count(artifacts)?;
    for name in artifacts {
        let definition = named(repository, name)?;
        let own = match spec.get_str(name) {
            Some(Value::Dict(dict)) => dict.snapshot(),
            _ => Row::default(),
        };
        request.artifacts.push(name.clone());
        request.specs.push(Spec {
            artifact: name.clone(),
            parameters: parameters(&definition, env, &own),
            cpu_limit: limit(&own, "cpu_limit") as f32,
            timeout: limit(&own, "timeout") as u64,
            max_batch_rows: limit(&own, "max_batch_rows") as u64,
            max_batch_wait: limit(&own, "max_batch_wait") as u64,
            ..Spec::default()
        });
    }
    Ok(())
}

/// Checks a request that came whole: each of its artifacts is known and has a spec, with parameters that it has.
pub fn complete(request: &mut Request, repository: &Repository) -> Result<(), Error> {
    check_count(&request.artifacts)?;
    let mut given = std::mem::take(&mut request.specs);
    if let Some(spec) = given.iter().find(|spec| !request.artifacts.contains(&spec.artifact)) {
        let name = &spec.artifact;
        return Err(Error::new(format!("specs name {name}, which is not among the artifacts")));
    }
    for name in &request.artifacts {
        let definition = named(repository, name)?;
        let mut spec = match given.iter().position(|spec| spec.artifact == *name) {
            Some(at) => given.swap_remove(at),
            None => Spec { artifact: name.clone(), ..Spec::default() },
        };
        spec.parameters.env.retain(|pair| definition.parameters.iter().any(|p| p.name == pair.key));
        request.specs.push(spec);
    }
    Ok(())
}

fn check_count(artifacts: &[String]) -> Result<(), Error> {
    match artifacts.len() {
        0 => Err("name an artifact".into()),
        1..=MAX_ARTIFACTS => Ok(()),
        _ => Err(Error::new(format!("more than {MAX_ARTIFACTS} artifacts"))),
    }
}

/// The definition that `Artifact` or `Artifact/Source` means.
fn named(repository: &Repository, name: &str) -> Result<Arc<Definition>, Error> {
    let (artifact, source) = name.split_once('/').unwrap_or((name, ""));
    let definition = known(repository, artifact)?;
    if !source.is_empty() && definition.source(source).is_none() {
        return Err(Error::new(format!("{artifact} has no source {source}")));
    }
    Ok(definition)
}

/// The definition of that name.
pub fn known(repository: &Repository, artifact: &str) -> Result<Arc<Definition>, Error> {
    repository.find(artifact).ok_or_else(|| Error::new(format!("Unknown artifact {artifact}")))
}

fn parameters(definition: &Definition, env: &Row, own: &Row) -> Parameters {
    let given = |name: &str| own.get_str(name).or_else(|| env.get_str(name));
    let pair = |name: &str| given(name).map(|value| Env { key: name.to_owned(), value: as_text(value) });
    Parameters { env: definition.parameters.iter().filter_map(|p| pair(&p.name)).collect() }
}

/// A parameter travels as text: as it is, or as JSON.
fn as_text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_str_lossy().into_owned(),
        Value::Bool(b) => if *b { "Y" } else { "N" }.to_owned(),
        Value::Null => String::new(),
        other => {
            let mut out = Vec::new();
            json::write_value(other, &mut out, &JsonOptions::default());
            let text = String::from_utf8_lossy(&out).into_owned();
            // Paths and times are JSON strings; as parameters they stand without the quotes.
            match serde_json::from_str::<String>(&text) {
                Ok(plain) => plain,
                Err(_) => text,
            }
        }
    }
}

fn limit(own: &Row, name: &str) -> f64 {
    own.get_str(name).and_then(vql::value::convert::to_float_arg).filter(|n| *n > 0.0).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(json: &str) -> Row {
        match json::parse(json.as_bytes()).unwrap() {
            Value::Dict(dict) => dict.snapshot(),
            _ => Row::default(),
        }
    }

    #[test]
    fn own_parameters_win_over_common_ones_and_unknown_ones_are_left_out() {
        let mut request = Request::default();
        let repository = Repository::built_in();
        let artifacts = ["Linux.Sys.Users".to_owned(), "Generic.Server.Artifacts".to_owned()];
        let env = row(r#"{"PasswordFile":"/a","NameRegex":["x"],"Other":1}"#);
        let spec = row(r#"{"Linux.Sys.Users":{"PasswordFile":"/b","timeout":5}}"#);
        add_artifacts(&mut request, &repository, &artifacts, &env, &spec).unwrap();
        let env = |i: usize| &request.specs[i].parameters.env[..];
        assert_eq!(env(0), [Env { key: "PasswordFile".into(), value: "/b".into() }]);
        assert_eq!(env(1), [Env { key: "NameRegex".into(), value: "[\"x\"]".into() }]);
        assert_eq!(request.specs[0].timeout, 5);
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let repository = Repository::built_in();
        let add = |artifacts: &[&str], spec: &str| {
            let artifacts: Vec<String> = artifacts.iter().map(|a| (*a).to_owned()).collect();
            let mut request = Request::default();
            add_artifacts(&mut request, &repository, &artifacts, &Row::default(), &row(spec))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(add(&["No.Such"], "{}"), "Unknown artifact No.Such");
        assert_eq!(add(&["Linux.Sys.Users/X"], "{}"), "Linux.Sys.Users has no source X");
        assert_eq!(add(&[], "{}"), "name an artifact");
        assert_eq!(
            add(&["Linux.Sys.Users"], r#"{"Other":{}}"#),
            "spec names Other, which is not among the artifacts"
        );
    }
}
