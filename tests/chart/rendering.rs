//! What the chart renders, and what it refuses to.

use std::fs;
use std::process::Command;

use kargo_tests::folders;
use kargo_tests::helm::{CHART, PLAIN_MANIFESTS, plain_manifests};
use kargo_tests::kargo_process;
use serde_json::Value;

use crate::helm::Helm;

fn objects(yaml: &str) -> Vec<Value> {
    let objects: Vec<Value> = serde_yaml::from_multiple(yaml).expect("helm prints YAML");
    objects.into_iter().filter(|object| !object.is_null()).collect()
}

fn the_deployment(yaml: &str) -> Value {
    objects(yaml)
        .into_iter()
        .find(|object| object["kind"] == "Deployment")
        .expect("the chart has a Deployment")
}

fn read(path: &str) -> String {
    fs::read_to_string(folders::workspace().join(path)).expect("the file is in the checkout")
}

#[test]
fn lint_finds_nothing() {
    Helm::new().run(&["lint", "--strict", CHART]).expect("lint finds nothing");
}

#[test]
fn the_plain_manifests_are_those_of_the_chart() {
    let expected = plain_manifests().expect("the chart renders");
    assert!(
        read(PLAIN_MANIFESTS) == expected,
        "{PLAIN_MANIFESTS} is not what the chart renders; run `cargo xtask deploy-manifests`"
    );
}

#[test]
fn the_definition_in_the_chart_is_the_one_of_the_binary() {
    let binary = kargo_process::binary().expect("kargo can be built");
    let output = Command::new(binary).arg("crd").output().expect("kargo starts");
    assert!(output.status.success());
    let path = format!("{CHART}/files/kargoapps.yaml");
    assert!(
        read(&path).as_bytes() == output.stdout,
        "{path} is not what the binary prints; run `cargo xtask deploy-manifests`"
    );
}

#[test]
fn the_definition_outlives_the_release() {
    let rendered = Helm::new().template(&[]).expect("it renders");
    let definition = objects(&rendered)
        .into_iter()
        .find(|object| object["kind"] == "CustomResourceDefinition")
        .expect("the chart has the definition");
    assert_eq!(definition["metadata"]["annotations"]["helm.sh/resource-policy"], "keep");
}

#[test]
fn the_binary_knows_every_flag_that_the_chart_gives_it() {
    let values = [
        "watchNamespaces={team-a,team-b}",
        "defaultTargetNamespace=app",
        "log.format=text",
        "installation=second",
        "lease.seconds=60",
        "defaultServiceAccount=deployer",
        "noCrossNamespace=true",
        "webhook.secretName=hook",
    ];
    let binary = kargo_process::binary().expect("kargo can be built");
    for values in [&[][..], &values] {
        let deployment = the_deployment(&Helm::new().template(values).expect("it renders"));
        let container = &deployment["spec"]["template"]["spec"]["containers"][0];
        let arguments: Vec<&str> = container["args"]
            .as_array()
            .expect("arguments")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        // Whatever stands before `--help` is checked; then it ends without doing anything.
        let output =
            Command::new(&binary).args(&arguments).arg("--help").output().expect("kargo starts");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
    }
}

#[test]
fn a_new_pod_stands_by_before_the_old_one_goes_and_no_pod_has_a_right_on_its_node() {
    let deployment = the_deployment(&Helm::new().template(&[]).expect("it renders"));
    assert_eq!(deployment["spec"]["replicas"], 1);
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxSurge"], 1);
    let pod = &deployment["spec"]["template"]["spec"];
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
    let context = &pod["containers"][0]["securityContext"];
    assert_eq!(context["readOnlyRootFilesystem"], true);
    assert_eq!(context["allowPrivilegeEscalation"], false);
    assert_eq!(context["capabilities"]["drop"], serde_json::json!(["ALL"]));
}

fn of_kind(yaml: &str, kind: &str, suffix: &str) -> Option<Value> {
    objects(yaml).into_iter().find(|object| {
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        object["kind"] == kind && name.ends_with(suffix)
    })
}

