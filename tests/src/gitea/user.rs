//! What a user of the forge can do.

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::{Value, json};

use super::key::Key;
use super::server::{Gitea, answer};
use crate::git_server::Password;
use crate::world::DEADLINE;
use crate::world::wait::until;

/// A user with repositories.
#[derive(Debug, Clone)]
pub struct User {
    gitea: &'static Gitea,
    /// Their name.
    pub name: String,
    password: String,
    /// The token that they work with.
    token: String,
}

/// A repository on the forge.
#[derive(Debug, Clone)]
pub struct Forged {
    owner: User,
    /// Its name, without the owner.
    pub name: String,
}

impl Gitea {
    /// Makes a user. `name` has to be one that no other test takes.
    pub async fn create_user(&'static self, name: &str) -> Result<User> {
        let password = format!("password-of-{name}");
        let user = json!({
            "username": name,
            "email": format!("{name}@example.com"),
            "password": password,
            "must_change_password": false,
        });
        self.call(&self.token, Method::POST, "admin/users", Some(&user)).await?;
        let mut user = User { gitea: self, name: name.to_owned(), password, token: String::new() };
        user.token = user.create_token("work", &["all"]).await?;
        Ok(user)
    }
}

impl User {
    /// The name and the token to push with.
    pub fn password(&self) -> Password {
        Password { user: self.name.clone(), password: self.token.clone() }
    }

    /// Makes an access token with a name; `scopes` as in `read:repository`.
    pub async fn create_token(&self, name: &str, scopes: &[&str]) -> Result<String> {
        let request = self
            .gitea
            .http
            .post(self.gitea.url(&format!("api/v1/users/{}/tokens", self.name)))
            .basic_auth(&self.name, Some(&self.password))
            .json(&json!({"name": name, "scopes": scopes}));
        let token = answer(request).await.context("no token can be made")?;
        Ok(token["sha1"].as_str().context("the answer has no token")?.to_owned())
    }

    /// Takes a token back.
    pub async fn revoke_token(&self, name: &str) -> Result<()> {
        let request = self
            .gitea
            .http
            .delete(self.gitea.url(&format!("api/v1/users/{}/tokens/{name}", self.name)))
            .basic_auth(&self.name, Some(&self.password));
        answer(request).await.context("the token cannot be taken back").map(drop)
    }

    /// Makes an empty repository.
    pub async fn create_repository(&self, name: &str, is_private: bool) -> Result<Forged> {
        let body = json!({"name": name, "private": is_private, "default_branch": "main"});
        self.call(Method::POST, "user/repos", Some(&body)).await?;
        Ok(Forged { owner: self.clone(), name: name.to_owned() })
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        self.gitea.call(&self.token, method, path, body).await
    }
}

impl Forged {
    /// Its address over HTTP, without credentials.
    pub fn url(&self) -> String {
        self.owner.gitea.url(&format!("{}/{}.git", self.owner.name, self.name))
    }

    /// Its address over SSH.
    pub fn ssh_url(&self) -> String {
        self.owner.gitea.ssh_url(&self.owner.name, &self.name)
    }

    /// Changes its settings: `private`, `archived`, `name` and others.
    pub async fn edit(&mut self, settings: Value) -> Result<()> {
        let repository = self.call(Method::PATCH, "", Some(&settings)).await?;
        repository["name"].as_str().context("the answer has no name")?.clone_into(&mut self.name);
        Ok(())
    }

    /// Deletes it, and makes an empty one in its place.
    pub async fn begin_anew(&self) -> Result<()> {
        self.call(Method::DELETE, "", None).await?;
        self.owner.create_repository(&self.name, false).await.map(drop)
    }

    /// Renames a branch; the default one stays the default.
    pub async fn rename_branch(&self, from: &str, to: &str) -> Result<()> {
        self.change_branch(from, Method::PATCH, Some(json!({"name": to}))).await
    }

    /// Deletes a branch.
    pub async fn delete_branch(&self, name: &str) -> Result<()> {
        self.change_branch(name, Method::DELETE, None).await
    }

    /// The forge notices a moment after a push which branches there are.
    async fn change_branch(&self, name: &str, method: Method, body: Option<Value>) -> Result<()> {
        let path = format!("/branches/{name}");
        until("the forge has changed the branch", DEADLINE, async || {
            self.call(method.clone(), &path, body.as_ref()).await.map(|_| Some(()))
        })
        .await
    }

    /// Lets whoever has the key read it.
    pub async fn add_deploy_key(&self, key: &Key) -> Result<()> {
        let body = json!({"title": "deployer", "key": key.public, "read_only": true});
        self.call(Method::POST, "/keys", Some(&body)).await.map(drop)
    }

    /// Tells a URL of each push, signed with `secret`.
    pub async fn add_webhook(&self, url: &str, secret: &str) -> Result<()> {
        let config = json!({"url": url, "content_type": "json", "secret": secret});
        let hook = json!({"type": "gitea", "active": true, "events": ["push"], "config": config});
        self.call(Method::POST, "/hooks", Some(&hook)).await.map(drop)
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let path = format!("repos/{}/{}{path}", self.owner.name, self.name);
        self.owner.call(method, &path, body).await
    }
}
