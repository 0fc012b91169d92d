//! Objects of the cluster, as plain JSON: tests look at what the API server answers, not at what
//! a typed client makes of it.

use anyhow::{Context as _, Result};
use kube::api::{Api, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

/// The field manager of what tests apply.
pub const TEST_MANAGER: &str = "kargo-tests";

/// The kinds that tests look at: kind, group, version, plural, and whether they have a namespace.
const KINDS: &[(&str, &str, &str, &str, bool)] = &[
    ("ClusterRole", "rbac.authorization.k8s.io", "v1", "clusterroles", false),
    ("ClusterRoleBinding", "rbac.authorization.k8s.io", "v1", "clusterrolebindings", false),
    ("ConfigMap", "", "v1", "configmaps", true),
    ("CronJob", "batch", "v1", "cronjobs", true),
    ("CustomResourceDefinition", "apiextensions.k8s.io", "v1", "customresourcedefinitions", false),
    ("DaemonSet", "apps", "v1", "daemonsets", true),
    ("Deployment", "apps", "v1", "deployments", true),
    ("Event", "", "v1", "events", true),
    ("HorizontalPodAutoscaler", "autoscaling", "v2", "horizontalpodautoscalers", true),
    ("Ingress", "networking.k8s.io", "v1", "ingresses", true),
    ("Job", "batch", "v1", "jobs", true),
    ("KargoApp", "kargo.krampoline.io", "v1alpha1", "kargoapps", true),
    ("Lease", "coordination.k8s.io", "v1", "leases", true),
    ("Namespace", "", "v1", "namespaces", false),
    ("PersistentVolumeClaim", "", "v1", "persistentvolumeclaims", true),
    ("Pod", "", "v1", "pods", true),
    ("PodDisruptionBudget", "policy", "v1", "poddisruptionbudgets", true),
    ("ReplicaSet", "apps", "v1", "replicasets", true),
    ("ResourceQuota", "", "v1", "resourcequotas", true),
    ("Role", "rbac.authorization.k8s.io", "v1", "roles", true),
    ("RoleBinding", "rbac.authorization.k8s.io", "v1", "rolebindings", true),
    ("Secret", "", "v1", "secrets", true),
    ("Service", "", "v1", "services", true),
    ("ServiceAccount", "", "v1", "serviceaccounts", true),
    ("StatefulSet", "apps", "v1", "statefulsets", true),
    (
        "ValidatingAdmissionPolicy",
        "admissionregistration.k8s.io",
        "v1",
        "validatingadmissionpolicies",
        false,
    ),
    (
        "ValidatingAdmissionPolicyBinding",
        "admissionregistration.k8s.io",
        "v1",
        "validatingadmissionpolicybindings",
        false,
    ),
];

/// Access to objects of any of the kinds above. `namespace` is not looked at for kinds that have
/// none.
#[derive(Clone)]
pub struct Objects {
    client: kube::Client,
}

impl Objects {
    /// Objects as `client` sees them.
    pub fn new(client: kube::Client) -> Self {
        Self { client }
    }

    /// One object, if it is there.
    pub async fn get(&self, namespace: &str, kind: &str, name: &str) -> Result<Option<Value>> {
        let object = self.api(namespace, kind)?.get_opt(name).await?;
        Ok(object.map(serde_json::to_value).transpose()?)
    }

    /// All objects of a kind in a namespace that match a label selector; an empty one matches
    /// all.
    pub async fn list(&self, namespace: &str, kind: &str, selector: &str) -> Result<Vec<Value>> {
        let list = self.api(namespace, kind)?.list(&ListParams::default().labels(selector)).await?;
        list.items.into_iter().map(|item| Ok(serde_json::to_value(item)?)).collect()
    }

    /// Creates an object, or brings it to this state, by server-side apply as [`TEST_MANAGER`].
    pub async fn apply(&self, namespace: &str, object: &Value) -> Result<Value> {
        let (kind, name) = identity(object)?;
        let parameters = PatchParams::apply(TEST_MANAGER).force();
        let answer =
            self.api(namespace, kind)?.patch(name, &parameters, &Patch::Apply(object)).await?;
        Ok(serde_json::to_value(answer)?)
    }

    /// Creates an object exactly as it is, as a backup tool does.
    pub async fn create(&self, namespace: &str, object: Value) -> Result<Value> {
        let api = self.api(namespace, identity(&object)?.0)?;
        let object: DynamicObject = serde_json::from_value(object)?;
        let answer = api.create(&PostParams::default(), &object).await?;
        Ok(serde_json::to_value(answer)?)
    }

    /// Changes an object by a merge patch, as somebody with `kubectl edit` does.
    pub async fn edit(&self, namespace: &str, kind: &str, name: &str, patch: &Value) -> Result<()> {
        let parameters =
            PatchParams { field_manager: Some("kubectl-edit".into()), ..PatchParams::default() };
        self.api(namespace, kind)?.patch(name, &parameters, &Patch::Merge(patch)).await?;
        Ok(())
    }

    /// Deletes an object.
    pub async fn delete(&self, namespace: &str, kind: &str, name: &str) -> Result<()> {
        self.api(namespace, kind)?.delete(name, &DeleteParams::background()).await?;
        Ok(())
    }

    fn api(&self, namespace: &str, kind: &str) -> Result<Api<DynamicObject>> {
        let (kind, group, version, plural, namespaced) = *KINDS
            .iter()
            .find(|entry| entry.0 == kind)
            .with_context(|| format!("the tests know no kind {kind}; add it to KINDS"))?;
        let kind = GroupVersionKind::gvk(group, version, kind);
        let resource = ApiResource::from_gvk_with_plural(&kind, plural);
        Ok(if namespaced {
            Api::namespaced_with(self.client.clone(), namespace, &resource)
        } else {
            Api::all_with(self.client.clone(), &resource)
        })
    }
}

fn identity(object: &Value) -> Result<(&str, &str)> {
    let kind = object["kind"].as_str().context("the object has no kind")?;
    let name = object["metadata"]["name"].as_str().context("the object has no name")?;
    Ok((kind, name))
}