#[test]
fn webhooks_reach_their_port_by_a_service_and_an_ingress_on_request() {
    let helm = Helm::new();
    let usual = helm.template(&[]).expect("it renders");
    let service = of_kind(&usual, "Service", "-webhook").expect("a Service");
    assert_eq!(service["spec"]["type"], "ClusterIP");
    let port = &service["spec"]["ports"][0]["targetPort"];
    let container = &the_deployment(&usual)["spec"]["template"]["spec"]["containers"][0];
    let ports = container["ports"].as_array().expect("ports");
    assert!(ports.iter().any(|each| each["name"] == *port && each["containerPort"] == 8090));
    assert!(of_kind(&usual, "Ingress", "").is_none(), "nothing is opened unasked");

    let values = ["webhook.ingress.enabled=true", "webhook.ingress.host=kargo.example.com"];
    let open = helm.template(&values).expect("it renders");
    let ingress = of_kind(&open, "Ingress", "-webhook").expect("an Ingress");
    let rule = &ingress["spec"]["rules"][0];
    assert_eq!(rule["host"], "kargo.example.com");
    let path = &rule["http"]["paths"][0];
    assert_eq!(path["path"], "/hooks");
    assert_eq!(path["backend"]["service"]["name"], service["metadata"]["name"]);

    let closed = helm.template(&["webhook.enabled=false"]).expect("it renders");
    assert!(of_kind(&closed, "Service", "-webhook").is_none());
    assert!(!closed.contains("webhook-listen"));
}

#[test]
fn the_secret_of_the_installation_is_a_file_of_the_pod() {
    let rendered = Helm::new().template(&["webhook.secretName=hook"]).expect("it renders");
    let pod = &the_deployment(&rendered)["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let has = |list: &Value, expected: Value| list.as_array().expect("a list").contains(&expected);
    assert!(has(
        &container["args"],
        serde_json::json!("--webhook-secret-file=/etc/kargo/webhook/token")
    ));
    let mount =
        serde_json::json!({"name": "webhook", "mountPath": "/etc/kargo/webhook", "readOnly": true});
    assert!(has(&container["volumeMounts"], mount));
    let items = serde_json::json!([{"key": "token", "path": "token"}]);
    let secret = serde_json::json!({"secretName": "hook", "items": items});
    assert!(has(&pod["volumes"], serde_json::json!({"name": "webhook", "secret": secret})));
}

#[test]
fn who_only_impersonates_demands_an_account() {
    let flag = Value::from("--no-cross-namespace");
    let has_flag = |values: &[&str]| {
        let deployment = the_deployment(&Helm::new().template(values).expect("it renders"));
        let arguments = &deployment["spec"]["template"]["spec"]["containers"][0]["args"];
        arguments.as_array().expect("arguments").contains(&flag)
    };
    assert!(!has_flag(&[]));
    assert!(has_flag(&["noCrossNamespace=true"]));
    assert!(has_flag(&["rbac.profile=impersonateOnly"]));
}

#[test]
fn a_disruption_budget_is_made_on_request() {
    let has_budget = |values: &[&str]| {
        let rendered = Helm::new().template(values).expect("it renders");
        objects(&rendered).iter().any(|object| object["kind"] == "PodDisruptionBudget")
    };
    assert!(!has_budget(&[]));
    assert!(has_budget(&["podDisruptionBudget.create=true", "replicas=2"]));
}

#[test]
fn values_that_do_not_exist_or_cannot_work_are_refused() {
    let helm = Helm::new();
    for value in [
        "imagee.tag=1",
        "rbac.profile=readOnly",
        "log.format=xml",
        "installation=",
        "defaultTargetNamespace=elsewhere",
        "replicas=two",
        "lease.seconds=4",
        "defaultServiceAccount=kube-system:admin",
        "webhook.ingress.enabled=true",
        "webhook.service.type=ExternalName",
    ] {
        assert!(helm.template(&[value]).is_err(), "{value} is accepted");
    }
}
