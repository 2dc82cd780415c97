//! An artifact definition: YAML text in, a checked definition or problems with their places out.
//!
//! Fields and their order are those of the message `Artifact` (gRPC reference, section 11), which is also what
//! `artifact_definitions()` shows.

use serde::{Deserialize, Serialize};
use serde_saphyr::Spanned;
use vql::lint::Problem;
use vql::registry::Registry;

use super::check;
use super::parameter::ParameterType;

/// The longest definition that is read, in bytes.
pub const MAX_LEN: usize = 1 << 20;

/// Where and how often an artifact runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Client,
    ClientEvent,
    Server,
    ServerEvent,
    /// Queries for a notebook.
    Notebook,
    /// A queue that the server itself fills.
    Internal,
}

impl Kind {
    const NAMES: &[(&str, Kind)] = &[
        ("CLIENT", Kind::Client),
        ("CLIENT_EVENT", Kind::ClientEvent),
        ("SERVER", Kind::Server),
        ("SERVER_EVENT", Kind::ServerEvent),
        ("NOTEBOOK", Kind::Notebook),
        ("INTERNAL", Kind::Internal),
    ];

    /// The kind of that name, compared ignoring case; the empty name means `CLIENT`.
    pub fn from_name(name: &str) -> Option<Self> {
        if name.is_empty() {
            return Some(Kind::Client);
        }
        Self::NAMES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
    }

    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, kind)| *kind == self).map_or("", |(name, _)| name)
    }

    /// Whether it watches for ever.
    pub fn is_event(self) -> bool {
        matches!(self, Kind::ClientEvent | Kind::ServerEvent | Kind::Internal)
    }

    /// Whether it runs on the server.
    pub fn is_server(self) -> bool {
        matches!(self, Kind::Server | Kind::ServerEvent | Kind::Internal)
    }
}

/// Limits that apply when the artifact is collected; 0 is unlimited.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    pub timeout: u64,
    pub max_rows: u64,
    pub max_upload_bytes: u64,
    pub ops_per_second: f32,
    pub cpu_limit: f32,
    pub iops_limit: f32,
    pub max_batch_wait: u64,
    pub max_batch_rows: u64,
    pub max_batch_rows_buffer: u64,
}

/// A value that whoever collects the artifact may choose.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Parameter {
    pub name: String,
    pub default: String,
    pub description: String,
    #[serde(rename = "type")]
    pub kind: ParameterType,
    pub friendly_name: String,
    pub choices: Vec<String>,
    pub validating_regex: String,
    pub artifact_type: String,
    pub sources: bool,
}

/// One table that the artifact produces.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Source {
    pub name: String,
    pub description: String,
    pub precondition: String,
    pub query: String,
    pub queries: Vec<String>,
    pub notebook: Vec<serde_json::Value>,
}

impl Source {
    /// The texts of its queries, in the order they run.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.queries.iter().map(String::as_str).chain(Some(self.query.as_str()).filter(|q| !q.is_empty()))
    }
}

/// Facts about an artifact that are not part of its text.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    pub hidden: bool,
    pub basic: bool,
    pub tags: Vec<String>,
}

/// A checked definition.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Definition {
    pub name: String,
    pub aliases: Vec<String>,
    pub description: String,
    pub author: String,
    pub reference: Vec<String>,
    pub required_permissions: Vec<String>,
    pub implied_permissions: Vec<String>,
    pub impersonate: String,
    pub resources: Resources,
    /// Accepted and kept, without effect.
    pub tools: Vec<serde_json::Value>,
    pub precondition: String,
    pub parameters: Vec<Parameter>,
    #[serde(rename = "type", serialize_with = "kind_name")]
    pub kind: Kind,
    pub sources: Vec<Source>,
    pub imports: Vec<String>,
    pub export: String,
    /// Accepted and kept, without effect.
    pub reports: Vec<serde_json::Value>,
    pub column_types: Vec<serde_json::Value>,
    /// The YAML text.
    pub raw: String,
    pub built_in: bool,
    pub metadata: Metadata,
}

fn kind_name<S: serde::Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

impl Definition {
    /// Reads a definition. Problems that make it unusable, in the order of their places.
    pub fn parse(yaml: &str) -> Result<Self, Vec<Problem>> {
        let document = Document::parse(yaml)?;
        let problems = check::document(yaml, &document);
        if problems.is_empty() { Ok(document.into_definition(yaml)) } else { Err(problems) }
    }

    /// All that is wrong or doubtful with a definition, its queries looked at with the names of `registry`.
    pub fn problems(yaml: &str, registry: Option<&Registry>) -> Vec<Problem> {
        let document = match Document::parse(yaml) {
            Ok(document) => document,
            Err(problems) => return problems,
        };
        let mut problems = check::document(yaml, &document);
        problems.extend(check::queries(yaml, &document, registry));
        problems.sort_by_key(|p| (p.line, p.column));
        problems.dedup();
        problems
    }

