//! bollard's client over our transport: its types for what we ask, our connections, time limits and errors.

use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error as ClientError;
use bollard::{BollardRequest, ClientVersion};
use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::transport::{Call, Message, Transport, kind_of};
use crate::backend::{Error, ErrorKind, Result};

/// Each call has a limit of its own; bollard's, which is one for all, stays out of the way.
const NO_LIMIT: Duration = Duration::from_secs(7 * 24 * 3600);
/// Calls are named by whoever makes them, after they fail.
const UNNAMED: Call<'_> = Call { name: "ask engine", object: "", limit: None };

/// A client that speaks this API version over `transport`.
///
/// # Errors
/// None that is known: nothing is sent.
pub(super) fn client(transport: Arc<Transport>, (major, minor): (u32, u32)) -> Result<bollard::Docker> {
    let version = ClientVersion { major_version: major as usize, minor_version: minor as usize };
    let send = move |request: BollardRequest| {
        let transport = Arc::clone(&transport);
        async move { transport.client_request(request).await }
    };
    bollard::Docker::connect_with_custom_transport(send, Some("http://docker"), NO_LIMIT.as_secs(), &version)
        .map_err(|error| UNNAMED.error(ErrorKind::Invalid, error.to_string()))
}

impl Transport {
    /// Sends a request of bollard's; the answer as it comes, refusals too.
    async fn client_request(&self, request: BollardRequest) -> std::result::Result<Response<Incoming>, ClientError> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let mut message = Message::new(head.method, path);
        if let Some(kind) = head.headers.get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()) {
            message.headers.push(("content-type", kind.to_owned()));
        }
        message.body = body.map_err(std::io::Error::other).boxed_unsync();
        self.answer(UNNAMED, message).await.map_err(|error| ClientError::IOError { err: std::io::Error::other(error) })
    }

    /// Waits for a call of bollard's within its time limit.
    pub(super) async fn typed<T>(
        &self,
        call: Call<'_>,
        work: impl Future<Output = std::result::Result<T, ClientError>>,
    ) -> Result<T> {
        self.limited(call, async { work.await.map_err(|error| failure(call, error)) }).await
    }
}

/// An error of bollard's in our terms.
fn failure(call: Call<'_>, error: ClientError) -> Error {
    match error {
        ClientError::DockerResponseServerError { status_code, message } => {
            let status = http::StatusCode::from_u16(status_code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
            let message = if message.is_empty() { format!("the engine answered {status}") } else { message };
            call.error(kind_of(status, &message), message)
        }
        ClientError::IOError { err } => match err.downcast::<Error>() {
            Ok(own) => Error { call: call.name, object: call.object.to_owned(), ..own },
            Err(error) => call.error(ErrorKind::Engine, error.to_string()),
        },
        ClientError::HyperResponseError { err } => call.broken(&err),
        ClientError::RequestTimeoutError => call.error(ErrorKind::Timeout, "the engine did not answer in time"),
        other => call.error(ErrorKind::Engine, format!("the engine's answer is invalid: {other}")),
    }
}
