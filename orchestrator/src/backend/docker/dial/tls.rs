//! The way to an engine by TLS: whom we trust, who we are, and what usually goes wrong, in words.

use std::io;
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

use super::Closed;
use crate::backend::docker::address::TlsFiles;

/// Makes connections; its files are read.
pub(super) struct Connector {
    inner: TlsConnector,
    name: ServerName<'static>,
    /// We have a certificate to show.
    own: bool,
}

impl Connector {
    /// Reads the files; nothing is sent.
    ///
    /// # Errors
    /// In words, files that cannot be read or used.
    pub(super) fn new(host: &str, files: &TlsFiles) -> Result<Self, String> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error| format!("cannot read the certificates: {}: {error}", path.display()))
        };
        let authorities = files.authority.iter().map(|path| read(path)).collect::<Result<_, _>>()?;
        let own = files
            .own
            .as_ref()
            .map(|(certificate, key)| Ok::<_, String>((read(certificate)?, read(key)?)))
            .transpose()?;
        let shown = own.is_some();
        let config = proxy::client_tls(authorities, own, files.verify).map_err(|reason| {
            let named =
                files.authority.iter().chain(files.own.iter().flat_map(|(certificate, key)| [certificate, key]));
            let named = named.map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
            format!("{reason} ({named})")
        })?;
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']);
        let name = ServerName::try_from(name.to_owned()).map_err(|_| format!("`{name}` is no name of a host"))?;
        Ok(Self { inner: TlsConnector::from(config), name, own: shown })
    }

    /// Speaks TLS on a connection.
    ///
    /// # Errors
    /// A handshake that fails, with the reason in words.
    pub(super) async fn connect(&self, stream: TcpStream) -> io::Result<Tls> {
        let stream = self.inner.connect(self.name.clone(), stream).await.map_err(|error| explain(&error))?;
        Ok(Tls { stream, own: self.own, spoken: false })
    }
}

/// The usual misunderstandings about TLS, in words.
fn explain(error: &io::Error) -> io::Error {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let words = match inner {
        Some(rustls::Error::InvalidCertificate(reason)) => match reason {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                "no authority in `ca.pem` (or of this system) vouches for the engine's certificate"
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "the engine's certificate is for other names than the one that it is reached by"
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the engine's certificate has expired"
            }
            _ => "the engine's certificate cannot be trusted",
        },
        Some(rustls::Error::InvalidMessage(_)) => "what answers there does not speak TLS",
        _ => "TLS",
    };
    io::Error::new(error.kind(), format!("{words}: {error}"))
}

/// A connection. In TLS 1.3 the engine looks at our certificate only when we are done (RFC 8446 section 4.4.2.4 and 2): what
/// it thinks of it comes in place of its first answer.
pub(super) struct Tls {
    stream: TlsStream<TcpStream>,
    own: bool,
    /// Whether anything has come.
    spoken: bool,
}

impl Tls {
    /// An alert about our certificate, in words.
    fn closed(&self, error: io::Error) -> io::Error {
        use AlertDescription as Alert;
        let alert = match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            Some(rustls::Error::AlertReceived(alert)) if !self.spoken => *alert,
            _ => return error,
        };
        let words = match alert {
            Alert::CertificateRequired | Alert::BadCertificate | Alert::HandshakeFailure if !self.own => {
                "the engine wants a certificate of ours, and there is no `cert.pem`"
            }
            Alert::CertificateExpired => "our certificate (`cert.pem`) has expired",
            Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::AccessDenied => "the engine does not accept our certificate (`cert.pem`)",
            _ => return error,
        };
        io::Error::new(io::ErrorKind::NotConnected, Closed(format!("{words}: {error}")))
    }
}

impl AsyncRead for Tls {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.spoken |= buffer.filled().len() > before;
        read.map_err(|error| self.closed(error))
    }
}

impl AsyncWrite for Tls {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
