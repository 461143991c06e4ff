//! Between threads that read and write files, and async code: a few pieces may be on their way, no more.

use std::io::{self, BufWriter, Read, Write};
use std::sync::{Arc, OnceLock};

use bytes::{Buf as _, Bytes};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::sync::mpsc;

/// Pieces of a file on their way to the engine.
pub type Upload = BoxStream<'static, io::Result<Bytes>>;

/// Size of the pieces.
const PIECE: usize = 64 * 1024;
/// Pieces that may wait.
const WAITING: usize = 8;

/// Why an upload ended early, if it was our fault: the engine only says that it broke off.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fault(Arc<OnceLock<String>>);

impl Fault {
    /// The reason.
    pub(crate) fn reason(&self) -> Option<String> {
        self.0.get().cloned()
    }
}

fn received(receiver: mpsc::Receiver<io::Result<Bytes>>) -> Upload {
    stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|piece| (piece, receiver)) }).boxed()
}

/// What `work` writes, on a thread of its own.
pub(crate) fn written(work: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static) -> (Upload, Fault) {
    let (sender, receiver) = mpsc::channel(WAITING);
    let fault = Fault::default();
    let told = fault.clone();
    tokio::task::spawn_blocking(move || {
        let mut writer = BufWriter::with_capacity(PIECE, Pieces(sender.clone()));
        if let Err(error) = work(&mut writer).and_then(|()| writer.flush())
            // A closed pipe: nobody wants the rest, the engine has answered already.
            && error.kind() != io::ErrorKind::BrokenPipe
        {
            let _ = told.0.set(error.to_string());
            let _ = sender.blocking_send(Err(error));
        }
    });
    (received(receiver), fault)
}

/// A writer whose pieces go through a channel; it waits while enough of them are on their way. Not for asynchronous threads.
#[derive(Debug)]
pub(crate) struct Pieces(pub(crate) mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes))).map_err(|_| io::ErrorKind::BrokenPipe)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What `input` gives, to `count` readers at once: it is read once, as fast as the slowest reads. The thread is waited for
/// by nobody, since a read of standard input cannot be taken back.
pub(crate) fn shared(mut input: impl Read + Send + 'static, count: usize) -> Vec<Upload> {
    let (mut senders, uploads): (Vec<_>, Vec<_>) = (0..count)
        .map(|_| {
            let (sender, receiver) = mpsc::channel(WAITING);
            (sender, received(receiver))
        })
        .unzip();
    std::thread::spawn(move || {
        let mut buffer = vec![0; PIECE];
        while !senders.is_empty() {
            match input.read(&mut buffer) {
                Ok(0) => return,
                Ok(length) => {
                    let piece = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
                    senders.retain(|sender| sender.blocking_send(Ok(piece.clone())).is_ok());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    for sender in &senders {
                        let error = io::Error::new(error.kind(), format!("cannot read standard input: {error}"));
                        let _ = sender.blocking_send(Err(error));
                    }
                    return;
                }
            }
        }
    });
    uploads
}

/// Hands a stream to `work`, which reads it on a thread of its own.
pub(crate) async fn read<T: Send + 'static, E: Into<io::Error>>(
    mut stream: BoxStream<'static, Result<Bytes, E>>,
    work: impl FnOnce(&mut dyn Read) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let working = tokio::task::spawn_blocking(move || work(&mut Incoming { receiver, rest: Bytes::new() }));
    let feeding = async {
        while let Some(piece) = stream.next().await {
            if sender.send(piece.map_err(Into::into)).await.is_err() {
                break;
            }
        }
    };
    // Whoever has read enough does not wait for an engine that sends nothing more.
    tokio::select! {
        () = feeding => {}
        () = sender.closed() => {}
    }
    drop(sender);
    working.await.map_err(io::Error::other)?
}

struct Incoming {
    receiver: mpsc::Receiver<io::Result<Bytes>>,
    rest: Bytes,
}

impl Read for Incoming {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.rest = piece?,
                None => return Ok(0),
            }
        }
        let length = self.rest.len().min(buffer.len());
        self.rest.copy_to_slice(buffer.get_mut(..length).unwrap_or_default());
        Ok(length)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use std::io::{self, Read as _};

    use futures_util::TryStreamExt as _;

    use super::{PIECE, read, shared, written};

    async fn all(upload: super::Upload) -> io::Result<Vec<u8>> {
        upload
            .try_fold(Vec::new(), async |mut all, piece| {
                all.extend_from_slice(&piece);
                Ok(all)
            })
            .await
    }

    #[tokio::test]
    async fn what_is_written_arrives_and_so_does_its_failure() {
        let (upload, fault) = written(|out| out.write_all(&vec![7; 3 * PIECE + 1]));
        assert_eq!(all(upload).await.unwrap(), vec![7; 3 * PIECE + 1]);
        assert_eq!(fault.reason(), None);
        let (upload, fault) = written(|out| {
            out.write_all(b"begun")?;
            Err(io::Error::other("cannot read x"))
        });
        assert!(all(upload).await.is_err());
        assert_eq!(fault.reason().as_deref(), Some("cannot read x"));
    }

    #[tokio::test]
    async fn one_input_reaches_all_even_if_one_goes_away() {
        let input = io::repeat(1).take(100 * PIECE as u64);
        let mut uploads = shared(input, 3);
        drop(uploads.pop());
        let (one, other) = (uploads.pop().unwrap(), uploads.pop().unwrap());
        let (one, other) = tokio::join!(all(one), all(other));
        assert_eq!((one.unwrap().len(), other.unwrap().len()), (100 * PIECE, 100 * PIECE));
    }

    #[tokio::test]
    async fn nobody_waits_for_what_nobody_reads() {
        let silent = futures_util::stream::pending::<io::Result<_>>();
        assert!(read(Box::pin(silent), |_| Err::<(), _>(io::Error::other("enough"))).await.is_err());
    }

    #[tokio::test]
    async fn a_reader_may_stop_early() {
        let endless = futures_util::stream::repeat_with(|| Ok::<_, io::Error>(bytes::Bytes::from_static(b"abc")));
        let found = read(Box::pin(endless), |input| {
            let mut four = [0; 4];
            input.read_exact(&mut four)?;
            Ok(four)
        });
        assert_eq!(&found.await.unwrap(), b"abca");
    }
}
