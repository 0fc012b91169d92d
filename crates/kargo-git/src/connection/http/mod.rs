//! The conversation over smart HTTP: one GET for the server's first words, one POST per command.
//!
//! reqwest follows no redirect, repeats nothing, keeps no cookies and decompresses nothing here.

mod failure;
mod github_app;
mod redirect;
mod resolver;
mod status;

use crate::error::Cause;
use crate::limits::Limits;
use crate::policy::Policy;
use crate::remote::{Access, Login, Remote};
use base64::Engine as _;
use bytes::Bytes;
pub(crate) use github_app::Token;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, LOCATION,
};
use reqwest::{Response, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// Connections, shared by all remotes that have the same TLS settings.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pool: reqwest::Client,
    idle_timeout: Duration,
    connect_timeout: Duration,
}

/// A conversation with one remote.
#[derive(Debug)]
pub(crate) struct Http {
    pool: reqwest::Client,
    idle_timeout: Duration,
    connect_timeout: Duration,
    authorization: Option<HeaderValue>,
    base: String,
    answer: Option<Response>,
}

impl Client {
    /// Reads the machine's certificates, and those of `access`.
    pub(crate) fn new(
        limits: &Limits,
        policy: Arc<Policy>,
        access: &Access,
    ) -> Result<Self, Cause> {
        let failure = |key: &str, error: &reqwest::Error| Cause::Tls {
            reason: format!("`{key}` of the Secret cannot be used: {}", failure::root(error)),
        };
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .dns_resolver(Arc::new(resolver::Filtered(policy)))
            .http1_only()
            .connect_timeout(limits.connect_timeout)
            .pool_max_idle_per_host(2)
            .user_agent(concat!("git/2.0 (kargo ", env!("CARGO_PKG_VERSION"), ")"));
        if let Some(authorities) = &access.authorities {
            let authorities = reqwest::Certificate::from_pem_bundle(authorities)
                .map_err(|error| failure("ca.crt", &error))?;
            builder = builder.tls_certs_merge(authorities);
        }
        if let Some(certificate) = &access.certificate {
            let identity = reqwest::Identity::from_pem(certificate)
                .map_err(|error| failure("tls.crt", &error))?;
            builder = builder.identity(identity);
        }
        if let Some(proxy) = &access.proxy {
            let mut through = reqwest::Proxy::all(&proxy.address)
                .map_err(|error| Cause::Proxy { reason: failure::root(&error) })?;
            if let Some((username, password)) = &proxy.login {
                through = through.basic_auth(username, password);
            }
            builder = builder.proxy(through.no_proxy(reqwest::NoProxy::from_env()));
        }
        let client = builder.build();
        let client = client.map_err(|error| Cause::Tls { reason: failure::root(&error) })?;
        let Limits { idle_timeout, connect_timeout, .. } = *limits;
        Ok(Self { pool: client, idle_timeout, connect_timeout })
    }
}

impl Http {
    /// Nothing is sent yet. `base` is where the repository was found to be, if that is known; `token` is that
    /// of a GitHub App, if that is how one gets in.
    pub(crate) fn new(
        client: &Client,
        remote: &Remote,
        base: Option<String>,
        token: Option<&Token>,
    ) -> Result<Self, Cause> {
        let Client { pool, idle_timeout, connect_timeout } = client.clone();
        let login = remote.access().login.as_ref();
        let authorization = login.map(|login| authorization(login, token)).transpose()?;
        let base = base.unwrap_or_else(|| remote.url().to_string());
        Ok(Self { pool, idle_timeout, connect_timeout, authorization, base, answer: None })
    }

    /// Where the repository was found to be.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Asks for the server's first words.
    pub(crate) async fn greet(&mut self) -> Result<(), Cause> {
        for _ in 0..=redirect::MOST {
            let url = format!("{}{}?service=git-upload-pack", self.base, redirect::FIRST);
            let request = self.pool.get(url);
            let answer = self.send(request, "application/x-git-upload-pack-advertisement").await?;
            let Some(answer) = answer else { return Ok(()) };
            self.base = redirect::target(answer.url(), location(&answer))?;
        }
        Err(Cause::Redirected { to: format!("{} and on, in circles", self.base) })
    }

