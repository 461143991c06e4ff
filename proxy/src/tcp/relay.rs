//! Bytes both ways, until both sides have ended.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes read at once.
const CHUNK: usize = 16 * 1024;

/// Copies between `a` and `b`. When one side has ended, the other has `delay` to end too; `None` is any time.
pub(super) async fn relay<A, B>(a: A, b: B, delay: Option<Duration>)
where
    A: AsyncRead + AsyncWrite + Unpin + Send,
    B: AsyncRead + AsyncWrite + Unpin + Send,
{
    let (mut from_a, mut to_a) = tokio::io::split(a);
    let (mut from_b, mut to_b) = tokio::io::split(b);
    let mut there = std::pin::pin!(copy(&mut from_a, &mut to_b));
    let mut back = std::pin::pin!(copy(&mut from_b, &mut to_a));
    // Either side may end or break at any time: that is how connections end.
    let in_time = async |rest: &mut (dyn Future<Output = io::Result<()>> + Send + Unpin)| {
        let _ = match delay {
            Some(delay) => tokio::time::timeout(delay, rest).await.unwrap_or(Ok(())),
            None => rest.await,
        };
    };
    tokio::select! {
        ended = &mut there => if ended.is_ok() { in_time(&mut back).await },
        ended = &mut back => if ended.is_ok() { in_time(&mut there).await },
    }
}

async fn copy(from: &mut (impl AsyncRead + Unpin + Send), to: &mut (impl AsyncWrite + Unpin + Send)) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = from.read(&mut chunk).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        to.write_all(chunk.get(..count).unwrap_or_default()).await?;
        to.flush().await?;
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_side_that_goes_on_has_its_time() {
        for (delay, survives) in
            [(Some(Duration::from_millis(100)), false), (Some(Duration::from_secs(9)), true), (None, true)]
        {
            let ((mut client, a), (b, mut server)) = (tokio::io::duplex(64), tokio::io::duplex(64));
            let relaying = tokio::spawn(relay(a, b, delay));
            client.write_all(b"ask").await.unwrap();
            client.shutdown().await.unwrap();
            let mut asked = String::new();
            server.read_to_string(&mut asked).await.unwrap();
            assert_eq!(asked, "ask");
            tokio::time::sleep(Duration::from_secs(1)).await;
            let answered = server.write_all(b"late").await.is_ok();
            drop(server);
            let mut answer = String::new();
            client.read_to_string(&mut answer).await.unwrap();
            assert_eq!((answered, answer.as_str()), (survives, if survives { "late" } else { "" }));
            relaying.await.unwrap();
        }
    }
}
