//! Sockets of this host without a file (unix(7), "abstract"), at which the gateway answers whoever connects.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener as StdListener};
use std::sync::Arc;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// Serves everybody who connects to the socket of that name, `places` at a time; who finds none is sent away. It goes on
/// for as long as the process does, also after descriptors have run out.
///
/// # Errors
/// A name that is taken.
pub(super) fn open<F>(name: &str, places: usize, serve: impl Fn(UnixStream) -> F + Send + 'static) -> io::Result<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = StdListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?;
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(places));
        loop {
            let (stream, _) = proxy::accept_from(|| listener.accept()).await;
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let served = serve(stream);
            tokio::spawn(async move {
                served.await;
                drop(place);
            });
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::os::unix::net::UnixStream as StdStream;
    use std::process::Command;
    use std::time::Duration;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn connect(address: &SocketAddr) -> io::Result<UnixStream> {
        let client = StdStream::connect_addr(address)?;
        client.set_nonblocking(true)?;
        UnixStream::from_std(client)
    }

    /// Whether somebody serves: there is a word of welcome, or the end.
    async fn is_let_in(client: &mut UnixStream) -> bool {
        client.read_u8().await.is_ok()
    }

    #[tokio::test]
    async fn who_finds_no_place_is_sent_away_and_who_comes_later_is_served() -> io::Result<()> {
        let name = format!("stack-door-test-{}", std::process::id());
        open(&name, 1, async |mut stream| {
            let _ = stream.write_u8(1).await;
            // Until the client has gone.
            let _ = stream.read_u8().await;
        })?;
        let address = SocketAddr::from_abstract_name(&name)?;
        let mut first = connect(&address).await?;
        assert!(is_let_in(&mut first).await);
        assert!(!is_let_in(&mut connect(&address).await?).await);
        drop(first);
        let later = async {
            while !is_let_in(&mut connect(&address).await?).await {
                tokio::task::yield_now().await;
            }
            io::Result::Ok(())
        };
        tokio::time::timeout(Duration::from_secs(10), later).await.map_err(io::Error::other)?
    }

    /// All descriptors that there are.
    fn exhaust() -> Vec<File> {
        std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
    }

    #[test]
    fn it_goes_on_after_descriptors_have_run_out() -> io::Result<()> {
        let alone = ["--exact", "edge::door::tests::without_descriptors", "--ignored"];
        let run = Command::new(std::env::current_exe()?).args(alone).output()?;
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && said.contains("1 passed"), "{said}");
        Ok(())
    }

    #[tokio::test]
    #[ignore = "it takes the descriptors of all tests beside it, and is run in a process of its own"]
    async fn without_descriptors() -> io::Result<()> {
        let name = format!("stack-door-test-{}", std::process::id());
        open(&name, 4, async |mut stream| {
            let _ = stream.write_all(b"hello").await;
        })?;
        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(128), ..before })?;
        let mut held = exhaust();
        // One is left for the client, none for the server.
        held.pop();
        let address = SocketAddr::from_abstract_name(&name)?;
        let mut client = StdStream::connect_addr(&address)?;
        client.set_read_timeout(Some(Duration::from_secs(10)))?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        drop(held);
        let mut said = String::new();
        let reading = tokio::task::spawn_blocking(move || client.read_to_string(&mut said).map(|_| said));
        assert_eq!(reading.await.map_err(io::Error::other)??, "hello");
        Ok(())
    }
}
