//! Objects that are there already: taken over on the record, or left to whom they belong.

use std::time::Duration;

use kargo_api::reasons::{ConditionType, EventReason, Reason};
use kargo_tests::world::app::AppExt as _;
use kargo_tests::world::wait::wait_for;
use kargo_tests::world::{DEADLINE, World};
use serde_json::{Value, json};

use crate::manifests::{KUSTOMIZATION, config_map, deployment, kustomization, push_config_maps};

/// Creates an object as kubectl does, with a key that git does not have.
fn create_with_kubectl(world: &World, name: &str) {
    let file = world.namespace.clone() + "-" + name + ".yaml";
    let path = std::env::temp_dir().join(file);
    let text = config_map(name, "by hand") + "  other: \"2\"\n";
    std::fs::write(&path, text).expect("a file");
    world.run_kubectl(&["apply", "-f", &path.display().to_string()]).expect("kubectl applies");
    std::fs::remove_file(&path).expect("a file");
}

async fn wait_for_event(world: &World, app: &str, reason: EventReason, text: &str) {
    wait_for(&format!("an Event {reason} says {text}"), DEADLINE, async || {
        let events = world.events(app).await;
        let told = |(why, note): &(String, String)| why == reason.as_str() && note.contains(text);
        Ok(events.iter().any(told).then_some(()))
    })
    .await;
}

#[tokio::test]
async fn what_kubectl_made_is_taken_over_once_and_on_the_record() {
    let world = World::new("adopt-kubectl").await;
    create_with_kubectl(&world, "web");
    world.edit("ConfigMap", "web", json!({"data": {"third": "3"}})).await;
    let before = world.object("ConfigMap", "web").await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;

    let object = world.object("ConfigMap", "web").await;
    assert_eq!(object["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(object["data"], json!({"value": "1"}), "what git does not have is gone");
    let annotations = object["metadata"]["annotations"].as_object().expect("annotations");
    assert!(!annotations.contains_key("kubectl.kubernetes.io/last-applied-configuration"));
    wait_for_event(
        &world,
        "shop",
        EventReason::Adopted,
        "ConfigMap/web was made with kubectl-client-side-apply, kubectl-edit",
    )
    .await;

    // From then on it is as any other: what people add is theirs.
    world.edit("ConfigMap", "web", json!({"data": {"fourth": "4"}})).await;
    world
        .wait_for_app("shop", "says what is not in git", |app| {
            let current = app.status.as_ref().and_then(|status| status.current.as_ref());
            current.is_some_and(|current| {
                current.findings.iter().any(|finding| finding.message.contains("data.fourth"))
            })
        })
        .await;
    world.assert_quiet(Duration::from_secs(1)).await;
    world.replace("k8s/web.yaml", "\"1\"", "\"5\"");
    let second = world.push("changed");
    world.wait_until_deployed("shop", &second).await;
    let object = world.object("ConfigMap", "web").await;
    assert_eq!(object["data"], json!({"value": "5", "fourth": "4"}));
}

#[tokio::test]
async fn what_flux_argo_helm_or_an_operator_manages_is_refused_until_git_says_otherwise() {
    let world = World::new("adopt-others").await;
    let owner = world
        .objects
        .create(
            &world.namespace,
            serde_json::from_value(json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "owner"}}))
            .expect("an object"),
        )
        .await
        .expect("it is created");
    let table: [(&str, Value, &str); 4] = [
        (
            "flux",
            json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}}),
            "Flux (Kustomization flux-system/apps)",
        ),
        (
            "argo",
            json!({"annotations": {"argocd.argoproj.io/tracking-id": format!("cart:/ConfigMap:{}/argo", world.namespace)}}),
            "Argo CD (Application cart)",
        ),
        (
            "helm",
            json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"meta.helm.sh/release-name": "cart"}}),
            "the Helm release",
        ),
        (
            "operator",
            json!({"ownerReferences": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"], "controller": true}]}),
            "is made by ConfigMap/owner",
        ),
    ];
    let mut names = Vec::new();
    for (name, mut metadata, _) in table.clone() {
        metadata["name"] = json!(name);
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"value": "theirs"}});
        world.objects.create(&world.namespace, object).await.expect("it is created");
        names.push(name);
    }
    push_config_maps(&world, &names);
    world.apply_app("shop").await;
    let app = world
        .wait_for_app("shop", "is refused", |app| {
            app.has_reason(ConditionType::Ready, Reason::ApplyFailed)
        })
        .await;
    for (name, _, said) in &table {
        assert!(app.story().contains(said), "{said} is missing in {}", app.story());
        assert_eq!(world.object("ConfigMap", name).await["data"]["value"], "theirs");
    }

    // The annotation gives it to us; the operator's object is never ours.
    for name in ["flux", "argo", "helm"] {
        let text = config_map(name, "1").replace(
            "metadata:\n",
            "metadata:\n  annotations: {kargo.krampoline.io/adopt: allowed}\n",
        );
        world.write(&format!("k8s/{name}.yaml"), &text);
    }
    world.write(KUSTOMIZATION, &kustomization(&["flux.yaml", "argo.yaml", "helm.yaml"]));
    let allowed = world.push("allowed");
    world.wait_until_deployed("shop", &allowed).await;
    for name in ["flux", "argo", "helm"] {
        assert_eq!(world.object("ConfigMap", name).await["data"]["value"], "1");
    }
    wait_for_event(&world, "shop", EventReason::Adopted, "as its annotation allows").await;
    assert_eq!(world.object("ConfigMap", "operator").await["data"]["value"], "theirs");
}

