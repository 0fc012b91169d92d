use rstest::rstest;
use serde_json::json;

use super::*;

fn prepare(objects: &[Value], app_namespace: &str) -> Result<Rendered, Vec<Finding>> {
    let names: Vec<String> = (0..objects.len()).map(|number| format!("{number}.yaml")).collect();
    let files = names.iter().cloned().zip(objects.iter().map(Value::to_string));
    let list = ("kustomization.yaml".to_owned(), format!("resources: {names:?}"));
    let tree: kustomize::MemoryTree = files.chain([list]).collect();
    let build =
        kustomize::build(&tree, "", &kustomize::Options::default()).result.expect("it builds");
    let mut kinds = Kinds::default();
    kinds.insert(GroupKind::new("", "ConfigMap"), "v1", "configmaps", true, true);
    kinds.insert(GroupKind::new("", "Namespace"), "v1", "namespaces", false, true);
    kinds.insert(GroupKind::new("apps", "Deployment"), "v1", "deployments", true, true);
    let definitions = "customresourcedefinitions";
    kinds.insert(
        GroupKind::new("apiextensions.k8s.io", "CustomResourceDefinition"),
        "v1",
        definitions,
        false,
        true,
    );
    let app = AppKey { namespace: app_namespace.to_owned(), name: "shop".to_owned() };
    let reserved_namespace = Some("kargo-system");
    let context = Context {
        installation: "test",
        app: &app,
        revision: "abc",
        kinds: &kinds,
        reserved_namespace,
    };
    Rendered::prepare(build, Vec::new(), &context)
}

/// One desired object of the app `team/shop`.
pub(crate) fn desired_with(object: Value) -> Arc<Desired> {
    let rendered = prepare(&[object], "team").expect("it can be prepared");
    Arc::clone(rendered.objects().next().expect("one object"))
}

fn object(api_version: &str, kind: &str, name: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}})
}

#[test]
fn what_names_no_namespace_goes_to_the_apps_own() {
    let rendered =
        prepare(&[object("v1", "ConfigMap", "a"), object("v1", "Namespace", "n")], "team")
            .expect("fine");
    let namespaces: Vec<Option<&str>> =
        rendered.objects().map(|desired| desired.id().namespace.as_deref()).collect();
    assert_eq!(namespaces, [Some("team"), None]);
    assert_eq!(rendered.namespaces_needed(), ["team"]);
}

#[test]
fn a_namespace_of_the_set_itself_is_not_created_beside_it() {
    let rendered =
        prepare(&[object("v1", "ConfigMap", "a"), object("v1", "Namespace", "team")], "team")
            .expect("fine");
    assert_eq!(rendered.namespaces_needed(), [""; 0]);
}

#[test]
fn the_digest_changes_with_the_content_and_with_nothing_else() {
    let digest = |value: &str| {
        let mut config = object("v1", "ConfigMap", "a");
        config["data"] = json!({"key": value});
        prepare(&[config], "team").expect("fine").digest().to_owned()
    };
    assert_eq!(digest("1"), digest("1"));
    assert_ne!(digest("1"), digest("2"));
}

#[rstest]
#[case::own_definition(
    object("apiextensions.k8s.io/v1", "CustomResourceDefinition", "kargoapps.kargo.krampoline.io"),
    "team"
)]
#[case::own_namespace(object("v1", "Namespace", "kargo-system"), "team")]
#[case::inside_the_own_namespace(object("v1", "ConfigMap", "kargo-inventory"), "kargo-system")]
fn what_kargo_lives_of_is_refused(#[case] object: Value, #[case] app_namespace: &str) {
    let errors = prepare(&[object], app_namespace).expect_err("it is Kargo's own");
    assert!(errors[0].what.contains("belongs to Kargo's own installation"), "{}", errors[0]);
}

/// The build sees two namespaces; in the cluster it is one object.
#[test]
fn the_same_object_twice_is_an_error() {
    let mut explicit = object("v1", "ConfigMap", "a");
    explicit["metadata"]["namespace"] = json!("team");
    let errors = prepare(&[object("v1", "ConfigMap", "a"), explicit], "team").expect_err("twice");
    assert!(errors[0].what.contains("is defined twice"), "{}", errors[0]);
}

