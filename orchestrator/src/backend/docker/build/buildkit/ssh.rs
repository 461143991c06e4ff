//! SSH agents, for `RUN --mount=type=ssh`.

mod keys;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use bollard_buildkit_proto::moby::sshforward::v1::BytesMessage;
use compose_schema::model::SshKey;
use http::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;

use super::grpc::{self, Answers, Messages, Status, UNKNOWN};
use crate::backend::docker::transport::{Body, Call};
use crate::backend::{ErrorKind, Result};

/// The key that a mount without an id means.
pub(super) const DEFAULT: &str = "default";
/// Bytes that are passed on at once.
const PIECE: usize = 32 * 1024;

/// The agents of a build by id: the user's, and some of our own for keys in files, which end with this.
#[derive(Debug, Default)]
pub(super) struct Agents {
    sockets: BTreeMap<String, PathBuf>,
    own: Vec<keys::Agent>,
}

impl Agents {
    /// The socket of an agent.
    pub(super) fn socket(&self, id: &str) -> Option<&PathBuf> {
        self.sockets.get(id)
    }
}

/// Finds the agents that a build asks for; starts some for keys in files.
///
/// # Errors
/// No agent where one is asked for; a key that cannot be read or used.
pub(super) async fn agents(call: Call<'_>, keys: &[SshKey], environment: &BTreeMap<String, String>) -> Result<Agents> {
    let mut agents = Agents::default();
    for key in keys {
        let socket = if key.path.is_empty() {
            let named = environment.get("SSH_AUTH_SOCK").filter(|path| !path.is_empty()).map(PathBuf::from);
            let socket = named.ok_or_else(|| {
                let message = format!(
                    "`build.ssh` asks for the SSH agent (`{}`), and `SSH_AUTH_SOCK` names none; start one with `ssh-agent`",
                    key.id
                );
                call.error(ErrorKind::Invalid, message)
            })?;
            if !is_socket(&socket).await {
                let message = format!("`SSH_AUTH_SOCK`: {} is not the socket of an SSH agent", socket.display());
                return Err(call.error(ErrorKind::Invalid, message));
            }
            socket
        } else {
            let path = PathBuf::from(&key.path);
            if is_socket(&path).await {
                path
            } else {
                let agent = keys::Agent::with(&path)
                    .await
                    .map_err(|why| call.error(ErrorKind::Invalid, format!("`build.ssh` (`{}`): {why}", key.id)))?;
                let socket = agent.socket.clone();
                agents.own.push(agent);
                socket
            }
        };
        agents.sockets.insert(key.id.clone(), socket);
    }
    Ok(agents)
}

async fn is_socket(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt as _;
    tokio::fs::metadata(path).await.is_ok_and(|meta| meta.file_type().is_socket())
}

/// Connects a call with an agent.
pub(super) fn forward(socket: PathBuf, mut messages: Messages) -> Response<Body> {
    let (answers, response) = grpc::answers();
    tokio::spawn(async move {
        let failed = |error: std::io::Error| {
            Status::new(UNKNOWN, format!("cannot reach the SSH agent at {}: {error}", socket.display()))
        };
        let (mut reader, mut writer) = match UnixStream::connect(&socket).await {
            Ok(stream) => stream.into_split(),
            Err(error) => {
                let _ = answers.send(Err(failed(error))).await;
                return;
            }
        };
        let to_agent = async {
            while let Ok(Some(BytesMessage { data })) = messages.next().await {
                if writer.write_all(&data).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = to_agent => {}
            () = from_agent(&mut reader, &answers) => {}
        }
    });
    response
}

async fn from_agent(reader: &mut (impl tokio::io::AsyncRead + Unpin), answers: &Answers) {
    let mut buffer = vec![0; PIECE];
    while let Ok(count @ 1..) = reader.read(&mut buffer).await {
        let data = buffer.get(..count).unwrap_or_default().to_vec();
        if answers.send(Ok(grpc::frame(&BytesMessage { data }))).await.is_err() {
            return;
        }
    }
}