    /// The source of that name; the empty name means the first.
    pub fn source(&self, name: &str) -> Option<&Source> {
        self.sources.iter().find(|s| name.is_empty() || s.name == name)
    }

    /// The names of the artifacts that its queries call.
    pub fn called(&self) -> Vec<String> {
        let texts = self.sources.iter().flat_map(|s| s.texts().chain(Some(s.precondition.as_str())));
        let texts = texts.chain([self.precondition.as_str(), self.export.as_str()]);
        let mut names: Vec<String> = texts.flat_map(called_in).collect();
        names.sort();
        names.dedup();
        names
    }

    /// What the rows of a source are filed under: `Artifact` or `Artifact/Source`.
    pub fn full_name(&self, source: &Source) -> String {
        match source.name.is_empty() {
            true => self.name.clone(),
            false => format!("{}/{}", self.name, source.name),
        }
    }
}

/// The artifacts named in a text: `Artifact.` and the words joined by dots that follow.
fn called_in(vql: &str) -> Vec<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let after = |(at, word): (usize, &str)| {
        let is_start = !vql[..at].ends_with(|c: char| is_part(c));
        let rest = &vql[at + word.len()..];
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        (is_start && end > 0).then(|| rest[..end].trim_end_matches('.').to_owned())
    };
    vql.match_indices("Artifact.").filter_map(after).collect()
}

/// The YAML file, with places.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    pub name: Spanned<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    reference: Vec<String>,
    #[serde(default)]
    references: Vec<String>,
    #[serde(default)]
    pub required_permissions: Vec<Spanned<String>>,
    #[serde(default)]
    pub implied_permissions: Vec<Spanned<String>>,
    #[serde(default)]
    impersonate: Option<String>,
    #[serde(default)]
    resources: Option<Resources>,
    #[serde(default)]
    tools: Vec<serde_json::Value>,
    #[serde(default)]
    pub precondition: Option<Spanned<String>>,
    #[serde(default)]
    pub parameters: Vec<DocumentParameter>,
    #[serde(default, rename = "type")]
    pub kind: Option<Spanned<String>>,
    #[serde(default)]
    pub sources: Vec<DocumentSource>,
    #[serde(default)]
    pub imports: Vec<Spanned<String>>,
    #[serde(default)]
    pub export: Option<Spanned<String>>,
    #[serde(default)]
    reports: Vec<serde_json::Value>,
    #[serde(default)]
    column_types: Vec<serde_json::Value>,
    // Written by other tools; they say nothing that is needed here.
    #[serde(default, rename = "notebook")]
    _notebook: Option<serde_json::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DocumentParameter {
    pub name: Spanned<String>,
    #[serde(default)]
    pub default: Option<Spanned<String>>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default, rename = "type")]
    pub kind: Option<Spanned<String>>,
    #[serde(default)]
    friendly_name: Option<String>,
    #[serde(default)]
    pub choices: Vec<String>,
    #[serde(default)]
    pub validating_regex: Option<Spanned<String>>,
    #[serde(default)]
    artifact_type: Option<String>,
    #[serde(default)]
    sources: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DocumentSource {
    #[serde(default)]
    pub name: Option<Spanned<String>>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    pub precondition: Option<Spanned<String>>,
    #[serde(default)]
    pub query: Option<Spanned<String>>,
    #[serde(default)]
    pub queries: Vec<Spanned<String>>,
    #[serde(default)]
    notebook: Vec<serde_json::Value>,
}

impl DocumentSource {
    pub fn texts(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.queries.iter().chain(&self.query)
    }
}

impl Document {
    fn parse(yaml: &str) -> Result<Self, Vec<Problem>> {
        if yaml.len() > MAX_LEN {
            return Err(vec![Problem::error(1, 1, format!("longer than {MAX_LEN} bytes"))]);
        }
        let options = serde_saphyr::options! { with_snippet: false };
        serde_saphyr::from_str_with_options(yaml, options).map_err(|error| {
            let (line, column) =
                error.location().map_or((1, 1), |l| (l.line() as usize, l.column() as usize));
            let message = error.without_snippet().to_string();
            vec![Problem::error(line, column, message.lines().next().unwrap_or_default())]
        })
    }

