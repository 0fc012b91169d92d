//! What is answered over HTTP, to whom.

use std::time::Instant;

use kargo_webhook::Provider;

use crate::client::{converse, post, push, sign, signed};
use crate::memory_host::{MemoryHost, receiver};

const SHOP: &str = "https://git.example/team/shop";

fn host() -> MemoryHost {
    MemoryHost::default().with_installation("installation").watching(SHOP).watching_by(
        "https://git.example/team/cart",
        "cart/hook",
        "cart",
    )
}

#[tokio::test]
async fn each_provider_is_heard_on_its_own_path() {
    let (host, address, _server) = host().serve().await;
    let body = push(SHOP, "1");
    let gitlab = serde_json::json!({"project": {"git_http_url": SHOP}}).to_string().into_bytes();
    let links = serde_json::json!({"html": {"href": SHOP}});
    let bitbucket = serde_json::json!({"repository": {"links": links}}).to_string().into_bytes();
    let generic = serde_json::json!({"repository": SHOP, "delivery": "1"}).to_string().into_bytes();
    let gitea = push(SHOP, "2");
    let table = [
        ("github", &body, signed("installation", &body)),
        ("gitlab", &gitlab, "x-gitlab-token: installation\r\n".to_owned()),
        ("gitea", &gitea, format!("x-gitea-signature: {}\r\n", sign("installation", &gitea))),
        (
            "bitbucket",
            &bitbucket,
            format!("x-hub-signature: sha256={}\r\n", sign("installation", &bitbucket)),
        ),
        (
            "generic",
            &generic,
            format!("x-kargo-signature: sha256={}\r\n", sign("installation", &generic)),
        ),
    ];
    for (provider, body, headers) in &table {
        let answered = post(address, &format!("/hooks/{provider}"), headers, body).await;
        assert_eq!(answered.status, 202, "{provider}: {answered:?}");
        let again = post(address, &format!("/hooks/{provider}"), headers, body).await;
        assert_eq!(again.status, 200, "{provider}: {again:?}");
        assert!(again.body.contains("received before"), "{}", again.body);
    }
    assert_eq!(host.triggered()[0], receiver(SHOP, None));
    let words = host.answered();
    assert_eq!(
        words[..2],
        [(Some(Provider::Github), "queued"), (Some(Provider::Github), "repeated")]
    );
}

#[tokio::test]
async fn strangers_are_told_the_same_about_everything() {
    let (host, address, _server) = host().serve().await;
    let unknown = push("https://git.example/team/unknown", "1");
    let known = push("https://git.example/team/cart", "1");
    let mut seen = Vec::new();
    for (body, secret) in [(&unknown, "guess"), (&known, "guess"), (&b"{".to_vec(), "cart")] {
        let start = Instant::now();
        let answered = post(address, "/hooks/github", &signed(secret, body), body).await;
        // Not before a look at a Secret could have been over, whether there was one or not.
        assert!(start.elapsed().as_millis() >= 200, "{:?}", start.elapsed());
        seen.push((answered.status, answered.body));
    }
    assert_eq!(seen[0].0, 401);
    assert!(seen.iter().all(|each| *each == seen[0]), "{seen:?}");
    // Those who do not even try are told at once.
    let answered = post(address, "/hooks/github", "", &known).await;
    assert_eq!((answered.status, &answered.body), (401, &seen[0].1));
    assert!(answered.headers.contains("www-authenticate: "), "{answered:?}");
    assert_eq!(host.triggered(), []);
}

#[tokio::test]
async fn who_knows_the_secret_is_told_what_is_wrong() {
    let (host, address, _server) = host().serve().await;
    let unwatched = push("https://git.example/team/unknown", "1");
    let hers = push("https://git.example/team/cart", "1");
    let table = [
        (&unwatched, 204, ""),
        (&hers, 204, ""),
        (&b"{\"repository\": 1}".to_vec(), 400, "not JSON as this provider sends it (line 1"),
        (&b"payloads=1".to_vec(), 400, "application/json"),
    ];
    for (body, status, text) in table {
        let answered = post(address, "/hooks/github", &signed("installation", body), body).await;
        assert_eq!(answered.status, status, "{answered:?}");
        assert!(answered.body.contains(text), "{answered:?}");
    }
    assert_eq!(host.triggered(), []);
}

#[tokio::test]
async fn what_nobody_watched_counts_when_somebody_does() {
    let host = MemoryHost::default().with_installation("installation");
    let (host, address, _server) = host.serve().await;
    let body = push(SHOP, "1");
    let send = async || post(address, "/hooks/github", &signed("installation", &body), &body).await;
    assert_eq!(send().await.status, 204);
    host.watch(SHOP);
    assert_eq!(send().await.status, 202, "it was not remembered");
    assert_eq!(send().await.status, 200);
}

#[tokio::test]
async fn a_changed_secret_counts_at_once() {
    let (host, address, _server) = host().serve().await;
    let body = push("https://git.example/team/cart", "1");
    host.change("https://git.example/team/cart", "cart/hook", "new");
    let answered = post(address, "/hooks/github", &signed("new", &body), &body).await;
    assert_eq!(answered.status, 202, "{answered:?}");
}

#[tokio::test]
async fn other_paths_and_methods_lead_nowhere() {
    let (host, address, _server) = host().serve().await;
    let body = push(SHOP, "1");
    let headers = signed("installation", &body);
    for path in ["/", "/hooks", "/hooks/", "/hooks/gogs", "/hooks/github/x", "/metrics"] {
        let answered = post(address, path, &headers, &body).await;
        assert_eq!(answered.status, 404, "{path}");
        assert!(answered.body.contains("/hooks/github"), "{}", answered.body);
    }
    let get = b"GET /hooks/github HTTP/1.1\r\nhost: kargo\r\n\r\n";
    assert_eq!(converse(address, get).await.map(|answered| answered.status), Some(405));
    assert_eq!(host.triggered(), []);
}

#[tokio::test]
async fn no_answer_repeats_what_was_sent() {
    let (_host, address, _server) = host().serve().await;
    let body = b"{\"canary\": \"CANARY\", \"repository\": \"CANARY\"}";
    for secret in ["installation", "CANARY"] {
        let answered = post(address, "/hooks/github", &signed(secret, body), body).await;
        assert!(!format!("{answered:?}").contains("CANARY"), "{answered:?}");
    }
    let token = "x-gitlab-token: CANARY\r\n";
    let answered = post(address, "/hooks/gitlab", token, body).await;
    assert_eq!(answered.status, 401);
    assert!(!format!("{answered:?}").contains("CANARY"), "{answered:?}");
}
