//! Artifacts.

use plugins::artifact::definition::{Definition, Parameter, Resources, Source};
use proto::{Artifact, ArtifactMetadata, ArtifactParameter, ArtifactSource};

/// A definition; tools, reports and notebooks stay in its YAML text.
pub fn artifact(of: &Definition) -> Artifact {
    Artifact {
        name: of.name.clone(),
        aliases: of.aliases.clone(),
        description: of.description.clone(),
        author: of.author.clone(),
        reference: of.reference.clone(),
        required_permissions: of.required_permissions.clone(),
        implied_permissions: of.implied_permissions.clone(),
        impersonate: of.impersonate.clone(),
        resources: Some(resources(&of.resources)),
        precondition: of.precondition.clone(),
        parameters: of.parameters.iter().map(parameter).collect(),
        r#type: of.kind.name().to_owned(),
        sources: of.sources.iter().map(source).collect(),
        imports: of.imports.clone(),
        export: of.export.clone(),
        raw: of.raw.clone(),
        compiled: true,
        built_in: of.built_in,
        compiled_in: of.built_in,
        metadata: Some(ArtifactMetadata {
            hidden: of.metadata.hidden,
            basic: of.metadata.basic,
            tags: of.metadata.tags.clone(),
        }),
        ..Artifact::default()
    }
}

fn resources(of: &Resources) -> proto::Resources {
    proto::Resources {
        timeout: of.timeout,
        max_rows: of.max_rows,
        max_upload_bytes: of.max_upload_bytes,
        ops_per_second: of.ops_per_second,
        cpu_limit: of.cpu_limit,
        iops_limit: of.iops_limit,
        max_batch_wait: of.max_batch_wait,
        max_batch_rows: of.max_batch_rows,
        max_batch_rows_buffer: of.max_batch_rows_buffer,
    }
}

fn parameter(of: &Parameter) -> ArtifactParameter {
    ArtifactParameter {
        name: of.name.clone(),
        default: of.default.clone(),
        description: of.description.clone(),
        r#type: of.kind.name().to_owned(),
        friendly_name: of.friendly_name.clone(),
        choices: of.choices.clone(),
        validating_regex: of.validating_regex.clone(),
        artifact_type: of.artifact_type.clone(),
        sources: of.sources,
    }
}

fn source(of: &Source) -> ArtifactSource {
    ArtifactSource {
        precondition: of.precondition.clone(),
        queries: of.queries.clone(),
        name: of.name.clone(),
        description: of.description.clone(),
        notebook: Vec::new(),
        query: of.query.clone(),
    }
}
