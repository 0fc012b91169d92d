//! Who may speak for whom.

use std::collections::BTreeSet;

use kargo_webhook::{Delivery, Proof, Provider, Receiver, Verdict, judge};

use crate::client::{push, sign};
use crate::memory_host::{MemoryHost, receiver};

const SHOP: &str = "https://git.example/team/shop";
const CART: &str = "https://git.example/team/cart";
const SHARED: &str = "https://git.example/shared/site";

/// The installation has a secret; the shop goes by that, the cart by its own, the site by that of two teams.
fn host() -> MemoryHost {
    MemoryHost::default()
        .with_installation("of the installation")
        .watching(SHOP)
        .watching_by(CART, "cart/hook", "of the cart")
        .watching_by(SHARED, "a/hook", "of team a")
        .watching_by(SHARED, "b/hook", "of team b")
}

fn verdict(host: &MemoryHost, secret: &str, signed: &[u8], body: &[u8]) -> Verdict {
    let headers = [("x-hub-signature-256", format!("sha256={}", sign(secret, signed)))];
    let headers = headers
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), value.parse().unwrap()));
    let proof = Proof::read(Provider::Github, &headers.collect()).expect("a proof");
    judge(&Delivery { provider: Provider::Github, proof: &proof, body }, host)
}

fn accepted(verdict: Verdict) -> BTreeSet<Receiver> {
    match verdict {
        Verdict::Accepted { receivers, .. } => receivers,
        _ => BTreeSet::new(),
    }
}

#[test]
fn a_secret_speaks_for_those_who_named_it() {
    let host = host();
    let table = [
        ("of the installation", SHOP, vec![receiver(SHOP, None)]),
        ("of the cart", CART, vec![receiver(CART, Some("cart/hook"))]),
        ("of team a", SHARED, vec![receiver(SHARED, Some("a/hook"))]),
        ("of team b", SHARED, vec![receiver(SHARED, Some("b/hook"))]),
        // Another repository's secret, also that of the installation where an app has named its own.
        ("of the installation", CART, vec![]),
        ("of the cart", SHOP, vec![]),
        ("of the cart", SHARED, vec![]),
        ("of team a", CART, vec![]),
        ("a guess", SHOP, vec![]),
        ("", SHOP, vec![]),
    ];
    for (secret, address, expected) in table {
        let body = push(address, "1");
        let receivers = accepted(verdict(&host, secret, &body, &body));
        assert_eq!(receivers, BTreeSet::from_iter(expected), "{secret} for {address}");
    }
}

#[test]
fn the_signature_is_that_of_the_very_bytes() {
    let host = host();
    let body = push(SHOP, "1");
    let mut spaced = body.clone();
    spaced.push(b' ');
    let verdict = verdict(&host, "of the installation", &body, &spaced);
    assert!(matches!(verdict, Verdict::Refused { .. }), "{verdict:?}");
}

#[test]
fn all_addresses_of_a_repository_reach_those_who_watch_it() {
    let host =
        MemoryHost::default().with_installation("s").watching("git@git.example:team/shop.git");
    for address in [SHOP, "https://git.example/team/shop.git", "ssh://git@git.example/Team/Shop"] {
        let body = push(address, "1");
        let receivers = accepted(verdict(&host, "s", &body, &body));
        assert_eq!(receivers, BTreeSet::from([receiver(SHOP, None)]), "{address}");
    }
}

#[test]
fn one_payload_with_two_repositories_reaches_only_what_its_secret_speaks_for() {
    let host = host();
    let body = serde_json::json!({"repository": {"clone_url": SHOP, "html_url": CART}}).to_string();
    let receivers = accepted(verdict(&host, "of the cart", body.as_bytes(), body.as_bytes()));
    assert_eq!(receivers, BTreeSet::from([receiver(CART, Some("cart/hook"))]));
}

#[test]
fn only_who_knows_the_secret_of_the_installation_hears_what_is_wrong() {
    let host = host();
    for (body, by_installation) in [("{", "Malformed"), ("{}", "Unwatched"), ("[]", "Malformed")] {
        let body = body.as_bytes();
        let known = format!("{:?}", verdict(&host, "of the installation", body, body));
        assert!(known.starts_with(by_installation), "{known}");
        for stranger in ["of the cart", "a guess"] {
            let refused = verdict(&host, stranger, body, body);
            assert!(matches!(refused, Verdict::Refused { .. }), "{refused:?}");
        }
    }
}

#[test]
fn without_any_secret_nobody_may_say_anything() {
    let host = MemoryHost::default().watching(SHOP);
    let body = push(SHOP, "1");
    for secret in ["", "not asked for", "of the installation"] {
        let refused = verdict(&host, secret, &body, &body);
        assert!(matches!(refused, Verdict::Refused { .. }), "{secret}: {refused:?}");
    }
}

#[test]
fn many_secrets_for_one_repository_are_no_lever() {
    let mut host = MemoryHost::default();
    for number in 0..100 {
        host = host.watching_by(SHOP, &format!("{number:03}/hook"), &number.to_string());
    }
    let mut large = push(SHOP, "1");
    large.resize(1024 * 1024, b' ');
    // 16 of a MiB each; of an ordinary body, all.
    let table = [(&large[..], "15", 1), (&large, "16", 0), (&push(SHOP, "1"), "99", 1)];
    for (body, secret, expected) in table {
        let count = accepted(verdict(&host, secret, body, body)).len();
        assert_eq!(count, expected, "{} bytes, secret {secret}", body.len());
    }
}
