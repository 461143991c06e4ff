//! What the builder asks us for during a build: files, secrets, keys, passwords. It is the client here, on a connection
//! that we open (`POST /session`).

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;

use bollard_buildkit_proto::health::{HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus};
use bollard_buildkit_proto::moby::buildkit::secrets::v1::{GetSecretRequest, GetSecretResponse};
use bollard_buildkit_proto::moby::filesync::v1::{CredentialsRequest, CredentialsResponse};
use bollard_buildkit_proto::moby::sshforward::v1::{CheckAgentRequest, CheckAgentResponse};
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use tokio::io::AsyncReadExt as _;

use super::Failure;
use super::content::{InfoResponse, Stores};
use super::filter::Filter;
use super::grpc::{self, INVALID, Messages, NOT_FOUND, Status, UNIMPLEMENTED, UNKNOWN};
use super::ingest;
use super::ssh::{self, Agents};
use super::sync::{self, Folder};
use crate::backend::docker::credentials;
use crate::backend::docker::transport::Body;
use crate::backend::{BuildSecret, SecretValue};

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const DIFF_COPY: &str = "/moby.filesync.v1.FileSync/DiffCopy";
const CREDENTIALS: &str = "/moby.filesync.v1.Auth/Credentials";
const GET_SECRET: &str = "/moby.buildkit.secrets.v1.Secrets/GetSecret";
const CHECK_AGENT: &str = "/moby.sshforward.v1.SSH/CheckAgent";
const FORWARD_AGENT: &str = "/moby.sshforward.v1.SSH/ForwardAgent";

const CONTENT_INFO: &str = "/containerd.services.content.v1.Content/Info";
const CONTENT_READ: &str = "/containerd.services.content.v1.Content/Read";
const CONTENT_WRITE: &str = "/containerd.services.content.v1.Content/Write";
/// Which cache a call about content is about.
const STORE: &str = "buildkit-attachable-store-id";

/// What we answer; the builder is told when the session begins.
pub(super) const METHODS: [&str; 9] =
    [HEALTH, DIFF_COPY, CREDENTIALS, GET_SECRET, CHECK_AGENT, FORWARD_AGENT, CONTENT_INFO, CONTENT_READ, CONTENT_WRITE];

/// Largest secret, as BuildKit has it.
const LARGEST_SECRET: u64 = 500 * 1024;

/// What one build may ask for.
pub(super) struct Provider {
    /// Folders by the name that the builder knows them by.
    pub folders: BTreeMap<String, Folder>,
    /// Caches that are read and written here.
    pub stores: Stores,
    /// Secrets.
    pub secrets: Vec<BuildSecret>,
    /// SSH agents.
    pub agents: Agents,
    /// Where registry credentials are.
    pub environment: BTreeMap<String, String>,
    /// Why files could not be sent, for the message of the build.
    pub failure: Failure,
}

/// Whether the files of secrets are there: a build that only asks for one where it is given would do without.
///
/// # Errors
/// The first that is not, in words.
pub(super) async fn are_there(secrets: &[BuildSecret]) -> Result<(), String> {
    for BuildSecret { id, value } in secrets {
        let SecretValue::File(path) = value else { continue };
        let found = tokio::fs::metadata(path).await.map_err(|error| error.to_string());
        let fits = found.and_then(|meta| if meta.is_dir() { Err("it is a folder".to_owned()) } else { Ok(()) });
        fits.map_err(|why| format!("cannot read secret `{id}` from {}: {why}", path.display()))?;
    }
    Ok(())
}

impl Provider {
    /// Answers one call.
    pub(super) async fn serve(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
        let (head, body) = request.into_parts();
        let mut messages = Messages::new(body);
        Ok(match head.uri.path() {
            HEALTH => grpc::answer(health(&mut messages).await),
            DIFF_COPY => self.copy(&head.headers, messages),
            CONTENT_INFO => grpc::answer(self.part_info(&head.headers, &mut messages).await),
            CONTENT_READ => match self.part(&head.headers, &mut messages).await {
                Ok(response) => response,
                Err(status) => grpc::answer(Err::<InfoResponse, _>(status)),
            },
            CONTENT_WRITE => match self.stores.writable(&first(&head.headers, STORE)) {
                Ok(folder) => ingest::serve(folder, messages),
                Err(status) => grpc::answer(Err::<InfoResponse, _>(status)),
            },
            CREDENTIALS => grpc::answer(self.credentials(&mut messages).await),
            GET_SECRET => grpc::answer(self.secret(&mut messages).await),
            CHECK_AGENT => grpc::answer(self.check_agent(&mut messages).await),
            FORWARD_AGENT => match self.agent(&first(&head.headers, "buildkit.ssh.id")) {
                Ok(socket) => ssh::forward(socket.clone(), messages),
                Err(status) => grpc::answer(Err::<CheckAgentResponse, _>(status)),
            },
            other => grpc::answer(Err::<CheckAgentResponse, _>(Status::new(
                UNIMPLEMENTED,
                format!("{other} is not offered by this client"),
            ))),
        })
    }

