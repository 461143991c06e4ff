//! Questions about what is routed where, and why: the gateway answers them over a socket of this host.
//!
//! Who asks is checked, as whoever can reach an abstract socket could else read all routes: root and the gateway's own user are answered,
//! and `stack` asks from inside of the gateway's container. One line of JSON in, one out.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixStream as StdStream};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use proxy::entry_point::EntryPoint;
use proxy::inspect::{Explanation, Inspector, Question, Report};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::sync::watch;

use super::containers::{EdgeContainers, GATEWAY};
use super::door;
use super::state::Origins;
use crate::backend::{Engine, ExecSpec, State, Stream};
use crate::error::{CommandError, Result};

/// Who may ask at a time.
const ASKERS: usize = 8;
/// Longest time for a question to come and an answer to go.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest question.
const LONGEST_QUESTION: u64 = 1024 * 1024;
/// Longest answer that is believed.
const LONGEST_ANSWER: u64 = 64 * 1024 * 1024;

/// What the gateway serves, to look at.
#[derive(Debug)]
pub struct GatewayView {
    /// What is in force.
    pub inspector: Inspector,
    /// Where it listens.
    pub points: Vec<EntryPoint>,
    /// What only the agent knows.
    pub background: Background,
}

/// What is known about routers beside what the gateway needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Background {
    /// Where routers come from.
    pub origins: Origins,
    /// Names of entry points, by name of the listener.
    pub entry_points: BTreeMap<String, BTreeSet<String>>,
    /// What does not work, by project; under the empty name what the gateway found itself.
    pub problems: BTreeMap<String, Vec<String>>,
}

/// A question.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Query {
    /// What is routed where?
    Routes,
    /// Why is this request answered as it is?
    Explain(Box<Question>),
}

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Answer {
    /// Beside all answers.
    pub background: Background,
    /// All routers.
    pub report: Report,
    /// To [`Query::Explain`].
    pub explanation: Option<Explanation>,
}

impl GatewayView {
    fn answer(&self, asked: &Query) -> Answer {
        let explanation = match asked {
            Query::Routes => None,
            Query::Explain(question) => Some(self.inspector.explain(question, &self.points)),
        };
        Answer { background: self.background.clone(), report: self.inspector.report(), explanation }
    }
}

fn name_of(socket: &str) -> String {
    format!("{socket}-ask")
}

/// Whether the other side of a socket is root, or this process's user.
fn is_trusted(stream: &impl std::os::fd::AsFd) -> io::Result<bool> {
    let peer = rustix::net::sockopt::socket_peercred(stream)?.uid;
    Ok(peer.is_root() || peer == rustix::process::geteuid())
}

/// Answers questions about what `look` shows. `socket` is the name of the gateway's own.
///
/// # Errors
/// A name that is taken.
pub fn publish(socket: &str, look: watch::Receiver<Option<Arc<GatewayView>>>) -> io::Result<()> {
    door::open(&name_of(socket), ASKERS, move |stream| {
        let look = look.borrow().clone();
        async move {
            // Whoever has gone away needs no answer.
            let _ = tokio::time::timeout(PATIENCE, answer(stream, look)).await;
        }
    })
}

async fn answer(stream: UnixStream, look: Option<Arc<GatewayView>>) -> io::Result<()> {
    if !is_trusted(&stream)? {
        return Ok(());
    }
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    (&mut stream).take(LONGEST_QUESTION).read_line(&mut line).await?;
    let asked: Query = serde_json::from_str(&line).map_err(io::Error::other)?;
    // Rules are asked one by one, which takes a while where there are many.
    let work = move || serde_json::to_vec(&look.map(|look| look.answer(&asked)).unwrap_or_default());
    let text = tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?.map_err(io::Error::other)?;
    stream.write_all(&text).await?;
    stream.shutdown().await
}

