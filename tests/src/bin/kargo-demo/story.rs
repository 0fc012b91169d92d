//! The steps. Each tells what it does, does it, and checks that it came out as told.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use kargo_api::KargoApp;
use kargo_api::status::{CurrentState, DesiredState};
use kargo_tests::sample;
use kargo_tests::world::app::AppExt as _;
use kargo_tests::world::wait::until;
use serde_json::{Value, json};

use crate::stage::{NAMESPACE, Stage};
use crate::teller::Teller;

/// How often Kargo asks git here.
const INTERVAL: Duration = Duration::from_secs(5);
/// From a push to the API server's answer.
const PUSH: Duration = Duration::from_secs(6);
/// From a hand edit to its end.
const REPAIR: Duration = Duration::from_secs(1);
/// For what depends on pods. They only pretend here, so this is about Kargo alone.
const ROLLOUT: Duration = Duration::from_mins(1);
/// In KiB.
const MOST_MEMORY: u64 = 40 * 1024;
/// In KiB.
const LARGEST_BINARY: u64 = 20 * 1024;

const IMAGE: &str = "/spec/template/spec/containers/0/image";

/// Tells the whole story.
pub(crate) async fn tell(stage: &mut Stage, teller: &mut Teller) -> Result<()> {
    deploy(stage, teller).await?;
    push(stage, teller).await?;
    edit(stage, teller).await?;
    prune(stage, teller).await?;
    break_and_repair(stage, teller).await?;
    weigh(stage, teller).await
}

async fn deploy(stage: &Stage, teller: &mut Teller) -> Result<()> {
    teller.step("One KargoApp, and what is in git runs").await?;
    teller.say("A team pushes the folder k8s/ as such teams have it: two Deployments behind an");
    teller.say("nginx, a database with a volume, generated ConfigMaps, and an Ingress written");
    teller.say("for a version of the API that Kubernetes no longer serves.");
    stage.repository.copy(&sample::krampoline(), ".")?;
    let commit = stage.repository.commit_and_push("The shop opens")?;
    let app = json!({
        "apiVersion": "kargo.krampoline.io/v1alpha1",
        "kind": "KargoApp",
        "metadata": {"name": "shop", "namespace": NAMESPACE},
        "spec": {"source": {
            "repoURL": stage.repository.url(),
            "interval": format!("{}s", INTERVAL.as_secs()),
        }},
    });
    teller.say("Then somebody applies this, and that is all there is to learn:\n");
    for line in serde_yaml::to_string(&app)?.lines() {
        teller.say(&format!("  {line}"));
    }
    let start = Instant::now();
    stage.objects.apply(NAMESPACE, &app).await?;
    let app = deployed(stage, &commit).await?;
    stage.show(teller, &["get", "kargoapps"])?;
    stage.show(teller, &["get", "deployments,statefulsets,services,ingresses"])?;
    let counts = app.status.as_ref().and_then(|status| status.objects).unwrap_or_default();
    ensure!(
        usize::try_from(counts.desired).ok() == Some(sample::KRAMPOLINE_OBJECTS)
            && counts.healthy == counts.desired,
        "{} of {} objects are healthy, and {} were expected",
        counts.healthy,
        counts.desired,
        sample::KRAMPOLINE_OBJECTS
    );
    teller.took("deployed and healthy, 11 objects", start.elapsed(), ROLLOUT)?;
    let warning = app.findings().into_iter().find(|finding| {
        finding.location.as_deref().is_some_and(|place| place.starts_with("k8s/ingress.yaml"))
    });
    let warning = warning.context("nothing was said about the old Ingress")?;
    let place = warning.location.as_deref().unwrap_or_default();
    teller.say(&format!("  It says what it had to change: {place}: {}", warning.message));
    Ok(())
}

async fn push(stage: &Stage, teller: &mut Teller) -> Result<()> {
    teller.step("A push deploys").await?;
    teller.say("The frontend has a new image; somebody changes one line and pushes.");
    stage.repository.replace("k8s/frontend.yaml", "bakery/frontend", "bakery/frontend:2")?;
    let commit = stage.repository.commit_and_push("frontend 2")?;
    let start = Instant::now();
    until("the new image is applied", ROLLOUT, async || {
        let live = get(stage, "Deployment", "frontend").await?;
        let image = live.pointer(IMAGE).and_then(Value::as_str).unwrap_or_default();
        Ok(image.ends_with(":2").then_some(()))
    })
    .await?;
    teller.took("from the push to the cluster", start.elapsed(), PUSH)?;
    deployed(stage, &commit).await?;
    stage.show(teller, &["get", "kargoapps"])
}