#[rstest]
#[case::unknown("example.com/v1", "Widget", "this cluster has no kind Widget")]
#[case::another_version("v2", "ConfigMap", "is not served as v2")]
#[case::another_group("example.com/v1", "ConfigMap", "has no kind ConfigMap")]
#[case::mistyped("v1", "ConfgMap", "this cluster has no kind ConfgMap")]
fn a_kind_that_is_not_served_is_said_and_does_not_fail_the_others(
    #[case] api_version: &str,
    #[case] kind: &str,
    #[case] what: &str,
) {
    let objects = [object("v1", "ConfigMap", "good"), object(api_version, kind, "odd")];
    let rendered = prepare(&objects, "team").expect("the others are fine");
    let said: Vec<Option<&Finding>> =
        rendered.objects().map(|desired| desired.unserved()).collect();
    assert!(said[0].is_none());
    assert!(said[1].is_some_and(|finding| finding.what.contains(what)), "{said:?}");
}

#[test]
fn replicas_are_left_to_an_autoscaler_of_the_set() {
    let mut web = object("apps/v1", "Deployment", "web");
    web["spec"] = json!({"replicas": 3, "paused": true});
    let autoscaler = json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}});
    let rendered = prepare(&[web.clone(), autoscaler], "team").expect("fine");
    let sent = rendered.objects().next().expect("the Deployment");
    assert_eq!(sent.manifest()["spec"], json!({"paused": true}));
    assert_eq!(sent.left_out(), [Pointer::replicas()]);
    let note = rendered.warnings().iter().find(|finding| finding.what.contains("replicas"));
    let note = note.expect("a note").to_string();
    assert!(note.contains("left to HorizontalPodAutoscaler/web"), "{note}");

    let alone = desired_with(web);
    assert_eq!(alone.manifest()["spec"], json!({"replicas": 3, "paused": true}));
}

/// An autoscaler that git does not know of may come at any time.
#[test]
fn a_workload_can_be_sent_without_its_replicas() {
    let mut web = object("apps/v1", "Deployment", "web");
    web["spec"] = json!({"replicas": 3, "paused": true});
    let desired = desired_with(web.clone());
    let without = desired.manifest_without_replicas();
    assert_eq!(without["spec"], json!({"paused": true}));
    let digest = &without["metadata"]["annotations"][names::DIGEST_ANNOTATION];
    assert_eq!(digest, desired.digest_without_replicas());
    assert_ne!(desired.digest(), desired.digest_without_replicas());
    web["spec"] = json!({"replicas": 4, "paused": true});
    assert_eq!(desired_with(web).digest_without_replicas(), desired.digest_without_replicas());
}

#[test]
fn ignored_fields_are_not_sent_and_a_pointer_to_nothing_is_a_warning() {
    let mut config = object("v1", "ConfigMap", "a");
    config["data"] = json!({"kept": "1", "ignored": "2"});
    config["metadata"]["annotations"] =
        json!({names::IGNORE_FIELDS_ANNOTATION: "/data/ignored, /data/nothing"});
    let rendered = prepare(&[config.clone()], "team").expect("fine");
    let sent = rendered.objects().next().expect("the object");
    assert_eq!(sent.manifest()["data"], json!({"kept": "1"}));
    let said: Vec<String> = rendered.warnings().iter().map(ToString::to_string).collect();
    assert!(
        said.len() == 1 && said[0].starts_with("0.yaml:1") && said[0].contains("/data/nothing"),
        "{said:?}"
    );

    config["metadata"]["annotations"] = json!({names::IGNORE_FIELDS_ANNOTATION: "data.ignored"});
    let errors = prepare(&[config], "team").expect_err("no pointer");
    assert!(errors[0].to_string().contains("`data.ignored` is no JSON pointer"), "{}", errors[0]);
}
