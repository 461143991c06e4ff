//! A container of `stack`'s own image that has the volume, and nothing else: no network, no log, no capability that it does
//! not need.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use compose_schema::model::{Healthcheck, Logging, Mount, Service};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::io::AsyncWriteExt as _;
use tokio_util::sync::CancellationToken;

use crate::backend::{ContainerSpec, Engine, Error, ErrorKind, InputSink, Labels, OutputStream, Stream, Upload};
use crate::edge::deploy;
use crate::error::{CommandError, Result};
use crate::volume::{COMPLETE, MOUNT};

/// What is kept of its messages.
const MOST: usize = 64 * 1024;
/// Time to clean up after an interrupt.
const GRACE: Duration = Duration::from_secs(10);

/// The helper for one volume.
pub(super) struct Helper {
    engine: Engine,
    volume: String,
    name: String,
    image: String,
    loaded: bool,
}

/// What a helper says, as far as it has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Said(Arc<Mutex<String>>);

impl Said {
    fn add(&self, bytes: &[u8]) {
        let mut text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if text.len() < MOST {
            text.push_str(&String::from_utf8_lossy(bytes));
        }
    }

    /// Its warnings, if it came to its end; else what went wrong.
    pub(super) fn outcome(&self) -> std::result::Result<Vec<String>, String> {
        let text = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.last().is_some_and(|last| last == COMPLETE) {
            lines.pop();
            return Ok(lines.iter().map(|line| line.trim_start_matches("warning: ").to_owned()).collect());
        }
        let told = lines.iter().rev().find_map(|line| line.strip_prefix("error: "));
        Err(told.map_or_else(|| "it ended before it was done".to_owned(), str::to_owned))
    }
}

impl Helper {
    /// Brings the image to the engine.
    ///
    /// # Errors
    /// The engine's; an engine of another architecture.
    pub(super) async fn new(engine: &Engine, volume: &str) -> Result<Self> {
        let (image, loaded) = deploy::own_image(engine).await.map_err(|error| {
            CommandError::new(format!("cannot make a container to reach the volume with: {}", error.message))
        })?;
        let name = format!("stack-volume-{}-{}", std::process::id(), jiff::Timestamp::now().as_microsecond());
        Ok(Self { engine: engine.clone(), volume: volume.to_owned(), name, image, loaded })
    }

    /// Whether the volume is empty.
    ///
    /// # Errors
    /// The engine's.
    pub(super) async fn is_empty(&self) -> Result<bool> {
        let said = Said::default();
        let (_, output) = self.start("look", true, false).await?;
        let mut output = archive(output, said);
        let mut answer = Vec::new();
        while let Some(piece) = output.next().await {
            answer.extend_from_slice(&piece?);
        }
        self.remove().await?;
        Ok(answer == b"empty")
    }

