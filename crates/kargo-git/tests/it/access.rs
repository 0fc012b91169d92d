//! Credentials, redirects, statuses and addresses.

use crate::support::Server;
use axum::body::Body;
use axum::http::Response;
use kargo_git::{Access, Cause, Limits, Policy, Reference, Remote, Store, Url};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn lenient() -> Policy {
    Policy { allow_credentials_in_clear: true, ..Policy::default() }
}

fn store(policy: Policy) -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::open_with(folder.path(), Limits::default(), policy).unwrap(), folder)
}

fn access(pairs: &[(&str, &str)]) -> Access {
    let data = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()));
    Access::from_secret(&data.collect()).unwrap()
}

fn main_branch() -> Reference {
    Reference::Branch("main".into())
}

fn answer(status: u16, headers: &[(&str, &str)], body: &'static str) -> Response<Body> {
    let mut answer = Response::builder().status(status);
    for (name, value) in headers {
        answer = answer.header(*name, *value);
    }
    answer.body(Body::from(body)).unwrap()
}

#[tokio::test]
async fn credentials_open_a_private_repository() {
    // dGVhbTpDQU5BUlk= is team:CANARY.
    for (secret, expected) in [
        (access(&[("username", "team"), ("password", "CANARY")]), "Basic dGVhbTpDQU5BUlk="),
        (access(&[("bearerToken", "CANARY")]), "Bearer CANARY"),
    ] {
        let server = Server::with_gate(move |_, headers| {
            let is_good = headers.get("authorization").is_some_and(|value| value == expected);
            let refusal =
                || answer(401, &[("content-type", "text/plain")], "Invalid\x1b[31m token");
            (!is_good).then(refusal)
        })
        .await;
        let repository = server.repository("shop");
        repository.push(&[("a", "1")]);
        let open = Remote::new(Url::parse(&server.url("shop")).unwrap());
        let private = open.clone().with_access(secret);
        let wrong = open.clone().with_access(access(&[("bearerToken", "CANARY2")]));
        let (store, _folder) = store(lenient());
        let tip = store.resolve(&private, &main_branch()).await.unwrap();
        store.fetch(&private, tip, "").await.unwrap();
        server.take_log();
        for (remote, authenticated, words) in [
            (&open, false, "asks for credentials"),
            (&wrong, true, "does not accept the credentials"),
        ] {
            let error = store.resolve(remote, &main_branch()).await.unwrap_err();
            let message = "Invalid[31m token".to_owned();
            assert_eq!(error.cause(), &Cause::Unauthorised { authenticated, message });
            assert!(error.to_string().contains(words), "{error}");
            assert!(!format!("{error} {error:?} {remote:?}").contains("CANARY"));
        }
        assert_eq!(
            server.take_log().requests.len(),
            2,
            "a refusal is not answered by trying again"
        );
    }
}

#[tokio::test]
async fn credentials_do_not_travel_in_the_clear() {
    let server = Server::start().await;
    let remote = Remote::new(Url::parse(&server.url("shop")).unwrap())
        .with_access(access(&[("bearerToken", "x")]));
    let (store, _folder) = store(Policy::default());
    let error = store.resolve(&remote, &main_branch()).await.unwrap_err();
    assert_eq!(error.cause(), &Cause::CredentialsInClear);
    assert!(server.take_log().requests.is_empty());
}

#[tokio::test]
async fn a_renamed_repository_is_found_on_the_same_server() {
    let server = Server::with_gate(|path, _| {
        let rest = path.strip_prefix("GET /old")?;
        Some(answer(301, &[("location", &format!("/shop{rest}"))], ""))
    })
    .await;
    let repository = server.repository("shop");
    repository.push(&[("a", "1")]);
    let remote = Remote::new(Url::parse(&server.url("old")).unwrap());
    let (store, _folder) = store(Policy::default());
    let tip = store.resolve(&remote, &main_branch()).await.unwrap();
    store.fetch(&remote, tip, "").await.unwrap();
    server.take_log();
    store.resolve(&remote, &main_branch()).await.unwrap();
    assert_eq!(server.take_log().requests.len(), 1, "the new place is remembered");
}