    fn copy(&self, headers: &HeaderMap, messages: Messages) -> Response<Body> {
        let name = first(headers, "dir-name");
        let Some(folder) = self.folders.get(&name) else {
            let status = Status::new(INVALID, format!("no folder `{name}` belongs to this build"));
            return grpc::answer(Err::<CheckAgentResponse, _>(status));
        };
        let filter = Filter {
            includes: values(headers, "include-patterns"),
            excludes: values(headers, "exclude-patterns"),
            follow: values(headers, "followpaths"),
        };
        sync::serve(folder.clone(), filter, messages, self.failure.clone())
    }

    async fn part_info(&self, headers: &HeaderMap, messages: &mut Messages) -> Result<InfoResponse, Status> {
        self.stores.info(&first(headers, STORE), one(messages).await?).await
    }

    async fn part(&self, headers: &HeaderMap, messages: &mut Messages) -> Result<Response<Body>, Status> {
        self.stores.read(&first(headers, STORE), one(messages).await?).await
    }

    async fn credentials(&self, messages: &mut Messages) -> Result<CredentialsResponse, Status> {
        let request: CredentialsRequest = one(messages).await?;
        let found = credentials::login(&self.environment, &request.host).await;
        let found = found.map_err(|error| Status::new(UNKNOWN, error.to_string()))?;
        let (username, secret) = found.unwrap_or_default();
        Ok(CredentialsResponse { username, secret })
    }

    async fn secret(&self, messages: &mut Messages) -> Result<GetSecretResponse, Status> {
        let request: GetSecretRequest = one(messages).await?;
        let id = &request.id;
        let Some(secret) = self.secrets.iter().find(|secret| secret.id == *id) else {
            return Err(Status::new(NOT_FOUND, format!("secret `{id}` is not among the build's `secrets`")));
        };
        let data = match &secret.value {
            SecretValue::Text(text) => text.clone().into_bytes(),
            SecretValue::File(path) => {
                let failed = |error: std::io::Error| {
                    Status::new(UNKNOWN, format!("cannot read secret `{id}` from {}: {error}", path.display()))
                };
                let file = tokio::fs::File::open(path).await.map_err(failed)?;
                let mut data = Vec::new();
                file.take(LARGEST_SECRET + 1).read_to_end(&mut data).await.map_err(failed)?;
                data
            }
        };
        if u64::try_from(data.len()).unwrap_or(u64::MAX) > LARGEST_SECRET {
            let message =
                format!("secret `{id}` is larger than {} KiB, the most that BuildKit takes", LARGEST_SECRET / 1024);
            return Err(Status::new(INVALID, message));
        }
        Ok(GetSecretResponse { data })
    }

    async fn check_agent(&self, messages: &mut Messages) -> Result<CheckAgentResponse, Status> {
        let request: CheckAgentRequest = one(messages).await?;
        self.agent(&request.id).map(|_| CheckAgentResponse {})
    }

    fn agent(&self, id: &str) -> Result<&PathBuf, Status> {
        let id = if id.is_empty() { ssh::DEFAULT } else { id };
        self.agents
            .socket(id)
            .ok_or_else(|| Status::new(NOT_FOUND, format!("SSH key `{id}` is not among the build's `ssh`")))
    }
}

async fn health(messages: &mut Messages) -> Result<HealthCheckResponse, Status> {
    let _: HealthCheckRequest = one(messages).await?;
    Ok(HealthCheckResponse { status: ServingStatus::Serving.into() })
}

/// The only message of a call.
async fn one<T: prost::Message + Default>(messages: &mut Messages) -> Result<T, Status> {
    messages.next().await?.ok_or_else(|| Status::new(INVALID, "the call has no message"))
}

fn first(headers: &HeaderMap, name: &str) -> String {
    values(headers, name).into_iter().next().unwrap_or_default()
}

/// A call's values of that name. Newer builders encode those that are not plain text, and say so.
fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    let is_encoded = headers.get(format!("{name}-encoded")).is_some_and(|flag| flag == "1" || flag == "true");
    let texts = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    texts.map(|text| if is_encoded { unescaped(&text) } else { text }).collect()
}

/// Undoes the encoding of a query's value.
fn unescaped(text: &str) -> String {
    grpc::decoded(&text.replace('+', " "))
}
