//! F61: a Job that ended and was cleaned up does not run again by itself.

use kargo_api::names::SYNC_REQUESTED_ANNOTATION;
use kargo_tests::world::World;
use kargo_tests::world::app::AppExt as _;

use crate::manifests::{KUSTOMIZATION, kustomization};

const JOB: &str = "apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
spec:
  ttlSecondsAfterFinished: 1
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: main
        image: tool:1
";

#[tokio::test]
async fn a_job_that_its_time_to_live_took_is_done() {
    let mut world = World::new("job-ttl").await;
    let commit =
        world.push_files(&[(KUSTOMIZATION, &kustomization(&["job.yaml"])), ("k8s/job.yaml", JOB)]);
    world.apply_app("shop").await;
    world.wait_for_object("Job", "migrate", "exists", |_| true).await;
    world.wait_until_gone("Job", "migrate").await;
    let app = world.wait_until_deployed("shop", &commit).await;
    let finished = app.status.expect("a status").finished;
    assert_eq!(finished.len(), 1);

    world.controller().restart().expect("it starts again");
    // A later commit shows that the process has looked at everything.
    world.write("k8s/job.yaml", JOB);
    let second = world.push_files(&[("k8s/README.md", "nothing to deploy")]);
    world.wait_until_deployed("shop", &second).await;
    assert!(world.find("Job", "migrate").await.is_none());

    world.annotate_app("shop", SYNC_REQUESTED_ANNOTATION, "1").await;
    world.wait_for_object("Job", "migrate", "runs again", |_| true).await;
    let third =
        world.push_files(&[("k8s/job.yaml", &JOB.replace("name: migrate", "name: migrate-2"))]);
    world.wait_for_object("Job", "migrate-2", "runs", |_| true).await;
    let app = world.wait_until_deployed("shop", &third).await;
    assert!(app.is_deployed(&third));
}
