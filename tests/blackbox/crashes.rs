//! kill -9 at any moment and a restart converge: no orphan, no wrong delete.

use std::time::Duration;

use kargo_tests::world::app::AppExt as _;
use kargo_tests::world::wait::wait_for;
use kargo_tests::world::{DEADLINE, REPOSITORY, World};

use crate::manifests::push_config_maps;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("map-{number:03}")).collect()
}

fn push(world: &World, names: &[String]) -> String {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    push_config_maps(world, &names)
}

#[tokio::test]
async fn a_crash_in_mid_apply_leaves_neither_an_orphan_nor_a_wrong_delete() {
    let mut world = World::new("crash-in-apply").await;
    let all = names(60);
    push(&world, &all);
    world.apply_app("shop").await;
    wait_for("the first object is there", DEADLINE, async || {
        Ok((!world.managed("ConfigMap").await.is_empty()).then_some(()))
    })
    .await;
    world.controller().kill().expect("it runs");

    // What changes in git meanwhile: some of those that may be there already leave it.
    let fewer = &all[10..];
    for name in &all[..10] {
        world.remove(&format!("k8s/{name}.yaml"));
    }
    let second = push(&world, fewer);
    world.controller().restart().expect("it starts again");
    world.wait_until_deployed("shop", &second).await;
    wait_for("exactly the objects of the commit are left", DEADLINE, async || {
        Ok((world.managed("ConfigMap").await == fewer).then_some(()))
    })
    .await;
    for deleted in world.deleted() {
        let name = deleted.strip_prefix("configmaps/").expect("only ConfigMaps are deleted");
        assert!(all[..10].iter().any(|each| each == name), "{name} was deleted");
    }
}

#[tokio::test]
async fn crash_after_crash_it_gets_there() {
    let mut world = World::new("crash-after-crash").await;
    let mut commit = push(&world, &names(20));
    let mut before = (world.git.traffic(REPOSITORY), world.writes().len());
    world.apply_app("shop").await;
    // Later and later into a run: at once, when git was asked, when the commit was fetched, when the first
    // write was sent, and when all is deployed.
    for moment in 0..5 {
        wait_for(&format!("moment {moment} has come"), DEADLINE, async || {
            let traffic = world.git.traffic(REPOSITORY);
            let has_come = match moment {
                0 => true,
                1 => traffic.requests > before.0.requests,
                2 => traffic.fetches > before.0.fetches,
                3 => world.writes().len() > before.1,
                _ => world.app("shop").await.is_deployed(&commit),
            };
            Ok(has_come.then_some(()))
        })
        .await;
        before = (world.git.traffic(REPOSITORY), world.writes().len());
        world.controller().restart().expect("it starts again");
        world.replace("k8s/map-000.yaml", "value: \"1", "value: \"11");
        commit = world.push("changed");
    }
    world.wait_until_deployed("shop", &commit).await;
    assert_eq!(world.managed("ConfigMap").await, names(20));
    assert_eq!(world.object("ConfigMap", "map-000").await["data"]["value"], "111111");
    assert_eq!(world.deleted(), [""; 0]);
}

#[tokio::test]
async fn what_left_git_while_the_controller_was_down_is_pruned() {
    let mut world = World::new("down-meanwhile").await;
    let first = push_config_maps(&world, &["old", "web"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &first).await;
    world.controller().kill().expect("it runs");
    let second = push_config_maps(&world, &["web"]);
    world.controller().restart().expect("it starts again");
    world.wait_until_deployed("shop", &second).await;
    world.wait_until_gone("ConfigMap", "old").await;
    assert_eq!(world.deleted(), ["configmaps/old"]);
}

#[tokio::test]
async fn a_restart_writes_nothing_to_the_objects() {
    let mut world = World::new("restart").await;
    let commit = push_config_maps(&world, &["a", "b", "c"]);
    world.apply_app("shop").await;
    world.wait_until_deployed("shop", &commit).await;
    let before = world.writes().len();
    world.controller().restart().expect("it starts again");
    world.controller().wait_until_ready(DEADLINE).await.expect("it is ready");
    world.assert_quiet(kargo_tests::world::INTERVAL + Duration::from_secs(2)).await;
    let touched: Vec<String> = world.writes()[before..]
        .iter()
        .filter(|event| event.object().resource == "configmaps")
        .filter(|event| event.object().namespace == world.namespace)
        .map(|event| format!("{} {}", event.verb, event.request_uri))
        .collect();
    assert_eq!(touched, [""; 0]);
}
