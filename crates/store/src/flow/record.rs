//! The records of a collection, as they are stored and shown.

use serde::{Deserialize, Serialize};

/// How far a collection got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FlowState {
    #[default]
    Unset,
    Running,
    Waiting,
    InProgress,
    Unresponsive,
    Finished,
    Error,
}

impl FlowState {
    /// Whether nothing will change any more.
    pub fn is_over(self) -> bool {
        matches!(self, FlowState::Finished | FlowState::Error)
    }
}

/// How a source ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ReturnedStatus {
    #[default]
    Ok,
    Progress,
    GenericError,
    UnknownFlow,
}

/// A variable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Env {
    pub key: String,
    pub value: String,
}

/// The parameters of one artifact (`ArtifactParameters`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Parameters {
    pub env: Vec<Env>,
}

/// One artifact to collect (`ArtifactSpec`).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spec {
    pub artifact: String,
    pub parameters: Parameters,
    pub cpu_limit: f32,
    pub max_batch_wait: u64,
    pub max_batch_rows: u64,
    pub max_batch_rows_buffer: u64,
    pub timeout: u64,
}

/// What was asked for (`ArtifactCollectorArgs`). Limits of 0 are the server's defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    pub creator: String,
    pub user_data: String,
    pub client_id: String,
    pub flow_id: String,
    pub urgent: bool,
    pub summary: bool,
    pub artifacts: Vec<String>,
    pub specs: Vec<Spec>,
    pub cpu_limit: f32,
    pub iops_limit: f32,
    pub progress_timeout: f32,
    /// Seconds.
    pub timeout: u64,
    pub max_rows: u64,
    pub max_logs: u64,
    pub max_upload_bytes: u64,
    pub trace_freq_sec: u64,
    pub allow_custom_overrides: bool,
    pub log_batch_time: u64,
    pub compiled_collector_args: Vec<serde_json::Value>,
    pub ops_per_second: f32,
}

/// How one source did (`VeloStatus`). Times are microseconds since the epoch, the duration nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct QueryStatus {
    pub status: ReturnedStatus,
    pub error_message: String,
    pub backtrace: String,
    pub duration: i64,
    pub last_active: u64,
    pub first_active: u64,
    pub names_with_response: Vec<String>,
    #[serde(rename = "Artifact")]
    pub artifact: String,
    pub log_rows: i64,
    pub uploaded_files: i64,
    pub uploaded_bytes: i64,
    pub expected_uploaded_bytes: i64,
    pub result_rows: i64,
    pub query_id: i64,
    pub total_queries: i64,
    pub transactions_outstanding: u64,
}

/// A file of a collection (`ArtifactUploadedFileInfo`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UploadedFile {
    pub name: String,
    pub vfs_path: String,
    pub size: u64,
    pub stored_size: u64,
    pub components: Vec<String>,
    #[serde(rename = "type")]
    pub kind: String,
}

/// A collection (`ArtifactCollectorContext`). Times are microseconds since the epoch, the duration nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Flow {
    pub client_id: String,
    pub session_id: String,
    pub request: Request,
    pub previous_flows: Vec<serde_json::Value>,
    pub backtrace: String,
    pub create_time: u64,
    pub start_time: u64,
    pub active_time: u64,
    pub inflight_time: u64,
    pub total_uploaded_files: u64,
    pub total_expected_uploaded_bytes: u64,
    pub total_uploaded_bytes: u64,
    pub total_collected_rows: u64,
    pub total_logs: u64,
    pub total_requests: i64,
    pub outstanding_requests: i64,
    pub transactions_outstanding: u64,
    pub next_response_id: u64,
    pub execution_duration: i64,
    pub state: FlowState,
    pub status: String,
    pub artifacts_with_results: Vec<String>,
    pub query_stats: Vec<QueryStatus>,
    pub uploaded_files: Vec<UploadedFile>,
    pub user_notified: bool,
    pub logs: Vec<serde_json::Value>,
    pub dirty: bool,
    pub total_loads: u64,
}

/// A log line of a collection, with the columns of `flow_logs()`. Times are microseconds since the epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogLine {
    #[serde(rename = "_ts")]
    pub ts: i64,
    pub client_time: i64,
    pub level: String,
    pub message: String,
    pub artifact: String,
}
