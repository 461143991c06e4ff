//! Connections that turn into a process's input and output.

use bytes::Bytes;
use futures_util::StreamExt;
use http::{Method, Response, StatusCode};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio_util::io::ReaderStream;

use super::stream::{self, Origin};
use super::transport::{self, Call, encode};
use super::{Docker, answers, change, container_path, parse, read};
use crate::backend::{ErrorKind, ExecSpec, Result, Session};

impl Docker {
    /// Whether the output behind an answer comes as it is, without frames. Engines from API 1.42 say so; of others we
    /// have to know whether the container has a terminal.
    pub(super) async fn is_raw(&self, response: &Response<Incoming>, id: &str) -> Result<bool> {
        let kind = response.headers().get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match kind {
            Some("application/vnd.docker.multiplexed-stream") => Ok(false),
            Some("application/vnd.docker.raw-stream") if self.api().await? >= (1, 42) => Ok(true),
            _ => {
                let call = read("inspect container", id);
                let inspected: answers::Inspected = self.get(call, &container_path(id, "/json"), &[]).await?;
                Ok(inspected.config.tty)
            }
        }
    }

    pub(super) async fn attach(&self, id: &str, stdin: bool, detach_keys: Option<&str>) -> Result<Session> {
        let call = change("attach to container", id);
        let query = [
            ("stream", "1"),
            ("stdout", "1"),
            ("stderr", "1"),
            ("stdin", if stdin { "1" } else { "" }),
            ("detachKeys", detach_keys.unwrap_or_default()),
        ];
        let mut message = self.message(Method::POST, &container_path(id, "/attach"), &query).await?;
        upgrade(&mut message);
        let response = self.transport.open(call, message).await?;
        let tty = self.is_raw(&response, id).await?;
        taken_over(call, response, id.to_owned(), tty).await
    }

    pub(super) async fn run_command(&self, id: &str, spec: &ExecSpec) -> Result<Session> {
        let call = change("run command in container", id);
        let attached = !spec.detach;
        let body = serde_json::json!({
            "AttachStdin": spec.stdin && attached,
            "AttachStdout": attached,
            "AttachStderr": attached,
            "Tty": spec.tty,
            "Cmd": spec.command,
            "Env": spec.environment,
            "User": spec.user,
            "WorkingDir": spec.working_dir,
            "Privileged": spec.privileged,
        });
        let answer = self.post(call, &container_path(id, "/exec"), &[], &body).await?;
        let created: answers::Created = parse(call, &answer)?;
        let path = format!("/exec/{}/start", encode(&created.id));
        let start = serde_json::json!({ "Detach": spec.detach, "Tty": spec.tty });
        if spec.detach {
            self.post(call, &path, &[], &start).await?;
            return Ok(Session {
                id: created.id,
                output: futures_util::stream::empty().boxed(),
                input: Box::new(tokio::io::sink()),
            });
        }
        let mut message = self.message(Method::POST, &path, &[]).await?;
        upgrade(&mut message);
        message.headers.push(("content-type", "application/json".to_owned()));
        message.body = transport::full(Bytes::from(start.to_string()));
        let response = self.transport.open(call, message).await?;
        taken_over(call, response, created.id, spec.tty).await
    }
}

fn upgrade(message: &mut transport::Message) {
    message.headers.push(("connection", "Upgrade".to_owned()));
    message.headers.push(("upgrade", "tcp".to_owned()));
}

/// Takes the connection over: what the process prints, and its input. Shutting the input down closes our half.
async fn taken_over(call: Call<'_>, response: Response<Incoming>, id: String, tty: bool) -> Result<Session> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(
            call.error(ErrorKind::Engine, format!("the engine answered {} and kept the connection", response.status()))
        );
    }
    let upgraded = hyper::upgrade::on(response).await.map_err(|error| call.broken(&error))?;
    let (reader, writer) = tokio::io::split(TokioIo::new(upgraded));
    let origin = Origin::of(call);
    let broken = origin.clone();
    let bytes = ReaderStream::new(reader).map(move |part| part.map_err(|error| broken.broken(&error))).boxed();
    Ok(Session { id, output: stream::output(origin, bytes, tty), input: Box::new(writer) })
}
