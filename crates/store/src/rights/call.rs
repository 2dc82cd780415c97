//! The methods of the gRPC API that are built, and what each takes (the gRPC reference, sections 3 and 10).
//!
//! A method without a line here is answered as one that is not built, whatever code there is for it; and a handler names its
//! line to learn who calls, so that one without does not compile. What a call is about may narrow it down further.

use vql::permission::{Permission, Permissions};

/// What a caller must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// One of these.
    Any(&'static [Permission]),
    /// Each of these.
    All(&'static [Permission]),
    /// `PUBLISH`, or the queue among the `publish_queues` of the own record.
    Queue,
    /// Nothing but a certificate, because of this.
    Nothing(&'static str),
}

impl Need {
    /// Whether somebody with these permissions may. Of a queue only those who may push to every one.
    pub fn met_by(self, held: Permissions) -> bool {
        match self {
            Self::Any(any) => any.iter().any(|permission| held.has(*permission)),
            Self::All(all) => all.iter().all(|permission| held.has(*permission)),
            Self::Queue => held.has(Permission::Publish),
            Self::Nothing(_) => true,
        }
    }

    /// As in texts: `READ_RESULTS or SERVER_ADMIN`.
    pub fn described(self) -> String {
        let names = |list: &[Permission], word| list.iter().map(|p| p.name()).collect::<Vec<_>>().join(word);
        match self {
            Self::Any(any) => names(any, " or "),
            Self::All(all) => names(all, " and "),
            Self::Queue => "PUBLISH, or the queue in `publish_queues`".to_owned(),
            Self::Nothing(why) => format!("– ({why})"),
        }
    }
}

macro_rules! calls {
    ($($call:ident = $name:literal: $need:expr,)*) => {
        /// A method.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Call { $($call,)* }

        impl Call {
            /// Every method that is built.
            pub const ALL: &[Self] = &[$(Self::$call,)*];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$call => $name,)* }
            }

            /// What it takes.
            pub const fn need(self) -> Need {
                match self { $(Self::$call => $need,)* }
            }

            /// The method of that name.
            pub fn find(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|call| call.name() == name)
            }
        }
    };
}

const READ: Need = Need::Any(&[Permission::ReadResults]);
const COLLECT: Need =
    Need::Any(&[Permission::CollectClient, Permission::CollectServer, Permission::CollectBasic]);
const WRITE: Need = Need::Any(&[Permission::ArtifactWriter, Permission::ServerArtifactWriter]);
const HUNT: Need = Need::Any(&[Permission::StartHunt]);

calls! {
    CancelFlow = "CancelFlow": COLLECT,
    Check = "Check": Need::Nothing("says only that the server serves"),
    CollectArtifact = "CollectArtifact": COLLECT,
    CreateHunt = "CreateHunt": HUNT,
    GetArtifactFile = "GetArtifactFile": READ,
    GetArtifacts = "GetArtifacts": READ,
    GetClient = "GetClient": READ,
    GetClientFlows = "GetClientFlows": READ,
    GetClientMetadata = "GetClientMetadata": Need::Any(&[Permission::ReadResults, Permission::ServerAdmin]),
    GetFlowDetails = "GetFlowDetails": READ,
    GetHunt = "GetHunt": READ,
    GetHuntFlows = "GetHuntFlows": READ,
    GetHuntResults = "GetHuntResults": READ,
    GetTable = "GetTable": READ,
    LabelClients = "LabelClients": Need::Any(&[Permission::LabelClient]),
    ListClients = "ListClients": READ,
    ListHunts = "ListHunts": READ,
    ModifyHunt = "ModifyHunt": HUNT,
    PushEvents = "PushEvents": Need::Queue,
    Query = "Query": Need::Any(&[Permission::AnyQuery]),
    ReformatVql = "ReformatVQL": READ,
    SetArtifactFile = "SetArtifactFile": WRITE,
    SetClientMetadata = "SetClientMetadata": Need::Any(&[Permission::LabelClient, Permission::ServerAdmin]),
    VfsGetBuffer = "VFSGetBuffer": READ,
    WatchEvent = "WatchEvent": Need::All(&[Permission::AnyQuery, Permission::ReadResults]),
    WriteEvent = "WriteEvent": Need::Queue,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_takes_one_and_all_takes_each() {
        let read = Permissions::of(&[Permission::ReadResults]);
        assert!(Call::GetClientMetadata.need().met_by(read));
        assert!(!Call::WatchEvent.need().met_by(read));
        assert!(Call::WatchEvent.need().met_by(read.with(Permission::AnyQuery)));
        assert!(!Call::PushEvents.need().met_by(read) && Call::PushEvents.need().met_by(Permissions::all()));
    }

    #[test]
    fn every_method_is_there_once_and_what_takes_nothing_says_why() {
        for (n, call) in Call::ALL.iter().enumerate() {
            assert_eq!(Call::find(call.name()), Some(*call));
            assert!(
                Call::ALL[n + 1..].iter().all(|other| other.name() > call.name()),
                "{call:?} is not in order"
            );
            match call.need() {
                Need::Any(list) | Need::All(list) => assert!(!list.is_empty(), "{call:?}"),
                Need::Nothing(why) => assert!(!why.is_empty(), "{call:?}"),
                Need::Queue => {}
            }
        }
    }
}
