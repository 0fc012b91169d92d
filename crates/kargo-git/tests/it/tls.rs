//! HTTPS with a private authority, client certificates, and proxies.

use crate::support::Server;
use kargo_git::{Access, Cause, Error, Limits, Policy, Reference, Remote, Store, Url};
use rcgen::{BasicConstraints, Certificate, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig, crypto};

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn signed(
    authority: &CertifiedIssuer<'static, KeyPair>,
    change: impl Fn(&mut CertificateParams),
) -> (Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    change(&mut params);
    (params.signed_by(&key, authority).unwrap(), key)
}

/// Puts TLS in front of a git server; `clients` is the authority that clients must be known to.
async fn serve(
    server: &Server,
    (certificate, key): (Certificate, KeyPair),
    clients: Option<&CertifiedIssuer<'static, KeyPair>>,
) -> Remote {
    let provider = Arc::new(crypto::aws_lc_rs::default_provider());
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let config = config.with_safe_default_protocol_versions().unwrap();
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let config = config.with_single_cert(vec![certificate.der().clone()], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/shop", listener.local_addr().unwrap());
    let behind = server.url("").trim_start_matches("http://").trim_end_matches('/').to_owned();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (acceptor, behind) = (acceptor.clone(), behind.clone());
            tokio::spawn(async move {
                let mut outside = acceptor.accept(stream).await?;
                let mut inside = TcpStream::connect(behind).await?;
                tokio::io::copy_bidirectional(&mut outside, &mut inside).await
            });
        }
    });
    Remote::new(Url::parse(&url).unwrap())
}

fn access(pairs: &[(&str, String)]) -> Access {
    let data = pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone().into_bytes()));
    Access::from_secret(&data.collect()).unwrap()
}

async fn resolve(remote: &Remote) -> Result<String, Error> {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), Limits::default()).unwrap();
    let tip = store.resolve(remote, &Reference::Branch("main".into())).await?;
    store.fetch(remote, tip, "").await?;
    Ok(tip.to_string())
}

