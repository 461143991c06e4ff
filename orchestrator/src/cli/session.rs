//! Being attached to a process in a container: its output to ours, our input to it.

use std::io::Read as _;
use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::carry_out::Signals;
use crate::backend::{self, Session, Stream};
use crate::error::{CommandError, INTERRUPTED, Result};
use crate::ui::terminal::{self, RawMode};

/// Most bytes of input at a time.
const PIECE: usize = 16 * 1024;
/// How often the size of the terminal is told to a process that is only just starting, and after which time again.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(25);

/// Ctrl-D, which ends what a terminal gives to read.
const END_OF_TRANSMISSION: u8 = 4;

/// Our standard input, read on a thread of its own that nobody waits for: a read cannot be taken back.
fn stdin() -> mpsc::Receiver<Vec<u8>> {
    let (sender, pieces) = mpsc::channel(4);
    std::thread::spawn(move || {
        let mut buffer = vec![0; PIECE];
        let mut stdin = std::io::stdin().lock();
        while let Ok(length @ 1..) = stdin.read(&mut buffer) {
            let piece = buffer.get(..length).unwrap_or_default().to_vec();
            if sender.blocking_send(piece).is_err() {
                break;
            }
        }
    });
    pieces
}

/// What a process gets to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Nothing.
    None,
    /// Our input, and its end.
    Ours,
    /// Our input, as if it were typed at the terminal of the process: its end is a Ctrl-D. The engine takes the end of
    /// the input itself for a wish to hear no more of a process with a terminal.
    Typed,
}

impl Input {
    /// [`Input::Ours`], or nothing.
    pub const fn ours(wanted: bool) -> Self {
        if wanted { Self::Ours } else { Self::None }
    }
}

/// Relays until the output ends. `tty`: the process has
/// a terminal, which ours stands for; `resize` tells it rows and columns. Our terminal is given back when this ends or
/// is dropped.
///
/// # Errors
/// An engine that breaks off, an output that cannot be written.
pub async fn relay(
    session: Session,
    from: Input,
    tty: bool,
    resize: impl AsyncFn(u16, u16) -> backend::Result<()>,
) -> Result<()> {
    let raw = (tty && from != Input::None && terminal::stdin_is_terminal()).then(RawMode::enter).transpose();
    let raw = raw.map_err(|error| CommandError::new(format!("cannot take over the terminal: {error}")))?;
    let Session { mut output, input, .. } = session;
    let feed = async {
        feed(input, from).await;
        std::future::pending::<()>().await;
    };
    let show = async {
        let (mut stdout, mut stderr) = (tokio::io::stdout(), tokio::io::stderr());
        while let Some(part) = output.next().await {
            let (stream, bytes) = part?;
            match stream {
                Stream::Stdout => {
                    stdout.write_all(&bytes).await?;
                    stdout.flush().await?;
                }
                Stream::Stderr => {
                    stderr.write_all(&bytes).await?;
                    stderr.flush().await?;
                }
            }
        }
        Ok(())
    };
    let outcome = tokio::select! {
        outcome = show => outcome,
        () = feed => Ok(()),
        outcome = sizes(tty, resize) => outcome,
    };
    drop(raw);
    outcome
}

async fn feed(mut input: backend::InputSink, from: Input) {
    if from != Input::None {
        let mut pieces = stdin();
        while let Some(piece) = pieces.recv().await {
            // A process that has closed its input does not miss the rest.
            if input.write_all(&piece).await.is_err() || input.flush().await.is_err() {
                return;
            }
        }
    }
    // A process that has ended reads neither.
    if from == Input::Typed {
        let _ = input.write_all(&[END_OF_TRANSMISSION]).await;
        let _ = input.flush().await;
    } else {
        let _ = input.shutdown().await;
    }
    // Dropping it may end the connection, output included.
    std::future::pending::<()>().await;
}

/// Tells the size of the terminal, now and whenever it changes; never ends by itself.
async fn sizes(tty: bool, resize: impl AsyncFn(u16, u16) -> backend::Result<()>) -> Result<()> {
    if tty && terminal::size().is_some() {
        let mut changes = signal(SignalKind::window_change())
            .map_err(|error| CommandError::new(format!("cannot listen to signals: {error}")))?;
        loop {
            // The process may not be there yet, or not any more: neither is worth a word.
            for _ in 0..TRIES {
                let Some((rows, columns)) = terminal::size() else { break };
                if resize(rows, columns).await.is_ok() {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            changes.recv().await;
        }
    }
    std::future::pending().await
}

/// Signals that a person or a supervisor sends to a process, by name and number.
const SIGNALS: [(&str, i32); 6] =
    [("SIGHUP", 1), ("SIGINT", 2), ("SIGQUIT", 3), ("SIGUSR1", 10), ("SIGUSR2", 12), ("SIGTERM", 15)];

/// Waits for a signal that asks us to end, where our terminal may have been taken over and has to be given back first: the
/// exit code for it.
pub async fn ended() -> u8 {
    let (Ok(mut interrupts), Ok(mut hangup)) = (Signals::new(), signal(SignalKind::hangup())) else {
        return std::future::pending().await;
    };
    tokio::select! {
        () = interrupts.next() => INTERRUPTED,
        _ = hangup.recv() => 129,
    }
}

/// Hands signals that come to us on; never ends.
///
/// # Errors
/// Signals that cannot be listened to.
pub async fn forward(send: impl AsyncFn(&'static str)) -> Result<()> {
    let (sender, mut caught) = mpsc::channel(1);
    let mut listening = JoinSet::new();
    for (name, number) in SIGNALS {
        let mut signals = signal(SignalKind::from_raw(number))
            .map_err(|error| CommandError::new(format!("cannot listen to signals: {error}")))?;
        let sender = sender.clone();
        // Signals of one kind that come while one is handed on count once, as with processes.
        listening.spawn(async move { while signals.recv().await.is_some() && sender.send(name).await.is_ok() {} });
    }
    while let Some(name) = caught.recv().await {
        send(name).await;
    }
    Ok(())
}