#[tokio::test]
async fn credentials_never_follow_a_redirect_to_another_server() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let thief = Server::with_gate(move |path, headers| {
        record.lock().unwrap().push(format!("{path} {headers:?}"));
        Some(answer(404, &[], ""))
    })
    .await;
    let target = thief.url("shop");
    for step in ["GET", "POST"] {
        let target = target.clone();
        let server = Server::with_gate(move |path, _| {
            let rest = path.strip_prefix(step)?.trim_start().strip_prefix("/shop")?;
            Some(answer(302, &[("location", &format!("{target}{rest}"))], ""))
        })
        .await;
        server.repository("shop").push(&[("a", "1")]);
        let remote = Remote::new(Url::parse(&server.url("shop")).unwrap())
            .with_access(access(&[("username", "team"), ("password", "CANARY")]));
        let (store, _folder) = store(lenient());
        let error = store.resolve(&remote, &main_branch()).await.unwrap_err();
        assert!(matches!(error.cause(), Cause::Redirected { .. }), "{step}: {error}");
    }
    assert_eq!(seen.lock().unwrap().as_slice(), &[] as &[String]);
}

#[tokio::test]
async fn redirects_in_circles_end() {
    let server = Server::with_gate(|path, _| {
        let rest = path.strip_prefix("GET ")?;
        Some(answer(307, &[("location", rest)], ""))
    })
    .await;
    let remote = Remote::new(Url::parse(&server.url("shop")).unwrap());
    let (store, _folder) = store(Policy::default());
    let error = store.resolve(&remote, &main_branch()).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Redirected { .. }), "{error}");
    assert_eq!(server.take_log().requests.len(), 4);
}

type Headers = &'static [(&'static str, &'static str)];

const HTML: (&str, &str) = ("content-type", "text/html");

#[tokio::test]
async fn statuses_become_words() {
    let second = Duration::from_secs;
    let table: [(u16, Headers, Cause); 10] = [
        (403, &[HTML], Cause::Forbidden { authenticated: false, message: String::new() }),
        (403, &[("retry-after", "60")], Cause::RateLimited { retry_after: Some(second(60)) }),
        (403, &[("x-ratelimit-remaining", "0")], Cause::RateLimited { retry_after: None }),
        (404, &[HTML], Cause::NotFoundOrPrivate { authenticated: false }),
        (410, &[], Cause::NotFoundOrPrivate { authenticated: false }),
        (429, &[("retry-after", "5")], Cause::RateLimited { retry_after: Some(second(5)) }),
        (502, &[HTML], Cause::ServerTrouble { status: 502, retry_after: None }),
        (418, &[], Cause::Protocol { what: "it answers with HTTP status 418".into() }),
        (200, &[HTML], Cause::Protocol { what: "it answers with text/html".into() }),
        (
            200,
            &[
                ("content-type", "application/x-git-upload-pack-advertisement"),
                ("content-encoding", "gzip"),
            ],
            Cause::Protocol { what: "it compresses its answer without being asked to".into() },
        ),
    ];
    for (status, headers, expected) in table {
        let server = Server::with_gate(move |_, _| Some(answer(status, headers, "<html>"))).await;
        let remote = Remote::new(Url::parse(&server.url("shop")).unwrap());
        let (store, _folder) = store(Policy::default());
        let error = store.resolve(&remote, &main_branch()).await.unwrap_err();
        assert_eq!(error.cause(), &expected, "{status}");
        assert_eq!(server.take_log().requests.len(), 1, "{status}");
    }
}

