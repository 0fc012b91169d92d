//! As whom an app is deployed: with `serviceAccountName` everything for it is done as that `ServiceAccount`.

use kargo_api::KargoApp;
use kargo_api::reasons::{ConditionType, Reason};
use kargo_tests::cluster::audit::AuditEvent;
use kargo_tests::helm;
use kargo_tests::world::World;
use kargo_tests::world::app::AppExt as _;
use kargo_tests::world::identity;
use kargo_tests::world::wait::wait_for;
use kargo_tests::world::{DEADLINE, INTERVAL};
use serde_json::{Value, json};

use crate::manifests::push_config_maps;

const ACCOUNT: &str = "deployer";

/// Creates the account, without any right.
async fn create_account(world: &World) {
    let account =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": ACCOUNT}});
    world.objects.apply(&world.namespace, &account).await.expect("an account");
}

/// Lets the account do what people who deploy usually may, in the namespace of the world.
async fn let_it_edit(world: &World) {
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": ACCOUNT},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": world.namespace}],
    });
    world.objects.apply(&world.namespace, &binding).await.expect("a binding");
}

/// Whether a request is Kargo's own business: its Lease and record, `KargoApps` and Events about them.
fn is_about_kargo(world: &World, event: &AuditEvent) -> bool {
    let object = event.object();
    object.namespace == world.system_namespace
        || object.resource == "kargoapps"
        || object.resource == "events"
}

fn as_account() -> Value {
    json!({"serviceAccountName": ACCOUNT})
}

#[tokio::test]
async fn every_write_and_the_look_before_it_are_made_as_the_account() {
    let world = World::new("account").await;
    create_account(&world).await;
    let_it_edit(&world).await;
    let first = push_config_maps(&world, &["old", "web"]);
    let mut spec = as_account();
    spec["deletionPolicy"] = json!("Delete");
    world.apply_app_with("shop", spec).await;
    world.wait_until_deployed("shop", &first).await;

    // Updated, pruned, repaired, deleted.
    world.replace("k8s/web.yaml", "\"1\"", "\"2\"");
    let second = push_config_maps(&world, &["web"]);
    world.wait_until_deployed("shop", &second).await;
    world.wait_until_gone("ConfigMap", "old").await;
    world.delete("ConfigMap", "web").await;
    world.wait_for_object("ConfigMap", "web", "is back", |_| true).await;
    world.delete_app("shop").await;
    world.wait_until_gone("ConfigMap", "web").await;

    let user = format!("system:serviceaccount:{}:{ACCOUNT}", world.namespace);
    let group = format!("system:serviceaccounts:{}", world.namespace);
    let (mut writes, mut looks) = (0, 0);
    for event in world.requests() {
        let object = event.object();
        let is_look = event.verb == "get" && object.resource == "configmaps";
        if !(event.is_write() || is_look) || is_about_kargo(&world, &event) {
            continue;
        }
        let request = format!("{} {}", event.verb, event.request_uri);
        let impersonated = event.impersonated_user.unwrap_or_else(|| panic!("{request}: as Kargo"));
        assert_eq!(impersonated.username, user, "{request}");
        assert!(impersonated.groups.contains(&group), "{request}: {:?}", impersonated.groups);
        writes += u32::from(!is_look);
        looks += u32::from(is_look);
    }
    assert!(writes >= 5, "two created, one changed, one put back, two deleted: {writes}");
    assert!(looks >= 2, "a look before each delete: {looks}");
}

#[tokio::test]
async fn an_account_that_does_not_exist_is_named_and_used_as_soon_as_it_does() {
    let world = World::new("no-account").await;
    let_it_edit(&world).await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app_with("shop", as_account()).await;
    let app = world
        .wait_for_app("shop", "names the account", |app| {
            app.story().contains("ServiceAccount deployer does not exist")
        })
        .await;
    assert!(app.story().contains("kubectl create serviceaccount deployer"), "{}", app.story());
    assert!(world.find("ConfigMap", "web").await.is_none(), "a binding alone deploys nothing");
    create_account(&world).await;
    world.wait_until_deployed("shop", &commit).await;
}

#[tokio::test]
async fn a_missing_right_is_named_the_rest_is_deployed_and_nothing_is_pruned() {
    let world = World::new("no-right").await;
    create_account(&world).await;
    let_it_edit(&world).await;
    let first = push_config_maps(&world, &["old"]);
    world.apply_app_with("shop", as_account()).await;
    world.wait_until_deployed("shop", &first).await;

    let quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata:\n  name: quota\n";
    world.push_files(&[
        ("k8s/kustomization.yaml", "resources:\n- web.yaml\n- quota.yaml\n"),
        ("k8s/web.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n"),
        ("k8s/quota.yaml", quota),
    ]);
    let refused = |app: &KargoApp| app.has_reason(ConditionType::Applied, Reason::ApplyFailed);
    let app = world.wait_for_app("shop", "names the right", refused).await;
    let story = app.story();
    let who = format!("ServiceAccount {}/{ACCOUNT} may not patch resourcequotas", world.namespace);
    assert!(story.contains(&who), "{story}");
    assert!(story.contains("kubectl create role"), "{story}");
    world.wait_for_object("ConfigMap", "web", "is applied", |_| true).await;
    assert!(world.find("ConfigMap", "old").await.is_some(), "nothing is pruned");

    // It heals by itself.
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": {"name": "more"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT, "namespace": world.namespace}],
    });
    world.objects.apply(&world.namespace, &role).await.expect("a binding");
    world.wait_until_gone("ConfigMap", "old").await;
}

