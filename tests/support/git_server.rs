//! The git server behaves as a forge does, and breaks as one does.

use std::path::Path;

use kargo_tests::git_server::{Behaviour, GitServer, Password};
use kargo_tests::repository::{Repository, git};
use tempfile::TempDir;

/// A server with one repository, and a clone of that with one commit pushed.
fn start() -> (GitServer, Repository, String) {
    let server = GitServer::start().expect("a git server");
    let url = server.create_repository("team/shop.git").expect("a repository");
    let repository = Repository::new(&url).expect("a clone");
    repository.write("k8s/kustomization.yaml", "resources: []\n").expect("a file");
    let commit = repository.commit_and_push("start").expect("a push");
    (server, repository, commit)
}

/// Runs git in `folder`; what it printed, or what it complained about.
fn run(folder: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = git(folder).args(arguments).output().expect("git starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

fn tip(url: &str, branch: &str) -> Result<String, String> {
    let folder = TempDir::new().expect("a temporary folder");
    let line = run(folder.path(), &["ls-remote", url, &format!("refs/heads/{branch}")])?;
    Ok(line.split('\t').next().unwrap_or_default().to_owned())
}

#[test]
fn what_was_pushed_can_be_fetched() {
    let (_server, repository, first) = start();
    assert_eq!(tip(repository.url(), "main"), Ok(first.clone()));

    repository.replace("k8s/kustomization.yaml", "[]", "[a.yaml]").expect("the text is there");
    let second = repository.commit_and_push("more").expect("a push");
    assert_eq!(tip(repository.url(), "main"), Ok(second.clone()));

    repository.write("k8s/kustomization.yaml", "").expect("a file");
    let third = repository.force_push("rewritten").expect("a push");
    assert_ne!(second, third);
    assert_eq!(tip(repository.url(), "main"), Ok(third));

    repository.force_push_back_to(&first).expect("a push");
    assert_eq!(tip(repository.url(), "main"), Ok(first));
}

#[test]
fn branches_come_and_go_also_the_default_one() {
    let (_server, repository, commit) = start();
    repository.switch("develop").expect("a branch");
    repository.push().expect("a push");
    repository.delete_branch("main").expect("it can be deleted");
    assert_eq!(tip(repository.url(), "develop"), Ok(commit));
    assert_eq!(tip(repository.url(), "main"), Ok(String::new()));
}

#[test]
fn one_commit_can_be_asked_for_and_without_its_blobs() {
    let (_server, repository, first) = start();
    repository.write("README.md", "# shop\n").expect("a file");
    repository.commit_and_push("more").expect("a push");

    let folder = TempDir::new().expect("a temporary folder");
    run(folder.path(), &["init", "--quiet"]).expect("a repository");
    let fetch = ["fetch", "--quiet", "--depth=1", "--filter=blob:none", repository.url(), &first];
    run(folder.path(), &fetch).expect("a commit that is not a tip can be fetched");
    assert_eq!(run(folder.path(), &["rev-list", "--count", "FETCH_HEAD"]), Ok("1".to_owned()));
    let objects = run(folder.path(), &["rev-list", "--objects", "--missing=print", "FETCH_HEAD"]);
    assert!(objects.expect("a list").contains('?'), "the blob was sent all the same");
}

#[test]
fn a_password_is_asked_for_and_checked() {
    let (server, mut repository, commit) = start();
    let password = Password { user: "kim".to_owned(), password: "s3cret".to_owned() };
    server.set_password("team/shop.git", Some(password.clone()));

    let refused = tip(repository.url(), "main").expect_err("nobody gets in without it");
    assert!(refused.contains("could not read Username"), "{refused}");
    let wrong = repository.url().replacen("://", "://kim:wrong@", 1);
    let refused = tip(&wrong, "main").expect_err("nobody gets in with another one");
    assert!(refused.contains("Authentication failed"), "{refused}");
    let right = repository.url().replacen("://", "://kim:s3cret@", 1);
    assert_eq!(tip(&right, "main"), Ok(commit));

    repository.set_password(Some(&password));
    repository.commit_and_push("with the password").expect("a push");
}

#[test]
fn traffic_is_counted() {
    let (server, repository, _) = start();
    server.reset_traffic("team/shop.git");
    tip(repository.url(), "main").expect("an answer");
    let asked = server.traffic("team/shop.git");
    assert_eq!((asked.requests, asked.fetches), (2, 0), "protocol v2: capabilities, then refs");
    assert!(asked.sent > 0, "{asked:?}");

    let folder = TempDir::new().expect("a temporary folder");
    run(folder.path(), &["clone", "--quiet", repository.url(), "."]).expect("a clone");
    let cloned = server.traffic("team/shop.git");
    assert_eq!(cloned.fetches, 1);
    assert!(cloned.sent > asked.sent && cloned.received > asked.received, "{cloned:?}");
}

#[test]
fn it_goes_down_and_comes_up_again_at_the_same_place() {
    let (mut server, repository, commit) = start();
    server.stop();
    let refused = tip(repository.url(), "main").expect_err("it is down");
    assert!(refused.contains("Failed to connect") || refused.contains("refused"), "{refused}");
    server.restart().expect("its port is free");
    assert_eq!(tip(repository.url(), "main"), Ok(commit));
}

#[test]
fn it_fails_on_demand() {
    let (server, repository, commit) = start();
    server.set_behaviour("team/shop.git", Behaviour::Fails(503));
    let failed = tip(repository.url(), "main").expect_err("it fails");
    assert!(failed.contains("503"), "{failed}");
    server.set_behaviour("team/shop.git", Behaviour::Works);
    assert_eq!(tip(repository.url(), "main"), Ok(commit));
    let missing = tip(&server.url("team/other.git"), "main").expect_err("there is none");
    assert!(missing.contains("not found"), "{missing}");
}
