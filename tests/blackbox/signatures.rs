//! Only commits of people who are trusted are deployed, and whose signature a commit carries is said. The
//! signatures are made by `git commit -S`.

use kargo_api::reasons::{ConditionType, Reason};
use kargo_api::status::CurrentState;
use kargo_tests::world::World;
use kargo_tests::world::app::AppExt as _;
use serde_json::json;

use crate::manifests::{config_map, push_config_maps};

/// A key that `ssh-keygen` makes for one person of one test.
struct Signer {
    folder: tempfile::TempDir,
}

impl Signer {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let made = std::process::Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
            .arg(folder.path().join("key"))
            .status()
            .expect("ssh-keygen is installed");
        assert!(made.success(), "ssh-keygen fails");
        Self { folder }
    }

    fn public(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("key.pub")).expect("the public key")
    }

    /// Changes the value of the `ConfigMap` web, and pushes that as a signed commit.
    fn push(&self, world: &World, value: &str) -> String {
        world.write("k8s/web.yaml", &config_map("web", value));
        let key = format!("user.signingkey={}", self.folder.path().join("key").display());
        let repository = &world.repository;
        repository.git(&["add", "--all"]).expect("git add");
        let commit = ["-c", "gpg.format=ssh", "-c", &key, "commit", "-q", "-S", "-m", "signed"];
        repository.git(&commit).expect("git commit -S");
        repository.push().expect("a push");
        repository.head().expect("a commit")
    }
}

#[tokio::test]
async fn only_commits_of_trusted_people_are_deployed() {
    let world = World::new("signatures").await;
    let (kim, lee) = (Signer::new("kim@example.com"), Signer::new("lee@example.com"));
    let secret = |keys: &str| {
        json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "signers"},
            "stringData": {"team.pub": keys},
        })
    };
    let unsigned = push_config_maps(&world, &["web"]);
    let verify = json!({"source": {"verify": {"mode": "HEAD", "secretRef": {"name": "signers"}}}});
    world.apply_app_with("shop", verify).await;
    world
        .wait_for_app("shop", "misses the Secret", |app| {
            app.story().contains("Secret signers, which spec.source.verify.secretRef names")
        })
        .await;
    world.objects.apply(&world.namespace, &secret(&kim.public())).await.expect("a Secret");
    let is_distrusted = |commit: &str, words: &str| {
        let (short, words) = (commit[..7].to_owned(), words.to_owned());
        move |app: &kargo_api::KargoApp| {
            app.has_reason(ConditionType::Rendered, Reason::Untrusted)
                && app.story().contains(&short)
                && app.story().contains(&words)
        }
    };
    // Nobody has to push again: a Secret that was put right is seen.
    world
        .wait_for_app(
            "shop",
            "says that the commit is not signed",
            is_distrusted(&unsigned, "not signed"),
        )
        .await;
    assert_eq!(world.managed("ConfigMap").await, [""; 0], "nothing of it is deployed");

    let good = kim.push(&world, "2");
    let app = world.wait_until_deployed("shop", &good).await;
    let story = app.story();
    assert!(story.contains("signed by kim@example.com (SHA256:"), "{story}");

    let strange = lee.push(&world, "3");
    let app = world
        .wait_for_app(
            "shop",
            "says that the key is not trusted",
            is_distrusted(&strange, "(SHA256:"),
        )
        .await;
    assert!(app.current_is(CurrentState::Succeeded, &good), "{:?}", app.current());
    assert!(!app.is(ConditionType::Ready));
    assert_eq!(world.object("ConfigMap", "web").await["data"]["value"], "2");

    // Lee joins the team.
    let both = format!("{}{}", kim.public(), lee.public());
    world.objects.apply(&world.namespace, &secret(&both)).await.expect("a Secret");
    world.wait_until_deployed("shop", &strange).await;
    assert_eq!(world.deleted(), [""; 0]);
}
