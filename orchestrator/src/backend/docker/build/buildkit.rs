//! Builds by the engine's BuildKit, as `docker buildx` does them: a build is one call (`Solve`) on a connection that the
//! engine hands over to its builder (`POST /grpc`), and the builder asks for what it needs on another (`POST /session`).

mod cache;
mod check;
mod content;
mod display;
mod filter;
mod grpc;
mod hosts;
mod ingest;
mod session;
mod solve;
mod ssh;
mod sync;

use std::sync::Arc;
use std::time::Duration;

use bollard_buildkit_proto::moby::buildkit::v1::{
    ListWorkersRequest, ListWorkersResponse, SolveResponse, StatusRequest, StatusResponse,
};
use http::{Method, StatusCode};
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioExecutor;
use tokio_util::task::AbortOnDropHandle;

use super::Failure;
use crate::backend::docker::transport::Call;
use crate::backend::docker::{Docker, READ};
use crate::backend::{Backend as _, BuildSpec, ErrorKind, ProgressSink, Result};
use display::Display;
use grpc::{Client, Status};
use session::Provider;

pub(super) use cache::written as written_caches;

const SOLVE: &str = "/moby.buildkit.v1.Control/Solve";
const WORKERS: &str = "/moby.buildkit.v1.Control/ListWorkers";
/// Under which the builder tells of the cache that it has written.
const CACHE: &str = "cache.manifest";
const STATUS: &str = "/moby.buildkit.v1.Control/Status";
/// How long the end of the output is waited for once the build has ended.
const LAST_WORDS: Duration = Duration::from_secs(3);

impl Docker {
    /// Builds an image; its id.
    pub(in crate::backend::docker::build) async fn build_with_buildkit(
        &self,
        call: Call<'_>,
        spec: &BuildSpec,
        progress: &ProgressSink,
    ) -> Result<String> {
        let failure = Failure::default();
        let (mut request, provider) = solve::prepare(call, spec, &self.environment, failure.clone(), progress).await?;
        let stores = provider.stores.clone();
        let refused = |why| call.error(ErrorKind::Invalid, format!("`build.cache_to`: {why}"));
        stores.check().await.map_err(refused)?;
        // A build that is given up ends with its connections.
        let _session = self.open_session(call, &request.session, provider).await?;
        let (client, _connection, workers) = self.open_builder(call).await?;
        hosts::resolve(&mut request.frontend_attrs, &workers).map_err(|why| call.error(ErrorKind::Unsupported, why))?;
        let mut display = Display::new(Arc::clone(progress));
        let solve = client.call::<SolveResponse>(SOLVE, &request);
        match shown(solve, &client, &request.r#ref, &mut display).await {
            Ok(response) => {
                stores.finish(response.exporter_response.get(CACHE)).await.map_err(refused)?;
                self.built(call, spec, &response).await
            }
            // A context that cannot be read ends the build: that is the cause, not what the builder made of it.
            Err(status) => Err(match failure.take() {
                Some(why) => call.error(ErrorKind::Invalid, why),
                None => call.error(ErrorKind::Engine, display.explain(&status)),
            }),
        }
    }

    async fn built(&self, call: Call<'_>, spec: &BuildSpec, response: &SolveResponse) -> Result<String> {
        // What the builder calls the digest is the id only where the engine keeps images its own way.
        if let Some(image) = self.image(&spec.tag).await? {
            return Ok(image.id);
        }
        let digest = response.exporter_response.get("containerimage.digest").cloned();
        digest.ok_or_else(|| call.error(ErrorKind::Engine, "the engine ended the build without an image"))
    }

    /// Connects us to the builder as one whom it may ask.
    async fn open_session(&self, call: Call<'_>, id: &str, provider: Provider) -> Result<AbortOnDropHandle<()>> {
        let mut headers = vec![
            ("x-docker-expose-session-uuid", id.to_owned()),
            ("x-docker-expose-session-name", "stack".to_owned()),
            ("x-docker-expose-session-sharedkey", provider.shared_key()),
        ];
        headers.extend(session::METHODS.map(|method| ("x-docker-expose-session-grpc-method", method.to_owned())));
        let io = self.hand_over(call, "/session", headers).await?;
        let provider = Arc::new(provider);
        let service = service_fn(move |request| Arc::clone(&provider).serve(request));
        let connection = hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service);
        Ok(AbortOnDropHandle::new(tokio::spawn(async move {
            // Its end shows in the build.
            let _ = connection.await;
        })))
    }

    /// A connection to the builder, and what it says of itself.
    async fn open_builder(&self, call: Call<'_>) -> Result<(Client, AbortOnDropHandle<()>, ListWorkersResponse)> {
        let io = self.hand_over(call, "/grpc", Vec::new()).await?;
        let (sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
            .await
            .map_err(|error| call.broken(&error))?;
        let task = AbortOnDropHandle::new(tokio::spawn(async move {
            let _ = connection.await;
        }));
        let client = Client::new(sender);
        // A build may be silent for as long as it takes: whether anybody is there is found out before. Any answer will do.
        let asked = async { Ok(client.call(WORKERS, &ListWorkersRequest::default()).await.unwrap_or_default()) };
        let workers = self.transport.limited(Call { limit: Some(READ), ..call }, asked).await?;
        Ok((client, task, workers))
    }

    /// A connection that speaks HTTP/2 from now on.
    async fn hand_over(&self, call: Call<'_>, path: &str, headers: Vec<(&'static str, String)>) -> Result<Upgraded> {
        let mut message = self.message(Method::POST, path, &[]).await?;
        message.headers = headers;
        message.headers.push(("connection", "Upgrade".to_owned()));
        message.headers.push(("upgrade", "h2c".to_owned()));
        // However long the build takes, this takes no time.
        let call = Call { limit: Some(READ), ..call };
        let response = self.transport.open(call, message).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let message = format!("the engine answered {} and kept the connection to its builder", response.status());
            return Err(call.error(ErrorKind::Engine, message));
        }
        hyper::upgrade::on(response).await.map_err(|error| call.broken(&error))
    }
}

/// Waits for a build, and shows meanwhile what it says.
async fn shown<T>(
    build: impl Future<Output = std::result::Result<T, Status>>,
    client: &Client,
    reference: &str,
    display: &mut Display,
) -> std::result::Result<T, Status> {
    let request = StatusRequest { r#ref: reference.to_owned() };
    let watch = watch(client, &request, display);
    tokio::pin!(build, watch);
    tokio::select! {
        outcome = &mut build => {
            let _ = tokio::time::timeout(LAST_WORDS, watch).await;
            outcome
        }
        () = &mut watch => build.await,
    }
}

/// Shows what happens until the build has ended. A build that fails before it begins has nothing to show.
async fn watch(client: &Client, request: &StatusRequest, display: &mut Display) {
    let Ok(mut messages) = client.open(STATUS, request).await else { return };
    loop {
        match messages.next::<StatusResponse>().await {
            Ok(Some(response)) => display.show(&response),
            Ok(None) | Err(Status { .. }) => return,
        }
    }
}
