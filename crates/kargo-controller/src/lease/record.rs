//! The Lease as the API server has it: `coordination.k8s.io/v1`, one per installation, in Kargo's namespace.

use std::time::Duration;

use kube::core::{
    Request,
    params::{GetParams, Patch, PatchParams, PostParams},
    request::Error,
};
use serde_json::{Value, json};

use super::{
    Timing,
    election::{Action, Seen, Version},
};

/// Who writes the Lease, by its `managedFields`.
const MANAGER: &str = "kargo-lease";

/// Which Lease, and who wants it.
#[derive(Debug, Clone)]
pub struct Address {
    /// Kargo's namespace.
    pub namespace: String,
    /// The name of the Lease.
    pub name: String,
    /// The identity of this candidate.
    pub identity: String,
}

/// The name of the Lease of an installation.
pub fn name_of(installation: &str) -> String {
    if installation == "kargo" { "kargo".to_owned() } else { format!("kargo-{installation}") }
}

impl Address {
    /// The request for an action; none to rest. `now` is the time of day, for people.
    pub fn request(
        &self,
        action: &Action,
        timing: &Timing,
        now: jiff::Timestamp,
    ) -> Result<Option<http::Request<Vec<u8>>>, Error> {
        let time = format!("{now:.6}");
        let taken = |transitions: i32, acquired: bool| {
            json!({
                "holderIdentity": self.identity,
                "leaseDurationSeconds": timing.duration.as_secs(),
                "acquireTime": acquired.then_some(&time),
                "renewTime": time,
                "leaseTransitions": transitions,
            })
        };
        match action {
            Action::Rest(_) => Ok(None),
            Action::Look => self.collection().get(&self.name, &GetParams::default()).map(Some),
            Action::Create { first } => {
                let lease = json!({
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    "metadata": { "name": self.name, "namespace": self.namespace },
                    "spec": taken(0, *first),
                });
                let parameters =
                    PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
                self.collection().create(&parameters, lease.to_string().into_bytes()).map(Some)
            }
            Action::Take(version) => {
                let transitions = version.transitions.saturating_add(1);
                self.change(version, &taken(transitions, true)).map(Some)
            }
            Action::Begin(version) => {
                self.change(version, &taken(version.transitions, true)).map(Some)
            }
            Action::Renew(version) => self.change(version, &json!({ "renewTime": time })).map(Some),
        }
    }

    /// Gives the lease up, if it still has this version.
    pub fn release(&self, version: &Version) -> Result<http::Request<Vec<u8>>, Error> {
        self.change(version, &json!({ "holderIdentity": null }))
    }

    /// A patch that names uid and version takes effect on exactly that state, or is answered 409. It never
    /// creates, and leaves what others wrote into the metadata.
    fn change(&self, version: &Version, spec: &Value) -> Result<http::Request<Vec<u8>>, Error> {
        let patch = Patch::Merge(json!({
            "metadata": { "uid": version.uid, "resourceVersion": version.resource_version },
            "spec": spec,
        }));
        let parameters =
            PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        self.collection().patch(&self.name, &parameters, &patch)
    }

    fn collection(&self) -> Request {
        Request::new(format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases", self.namespace))
    }
}

/// Reads a Lease; `None` if it is none.
pub fn read(lease: &Value) -> Option<Seen> {
    let metadata = lease.get("metadata")?;
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let spec = lease.get("spec").unwrap_or(&Value::Null);
    let number = |key: &str| spec.get(key).and_then(Value::as_i64).unwrap_or_default();
    Some(Seen {
        holder: text(spec, "holderIdentity").filter(|holder| !holder.is_empty()),
        acquired: text(spec, "acquireTime").is_some(),
        duration: Duration::from_secs(number("leaseDurationSeconds").try_into().unwrap_or(0)),
        version: Version {
            uid: text(metadata, "uid")?,
            resource_version: text(metadata, "resourceVersion")?,
            transitions: number("leaseTransitions").try_into().unwrap_or_default(),
        },
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::held(json!({"holderIdentity": "a", "acquireTime": "t", "leaseDurationSeconds": 30, "leaseTransitions": 2}), Some("a"), true, 30, 2)]
    #[case::made_anew(json!({"holderIdentity": "a", "leaseDurationSeconds": 30}), Some("a"), false, 30, 0)]
    #[case::released(json!({"holderIdentity": "", "acquireTime": "t", "leaseTransitions": 2}), None, true, 0, 2)]
    #[case::empty(json!({}), None, false, 0, 0)]
    #[case::nonsense(json!({"holderIdentity": 5, "leaseDurationSeconds": -1}), None, false, 0, 0)]
    fn a_lease_is_read(
        #[case] spec: Value,
        #[case] holder: Option<&str>,
        #[case] acquired: bool,
        #[case] seconds: u64,
        #[case] transitions: i32,
    ) {
        let lease = json!({"metadata": {"uid": "u", "resourceVersion": "7"}, "spec": spec});
        let seen = read(&lease).expect("it is a Lease");
        assert_eq!(seen.holder.as_deref(), holder);
        assert_eq!(seen.acquired, acquired);
        assert_eq!(seen.duration, Duration::from_secs(seconds));
        assert_eq!(seen.version.transitions, transitions);
    }

    #[test]
    fn every_change_names_the_version_that_it_changes() {
        let address = Address {
            namespace: "kargo-system".to_owned(),
            name: name_of("kargo"),
            identity: "a".to_owned(),
        };
        let version =
            Version { uid: "u".to_owned(), resource_version: "7".to_owned(), transitions: 1 };
        let timing = Timing::of(Duration::from_secs(30)).expect("it is safe");
        let time = jiff::Timestamp::UNIX_EPOCH;
        let actions = [Action::Take, Action::Begin, Action::Renew];
        for action in actions.map(|action| action(version.clone())) {
            let request = address.request(&action, &timing, time).expect("a request");
            let body = request.expect("it is sent").into_body();
            let patch: Value = serde_json::from_slice(&body).expect("JSON");
            assert_eq!(
                patch["metadata"],
                json!({"uid": "u", "resourceVersion": "7"}),
                "{action:?}"
            );
        }
        let release = address.release(&version).expect("a request").into_body();
        let patch: Value = serde_json::from_slice(&release).expect("JSON");
        assert_eq!(patch["metadata"], json!({"uid": "u", "resourceVersion": "7"}));
    }
}