async fn edit(stage: &Stage, teller: &mut Teller) -> Result<()> {
    teller.step("A hand edit does not last").await?;
    teller.say("Somebody scales the backend by hand, and deletes its Service by mistake.");
    let start = Instant::now();
    stage.kubectl(&["scale", "deployment/backend", "--replicas=5"])?;
    until("the backend has one replica again", ROLLOUT, async || {
        let live = get(stage, "Deployment", "backend").await?;
        Ok((live["spec"]["replicas"] == 1).then_some(()))
    })
    .await?;
    teller.took("scaled back", start.elapsed(), REPAIR)?;
    let before = get(stage, "Service", "backend").await?;
    stage.objects.delete(NAMESPACE, "Service", "backend").await?;
    let start = Instant::now();
    until("the Service is back", ROLLOUT, async || {
        let live = stage.objects.get(NAMESPACE, "Service", "backend").await?;
        let is_new = |live: &Value| live["metadata"]["uid"] != before["metadata"]["uid"];
        Ok(live.filter(is_new).map(drop))
    })
    .await?;
    teller.took("the deleted Service is back", start.elapsed(), REPAIR)?;
    stage.show(teller, &["get", "events", "--field-selector", "reason=DriftRepaired"])
}

async fn prune(stage: &Stage, teller: &mut Teller) -> Result<()> {
    teller.step("What leaves git leaves the cluster").await?;
    teller.say("The Ingress is not needed any more: the file and its line go.");
    stage.repository.remove("k8s/ingress.yaml")?;
    stage.repository.replace("k8s/kustomization.yaml", "- ingress.yaml\n", "")?;
    let commit = stage.repository.commit_and_push("No Ingress")?;
    deployed(stage, &commit).await?;
    until("the Ingress is gone", ROLLOUT, async || {
        Ok(stage.objects.get(NAMESPACE, "Ingress", "shop").await?.is_none().then_some(()))
    })
    .await?;
    teller.holds("the Ingress is gone");
    stage.show(teller, &["get", "events", "--field-selector", "reason=Pruned"])
}

async fn break_and_repair(stage: &Stage, teller: &mut Teller) -> Result<()> {
    teller.step("A broken push is explained, and breaks nothing").await?;
    teller.say("Somebody mistypes the name of a file in k8s/kustomization.yaml.");
    let good = stage.repository.head()?;
    stage.repository.replace("k8s/kustomization.yaml", "frontend.yaml", "frontenn.yaml")?;
    let broken = stage.repository.commit_and_push("a typo")?;
    let app = app_that(stage, "explains the broken push", |app| {
        app.desired_is(DesiredState::Failed, &broken)
    })
    .await?;
    stage.show(teller, &["get", "kargoapps"])?;
    teller.say(&format!("  {}", app.message()));
    for expected in ["k8s/kustomization.yaml:2:", "frontenn.yaml", "frontend.yaml"] {
        ensure!(app.story().contains(expected), "the message does not have {expected}");
    }
    teller.holds("it names the place, the cause and the cure");
    ensure!(app.current_is(CurrentState::Succeeded, &good), "the last good state is not kept");
    get(stage, "Deployment", "frontend").await?;
    teller.holds("what was deployed is still there");

    teller.say("\nThe typo is corrected and pushed.");
    stage.repository.replace("k8s/kustomization.yaml", "frontenn.yaml", "frontend.yaml")?;
    let commit = stage.repository.commit_and_push("no typo")?;
    deployed(stage, &commit).await?;
    stage.show(teller, &["get", "kargoapps"])
}

async fn weigh(stage: &Stage, teller: &mut Teller) -> Result<()> {
    teller.step("What it costs").await?;
    teller.weighs("its memory", stage.controller.memory_in_use()?, MOST_MEMORY)?;
    let size = std::fs::metadata(&stage.program)?.len() / 1024;
    teller.weighs("the binary", size, LARGEST_BINARY)
}

async fn get(stage: &Stage, kind: &str, name: &str) -> Result<Value> {
    let live = stage.objects.get(NAMESPACE, kind, name).await?;
    live.with_context(|| format!("there is no {kind} {name}"))
}

/// Waits until all of `commit` is deployed and healthy.
async fn deployed(stage: &Stage, commit: &str) -> Result<KargoApp> {
    app_that(stage, &format!("is Ready at {commit}"), |app| app.is_deployed(commit)).await
}

async fn app_that(
    stage: &Stage,
    what: &str,
    holds: impl Fn(&KargoApp) -> bool,
) -> Result<KargoApp> {
    until(&format!("the KargoApp {what}"), ROLLOUT, async || {
        let app: KargoApp = serde_json::from_value(get(stage, "KargoApp", "shop").await?)?;
        Ok(Some(app).filter(&holds))
    })
    .await
}