/// Puts a question to the gateway of this host whose socket has that name; question and answer are JSON.
///
/// # Errors
/// Nobody is there who may answer, or no answer comes in time.
pub async fn put(socket: &str, question: &str) -> io::Result<String> {
    let stream = StdStream::connect_addr(&SocketAddr::from_abstract_name(name_of(socket))?)?;
    if !is_trusted(&stream)? {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    stream.set_nonblocking(true)?;
    let mut stream = UnixStream::from_std(stream)?;
    let mut answer = String::new();
    let whole = async {
        stream.write_all(format!("{question}\n").as_bytes()).await?;
        stream.take(LONGEST_ANSWER).read_to_string(&mut answer).await
    };
    tokio::time::timeout(PATIENCE, whole).await??;
    if answer.is_empty() { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(answer) }
}

/// Puts a question to the gateway of an engine, from inside of its container.
///
/// # Errors
/// There is no gateway, or it does not answer.
pub async fn ask(engine: &Engine, pair: &EdgeContainers, asked: &Query) -> Result<Answer> {
    let (Some(gateway), Some(socket)) = (&pair.gateway, pair.socket()) else {
        return Err(CommandError::new("there is no gateway on this engine: nothing is routed")
            .hint("`stack up -d` starts one for a project with `traefik.*` labels"));
    };
    if gateway.state != State::Running {
        return Err(CommandError::new(format!("the gateway `{}` does not run", gateway.name))
            .hint(format!("`docker logs {GATEWAY}` may say why; `stack up -d` starts it again")));
    }
    let question = serde_json::to_string(asked)
        .map_err(|error| CommandError::new(format!("cannot write the question down: {error}")))?;
    let command = ["/stack", "edge", "ask", "--socket", socket, "--question", &question].map(str::to_owned).to_vec();
    let mut session = engine.exec(&gateway.id, &ExecSpec { command, ..ExecSpec::default() }).await?;
    let (mut answer, mut complaint) = (Vec::new(), Vec::new());
    while let Some(part) = session.output.next().await {
        let (stream, bytes) = part?;
        match stream {
            Stream::Stdout => answer.extend_from_slice(&bytes),
            Stream::Stderr => complaint.extend_from_slice(&bytes),
        }
    }
    if engine.exec_exit_code(&session.id).await? != Some(0) {
        let said = String::from_utf8_lossy(&complaint);
        let said = said.lines().next().unwrap_or_default().trim_start_matches("error: ");
        return Err(CommandError::new(format!("the gateway cannot be asked: {said}"))
            .hint("a gateway of an older `stack` cannot answer: `stack up -d` replaces it"));
    }
    serde_json::from_slice(&answer)
        .map_err(|error| CommandError::new(format!("the gateway's answer is invalid: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn questions_are_answered() -> io::Result<()> {
        let name = format!("stack-ask-test-{}", std::process::id());
        let inspector = Inspector::offline(&proxy::gateway::Update::default(), &[]).map_err(io::Error::other)?;
        let problems = BTreeMap::from([("web".to_owned(), vec!["no".to_owned()])]);
        let background = Background { problems, ..Background::default() };
        let look =
            GatewayView { inspector, points: vec![EntryPoint::new(":80", ":80")], background: background.clone() };
        let (sender, receiver) = watch::channel(Some(Arc::new(look)));
        publish(&name, receiver)?;
        let question = Question::of("http://app.test/").map_err(io::Error::other)?;
        let text = put(&name, &serde_json::to_string(&Query::Explain(Box::new(question)))?).await?;
        let answer: Answer = serde_json::from_str(&text)?;
        assert_eq!(answer.background, background);
        let explanation = answer.explanation.unwrap_or_default();
        assert_eq!((explanation.entry_point.as_str(), explanation.router), (":80", None));
        assert!(put(&name, "nonsense").await.is_err());
        assert!(put("stack-ask-test-nobody", "\"routes\"").await.is_err());
        drop(sender);
        Ok(())
    }
}