    /// Sends a command.
    pub(crate) async fn command(&mut self, command: Vec<u8>) -> Result<(), Cause> {
        let request = self
            .pool
            .post(format!("{}/git-upload-pack", self.base))
            .header(CONTENT_TYPE, "application/x-git-upload-pack-request")
            .body(command);
        match self.send(request, "application/x-git-upload-pack-result").await? {
            None => Ok(()),
            Some(answer) => match redirect::target(answer.url(), location(&answer)) {
                Ok(to) | Err(Cause::Redirected { to }) => Err(Cause::Redirected { to }),
                Err(other) => Err(other),
            },
        }
    }

    /// The next bytes of the answer, or `None` at its end.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Cause> {
        let Some(answer) = &mut self.answer else { return Ok(None) };
        match tokio::time::timeout(self.idle_timeout, answer.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(Cause::Unreachable {
                reason: format!("the answer was cut off ({})", failure::root(&error)),
            }),
            Err(_) => Err(Cause::TimedOut { after: self.idle_timeout, silent: true }),
        }
    }

    /// Makes sure that the answer ends here; only a connection whose answer was read to its end is used again.
    pub(crate) async fn end(&mut self) -> Result<(), Cause> {
        while let Some(chunk) = self.chunk().await? {
            if !chunk.is_empty() {
                return Err(Cause::Protocol { what: "its answer goes on after its end".into() });
            }
        }
        Ok(())
    }

    /// Sends a request; a redirect is handed out, a good answer is kept, all others are errors.
    async fn send(
        &mut self,
        request: reqwest::RequestBuilder,
        content_type: &'static str,
    ) -> Result<Option<Response>, Cause> {
        self.answer = None;
        let mut request = request.header("git-protocol", "version=2").header(ACCEPT, content_type);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let answer = match tokio::time::timeout(self.idle_timeout, request.send()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(failure::cause(&error, self.connect_timeout)),
            Err(_) => return Err(Cause::TimedOut { after: self.idle_timeout, silent: true }),
        };
        if answer.status().is_redirection() && answer.headers().contains_key(LOCATION) {
            return Ok(Some(answer));
        }
        if answer.status() != StatusCode::OK {
            return Err(self.refusal(answer).await);
        }
        let headers = answer.headers();
        if headers.contains_key(CONTENT_ENCODING) {
            return Err(Cause::Protocol {
                what: "it compresses its answer without being asked to".into(),
            });
        }
        let answered = headers.get(CONTENT_TYPE).map(|value| status::media_type(value.as_bytes()));
        if answered.as_deref() != Some(content_type) {
            let kind = answered.unwrap_or_else(|| "an unnamed kind of content".to_owned());
            return Err(Cause::Protocol { what: format!("it answers with {kind}") });
        }
        self.answer = Some(answer);
        Ok(None)
    }
}

fn location(answer: &Response) -> &[u8] {
    answer.headers().get(LOCATION).map_or(b"", HeaderValue::as_bytes)
}

fn authorization(login: &Login, token: Option<&Token>) -> Result<HeaderValue, Cause> {
    let basic = |username: &str, password: &str| {
        let pair = format!("{username}:{password}");
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    };
    let value = match login {
        Login::Password { username, password } => basic(username, password),
        Login::Github(_) => basic("x-access-token", token.map_or("", |token| &token.text)),
        Login::Bearer(token) => format!("Bearer {token}"),
        Login::Ssh(_) => {
            return Err(Cause::Access {
                reason: "the Secret has a key for SSH, and the address is not one for SSH",
            });
        }
    };
    let mut value = HeaderValue::from_str(&value).map_err(|_| Cause::Unsupported {
        what: "a token with characters that HTTP cannot carry",
    })?;
    value.set_sensitive(true);
    Ok(value)
}
