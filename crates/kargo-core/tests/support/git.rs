//! Repositories in memory: branches of commits, each with folders of objects.

use std::collections::{BTreeMap, BTreeSet};

use kargo_api::reasons::Reason;
use kargo_core::{
    desired::{Context, Rendered},
    kinds::Kinds,
    object::AppKey,
    world::event::{Failure, LoadRequest, Subscription},
};
use serde_json::Value;

use super::INSTALLATION;

/// What one commit has in one folder.
#[derive(Debug, Clone)]
pub(crate) enum Folder {
    /// Files with these objects.
    Objects(Vec<Value>),
    /// A file that cannot be rendered.
    Broken,
}

/// All repositories.
#[derive(Debug, Default)]
pub(crate) struct Git {
    commits: BTreeMap<String, BTreeMap<String, Folder>>,
    tips: BTreeMap<String, String>,
    parents: BTreeMap<String, String>,
    /// Repositories that do not answer.
    pub(crate) down: BTreeSet<String>,
}

impl Git {
    /// A new commit that changes one folder and keeps the others.
    pub(crate) fn push(&mut self, repo_url: &str, path: &str, folder: Folder) -> String {
        let mut folders = self
            .tips
            .get(repo_url)
            .and_then(|tip| self.commits.get(tip))
            .cloned()
            .unwrap_or_default();
        folders.insert(path.to_owned(), folder);
        let commit = format!("{:040x}", 0xabc_0000_usize + self.commits.len());
        self.commits.insert(commit.clone(), folders);
        if let Some(parent) = self.tips.get(repo_url) {
            self.parents.insert(commit.clone(), parent.clone());
        }
        self.tips.insert(repo_url.to_owned(), commit.clone());
        commit
    }

    /// The commit before the newest one.
    pub(crate) fn parent_of_tip(&self, repo_url: &str) -> Option<String> {
        self.parents.get(self.tips.get(repo_url)?).cloned()
    }

    /// Moves the branch to a commit that exists already.
    pub(crate) fn reset(&mut self, repo_url: &str, commit: &str) {
        self.tips.insert(repo_url.to_owned(), commit.to_owned());
    }

    /// What a commit has in a folder.
    pub(crate) fn folder(&self, commit: &str, path: &str) -> Option<&Folder> {
        self.commits.get(commit)?.get(path)
    }

    pub(crate) fn tip(&self, repo_url: &str) -> Option<&String> {
        self.tips.get(repo_url)
    }

    /// The answer to `ls-refs`.
    pub(crate) fn resolve(&self, subscription: &Subscription) -> Result<String, Failure> {
        if self.down.contains(&subscription.repo_url) {
            return Err(failure(Reason::SourceUnavailable, "git does not answer.", true));
        }
        self.tip(&subscription.repo_url)
            .cloned()
            .ok_or_else(|| failure(Reason::BranchMissing, "there is no branch main.", false))
    }

    /// Fetch, render, prepare.
    pub(crate) fn load(
        &self,
        app: &AppKey,
        request: &LoadRequest,
        kinds: &Kinds,
    ) -> Result<Rendered, Failure> {
        if self.down.contains(&request.repo_url) {
            return Err(failure(Reason::SourceUnavailable, "git does not answer.", true));
        }
        match self.folder(&request.commit, &request.path) {
            Some(Folder::Objects(objects)) => render(objects, app, &request.commit, kinds),
            Some(Folder::Broken) => Err(failure(
                Reason::RenderFailed,
                "k8s/web.yaml:3:1: tab used for indentation.",
                false,
            )),
            None => Err(failure(Reason::RenderFailed, "the folder k8s does not exist.", false)),
        }
    }
}

fn render(
    objects: &[Value],
    app: &AppKey,
    revision: &str,
    kinds: &Kinds,
) -> Result<Rendered, Failure> {
    let mut tree = kustomize::MemoryTree::new();
    let names: Vec<String> = (0..objects.len()).map(|number| format!("{number}.yaml")).collect();
    for (name, object) in names.iter().zip(objects) {
        tree.insert(format!("k8s/{name}"), object.to_string());
    }
    tree.insert("k8s/kustomization.yaml", format!("resources: {names:?}"));
    let build = if objects.is_empty() {
        kustomize::Build { objects: Vec::new() }
    } else {
        let outcome = kustomize::build(&tree, "k8s", &kustomize::Options::default());
        outcome.result.unwrap_or_else(|errors| panic!("the sample does not build: {errors:?}"))
    };
    let context = Context {
        installation: INSTALLATION,
        app,
        revision,
        kinds,
        reserved_namespace: Some("kargo-system"),
    };
    Rendered::prepare(build, Vec::new(), &context).map_err(|findings| {
        let text = findings.first().map(ToString::to_string).unwrap_or_default();
        failure(Reason::RenderFailed, &text, false)
    })
}

fn failure(reason: Reason, message: &str, transient: bool) -> Failure {
    Failure { reason, message: message.to_owned(), findings: Vec::new(), transient }
}
