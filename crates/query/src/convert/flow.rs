//! Collections and what they were asked for.

use proto::artifact_collector_context::State;
use proto::velo_status::ReturnedStatus as Status;
use proto::{
    ArtifactCollectorArgs, ArtifactCollectorContext, ArtifactParameters, ArtifactSpec,
    ArtifactUploadedFileInfo, VeloStatus, VqlEnv,
};
use store::flow::{
    Env, Flow, FlowState, Parameters, QueryStatus, Request, ReturnedStatus, Spec, UploadedFile,
};

/// What was asked for. Compiled queries are for agents and do not travel.
pub fn request(request: &Request) -> ArtifactCollectorArgs {
    let request = request.clone();
    ArtifactCollectorArgs {
        creator: request.creator,
        user_data: request.user_data,
        client_id: request.client_id,
        flow_id: request.flow_id,
        urgent: request.urgent,
        summary: request.summary,
        artifacts: request.artifacts,
        specs: request.specs.into_iter().map(spec).collect(),
        cpu_limit: request.cpu_limit,
        iops_limit: request.iops_limit,
        progress_timeout: request.progress_timeout,
        timeout: request.timeout,
        max_rows: request.max_rows,
        max_logs: request.max_logs,
        max_upload_bytes: request.max_upload_bytes,
        trace_freq_sec: request.trace_freq_sec,
        allow_custom_overrides: request.allow_custom_overrides,
        log_batch_time: request.log_batch_time,
        compiled_collector_args: Vec::new(),
        ops_per_second: request.ops_per_second,
    }
}

/// A request as it is stored.
pub fn stored_request(args: ArtifactCollectorArgs) -> Request {
    Request {
        creator: args.creator,
        user_data: args.user_data,
        client_id: args.client_id,
        flow_id: args.flow_id,
        urgent: args.urgent,
        summary: args.summary,
        artifacts: args.artifacts,
        specs: args.specs.into_iter().map(stored_spec).collect(),
        cpu_limit: args.cpu_limit.max(0.0),
        iops_limit: args.iops_limit.max(0.0),
        progress_timeout: args.progress_timeout.max(0.0),
        timeout: args.timeout,
        max_rows: args.max_rows,
        max_logs: args.max_logs,
        max_upload_bytes: args.max_upload_bytes,
        trace_freq_sec: args.trace_freq_sec,
        allow_custom_overrides: args.allow_custom_overrides,
        log_batch_time: args.log_batch_time,
        compiled_collector_args: Vec::new(),
        ops_per_second: args.ops_per_second.max(0.0),
    }
}

fn spec(spec: Spec) -> ArtifactSpec {
    let pair = |pair: Env| VqlEnv { key: pair.key, value: pair.value, comment: String::new() };
    ArtifactSpec {
        artifact: spec.artifact,
        parameters: Some(ArtifactParameters { env: spec.parameters.env.into_iter().map(pair).collect() }),
        cpu_limit: spec.cpu_limit,
        max_batch_wait: spec.max_batch_wait,
        max_batch_rows: spec.max_batch_rows,
        max_batch_rows_buffer: spec.max_batch_rows_buffer,
        timeout: spec.timeout,
    }
}

fn stored_spec(spec: ArtifactSpec) -> Spec {
    let pair = |pair: VqlEnv| Env { key: pair.key, value: pair.value };
    let env = spec.parameters.unwrap_or_default().env.into_iter().map(pair).collect();
    Spec {
        artifact: spec.artifact,
        parameters: Parameters { env },
        cpu_limit: spec.cpu_limit.max(0.0),
        max_batch_wait: spec.max_batch_wait,
        max_batch_rows: spec.max_batch_rows,
        max_batch_rows_buffer: spec.max_batch_rows_buffer,
        timeout: spec.timeout,
    }
}

pub fn context(flow: &Flow) -> ArtifactCollectorContext {
    let flow = flow.clone();
    ArtifactCollectorContext {
        client_id: flow.client_id,
        session_id: flow.session_id,
        request: Some(request(&flow.request)),
        backtrace: flow.backtrace,
        create_time: flow.create_time,
        start_time: flow.start_time,
        active_time: flow.active_time,
        inflight_time: flow.inflight_time,
        total_uploaded_files: flow.total_uploaded_files,
        total_expected_uploaded_bytes: flow.total_expected_uploaded_bytes,
        total_uploaded_bytes: flow.total_uploaded_bytes,
        total_collected_rows: flow.total_collected_rows,
        total_logs: flow.total_logs,
        total_requests: flow.total_requests,
        outstanding_requests: flow.outstanding_requests,
        transactions_outstanding: flow.transactions_outstanding,
        next_response_id: flow.next_response_id,
        execution_duration: flow.execution_duration,
        state: state(flow.state).into(),
        status: flow.status,
        artifacts_with_results: flow.artifacts_with_results,
        query_stats: flow.query_stats.into_iter().map(status).collect(),
        uploaded_files: flow.uploaded_files.into_iter().map(file).collect(),
        user_notified: flow.user_notified,
        dirty: flow.dirty,
        total_loads: flow.total_loads,
        ..ArtifactCollectorContext::default()
    }
}

fn state(state: FlowState) -> State {
    match state {
        FlowState::Unset => State::Unset,
        FlowState::Running => State::Running,
        FlowState::Waiting => State::Waiting,
        FlowState::InProgress => State::InProgress,
        FlowState::Unresponsive => State::Unresponsive,
        FlowState::Finished => State::Finished,
        FlowState::Error => State::Error,
    }
}

fn status(of: QueryStatus) -> VeloStatus {
    let status = match of.status {
        ReturnedStatus::Ok => Status::Ok,
        ReturnedStatus::Progress => Status::Progress,
        ReturnedStatus::GenericError => Status::GenericError,
        ReturnedStatus::UnknownFlow => Status::UnknownFlow,
    };
    VeloStatus {
        status: status.into(),
        error_message: of.error_message,
        backtrace: of.backtrace,
        duration: of.duration,
        last_active: of.last_active,
        first_active: of.first_active,
        names_with_response: of.names_with_response,
        artifact: of.artifact,
        log_rows: of.log_rows,
        uploaded_files: of.uploaded_files,
        uploaded_bytes: of.uploaded_bytes,
        expected_uploaded_bytes: of.expected_uploaded_bytes,
        result_rows: of.result_rows,
        query_id: of.query_id,
        total_queries: of.total_queries,
        transactions_outstanding: of.transactions_outstanding,
    }
}

fn file(file: UploadedFile) -> ArtifactUploadedFileInfo {
    ArtifactUploadedFileInfo {
        name: file.name,
        vfs_path: file.vfs_path,
        size: file.size,
        stored_size: file.stored_size,
        components: file.components,
        r#type: file.kind,
    }
}
