//! Bodies: how large, how slow, and how many large ones at once.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, header};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout_at},
};

use crate::answer::Answer;

/// The largest body.
const MOST_BYTES: usize = 1024 * 1024;

/// How long a body may take as a whole.
const DEADLINE: Duration = Duration::from_secs(8);

/// What every body may have; beyond it, the bodies share [`SHARED_PIECES`] pieces of this size.
const PIECE: usize = 64 * 1024;

/// With the first piece of each connection, no more than 48 MiB of bodies are in memory.
const SHARED_PIECES: usize = 512;

/// How much of a body that is not wanted is read and dropped, so that its sender gets to the answer: a connection
/// that is closed while somebody writes to it is reset, and the answer lost.
const MOST_DROPPED: usize = 64 * 1024 * 1024;

/// Reads bodies.
#[derive(Debug)]
pub(super) struct Reader {
    pieces: Arc<Semaphore>,
}

/// A body in memory, with its share of it.
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    share: Vec<OwnedSemaphorePermit>,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self { pieces: Arc::new(Semaphore::new(SHARED_PIECES)) }
    }

    /// Reads a body as a whole, or says why not.
    pub(super) async fn read(&self, headers: &HeaderMap, body: Body) -> Result<Content, Answer> {
        let mut stream = body.into_data_stream();
        let deadline = Instant::now() + DEADLINE;
        let read = if announced(headers).is_some_and(|length| length > MOST_BYTES as u64) {
            Err(Answer::TooLarge)
        } else {
            timeout_at(deadline, self.collect(&mut stream)).await.unwrap_or(Err(Answer::Slow))
        };
        if read.is_err() {
            skip(stream);
        }
        read
    }

    async fn collect<E>(
        &self,
        stream: &mut (impl Stream<Item = Result<bytes::Bytes, E>> + Unpin),
    ) -> Result<Content, Answer> {
        let mut content = Content { bytes: Vec::new(), share: Vec::new() };
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| Answer::Broken)?;
            let length = content.bytes.len() + chunk.len();
            if length > MOST_BYTES {
                return Err(Answer::TooLarge);
            }
            while length > PIECE * (1 + content.share.len()) {
                let piece = Arc::clone(&self.pieces).try_acquire_owned();
                content.share.push(piece.map_err(|_| Answer::Busy)?);
            }
            content.bytes.extend_from_slice(&chunk);
        }
        Ok(content)
    }
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Lets the sender of a body that is not wanted get to the answer.
pub(super) fn discard(body: Body) {
    skip(body.into_data_stream());
}

fn skip<E>(mut stream: impl Stream<Item = Result<bytes::Bytes, E>> + Unpin + Send + 'static)
where
    E: Send,
{
    let skipped = async move {
        let mut left = MOST_DROPPED;
        while let Some(Ok(chunk)) = stream.next().await
            && left > 0
        {
            left = left.saturating_sub(chunk.len());
        }
    };
    tokio::spawn(tokio::time::timeout(DEADLINE, skipped));
}
