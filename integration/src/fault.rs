//! The machine's engine with a fault at one call: a proxy in front of its socket.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Runtime;

type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It never reaches the engine and is never answered.
    Stuck,
    /// The engine does it, the answer never comes.
    Mute,
    /// From this call on nothing is answered, whatever it is.
    Frozen,
    /// The connection ends before the engine hears of it.
    LostBefore,
    /// The engine does it, then the connection ends.
    LostAfter,
    /// The engine does it, the connection ends in the middle of the answer.
    Torn,
    /// 500, as an engine says it.
    Refused,
    /// 404.
    Missing,
    /// 409.
    Conflict,
    /// The engine's disk is full.
    Full,
    /// It takes a second longer.
    Slow,
    /// Whoever asks is killed before the engine hears of it.
    KilledBefore,
    /// Whoever asks is killed when the engine has done it.
    KilledAfter,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Stuck,
        Self::Mute,
        Self::Frozen,
        Self::LostBefore,
        Self::LostAfter,
        Self::Torn,
        Self::Refused,
        Self::Missing,
        Self::Conflict,
        Self::Full,
        Self::Slow,
        Self::KilledBefore,
        Self::KilledAfter,
    ];

    /// The refusal that the proxy makes up, and a piece of its text.
    #[must_use]
    pub fn refusal(self) -> Option<(u16, &'static str)> {
        match self {
            Self::Refused => Some((500, "the engine is out of sorts")),
            Self::Missing => Some((404, "no such thing as was asked for")),
            Self::Conflict => Some((409, "something else is in the way")),
            Self::Full => Some((500, "write /var/lib/docker/tmp/x: no space left on device")),
            _ => None,
        }
    }

    /// Whether the process that asks is killed.
    #[must_use]
    pub fn kills(self) -> bool {
        matches!(self, Self::KilledBefore | Self::KilledAfter)
    }

    /// Whether an answer never comes.
    #[must_use]
    pub fn hangs(self) -> bool {
        matches!(self, Self::Stuck | Self::Mute | Self::Frozen)
    }
}

/// Calls that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Calls {
    /// All.
    All,
    /// Those that change nothing.
    Looks,
    /// The others.
    Changes,
}

impl Calls {
    fn has(self, method: &Method) -> bool {
        let looks = matches!(*method, Method::GET | Method::HEAD);
        match self {
            Self::All => true,
            Self::Looks => looks,
            Self::Changes => !looks,
        }
    }
}

/// A call, counted from 1 among those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point(pub Calls, pub usize);

type Work = Box<dyn FnOnce() + Send>;

#[derive(Debug)]
struct State {
    engine: PathBuf,
    armed: Mutex<Armed>,
}

#[derive(Default)]
struct Armed {
    at: Option<Point>,
    /// What happens to that call.
    fault: Option<Fault>,
    /// What is done before that call goes on to the engine.
    work: Option<Work>,
    /// Calls so far, by kind.
    calls: BTreeMap<Calls, usize>,
    /// The call it happened to.
    fired: Option<String>,
}

impl std::fmt::Debug for Armed {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{:?} at {:?}, {:?}", self.fault, self.at, self.calls)
    }
}

/// A socket that leads to the machine's engine. It is gone with this value.
#[derive(Debug)]
pub struct FaultyEngine {
    socket: PathBuf,
    state: Arc<State>,
    _runtime: Runtime,
}

