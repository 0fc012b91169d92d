//! Two processes of one installation: one writes, the other one is ready to take over.

use std::path::PathBuf;
use std::time::Duration;

use kargo_tests::cluster::audit::AuditEvent;
use kargo_tests::kargo_process::KargoProcess;
use kargo_tests::world::identity;
use kargo_tests::world::wait::{assert_for, wait_for};
use kargo_tests::world::{DEADLINE, World};
use serde_json::{Value, json};

use crate::manifests::push_config_maps;

/// The shortest lease that there is.
const SECONDS: u64 = 5;

/// The time of a lease in words for the command line.
const FLAGS: &[&str] = &["--lease-seconds", "5"];

/// A second process of the same installation. It has a `ServiceAccount` of its own, so that the audit log tells the
/// two apart; the answer has the name of its user.
async fn start_second(world: &World) -> (KargoProcess, String) {
    let namespace = world.create_namespace("second").await;
    let mut settings = world.settings(FLAGS);
    let beside = |name: &str| -> PathBuf { settings.kubeconfig.with_file_name(name) };
    let (kubeconfig, log, cache) =
        (beside("second-kubeconfig"), beside("second.log"), beside("second-cache"));
    let admin = world.cluster().kubeconfig();
    identity::create(world.client(), admin, &namespace, "cluster-admin", &kubeconfig)
        .await
        .expect("an account");
    settings.kubeconfig = kubeconfig;
    settings.log = log;
    settings.cache = cache;
    let mut second = KargoProcess::start(settings).expect("it starts");
    // A rolling update ends the first process only when the second one is ready.
    second.wait_until_ready(DEADLINE).await.expect("it is ready");
    (second, identity::user_name(&namespace))
}

async fn lease(world: &World) -> Value {
    let name = format!("kargo-{}", world.installation());
    let lease = world.objects.get(&world.system_namespace, "Lease", &name).await;
    lease.expect("an answer").unwrap_or_default()
}

fn holder(lease: &Value) -> &str {
    lease["spec"]["holderIdentity"].as_str().unwrap_or_default()
}

fn identity_of(process: &KargoProcess) -> String {
    format!("process-{}", process.port())
}

/// Whether a process says of itself that it writes.
async fn leads(process: &KargoProcess) -> anyhow::Result<bool> {
    let (_, metrics) = process.get("/metrics").await?;
    Ok(metrics.lines().any(|line| line == "kargo_leader 1"))
}

async fn wait_until_led_by(world: &World, process: &KargoProcess) {
    let identity = identity_of(process);
    wait_for(&format!("{identity} holds the lease"), DEADLINE, async || {
        Ok((holder(&lease(world).await) == identity).then_some(()))
    })
    .await;
    wait_for("it says so", DEADLINE, async || Ok(leads(process).await?.then_some(()))).await;
}

fn requests(world: &World, user: &str) -> Vec<AuditEvent> {
    world.cluster().audit_of(user).expect("the audit log can be read")
}

#[tokio::test]
async fn a_standby_watches_nothing_and_takes_over_at_once_when_the_leader_is_stopped() {
    let mut world = World::without_controller("take-over").await;
    world.start_controller(FLAGS).await;
    let first = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    let (second, user) = start_second(&world).await;
    let (status, body) = second.get("/readyz").await.expect("an answer");
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("standby"), "{body}");
    let asked: Vec<String> = requests(&world, &user)
        .into_iter()
        .map(|event| event.object().resource)
        .filter(|resource| resource != "leases")
        .collect();
    assert_eq!(asked, [""; 0], "a standby asks for the Lease and nothing else");

    // It is stopped in the middle of its work.
    world.replace("k8s/web.yaml", "\"1\"", "\"2\"");
    let commit = world.push("changed");
    let stop = Duration::from_secs(5);
    let (status, took) = world.controller().terminate(stop).await.expect("it ends in time");
    assert!(status.success(), "{status} after {took:?}");
    wait_until_led_by(&world, &second).await;
    world.wait_until_deployed("shop", &commit).await;
}

#[tokio::test]
async fn a_leader_that_slept_longer_than_its_lease_writes_nothing_afterwards() {
    let mut world = World::without_controller("sleeper").await;
    world.start_controller(FLAGS).await;
    let names: Vec<String> = (0..40).map(|number| format!("map-{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    push_config_maps(&world, &names[..20]);
    world.apply_app("shop").await;
    let (second, _) = start_second(&world).await;
    // In the middle of its work, if it can be met there.
    push_config_maps(&world, &names);
    wait_for("a new object is there", DEADLINE, async || {
        Ok((world.managed("ConfigMap").await.len() > 20).then_some(()))
    })
    .await;
    world.controller().signal("STOP").expect("it sleeps");
    wait_until_led_by(&world, &second).await;
    let taken = lease(&world).await["spec"]["acquireTime"].as_str().expect("a time").to_owned();
    world.controller().signal("CONT").expect("it wakes up");

    wait_for("the sleeper knows that it was replaced", DEADLINE, async || {
        Ok((!leads(world.controller()).await?).then_some(()))
    })
    .await;
    let commit = push_config_maps(&world, &names[..30]);
    world.wait_until_deployed("shop", &commit).await;
    // Only calls that it had begun before may have arrived later, and those to known objects name their uid.
    let user = identity::user_name(&world.system_namespace);
    let late: Vec<String> = requests(&world, &user)
        .into_iter()
        .filter(|event| event.is_write() && event.object().resource != "leases")
        .filter(|event| event.request_received_timestamp > taken)
        .map(|event| format!("{} {}", event.verb, event.request_uri))
        .collect();
    assert_eq!(late, [""; 0], "the former holder wrote after {taken}");
    assert_eq!(world.managed("ConfigMap").await.len(), 30);
}

#[tokio::test]
async fn a_lease_that_is_deleted_stays_with_its_holder() {
    let mut world = World::without_controller("lease-deleted").await;
    world.start_controller(FLAGS).await;
    let (second, _) = start_second(&world).await;
    let before = lease(&world).await;
    let name = format!("kargo-{}", world.installation());
    world.objects.delete(&world.system_namespace, "Lease", &name).await.expect("it is deleted");
    wait_for("it is made anew", DEADLINE, async || {
        let now = lease(&world).await;
        let is_new = now["metadata"]["uid"] != before["metadata"]["uid"];
        Ok((is_new && !holder(&now).is_empty()).then_some(()))
    })
    .await;
    // Whoever made it, at no time do two say that they write.
    assert_for("at most one leads", Duration::from_secs(SECONDS * 2), async || {
        Ok(!(leads(world.controller()).await? && leads(&second).await?))
    })
    .await;
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
}

#[tokio::test]
async fn a_lease_that_somebody_takes_is_respected() {
    let mut world = World::without_controller("lease-taken").await;
    world.start_controller(FLAGS).await;
    let name = format!("kargo-{}", world.installation());
    let taken = json!({"spec": {"holderIdentity": "somebody", "leaseTransitions": 7}});
    world.objects.edit(&world.system_namespace, "Lease", &name, &taken).await.expect("it is taken");
    wait_for("it stands by", DEADLINE, async || {
        let (_, body) = world.controller().get("/readyz").await?;
        Ok(body.contains("standby").then_some(()))
    })
    .await;
    // Somebody does not renew it.
    let commit = push_config_maps(&world, &["web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
}