#[tokio::test]
async fn a_first_deployment_is_one_request_for_each_object() {
    let world = World::new("adopt-nothing").await;
    let commit = push_config_maps(&world, &["a", "b", "c"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    let user = kargo_tests::world::identity::user_name(&world.system_namespace);
    let events = world.cluster().audit_of(&user).expect("the audit log");
    let mut asked: Vec<String> = events
        .iter()
        .filter(|event| {
            event.object().resource == "configmaps" && event.object().namespace == world.namespace
        })
        .filter(|event| !matches!(event.verb.as_str(), "list" | "watch"))
        .map(|event| format!("{} {}", event.verb, event.object().name))
        .collect();
    asked.sort();
    assert_eq!(asked, ["patch a", "patch b", "patch c"]);
}

/// An autoscaler that git does not know of: its replicas stay, through another commit and through one that takes
/// `replicas` out of git.
#[tokio::test]
async fn replicas_that_an_autoscaler_sets_are_left_to_it() {
    let world = World::new("autoscaled").await;
    let commit = world.push_files(&[
        (KUSTOMIZATION, &kustomization(&["web.yaml"])),
        ("k8s/web.yaml", &deployment("web", "web:1")),
    ]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    let autoscaler = json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"minReplicas": 2, "maxReplicas": 4, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}},
    });
    world.objects.apply(&world.namespace, &autoscaler).await.expect("it is accepted");
    let scaled = |object: &Value| object["spec"]["replicas"] == 2;
    world.wait_for_object("Deployment", "web", "is scaled", scaled).await;
    world.replace("k8s/web.yaml", "web:1", "web:2");
    let second = world.push("an image");
    world.wait_until_deployed("shop", &second).await;
    assert!(scaled(&world.object("Deployment", "web").await));
    world.replace("k8s/web.yaml", "  replicas: 1\n", "");
    let third = world.push("without replicas");
    world.wait_until_deployed("shop", &third).await;
    world.assert_quiet(Duration::from_secs(1)).await;
    assert!(scaled(&world.object("Deployment", "web").await));
}

/// An autoscaler of the set: `replicas` are given up with the commit that brings it, without a jump to one.
#[tokio::test]
async fn replicas_are_given_up_with_the_commit_that_brings_an_autoscaler() {
    let world = World::new("brings-autoscaler").await;
    let files = [
        (KUSTOMIZATION, kustomization(&["web.yaml"])),
        ("k8s/web.yaml", deployment("web", "web:1").replace("replicas: 1", "replicas: 3")),
    ];
    for (path, text) in &files {
        world.write(path, text);
    }
    let commit = world.push("three");
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    world.write("k8s/hpa.yaml", "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata:\n  name: web\nspec:\n  minReplicas: 1\n  maxReplicas: 5\n  scaleTargetRef:\n    apiVersion: apps/v1\n    kind: Deployment\n    name: web\n");
    world.write(KUSTOMIZATION, &kustomization(&["web.yaml", "hpa.yaml"]));
    let second = world.push("an autoscaler");
    let app = world
        .wait_for_app("shop", "has applied it", |app| {
            app.is(ConditionType::Applied)
                && app.desired().is_some_and(|desired| desired.revision.as_deref() == Some(&second))
        })
        .await;
    assert!(app.story().contains("left to HorizontalPodAutoscaler/web"), "{}", app.story());
    let object = world
        .wait_for_object("Deployment", "web", "is given up", |object| {
            let entries =
                object["metadata"]["managedFields"].as_array().cloned().unwrap_or_default();
            entries.iter().any(|entry| {
                entry["manager"] == "kargo" && entry["fieldsV1"]["f:spec"]["f:replicas"].is_null()
            })
        })
        .await;
    assert_eq!(object["spec"]["replicas"], 3);
}

#[tokio::test]
async fn ignored_fields_are_given_up_and_never_written() {
    let world = World::new("ignored").await;
    let text = |annotations: &str| {
        config_map("web", "1").replace("metadata:\n", &format!("metadata:\n{annotations}"))
            + "  theirs: \"0\"\n"
    };
    let first = world
        .push_files(&[(KUSTOMIZATION, &kustomization(&["web.yaml"])), ("k8s/web.yaml", &text(""))]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    let ignored = "  annotations: {kargo.krampoline.io/ignore-fields: /data/theirs}\n";
    let second = world.push_files(&[("k8s/web.yaml", &text(ignored))]);
    world.wait_until_deployed("shop", &second).await;
    assert_eq!(
        world.object("ConfigMap", "web").await["data"],
        json!({"value": "1", "theirs": "0"})
    );
    world.edit("ConfigMap", "web", json!({"data": {"theirs": "7"}})).await;
    world.assert_quiet(Duration::from_secs(1)).await;
    world.replace("k8s/web.yaml", "value: \"1\"", "value: \"2\"");
    let third = world.push("changed");
    world.wait_until_deployed("shop", &third).await;
    assert_eq!(
        world.object("ConfigMap", "web").await["data"],
        json!({"value": "2", "theirs": "7"})
    );
}