    /// The volume's content; the stream ends with an error where it is not whole.
    ///
    /// # Errors
    /// The engine's.
    pub(super) async fn pack(&self, said: &Said) -> Result<BoxStream<'static, crate::backend::Result<Bytes>>> {
        let (_, output) = self.start("pack", true, false).await?;
        Ok(archive(output, said.clone()))
    }

    /// Replaces the volume's content; after `cancel` the archive counts as cut off.
    ///
    /// # Errors
    /// The engine's; an archive that cannot be read. The content is then what it was.
    pub(super) async fn unpack(&self, archive: Upload, cancel: &CancellationToken) -> Result<Vec<String>> {
        // Dropping the input may end the connection, output included.
        let (mut input, mut output) = self.start("unpack", false, true).await?;
        let said = Said::default();
        let mut fault = None;
        let listen = async {
            while let Some(part) = output.next().await {
                said.add(&part?.1);
            }
            Ok::<_, Error>(())
        };
        let send = async {
            fault = feed(archive, &mut input, cancel).await;
            std::future::pending::<()>().await;
        };
        let late = async {
            cancel.cancelled().await;
            tokio::time::sleep(GRACE).await;
        };
        tokio::select! {
            heard = listen => heard?,
            () = send => {}
            () = late => {}
        }
        self.remove().await?;
        match said.outcome() {
            Ok(warnings) => Ok(warnings),
            Err(reason) => Err(CommandError::new(fault.unwrap_or(reason))),
        }
    }

    /// Takes the container away, and the image where it was brought for this alone. Says nothing: what is used by somebody
    /// else stays.
    pub(super) async fn tidy(&self) {
        let _ = self.remove().await;
        if self.loaded {
            let _ = self.engine.remove_image(&self.image).await;
        }
    }

    async fn remove(&self) -> Result<()> {
        Ok(self.engine.remove_container(&self.name, false).await?)
    }

    async fn start(&self, part: &str, read_only: bool, input: bool) -> Result<(InputSink, OutputStream)> {
        let (id, _) = self.engine.create_container(&self.spec(part, read_only, input)).await?;
        let session = self.engine.attach_container(&id, input, None).await?;
        self.engine.start_container(&id).await?;
        Ok((session.input, session.output))
    }

    fn spec(&self, part: &str, read_only: bool, input: bool) -> ContainerSpec {
        let reading = ["DAC_READ_SEARCH"].as_slice();
        let writing = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD", "SETFCAP"].as_slice();
        let capabilities = if read_only { reading } else { writing };
        let service = Service {
            command: Some(["edge", part].map(str::to_owned).to_vec()),
            cap_add: capabilities.iter().map(|name| (*name).to_owned()).collect(),
            cap_drop: vec!["ALL".to_owned()],
            network_mode: "none".to_owned(),
            healthcheck: Some(Box::new(Healthcheck { disable: true, ..Healthcheck::default() })),
            // The archive would end up in the log.
            logging: Some(Box::new(Logging { driver: "none".to_owned(), ..Logging::default() })),
            read_only: true,
            security_opt: vec!["no-new-privileges:true".to_owned()],
            ..Service::default()
        };
        let mount = Mount {
            kind: "volume".to_owned(),
            source: self.volume.clone(),
            target: MOUNT.to_owned(),
            read_only,
            ..Mount::default()
        };
        ContainerSpec {
            name: self.name.clone(),
            image: self.image.clone(),
            service,
            labels: Labels::from([("stack.helper".to_owned(), self.volume.clone())]),
            mounts: vec![mount],
            // Where we are killed, it ends, and goes.
            auto_remove: true,
            open_stdin: input,
            ..ContainerSpec::default()
        }
    }
}

/// Sends an archive; why it could not be read to its end, if that is so.
async fn feed(mut archive: Upload, input: &mut InputSink, cancel: &CancellationToken) -> Option<String> {
    let mut fault = None;
    let send = async {
        while let Some(piece) = archive.next().await {
            match piece {
                // Whoever does not want the rest has said why.
                Ok(piece) => {
                    if input.write_all(&piece).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    fault = Some(error.to_string());
                    return;
                }
            }
        }
        let _ = input.flush().await;
    };
    tokio::select! {
        () = send => {}
        () = cancel.cancelled() => fault = Some("interrupted".to_owned()),
    }
    let _ = input.shutdown().await;
    fault
}

/// What a helper prints; where it did not come to its end, the last piece is an error.
fn archive(output: OutputStream, said: Said) -> BoxStream<'static, crate::backend::Result<Bytes>> {
    stream::unfold(Some((output, said)), |state| async move {
        let (mut output, said) = state?;
        loop {
            match output.next().await {
                Some(Ok((Stream::Stdout, bytes))) => return Some((Ok(bytes), Some((output, said)))),
                Some(Ok((Stream::Stderr, bytes))) => said.add(&bytes),
                Some(Err(error)) => return Some((Err(error), None)),
                None => {
                    let message = said.outcome().err()?;
                    let error = Error { kind: ErrorKind::Engine, call: "read volume", object: String::new(), message };
                    return Some((Err(error), None));
                }
            }
        }
    })
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::Said;

    #[test]
    fn only_the_last_word_says_that_all_is_well() {
        let outcome = |text: &str| {
            let said = Said::default();
            said.add(text.as_bytes());
            said.outcome()
        };
        assert_eq!(outcome("complete\n"), Ok(Vec::new()));
        assert_eq!(outcome("warning: a is gone\ncomplete\n"), Ok(vec!["a is gone".to_owned()]));
        assert_eq!(outcome("error: no space\n"), Err("no space".to_owned()));
        assert_eq!(outcome(""), Err("it ended before it was done".to_owned()));
        assert_eq!(outcome("complete\nerror: x\n"), Err("x".to_owned()));
    }
}
