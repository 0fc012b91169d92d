//! What the sender is told.

use http::StatusCode;

use crate::payload::PayloadError;

/// The answer to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Git will be asked.
    Queued,
    /// It was received before, and changes nothing.
    Repeated,
    /// The sender is known, and nobody wants to hear of this repository.
    Unwatched,
    /// The sender is known, and the payload cannot be read.
    Malformed(PayloadError),
    /// The sender does not know a secret, as far as we can tell.
    Unauthorised,
    /// There is no such provider.
    UnknownProvider,
    /// The body took too long.
    Slow,
    /// The body is too large, or was cut.
    TooLarge,
    /// The connection broke within the body.
    Broken,
    /// Too many large bodies at once.
    Busy,
}

impl Answer {
    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Queued => StatusCode::ACCEPTED,
            Self::Repeated => StatusCode::OK,
            Self::Unwatched => StatusCode::NO_CONTENT,
            Self::Malformed(_) | Self::Broken => StatusCode::BAD_REQUEST,
            Self::Unauthorised => StatusCode::UNAUTHORIZED,
            Self::UnknownProvider => StatusCode::NOT_FOUND,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// One word for metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Repeated => "repeated",
            Self::Unwatched => "unwatched",
            Self::Malformed(_) => "malformed",
            Self::Unauthorised => "unauthorised",
            Self::UnknownProvider => "unknown_provider",
            Self::Slow => "slow",
            Self::TooLarge => "too_large",
            Self::Broken => "broken",
            Self::Busy => "busy",
        }
    }

    /// The text for whoever looks at the delivery on the forge; a 204 cannot have one.
    pub fn text(&self) -> String {
        match self {
            Self::Queued => "Queued: Kargo asks git now.\n".into(),
            Self::Repeated => "This very delivery was received before; nothing is done again. To have Kargo ask git \
                 now, set the annotation kargo.krampoline.io/sync-requested-at of the KargoApp.\n"
                .into(),
            Self::Unwatched => String::new(),
            Self::Malformed(error) => format!("Refused: {error}.\n"),
            Self::Unauthorised => "Refused: the delivery is not signed by a secret that Kargo knows for this \
                 repository. Compare the webhook's secret with the key `token` of the Secret that \
                 spec.source.webhookSecretRef names, and the repository with spec.source.repoURL.\n"
                .into(),
            Self::UnknownProvider => "There is nothing here. Send webhooks to /hooks/github, /hooks/gitlab, \
                 /hooks/gitea, /hooks/forgejo, /hooks/bitbucket or /hooks/generic.\n"
                .into(),
            Self::Slow => "Refused: the body took too long.\n".into(),
            Self::TooLarge => "Refused: the body is larger than 1 MiB. Let the webhook send push events only.\n".into(),
            Self::Broken => "Refused: the body ended early.\n".into(),
            Self::Busy => "Refused: too many large deliveries at once; send it again.\n".into(),
        }
    }
}