fn tls_reason(result: Result<String, Error>) -> String {
    let error = result.unwrap_err();
    match error.cause() {
        Cause::Tls { reason } => reason.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_the_secret_names_it() {
    let server = Server::start().await;
    let head = server.repository("shop").push(&[("a", "1")]);
    let (ours, others) = (authority(), authority());
    let remote = serve(&server, signed(&ours, |_| ()), None).await;
    let trusting = remote.clone().with_access(access(&[("ca.crt", ours.pem())]));
    assert_eq!(resolve(&trusting).await.unwrap(), head);
    let both = remote.clone().with_access(access(&[("ca.crt", others.pem() + &ours.pem())]));
    assert_eq!(resolve(&both).await.unwrap(), head);
    let unknown = "the server's certificate is signed by an authority that is not known";
    assert_eq!(tls_reason(resolve(&remote).await), unknown);
    let wrong = remote.with_access(access(&[("ca.crt", others.pem())]));
    assert_eq!(tls_reason(resolve(&wrong).await), unknown);
}

#[tokio::test]
async fn bad_certificates_are_refused_with_the_reason() {
    let server = Server::start().await;
    let ours = authority();
    let trusting = access(&[("ca.crt", ours.pem())]);
    let expired = signed(&ours, |params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let remote = serve(&server, expired, None).await.with_access(trusting.clone());
    assert_eq!(tls_reason(resolve(&remote).await), "the server's certificate has expired");
    let other_name = signed(&ours, |params| {
        params.subject_alt_names =
            CertificateParams::new(["git.example".to_owned()]).unwrap().subject_alt_names;
    });
    let remote = serve(&server, other_name, None).await.with_access(trusting.clone());
    assert_eq!(
        tls_reason(resolve(&remote).await),
        "the server's certificate is for another host name"
    );
    let plain = Url::parse(&server.url("shop").replace("http://", "https://")).unwrap();
    let remote = Remote::new(plain).with_access(trusting);
    assert_eq!(tls_reason(resolve(&remote).await), "the server does not speak TLS on this port");
    assert!(server.take_log().requests.is_empty());
}

#[tokio::test]
async fn a_client_certificate_opens_a_server_that_asks_for_one() {
    let server = Server::start().await;
    let head = server.repository("shop").push(&[("a", "1")]);
    let ours = authority();
    let (certificate, key) = signed(&ours, |_| ());
    let remote = serve(&server, signed(&ours, |_| ()), Some(&ours)).await;
    let trusting = ("ca.crt", ours.pem());
    let known = access(&[
        trusting.clone(),
        ("tls.crt", certificate.pem()),
        ("tls.key", key.serialize_pem()),
    ]);
    assert_eq!(resolve(&remote.clone().with_access(known)).await.unwrap(), head);
    let error = resolve(&remote.clone().with_access(access(std::slice::from_ref(&trusting)))).await;
    let error = error.unwrap_err();
    let is_named = matches!(error.cause(), Cause::Tls { .. } | Cause::Unreachable { .. });
    assert!(is_named, "{error:?}");
    let broken =
        access(&[trusting, ("tls.crt", certificate.pem()), ("tls.key", certificate.pem())]);
    assert!(tls_reason(resolve(&remote.with_access(broken)).await).contains("`tls.crt`"));
}

#[tokio::test]
async fn a_proxy_of_the_secret_is_used() {
    // To the proxy, a plain request names the whole address: the server can play both.
    let server = Server::with_gate(|_, headers| {
        // dGVhbTpzZWNyZXQ= is team:secret.
        let is_known = headers
            .get("proxy-authorization")
            .is_some_and(|value| value == "Basic dGVhbTpzZWNyZXQ=");
        let refusal = axum::http::Response::builder().status(407);
        (!is_known).then(|| refusal.body(axum::body::Body::empty()).unwrap())
    })
    .await;
    let head = server.repository("shop").push(&[("a", "1")]);
    let remote = Remote::new(Url::parse("http://git.invalid/shop").unwrap());
    let proxy = |pairs: &[(&str, &str)]| {
        let address = server.url("").trim_end_matches('/').to_owned();
        let pairs = pairs.iter().map(|(key, value)| (*key, (*value).to_owned()));
        access(&[("proxy", address)].into_iter().chain(pairs).collect::<Vec<_>>())
    };
    let known = proxy(&[("proxyUsername", "team"), ("proxyPassword", "secret")]);
    assert_eq!(resolve(&remote.clone().with_access(known)).await.unwrap(), head);
    let log = server.take_log().requests;
    assert!(log.iter().all(|request| request.contains("http://git.invalid/shop/")), "{log:?}");
    let error = resolve(&remote.with_access(proxy(&[]))).await.unwrap_err();
    assert!(matches!(error.cause(), Cause::Proxy { .. }), "{error:?}");
}

#[tokio::test]
async fn a_proxy_is_no_way_around_the_policy() {
    let remote = Remote::new(Url::parse("https://git.invalid/shop").unwrap());
    for proxy in ["http://169.254.169.254", "http://[::ffff:169.254.169.254]:80"] {
        let through = access(&[("proxy", proxy.to_owned())]);
        let error = resolve(&remote.clone().with_access(through)).await.unwrap_err();
        assert!(matches!(error.cause(), Cause::AddressRefused { .. }), "{proxy}: {error:?}");
    }
}

#[tokio::test]
async fn names_are_looked_up_under_the_policy() {
    let server = Server::start().await;
    let port = Url::parse(&server.url("shop")).unwrap().port();
    // `localhost` is a name whose addresses are known on every machine.
    let remote = Remote::new(Url::parse(&format!("http://localhost:{port}/shop")).unwrap());
    server.repository("shop").push(&[("a", "1")]);
    let folder = tempfile::tempdir().unwrap();
    let policy = Policy {
        refused_addresses: vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()],
        ..Policy::default()
    };
    let store = Store::open_with(folder.path(), Limits::default(), policy).unwrap();
    let main = Reference::Branch("main".into());
    let error = store.resolve(&remote, &main).await.unwrap_err();
    assert_eq!(error.cause(), &Cause::AddressRefused { host: "localhost".into() });
    assert!(server.take_log().requests.is_empty());
    resolve(&remote).await.unwrap();
}