#[tokio::test]
async fn without_cross_namespace_an_app_needs_an_account_and_gets_no_further_than_it() {
    let mut world = World::without_controller("no-cross").await;
    world.start_controller(&["--no-cross-namespace"]).await;
    create_account(&world).await;
    let_it_edit(&world).await;
    let other = world.create_namespace("other").await;
    let elsewhere = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: web\n  namespace: {other}\n---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: {other}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: mine\n"
    );
    world.push_files(&[
        ("k8s/kustomization.yaml", "resources:\n- all.yaml\n"),
        ("k8s/all.yaml", &elsewhere),
    ]);
    world.apply_app("shop").await;
    let refused = world
        .wait_for_app("shop", "is refused", |app| app.story().contains("serviceAccountName"))
        .await;
    assert!(refused.has_reason(ConditionType::Rendered, Reason::InvalidSpec), "{refused:?}");
    assert!(world.find("ConfigMap", "mine").await.is_none());

    // A change of the spec is enough.
    world.apply_app_with("shop", as_account()).await;
    world.wait_for_object("ConfigMap", "mine", "is applied", |_| true).await;
    let app = world
        .wait_for_app("shop", "names what it may not do", |app| {
            let story = app.story();
            story.contains(&format!("configmaps in namespace {other}"))
                && story.contains("clusterroles.rbac.authorization.k8s.io in the cluster")
        })
        .await;
    assert!(!app.is(ConditionType::Ready));
    let found = world.objects.get(&other, "ConfigMap", "web").await.expect("an answer");
    assert!(found.is_none(), "the other namespace was touched");
}

#[tokio::test]
async fn an_installation_can_have_an_account_for_those_who_name_none() {
    let mut world = World::without_controller("default-account").await;
    world.start_controller(&["--default-service-account", ACCOUNT]).await;
    create_account(&world).await;
    let_it_edit(&world).await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    let own: Vec<String> = world
        .writes()
        .into_iter()
        .filter(|event| !is_about_kargo(&world, event) && event.impersonated_user.is_none())
        .map(|event| event.request_uri)
        .collect();
    assert_eq!(own, [""; 0], "Kargo wrote as itself");
}

#[tokio::test]
async fn the_secret_for_git_is_read_as_the_account() {
    let world = World::new("account-secret").await;
    create_account(&world).await;
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "git"},
        "stringData": {"username": "somebody", "password": "something"},
    });
    world.objects.apply(&world.namespace, &secret).await.expect("a Secret");
    push_config_maps(&world, &["web"]);
    let mut spec = as_account();
    spec["source"] = json!({"secretRef": {"name": "git"}});
    world.apply_app_with("shop", spec).await;
    world
        .wait_for_app("shop", "says who may not read it", |app| {
            app.story().contains("deployer may not read Secret git")
        })
        .await;
    wait_for("the account was refused", DEADLINE + INTERVAL, async || {
        let refused = world.requests().into_iter().any(|event| {
            event.object().resource == "secrets"
                && event.impersonated_user.is_some()
                && event.response_status.is_some_and(|status| status.code == 403)
        });
        Ok(refused.then_some(()))
    })
    .await;
    let as_kargo = world.requests().into_iter().any(|event| {
        event.object().resource == "secrets"
            && event.verb == "get"
            && event.impersonated_user.is_none()
    });
    assert!(!as_kargo, "Kargo read the Secret as itself");
}

/// Takes the rights of an administrator from the world's controller, and gives it those of the chart.
async fn impersonate_only(world: &World) {
    let everything = identity::binding_name(&world.system_namespace);
    world.objects.delete("", "ClusterRoleBinding", &everything).await.expect("it is deleted");
    let installation = format!("installation={}", world.installation());
    let rights = helm::template(&[
        "--namespace",
        &world.system_namespace,
        "--show-only",
        "templates/rbac.yaml",
        "--set",
        "rbac.profile=impersonateOnly",
        "--set",
        &installation,
    ]);
    let rights = rights.expect("the chart renders");
    let rights: Vec<Value> = serde_yaml::from_multiple(&rights).expect("helm prints YAML");
    for object in rights.iter().filter(|object| object.is_object()) {
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
        world.objects.apply(namespace, object).await.expect("a right");
    }
}

#[tokio::test]
async fn the_rights_of_the_profile_impersonate_only_are_enough() {
    let mut world = World::without_controller("impersonate").await;
    impersonate_only(&world).await;
    world.start_controller(&["--no-cross-namespace"]).await;
    create_account(&world).await;
    let_it_edit(&world).await;
    let first = push_config_maps(&world, &["old", "web"]);
    world.apply_app("shop").await;
    world
        .wait_for_app("shop", "is refused without an account", |app| {
            app.story().contains("spec.serviceAccountName names none")
        })
        .await;
    let mut spec = as_account();
    spec["deletionPolicy"] = json!("Delete");
    world.apply_app_with("shop", spec).await;
    world.wait_until_deployed("shop", &first).await;
    let second = push_config_maps(&world, &["web"]);
    world.wait_until_deployed("shop", &second).await;
    world.wait_until_gone("ConfigMap", "old").await;
    assert!(!world.events("shop").await.is_empty(), "it may create Events");
    world.delete_app("shop").await;
    world.wait_until_gone("ConfigMap", "web").await;
    wait_for("the KargoApp is gone", DEADLINE, async || {
        Ok(world.find("KargoApp", "shop").await.is_none().then_some(()))
    })
    .await;
    // A process that knows nothing starts with these rights too.
    world.controller().restart().expect("it starts again");
    world.controller().wait_until_ready(DEADLINE).await.expect("it is ready");
}
