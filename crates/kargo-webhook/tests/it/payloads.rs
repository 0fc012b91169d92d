//! What each provider sends, and which repository it speaks of. The files are examples in the shapes that the
//! providers document.

use kargo_webhook::{
    Provider, Repository,
    payload::{PayloadError, repositories},
};

const GITHUB: &[u8] = include_bytes!("../payloads/github-push.json");

fn names(provider: Provider, body: &[u8]) -> Vec<String> {
    let found = repositories(provider, body).expect("it can be read");
    found.iter().map(Repository::to_string).collect()
}

#[test]
fn each_provider_names_its_repository_in_its_own_way() {
    let table: [(Provider, &[u8], &[&str]); 8] = [
        (Provider::Github, GITHUB, &["github.com/team-a/shop"]),
        (
            Provider::Github,
            include_bytes!("../payloads/github-ping.json"),
            &["github.com/team-a/shop"],
        ),
        (Provider::Github, include_bytes!("../payloads/github-organisation-ping.json"), &[]),
        (
            Provider::Gitlab,
            include_bytes!("../payloads/gitlab-push.json"),
            &["gitlab.example.com/team-a/group/shop"],
        ),
        (
            // Not `original_url`: what a mirror mirrors is another repository.
            Provider::Gitea,
            include_bytes!("../payloads/gitea-push.json"),
            &["gitea.example.com:2222/team-a/shop", "gitea.example.com:3000/team-a/shop"],
        ),
        (
            Provider::Bitbucket,
            include_bytes!("../payloads/bitbucket-cloud-push.json"),
            &["bitbucket.org/team-a/shop"],
        ),
        (
            Provider::Bitbucket,
            include_bytes!("../payloads/bitbucket-data-center-push.json"),
            &["bitbucket.example.com/scm/team/shop", "bitbucket.example.com:7999/team/shop"],
        ),
        (
            Provider::Generic,
            include_bytes!("../payloads/generic.json"),
            &["git.example.com/team-a/shop"],
        ),
    ];
    for (provider, body, expected) in table {
        assert_eq!(names(provider, body), expected, "{provider:?}");
    }
}

#[test]
fn github_and_gitea_may_send_a_form() {
    let json = r#"{"repository":{"clone_url":"https://github.com/team-a/shop"}}"#;
    let form =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("payload", json).finish();
    for provider in [Provider::Github, Provider::Gitea] {
        assert_eq!(names(provider, form.as_bytes()), ["github.com/team-a/shop"]);
        let other = repositories(provider, b"something=else");
        assert_eq!(other, Err(PayloadError::Form));
    }
    assert!(repositories(Provider::Gitlab, form.as_bytes()).is_err());
}

#[test]
fn what_is_missing_or_odd_is_no_repository_and_no_failure() {
    let table = [
        "{}",
        r#"{"repository": null}"#,
        r#"{"repository": {}}"#,
        r#"{"repository": {"clone_url": null, "links": null}}"#,
        r#"{"repository": {"clone_url": "", "html_url": "/team-a/shop"}}"#,
        r#"{"repository": {"clone_url": "file:///etc/passwd", "ssh_url": "-oProxyCommand=id"}}"#,
        r#"{"repository": {"links": {"html": {}, "clone": []}}, "project": {}}"#,
    ];
    for body in table {
        for provider in Provider::ALL.into_iter().filter(|provider| *provider != Provider::Generic)
        {
            assert_eq!(names(provider, body.as_bytes()), [""; 0], "{provider:?} {body}");
        }
    }
}

#[test]
fn what_cannot_be_read_is_said_without_repeating_it() {
    let deep = "[".repeat(100_000);
    let table = [
        "",
        "null",
        "[]",
        "\"text\"",
        "{",
        "{\"repository\": 5}",
        "{\"repository\": {\"clone_url\": []}}",
        "{\"repository\": {}, \"repository\": {}}",
        "hunter2",
        "\u{0}",
        &deep,
    ];
    for body in table {
        let error =
            repositories(Provider::Github, body.as_bytes()).expect_err(&body[..body.len().min(40)]);
        assert!(!error.to_string().contains("hunter2"));
    }
    assert!(repositories(Provider::Github, b"{\"repository\": \"\xff\"}").is_err());
}

#[test]
fn the_generic_form_needs_both_of_its_members() {
    let table = [
        (r#"{"repository": "https://git.example/a"}"#, PayloadError::Delivery),
        (r#"{"repository": "https://git.example/a", "delivery": ""}"#, PayloadError::Delivery),
        (r#"{"delivery": "1"}"#, PayloadError::Repository),
        (r#"{"repository": "a", "delivery": "1"}"#, PayloadError::Repository),
    ];
    for (body, expected) in table {
        assert_eq!(repositories(Provider::Generic, body.as_bytes()), Err(expected), "{body}");
    }
}

proptest::proptest! {
    #[test]
    fn no_body_is_a_crash(body in ".{0,300}") {
        for provider in Provider::ALL {
            let _ = repositories(provider, body.as_bytes());
        }
    }
}
