//! Why there is no answer, out of the chain of errors that reqwest hands out.

use super::resolver::Refused;
use crate::error::Cause;
use crate::text::{LINE, sanitize};
use rustls::CertificateError;
use std::error::Error;
use std::time::Duration;

/// What a failed request means; connecting had `connect_timeout` to succeed.
pub(super) fn cause(error: &reqwest::Error, connect_timeout: Duration) -> Cause {
    if let Some(refused) = sources(error).find_map(|error| error.downcast_ref::<Refused>()) {
        return Cause::AddressRefused { host: refused.host.clone() };
    }
    if let Some(reason) = tls_reason(error) {
        return Cause::Tls { reason };
    }
    if error.is_timeout() {
        return Cause::TimedOut { after: connect_timeout, silent: true };
    }
    Cause::Unreachable { reason: root(error) }
}

/// An error and all that caused it. An IO error may carry another error, which is not its source.
fn sources<'error>(
    error: &'error (dyn Error + 'static),
) -> impl Iterator<Item = &'error (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let carried = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        match carried {
            Some(carried) => Some(carried as &(dyn Error + 'static)),
            None => (*error).source(),
        }
    })
}

/// The innermost of a chain of errors, which says what happened without what was tried.
pub(super) fn root(error: &(dyn Error + 'static)) -> String {
    let root = sources(error).last().map(ToString::to_string).unwrap_or_default();
    sanitize(root.as_bytes(), LINE)
}

/// What is wrong with the secure connection, if that is what is wrong.
fn tls_reason(error: &(dyn Error + 'static)) -> Option<String> {
    let found = sources(error).find_map(|error| error.downcast_ref::<rustls::Error>())?;
    let reason = match found {
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "the server's certificate is signed by an authority that is not known".to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "the server's certificate has expired".to_owned(),
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "the server's certificate is for another host name".to_owned(),
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS on this port".to_owned(),
        other => sanitize(other.to_string().as_bytes(), LINE),
    };
    Some(reason)
}
