//! The machine's engine with a fault at one call: a proxy in front of its socket.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
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

#[derive(Debug)]
struct State {
    engine: PathBuf,
    calls: AtomicUsize,
    armed: Mutex<Armed>,
}

#[derive(Debug, Default)]
struct Armed {
    /// What, at which call.
    fault: Option<(Fault, usize)>,
    /// The call it happened to.
    fired: Option<String>,
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
        let engine = PathBuf::from(host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock"));
        let socket = folder.join("engine.sock");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("an async runtime");
        let listener = runtime.block_on(async { UnixListener::bind(&socket) }).expect("a socket");
        let state = Arc::new(State { engine, calls: AtomicUsize::new(0), armed: Mutex::default() });
        runtime.spawn(accept(listener, Arc::clone(&state)));
        Self { socket, state, _runtime: runtime }
    }

    /// The socket's address, as `DOCKER_HOST` takes it.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Counts calls from 1 again; the fault happens to call number `call`.
    pub fn arm(&self, fault: Option<(Fault, usize)>) {
        *self.state.armed() = Armed { fault, fired: None };
        self.state.calls.store(0, Ordering::SeqCst);
    }

    /// Calls so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.state.calls.load(Ordering::SeqCst)
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

    /// The fault that happens to this call.
    fn next(&self, request: &Request<Incoming>) -> Option<Fault> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        let mut armed = self.armed();
        let (fault, at) = armed.fault?;
        if number == at {
            armed.fired = Some(format!("{} {}", request.method(), request.uri()));
        }
        (number == at || (fault == Fault::Frozen && number > at)).then_some(fault)
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
    let Some(fault) = state.next(&request) else { return forward(&state.engine, request).await };
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