impl FaultyEngine {
    /// Opens a socket in this folder.
    #[must_use]
    pub fn start(folder: &Path) -> Self {
        let host = std::env::var("DOCKER_HOST").unwrap_or_default();
        Self::before(Path::new(host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock")), folder)
    }

    /// The same in front of another engine.
    #[must_use]
    pub fn before(engine: &Path, folder: &Path) -> Self {
        let engine = engine.to_owned();
        let socket = folder.join("engine.sock");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("an async runtime");
        let listener = runtime.block_on(async { UnixListener::bind(&socket) }).expect("a socket");
        let state = Arc::new(State { engine, armed: Mutex::default() });
        runtime.spawn(accept(listener, Arc::clone(&state)));
        Self { socket, state, _runtime: runtime }
    }

    /// The socket of the engine behind it.
    #[must_use]
    pub fn engine(&self) -> &Path {
        &self.state.engine
    }

    /// The socket's address, as `DOCKER_HOST` takes it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Counts calls from 1 again; the fault happens to one of them.
    pub fn arm(&self, fault: Option<(Fault, Point)>) {
        let (fault, at) = fault.unzip();
        *self.state.armed() = Armed { at, fault, ..Armed::default() };
    }

    /// Counts calls from 1 again; one of them waits until this is done.
    pub fn arm_work(&self, at: Point, work: impl FnOnce() + Send + 'static) {
        *self.state.armed() = Armed { at: Some(at), work: Some(Box::new(work)), ..Armed::default() };
    }

    /// Calls of a kind since it was armed.
    #[must_use]
    pub fn count(&self, calls: Calls) -> usize {
        self.state.armed().calls.get(&calls).copied().unwrap_or_default()
    }

    /// The call that the fault happened to.
    #[must_use]
    pub fn fired(&self) -> Option<String> {
        self.state.armed().fired.clone()
    }
}

impl State {
    fn armed(&self) -> std::sync::MutexGuard<'_, Armed> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What happens to this call.
    fn next(&self, request: &Request<Incoming>) -> (Option<Fault>, Option<Work>) {
        let mut armed = self.armed();
        let kinds = [Calls::All, Calls::Looks, Calls::Changes].into_iter().filter(|kind| kind.has(request.method()));
        let mut here = Vec::new();
        for kind in kinds {
            let count = armed.calls.entry(kind).or_default();
            *count += 1;
            here.push(Point(kind, *count));
        }
        if !armed.at.is_some_and(|at| here.contains(&at)) {
            let frozen = armed.fired.is_some() && armed.fault == Some(Fault::Frozen);
            return (armed.fault.filter(|_| frozen), None);
        }
        armed.fired = Some(format!("{} {}", request.method(), request.uri()));
        (armed.fault, armed.work.take())
    }
}

async fn accept(listener: UnixListener, state: Arc<State>) {
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        let client = stream.peer_cred().ok().and_then(|credentials| credentials.pid());
        tokio::spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&state), client, request));
            // A connection that a fault ends is meant to end so.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades()
                .await;
        });
    }
}

/// An error ends the client's connection.
async fn answer(state: Arc<State>, client: Option<i32>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let lost = || io::Error::from(io::ErrorKind::ConnectionReset);
    let (fault, work) = state.next(&request);
    if let Some(work) = work {
        tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?;
    }
    let Some(fault) = fault else { return forward(&state.engine, request).await };
    if let Some((status, text)) = fault.refusal() {
        let body = serde_json::json!({ "message": text }).to_string();
        let mut response = Response::new(Full::new(Bytes::from(body)).map_err(never).boxed_unsync());
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
        return Ok(response);
    }
    match fault {
        Fault::Stuck | Fault::Frozen => std::future::pending().await,
        Fault::LostBefore => return Err(lost()),
        Fault::KilledBefore => {
            kill(client);
            return Err(lost());
        }
        Fault::Slow => tokio::time::sleep(Duration::from_secs(1)).await,
        _ => {}
    }
    let response = forward(&state.engine, request).await?;
    match fault {
        Fault::Mute => std::future::pending().await,
        Fault::LostAfter => Err(lost()),
        Fault::KilledAfter => {
            kill(client);
            Err(lost())
        }
        Fault::Torn => torn(response).await,
        _ => Ok(response),
    }
}

fn never(never: Infallible) -> io::Error {
    match never {}
}

/// Hands a call on, over a connection of its own.
async fn forward(engine: &Path, mut request: Request<Incoming>) -> io::Result<Response<Body>> {
    let stream = UnixStream::connect(engine).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection.with_upgrades());
    let from_client = hyper::upgrade::on(&mut request);
    let mut response = sender.send_request(request).await.map_err(io::Error::other)?;
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let from_engine = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            let (Ok(client), Ok(engine)) = (from_client.await, from_engine.await) else { return };
            let _ = tokio::io::copy_bidirectional(&mut TokioIo::new(client), &mut TokioIo::new(engine)).await;
        });
    }
    // The connection lives as long as its sender.
    Ok(response.map(|body| {
        body.map_err(move |error| {
            let _ = &sender;
            io::Error::other(error)
        })
        .boxed_unsync()
    }))
}

/// Half of the first piece of an answer, then the end of the connection.
async fn torn(response: Response<Body>) -> io::Result<Response<Body>> {
    let (head, mut body) = response.into_parts();
    let first = body.frame().await.transpose()?.and_then(|frame| frame.into_data().ok()).unwrap_or_default();
    let half = first.slice(..first.len() / 2);
    let rest = async {
        // What was written has to be on its way first.
        tokio::time::sleep(Duration::from_millis(50)).await;
        Err(io::ErrorKind::ConnectionReset.into())
    };
    let frames = stream::StreamExt::chain(stream::iter([Ok(Frame::data(half))]), stream::once(rest));
    Ok(Response::from_parts(head, StreamBody::new(frames).boxed_unsync()))
}

fn kill(client: Option<i32>) {
    if let Some(client) = client {
        let _ = std::process::Command::new("kill").args(["-9", &client.to_string()]).output();
    }
}
