//! The names of all methods of the published service, implemented or not.
//!
//! A server uses the list to answer `UNIMPLEMENTED` with the method's name, and to tell a method it lacks
//! from one that never existed. Source: the gRPC reference, section 10.

/// Every method of `proto.API`, in the published order.
pub const METHODS: &[&str] = &[
    "CreateHunt",
    "EstimateHunt",
    "GetHuntTable",
    "ListHunts",
    "GetHunt",
    "GetHuntTags",
    "ModifyHunt",
    "GetHuntFlows",
    "GetHuntResults",
    "NotifyClients",
    "LabelClients",
    "ListClients",
    "GetClient",
    "GetClientMetadata",
    "SetClientMetadata",
    "GetClientFlows",
    "GetUserUITraits",
    "SetGUIOptions",
    "GetUsers",
    "GetGlobalUsers",
    "GetUserRoles",
    "SetUserRoles",
    "GetUser",
    "CreateUser",
    "GetUserFavorites",
    "SetPassword",
    "VFSListDirectory",
    "VFSListDirectoryFiles",
    "VFSRefreshDirectory",
    "VFSStatDirectory",
    "VFSStatDownload",
    "VFSDownloadFile",
    "GetTable",
    "SearchFile",
    "CollectArtifact",
    "CancelFlow",
    "ResumeFlow",
    "GetFlowDetails",
    "GetFlowRequests",
    "GetKeywordCompletions",
    "ReformatVQL",
    "GetArtifacts",
    "GetArtifactFile",
    "SetArtifactFile",
    "LoadArtifactPack",
    "SearchDocs",
    "GetToolInfo",
    "SetToolInfo",
    "GetReport",
    "GetServerMonitoringState",
    "SetServerMonitoringState",
    "GetClientMonitoringState",
    "SetClientMonitoringState",
    "ListAvailableEventResults",
    "CreateDownloadFile",
    "GetNotebooks",
    "NewNotebook",
    "UpdateNotebook",
    "DeleteNotebook",
    "NewNotebookCell",
    "GetNotebookCell",
    "UpdateNotebookCell",
    "RevertNotebookCell",
    "CancelNotebookCell",
    "CreateNotebookDownloadFile",
    "UploadNotebookAttachment",
    "RemoveNotebookAttachment",
    "AnnotateTimeline",
    "GetSecretDefinitions",
    "AddSecret",
    "ModifySecret",
    "GetSecret",
    "VFSGetBuffer",
    "Query",
    "WatchEvent",
    "PushEvents",
    "WriteEvent",
    "Scheduler",
    "GetSubject",
    "SetSubject",
    "DeleteSubject",
    "ListChildren",
    "Check",
    "LSP",
];

/// The name of the method that an HTTP/2 path asks for, when it is one of [`METHODS`].
///
/// `/proto.API/Query` gives `Query`; other services and unknown methods give `None`.
pub fn method_of_path(path: &str) -> Option<&'static str> {
    let name = path.strip_prefix("/proto.API/")?;
    METHODS.iter().copied().find(|method| *method == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_complete_and_without_doubles() {
        let unique: std::collections::BTreeSet<_> = METHODS.iter().collect();
        assert_eq!(METHODS.len(), 84);
        assert_eq!(unique.len(), 84);
    }

    #[test]
    fn only_paths_of_the_service_name_a_method() {
        assert_eq!(method_of_path("/proto.API/Query"), Some("Query"));
        assert_eq!(method_of_path("/proto.API/query"), None);
        assert_eq!(method_of_path("/other.API/Query"), None);
    }
}
