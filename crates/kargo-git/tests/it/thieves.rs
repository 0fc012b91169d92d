//! Servers that send us on to somebody else: whoever that is never sees a credential, at whatever step.

use crate::support::Server;
use axum::body::Body;
use axum::http::Response;
use kargo_git::{Access, Cause, Error, Limits, Policy, Reference, Remote, Store, Url};
use kustomize::Tree as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

/// The requests of a cold deployment, in their order; a redirect of any of them is tried.
const STEPS: [&str; 5] = ["first words", "references", "commit", "files", "a late file"];

fn access(pairs: &[(&str, &str)]) -> Access {
    let data = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()));
    Access::from_secret(&data.collect()).unwrap()
}

/// Resolves, fetches, and reads a file that was not fetched ahead.
async fn deploy(remote: &Remote) -> Result<(), Error> {
    let folder = tempfile::tempdir().unwrap();
    let policy = Policy { allow_credentials_in_clear: true, ..Policy::default() };
    let store = Store::open_with(folder.path(), Limits::default(), policy).unwrap();
    let tip = store.resolve(remote, &Reference::Branch("main".into())).await?;
    let snapshot = store.fetch(remote, tip, "k8s").await?;
    let late = move || {
        let read = snapshot.read("README.md");
        read.map(drop).map_err(|_| snapshot.failure().unwrap())
    };
    tokio::task::spawn_blocking(late).await.unwrap()
}

/// A server that notes everything that it is asked.
async fn thief() -> (Server, Arc<Mutex<Vec<String>>>) {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = Arc::clone(&seen);
    let server = Server::with_gate(move |path, headers| {
        record.lock().unwrap().push(format!("{path} {headers:?}"));
        Some(Response::builder().status(404).body(Body::empty()).unwrap())
    })
    .await;
    (server, seen)
}

#[tokio::test]
async fn no_step_takes_credentials_to_another_host_port_or_scheme() {
    let (thief, seen) = thief().await;
    let port = Url::parse(&thief.url("shop")).unwrap().port();
    let places = [
        format!("http://127.0.0.1:{port}"),
        format!("http://localhost:{port}"),
        format!("//x@127.0.0.1:{port}"),
    ];
    for (step, name) in STEPS.iter().enumerate() {
        for (place, status) in places.iter().zip([302, 307, 308]) {
            let (count, place) = (AtomicUsize::new(0), place.clone());
            let server = Server::with_gate(move |path, _| {
                let is_it = count.fetch_add(1, Ordering::Relaxed) == step;
                let rest = path.split_once(' ').unwrap().1;
                is_it.then(|| {
                    let location = format!("{place}{rest}");
                    let answer = Response::builder().status(status).header("location", location);
                    answer.body(Body::empty()).unwrap()
                })
            })
            .await;
            server.repository("shop").push(&[("k8s/a.yaml", "a"), ("README.md", "shop")]);
            let remote = Remote::new(Url::parse(&server.url("shop")).unwrap())
                .with_access(access(&[("username", "team"), ("password", "CANARY")]));
            let error = deploy(&remote).await.unwrap_err();
            let is_named = matches!(error.cause(), Cause::Redirected { .. });
            assert!(is_named, "{name} with {status}: {error:?}");
            assert!(!error.to_string().contains("CANARY"), "{error}");
        }
    }
    assert_eq!(*seen.lock().unwrap(), [""; 0], "nobody was asked anything");
}

#[tokio::test]
async fn a_token_is_not_fetched_from_another_place_either() {
    let (thief, seen) = thief().await;
    let target = thief.url("token");
    let server = Server::with_gate(move |path, _| {
        path.contains("access_tokens").then(|| {
            let answer = Response::builder().status(307).header("location", &target);
            answer.body(Body::empty()).unwrap()
        })
    })
    .await;
    server.repository("shop").push(&[("a", "1")]);
    let remote = Remote::new(Url::parse(&server.url("shop")).unwrap()).with_access(access(&[
        ("githubAppID", "12345"),
        ("githubAppInstallationID", "67"),
        ("githubAppPrivateKey", include_str!("keys/rsa_pkcs1")),
        ("githubAppBaseURL", &server.url("api/v3")),
    ]));
    let error = deploy(&remote).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Protocol { .. }), "{error:?}");
    assert_eq!(*seen.lock().unwrap(), [""; 0]);
}

#[tokio::test]
async fn a_server_that_asks_for_credentials_again_and_again_is_asked_once() {
    let server = Server::with_gate(|_, _| {
        let answer = Response::builder().status(401);
        Some(
            answer.header("www-authenticate", "Basic realm=\"again\"").body(Body::empty()).unwrap(),
        )
    })
    .await;
    let remote = Remote::new(Url::parse(&server.url("shop")).unwrap())
        .with_access(access(&[("username", "team"), ("password", "CANARY")]));
    let error = deploy(&remote).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Unauthorised { authenticated: true, .. }), "{error:?}");
    assert_eq!(server.take_log().requests.len(), 1);
}
