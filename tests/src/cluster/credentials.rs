//! Who may talk to a control plane: a certificate authority of its own, tokens, kubeconfigs.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// A user of the API server, with the groups that RBAC knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// Everything is allowed; for people and tests.
    Admin,
    /// The controllers of Kubernetes itself.
    ControllerManager,
    /// The scheduler.
    Scheduler,
    /// The fake kubelet.
    Kwok,
}

impl User {
    const ALL: [Self; 4] = [Self::Admin, Self::ControllerManager, Self::Scheduler, Self::Kwok];

    fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::ControllerManager => "system:kube-controller-manager",
            Self::Scheduler => "system:kube-scheduler",
            Self::Kwok => "kwok",
        }
    }

    fn group(self) -> &'static str {
        match self {
            Self::Admin | Self::Kwok => "system:masters",
            Self::ControllerManager | Self::Scheduler => "system:authenticated",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Admin => "kubeconfig",
            Self::ControllerManager => "controller-manager.kubeconfig",
            Self::Scheduler => "scheduler.kubeconfig",
            Self::Kwok => "kwok.kubeconfig",
        }
    }
}

/// The files with the secrets of one control plane.
#[derive(Debug, Clone)]
pub struct Credentials {
    folder: PathBuf,
    authority: String,
}

impl Credentials {
    /// Makes all of them anew in `folder`.
    pub fn create(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let authority = certificate_authority()?;
        let credentials = Self { folder: folder.to_owned(), authority: authority.pem() };
        fs::write(credentials.authority_file(), &credentials.authority)?;

        let server_key = KeyPair::generate()?;
        let mut server = CertificateParams::new(vec![
            "127.0.0.1".to_owned(),
            "localhost".to_owned(),
            "kubernetes.default.svc".to_owned(),
        ])?;
        server.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        server.use_authority_key_identifier_extension = true;
        let server = server.signed_by(&server_key, &authority)?;
        fs::write(credentials.server_certificate(), server.pem())?;
        fs::write(credentials.server_key(), server_key.serialize_pem())?;

        let account_key = KeyPair::generate()?;
        fs::write(credentials.account_key(), account_key.serialize_pem())?;
        fs::write(credentials.account_public_key(), account_key.public_key_pem())?;

        let mut tokens = String::new();
        for user in User::ALL {
            let token = random_token()?;
            fs::write(credentials.token_file(user), &token)?;
            let (name, group) = (user.name(), user.group());
            let _ = writeln!(tokens, "{token},{name},{name},{group}");
        }
        fs::write(credentials.tokens(), tokens)?;
        Ok(credentials)
    }

    /// Writes the kubeconfig of `user` for the API server at `port`, and returns its path.
    pub fn write_kubeconfig(&self, user: User, port: u16) -> Result<PathBuf> {
        let path = self.folder.join(user.file());
        let token = fs::read_to_string(self.token_file(user))?;
        fs::write(&path, self.kubeconfig(user.name(), &token, port))?;
        Ok(path)
    }

    /// The text of a kubeconfig with `token`. JSON, which is YAML too.
    pub fn kubeconfig(&self, user: &str, token: &str, port: u16) -> String {
        kubeconfig(&format!("https://127.0.0.1:{port}"), &self.authority, user, token)
    }

    /// The certificate of the authority that signed the server's.
    pub fn authority_file(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// The API server's certificate.
    pub fn server_certificate(&self) -> PathBuf {
        self.folder.join("server.crt")
    }

    /// The key of the API server's certificate.
    pub fn server_key(&self) -> PathBuf {
        self.folder.join("server.key")
    }

    /// The key that signs the tokens of `ServiceAccounts`.
    pub fn account_key(&self) -> PathBuf {
        self.folder.join("service-account.key")
    }

    /// The key that checks the tokens of `ServiceAccounts`.
    pub fn account_public_key(&self) -> PathBuf {
        self.folder.join("service-account.pub")
    }

    /// The API server's list of tokens.
    pub fn tokens(&self) -> PathBuf {
        self.folder.join("tokens.csv")
    }

    fn token_file(&self, user: User) -> PathBuf {
        self.folder.join(format!("{}.token", user.file()))
    }
}

/// The text of a kubeconfig for one server, one authority (PEM) and one token.
pub fn kubeconfig(server: &str, authority: &str, user: &str, token: &str) -> String {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "kargo",
        "clusters": [{"name": "kargo", "cluster": {
            "server": server,
            "certificate-authority-data": STANDARD.encode(authority),
        }}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "kargo", "context": {"cluster": "kargo", "user": user}}],
    });
    format!("{config:#}\n")
}

fn certificate_authority() -> Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "kargo-tests");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages =
        vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::DigitalSignature];
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

/// A fresh private key is made from the system's randomness; its digest tells nothing about it.
fn random_token() -> Result<String> {
    let digest = Sha256::digest(KeyPair::generate()?.serialize_der());
    Ok(digest.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}
