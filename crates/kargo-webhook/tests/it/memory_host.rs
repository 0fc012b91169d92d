//! The program around the crate, in memory.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use kargo_webhook::{Answer, Host, Known, Provider, Receiver, Repository, Secret, SecretName};
use tokio::{net::TcpListener, task::JoinHandle};

/// Who wants to hear of what, and what they have heard.
#[derive(Default)]
pub(crate) struct MemoryHost {
    pub(crate) installation: Option<Arc<Secret>>,
    receivers: Mutex<BTreeMap<Receiver, Arc<Secret>>>,
    /// Secrets that are known only after a look at them.
    changed: Mutex<BTreeMap<Receiver, Arc<Secret>>>,
    triggered: Mutex<Vec<Receiver>>,
    answered: Mutex<Vec<(Option<Provider>, &'static str)>>,
}

pub(crate) fn secret(value: &str) -> Arc<Secret> {
    Arc::new(Secret::new(value.as_bytes()).unwrap())
}

pub(crate) fn receiver(address: &str, name: Option<&str>) -> Receiver {
    let repository = Repository::at(address).unwrap();
    let secret = name.map_or(SecretName::Installation, |name| SecretName::Own(name.into()));
    Receiver { repository, secret }
}

impl MemoryHost {
    /// The installation has a secret.
    pub(crate) fn with_installation(mut self, value: &str) -> Self {
        self.installation = Some(secret(value));
        self
    }

    /// Somebody wants to hear of a repository by the word of the installation.
    pub(crate) fn watching(self, address: &str) -> Self {
        self.watch(address);
        self
    }

    /// The same from now on.
    pub(crate) fn watch(&self, address: &str) {
        self.receivers.lock().unwrap().insert(receiver(address, None), secret("not asked for"));
    }

    /// Somebody wants to hear of a repository by the word of a secret of their own.
    pub(crate) fn watching_by(self, address: &str, name: &str, value: &str) -> Self {
        self.receivers.lock().unwrap().insert(receiver(address, Some(name)), secret(value));
        self
    }

    /// The secret has changed, and nobody has looked yet.
    pub(crate) fn change(&self, address: &str, name: &str, value: &str) {
        let mut changed = self.changed.lock().unwrap();
        changed.insert(receiver(address, Some(name)), secret(value));
    }

    /// Serves it on loopback for as long as the task lives.
    pub(crate) async fn serve(self) -> (Arc<Self>, SocketAddr, JoinHandle<()>) {
        let host = Arc::new(self);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = kargo_webhook::serve(listener, Arc::clone(&host));
        (host, address, tokio::spawn(server))
    }

    /// Who was triggered, in this order.
    pub(crate) fn triggered(&self) -> Vec<Receiver> {
        self.triggered.lock().unwrap().clone()
    }

    /// What was answered, in this order.
    pub(crate) fn answered(&self) -> Vec<(Option<Provider>, &'static str)> {
        self.answered.lock().unwrap().clone()
    }
}

impl Known for MemoryHost {
    fn installation_secret(&self) -> Option<Arc<Secret>> {
        self.installation.clone()
    }

    fn secrets(&self, repository: &Repository) -> Vec<(SecretName, Option<Arc<Secret>>)> {
        let receivers = self.receivers.lock().unwrap();
        receivers
            .iter()
            .filter(|(receiver, _)| receiver.repository == *repository)
            .map(|(receiver, secret)| (receiver.secret.clone(), Some(Arc::clone(secret))))
            .collect()
    }
}

impl Host for MemoryHost {
    async fn refresh(&self, _repositories: Vec<Repository>) -> bool {
        let mut changed = self.changed.lock().unwrap();
        let some = !changed.is_empty();
        self.receivers.lock().unwrap().append(&mut changed);
        some
    }

    fn trigger(&self, receiver: &Receiver) {
        self.triggered.lock().unwrap().push(receiver.clone());
    }

    fn answered(&self, provider: Option<Provider>, answer: &Answer) {
        self.answered.lock().unwrap().push((provider, answer.word()));
    }
}