#[tokio::test]
async fn a_server_that_asks_for_a_pause_gets_it() {
    let is_tired = Arc::new(AtomicBool::new(false));
    let tired = Arc::clone(&is_tired);
    let server = Server::with_gate(move |_, _| {
        tired.load(Ordering::Relaxed).then(|| answer(429, &[("retry-after", "60")], ""))
    })
    .await;
    server.repository("shop").push(&[("a", "1")]);
    let remote = Remote::new(Url::parse(&server.url("shop")).unwrap());
    let (store, _folder) = store(Policy::default());
    let tip = store.resolve(&remote, &main_branch()).await.unwrap();
    store.fetch(&remote, tip, "").await.unwrap();
    is_tired.store(true, Ordering::Relaxed);
    server.take_log();
    for _ in 0..5 {
        let error = store.resolve(&remote, &main_branch()).await.unwrap_err();
        assert!(error.retry_after().is_some_and(|wait| wait > Duration::from_secs(50)), "{error}");
    }
    assert_eq!(server.take_log().requests.len(), 1);
    store.fetch(&remote, tip, "").await.unwrap();
    assert!(server.take_log().requests.is_empty(), "what is here needs nobody's leave");
}

#[tokio::test]
async fn addresses_that_the_policy_refuses_are_not_connected_to() {
    let server = Server::start().await;
    let port = Url::parse(&server.url("shop")).unwrap().port();
    let github = Policy { allowed_hosts: vec!["github.com".into()], ..Policy::default() };
    for (url, policy) in [
        ("http://169.254.169.254/latest/meta-data".to_owned(), Policy::default()),
        ("http://[fe80::1]/a".to_owned(), Policy::default()),
        ("http://[::ffff:169.254.169.254]/a".to_owned(), Policy::default()),
        ("http://0.0.0.0/a".to_owned(), Policy::default()),
        (format!("http://127.0.0.1:{port}/a"), github),
    ] {
        let (store, _folder) = store(policy);
        let remote = Remote::new(Url::parse(&url).unwrap());
        let error = store.resolve(&remote, &main_branch()).await.unwrap_err();
        assert!(matches!(error.cause(), Cause::AddressRefused { .. }), "{url}: {error}");
        assert!(!error.is_transient());
    }
    assert!(server.take_log().requests.is_empty());
}

#[tokio::test]
async fn a_github_app_gets_its_tokens() {
    let given = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&given);
    let server = Server::with_gate(move |path, headers| {
        let shown =
            headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or("");
        if path == "POST /api/v3/app/installations/67/access_tokens" {
            let is_signed =
                shown.strip_prefix("Bearer ").is_some_and(|jwt| jwt.split('.').count() == 3);
            count.fetch_add(1, Ordering::Relaxed);
            let status = if is_signed { 201 } else { 401 };
            return Some(answer(
                status,
                &[],
                r#"{"token": "CANARY", "expires_at": "2030-01-01T00:00:00Z"}"#,
            ));
        }
        if path.contains("/api/") {
            return Some(answer(404, &[], ""));
        }
        // eC1hY2Nlc3MtdG9rZW46Q0FOQVJZ is x-access-token:CANARY.
        (shown != "Basic eC1hY2Nlc3MtdG9rZW46Q0FOQVJZ").then(|| answer(401, &[], ""))
    })
    .await;
    server.repository("shop").push(&[("a", "1")]);
    let api = server.url("api/v3/");
    let secret = |installation| {
        access(&[
            ("githubAppID", "12345"),
            ("githubAppInstallationID", installation),
            ("githubAppPrivateKey", include_str!("keys/rsa_pkcs1")),
            ("githubAppBaseURL", &api),
        ])
    };
    let remote = Remote::new(Url::parse(&server.url("shop")).unwrap());
    let (store, _folder) = store(lenient());
    let known = remote.clone().with_access(secret("67"));
    for _ in 0..3 {
        let tip = store.resolve(&known, &main_branch()).await.unwrap();
        store.fetch(&known, tip, "").await.unwrap();
    }
    assert_eq!(given.load(Ordering::Relaxed), 1, "a token is used for its hour");
    let unknown = remote.with_access(secret("68"));
    let error = store.resolve(&unknown, &main_branch()).await.unwrap_err();
    assert!(error.to_string().contains("`githubAppInstallationID`"), "{error}");
}
