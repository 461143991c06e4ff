//! What the client is told of a server that gave no answer.

use std::io;

use crate::upstream::failure::Failure;
use crate::upstream::http1::head::BadHead;

use super::Reason;

impl From<&Failure> for Reason {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::Connect { .. }
            | Failure::Left { .. }
            | Failure::HungUp(_)
            | Failure::BadHead(BadHead::Interim)
            | Failure::ClientGone => Self::BadGateway,
            Failure::Tls { source, .. } if ended_there(source) => Self::BadGateway,
            Failure::ConnectTimeout { .. } | Failure::HeaderTimeout(_) => Self::GatewayTimeout,
            Failure::Scheme(_)
            | Failure::Tls { .. }
            | Failure::BadAnswer(_)
            | Failure::BadHead(_)
            | Failure::BadCoding
            | Failure::BadLength
            | Failure::BadUpgrade => Self::BadAnswer,
            Failure::LowStatus => Self::LowStatus,
            Failure::ClientIdle => Self::RequestTimeout,
            Failure::Disk(_) => Self::Disk,
        }
    }
}

/// Whether it was the server that ended a handshake, by an alert (RFC 8446 section 6) or by hanging up. As by Traefik, that is told
/// from what we do not accept of it.
fn ended_there(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(cause) => matches!(cause, rustls::Error::AlertReceived(_)),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use rustls::{AlertDescription, CertificateError};

    use super::*;

    #[test]
    fn a_handshake_that_the_server_ends_is_its_failure() {
        let failed = |source| {
            let failure = Failure::Tls { address: "a:443".to_owned(), source };
            Reason::from(&failure).status().as_u16()
        };
        let ours = |error: rustls::Error| failed(io::Error::new(io::ErrorKind::InvalidData, error));
        assert_eq!(ours(rustls::Error::AlertReceived(AlertDescription::HandshakeFailure)), 502);
        assert_eq!(failed(io::Error::new(io::ErrorKind::UnexpectedEof, "tls handshake eof")), 502);
        assert_eq!(failed(io::ErrorKind::ConnectionReset.into()), 502);
        assert_eq!(ours(CertificateError::UnknownIssuer.into()), 500);
    }
}
