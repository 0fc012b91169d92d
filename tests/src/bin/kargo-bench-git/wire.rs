//! A relay that counts what goes over the wire, headers and all.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use tokio::net::{TcpListener, TcpStream};

/// Stands in front of a server on loopback.
pub(crate) struct Wire {
    address: SocketAddr,
    bytes: Arc<AtomicU64>,
}

impl Wire {
    /// In front of the server that `url` is on.
    pub(crate) async fn before(url: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let bytes = Arc::new(AtomicU64::new(0));
        let (count, server) = (Arc::clone(&bytes), host(url).to_owned());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (count, server) = (Arc::clone(&count), server.clone());
                tokio::spawn(async move {
                    let server = TcpStream::connect(server).await?;
                    let (mut from_client, mut to_client) = client.into_split();
                    let (mut from_server, mut to_server) = server.into_split();
                    let up = relay(&mut from_client, &mut to_server, &count);
                    let down = relay(&mut from_server, &mut to_client, &count);
                    tokio::try_join!(up, down)
                });
            }
        });
        Ok(Self { address, bytes })
    }

    /// The same address by way of here.
    pub(crate) fn url(&self, url: &str) -> String {
        url.replacen(host(url), &self.address.to_string(), 1)
    }

    /// Bytes in both directions since the last call.
    pub(crate) fn take(&self) -> u64 {
        self.bytes.swap(0, Ordering::Relaxed)
    }
}

async fn relay(
    from: &mut (impl tokio::io::AsyncRead + Unpin),
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    count: &AtomicU64,
) -> std::io::Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut buffer = vec![0; 64 << 10];
    loop {
        let length = from.read(&mut buffer).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        count.fetch_add(length as u64, Ordering::Relaxed);
        to.write_all(&buffer[..length]).await?;
    }
}

fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}
