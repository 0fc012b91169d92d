//! The API server refuses a `KargoApp` that cannot work, with a message that teaches.

use kargo_tests::world::World;
use serde_json::{Value, json};

const GOOD_URL: &str = "https://github.com/team-a/shop";

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

async fn apply(world: &World, name: &str, spec: Value) -> Result<Value, String> {
    let app = json!({
        "apiVersion": "kargo.krampoline.io/v1alpha1",
        "kind": "KargoApp",
        "metadata": {"name": name},
        "spec": spec,
    });
    world.objects.apply(&world.namespace, &app).await.map_err(|error| format!("{error:#}"))
}

fn source(field: &str, value: &str) -> Value {
    let mut source = json!({"repoURL": GOOD_URL});
    source[field] = json!(value);
    json!({"source": source})
}

#[tokio::test]
async fn only_the_url_is_required_and_the_rest_has_defaults() {
    let world = World::without_controller("schema-defaults").await;
    let app = apply(&world, "shop", json!({"source": {"repoURL": GOOD_URL}})).await;
    assert_eq!(
        app.expect("it is accepted")["spec"],
        json!({
            "source": {
                "repoURL": GOOD_URL, "path": "k8s", "interval": "30s",
            },
            "sync": {
                "mode": "Automatic", "selfHeal": true, "prune": true, "allowEmpty": false,
                "timeout": "300s", "createNamespace": true,
            },
            "suspend": false,
            "deletionPolicy": "Orphan",
        })
    );
}

#[tokio::test]
async fn what_can_work_is_accepted() {
    let world = World::without_controller("schema-accepts").await;
    let table = [
        source("repoURL", "http://127.0.0.1:3000/team/shop.git"),
        source("repoURL", "ssh://git@example.com:2222/team/shop.git"),
        source("repoURL", "git@github.com:team/shop.git"),
        source("branch", "feature/cart"),
        source("tag", "v1.0"),
        source("revision", COMMIT),
        json!({"source": {"repoURL": GOOD_URL, "verify": {"mode": "HEAD", "secretRef": {"name": "keys"}}}}),
        source("path", "."),
        source("path", "deploy/..hidden/k8s"),
        source("interval", "5s"),
        source("interval", "1h30m"),
        json!({"source": {"repoURL": GOOD_URL}, "targetNamespace": "team-a"}),
        json!({"source": {"repoURL": GOOD_URL}, "deletionPolicy": "Delete"}),
    ];
    for spec in table {
        let outcome = apply(&world, "shop", spec.clone()).await;
        assert!(outcome.is_ok(), "{spec} is refused: {outcome:?}");
    }
}

#[tokio::test]
async fn what_cannot_work_is_refused_with_a_message_that_teaches() {
    let world = World::without_controller("schema-refuses").await;
    let long = "x".repeat(64);
    let table = [
        (source("repoURL", "github.com/team/shop"), "https://"),
        (source("repoURL", "ftp://example.com/shop"), "https://"),
        (source("repoURL", "file:///etc"), "https://"),
        (source("repoURL", "https://kim:s3cret@example.com/shop"), "password"),
        (source("repoURL", "ssh://git:s3cret@example.com/shop"), "password"),
        (source("repoURL", "https://kim@example.com/shop"), "user name"),
        (source("repoURL", "https://example.com"), "repository"),
        (source("repoURL", ""), "repoURL"),
        (source("path", "/k8s"), "relative"),
        (source("path", "../other"), ".."),
        (source("path", "k8s/../../other"), ".."),
        (source("interval", "4s"), "5s"),
        (source("interval", "5"), "30s"),
        (source("interval", "1d"), "30s"),
        (source("interval", ""), "30s"),
        (source("branch", "refs/heads/main"), "refs/heads"),
        (source("branch", "a b"), "branch"),
        (source("tag", "refs/tags/v1"), "refs/tags"),
        (source("revision", "0123456"), "40 hexadecimal digits"),
        (source("revision", "v1.0"), "40 hexadecimal digits"),
        (
            json!({"source": {"repoURL": GOOD_URL, "branch": "main", "tag": "v1"}}),
            "at most one of branch, tag and revision",
        ),
        (
            json!({"source": {"repoURL": GOOD_URL, "tag": "v1", "revision": COMMIT}}),
            "at most one of branch, tag and revision",
        ),
        (
            json!({"source": {"repoURL": GOOD_URL, "verify": {"mode": "Tag", "secretRef": {"name": "keys"}}}}),
            "HEAD",
        ),
        (json!({"source": {"repoURL": GOOD_URL, "verify": {"mode": "HEAD"}}}), "secretRef"),
        (json!({"source": {}}), "repoURL"),
        (json!({"source": {"repoURL": GOOD_URL}, "targetNamespace": "Team_A"}), "targetNamespace"),
        (json!({"source": {"repoURL": GOOD_URL}, "deletionPolicy": "Keep"}), "deletionPolicy"),
        // A field that is not honoured is not accepted either.
        (json!({"source": {"repoURL": GOOD_URL}, "serviceAccount": "x"}), "serviceAccount"),
    ];
    for (spec, expected) in table {
        match apply(&world, "shop", spec.clone()).await {
            Ok(_) => panic!("{spec} is accepted"),
            Err(message) => assert!(message.contains(expected), "{spec}: {message}"),
        }
    }
    let refused = apply(&world, &long, json!({"source": {"repoURL": GOOD_URL}})).await;
    let message = refused.expect_err("a name that fits into no label");
    assert!(message.contains("63"), "{message}");
}
