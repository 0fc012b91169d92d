//! Who the controller of a test is: a `ServiceAccount` of its own, so that the audit log tells
//! what this one did.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, PostParams};
use serde_json::{Value, json};

use super::objects::Objects;

/// The name of the `ServiceAccount`.
pub const ACCOUNT: &str = "kargo";

/// Longer than any run.
const TOKEN_SECONDS: i64 = 24 * 60 * 60;

/// Creates the account in `namespace`, binds it to `cluster_role`, and writes a kubeconfig with
/// its token to `path`.
pub async fn create(
    client: &kube::Client,
    admin_kubeconfig: &Path,
    namespace: &str,
    cluster_role: &str,
    path: &Path,
) -> Result<()> {
    let objects = Objects::new(client.clone());
    let account = json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": ACCOUNT},
    });
    objects.apply(namespace, &account).await?;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": binding_name(namespace)},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": cluster_role,
        },
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": namespace}],
    });
    objects.apply("", &binding).await?;
    write_kubeconfig(client, admin_kubeconfig, namespace, ACCOUNT, path).await
}

/// The name of the binding that [`create`] makes.
pub fn binding_name(namespace: &str) -> String {
    format!("kargo-tests-{namespace}")
}

/// The name by which the API server knows the account.
pub fn user_name(namespace: &str) -> String {
    format!("system:serviceaccount:{namespace}:{ACCOUNT}")
}

/// Writes a kubeconfig with a fresh token of the `ServiceAccount` `account` to `path`. All but the
/// user is taken from the administrator's.
pub async fn write_kubeconfig(
    client: &kube::Client,
    admin_kubeconfig: &Path,
    namespace: &str,
    account: &str,
    path: &Path,
) -> Result<()> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let request = TokenRequest {
        spec: TokenRequestSpec {
            expiration_seconds: Some(TOKEN_SECONDS),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let answer = accounts.create_token_request(account, &PostParams::default(), &request).await?;
    let token = answer.status.context("the API server gave no token")?.token;
    let text = fs::read_to_string(admin_kubeconfig)?;
    let mut config: Value = serde_yaml::from_str(&text)?;
    let users = config["users"].as_array_mut().context("the kubeconfig has no users")?;
    for user in users {
        user["user"] = json!({"token": token});
    }
    fs::write(path, format!("{config:#}\n"))?;
    Ok(())
}