    fn into_definition(self, yaml: &str) -> Definition {
        let text = |t: Option<String>| t.unwrap_or_default();
        let plain = |t: Option<Spanned<String>>| t.map(|t| t.value).unwrap_or_default();
        let list = |l: Vec<Spanned<String>>| l.into_iter().map(|t| t.value).collect::<Vec<_>>();
        let parameter = |p: DocumentParameter| Parameter {
            name: p.name.value,
            default: plain(p.default),
            description: text(p.description),
            kind: p.kind.and_then(|k| ParameterType::from_name(&k.value)).unwrap_or_default(),
            friendly_name: text(p.friendly_name),
            choices: p.choices,
            validating_regex: plain(p.validating_regex),
            artifact_type: text(p.artifact_type),
            sources: p.sources,
        };
        let source = |s: DocumentSource| Source {
            name: plain(s.name),
            description: text(s.description),
            precondition: plain(s.precondition),
            query: plain(s.query),
            queries: list(s.queries),
            notebook: s.notebook,
        };
        Definition {
            name: self.name.value.trim().to_owned(),
            aliases: self.aliases,
            description: text(self.description),
            author: text(self.author),
            reference: self.reference.into_iter().chain(self.references).collect(),
            required_permissions: list(self.required_permissions),
            implied_permissions: list(self.implied_permissions),
            impersonate: text(self.impersonate),
            resources: self.resources.unwrap_or_default(),
            tools: self.tools,
            precondition: plain(self.precondition),
            parameters: self.parameters.into_iter().map(parameter).collect(),
            kind: self.kind.and_then(|k| Kind::from_name(&k.value)).unwrap_or(Kind::Client),
            sources: self.sources.into_iter().map(source).collect(),
            imports: list(self.imports),
            export: plain(self.export),
            reports: self.reports,
            column_types: self.column_types,
            raw: yaml.to_owned(),
            built_in: false,
            metadata: Metadata::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(yaml: &str) -> Vec<String> {
        Definition::parse(yaml).unwrap_err().iter().map(Problem::to_string).collect()
    }

    const SOUND: &str = "name: Linux.Test\ndescription: |\n  What it does.\ntype: server\nparameters:\n  - name: Count\n    type: int\n    default: 5\n  - name: Flag\n    type: bool\n    default: Y\nsources:\n  - name: One\n    query: |\n      LET x = 1\n      SELECT x FROM scope()\n  - name: Two\n    queries:\n      - LET y = 2\n      - SELECT y FROM scope()\n";

    #[test]
    fn a_sound_definition_is_read_whole() {
        let d = Definition::parse(SOUND).unwrap();
        assert_eq!((d.name.as_str(), d.kind), ("Linux.Test", Kind::Server));
        assert_eq!((d.parameters[0].default.as_str(), d.parameters[1].default.as_str()), ("5", "Y"));
        assert_eq!(d.sources[1].texts().collect::<Vec<_>>(), ["LET y = 2", "SELECT y FROM scope()"]);
        assert_eq!(d.full_name(&d.sources[0]), "Linux.Test/One");
    }

    #[test]
    fn unknown_keys_and_kinds_are_refused_with_their_place() {
        assert!(
            refused("name: A\nsorces: []\n")[0].starts_with("2:1:"),
            "{:?}",
            refused("name: A\nsorces: []\n")
        );
        let found = refused("name: A\ntype: CLEINT\nsources:\n  - query: SELECT 1 FROM scope()\n");
        assert!(found[0].starts_with("2:7: type CLEINT is not known"), "{found:?}");
    }

    #[test]
    fn a_mistake_in_a_query_has_its_place_in_the_file() {
        let yaml = SOUND.replace("SELECT x FROM scope()", "SELECT x FRM scope()");
        let found = refused(&yaml);
        assert!(found[0].starts_with("16:"), "{found:?}");
    }

    #[test]
    fn sources_end_with_their_only_select() {
        let yaml =
            "name: A\nsources:\n  - query: |\n      SELECT 1 FROM scope()\n      SELECT 2 FROM scope()\n";
        assert_eq!(refused(yaml), ["4:7: only the last statement of a source may be a SELECT"]);
        let yaml = "name: A\nsources:\n  - query: LET x = 1\n";
        assert_eq!(refused(yaml), ["3:12: a source ends with a SELECT"]);
    }

    #[test]
    fn names_that_no_query_could_use_are_refused() {
        for (yaml, wanted) in [
            ("name: a b\n", "1:7: a name is words joined by dots, such as Linux.Sys.Users"),
            ("name: ''\n", "1:7: a name is words joined by dots, such as Linux.Sys.Users"),
            ("name: A\nparameters:\n  - name: a-b\n", "3:11: a parameter's name is one word"),
            ("name: A\nparameters:\n  - name: a\n  - name: a\n", "4:11: there is another parameter a"),
            ("name: A\nparameters:\n  - name: a\n    type: intt\n", "4:11: type intt is not known"),
            (
                "name: A\nparameters:\n  - name: a\n    type: int\n    default: x\n",
                "5:14: the default is no int",
            ),
            (
                "name: A\nparameters:\n  - name: a\n    type: choices\n    choices: [b]\n    default: x\n",
                "6:14: the default is none of the choices",
            ),
            ("name: A\nrequired_permissions: [ALL]\n", "2:24: permission ALL is not known"),
        ] {
            let found = refused(yaml);
            assert!(found[0].starts_with(wanted), "{yaml}: {found:?}");
        }
    }
}
