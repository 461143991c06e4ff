use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind as bind_socket, socket};

use super::*;
use crate::backend::memory;

/// A subject that nobody else has.
fn subject(test: &str, patience: Duration) -> Subject {
    Subject {
        name: name("test", &[test, &std::process::id().to_string()]),
        does: "works".to_owned(),
        has_been: "working".to_owned(),
        patience,
    }
}

/// Waits on a task of its own.
fn waiter(test: &'static str) -> tokio::task::JoinHandle<Result<Lock, String>> {
    tokio::spawn(
        async move { Lock::take(&subject(test, Duration::from_secs(60))).await.map_err(|error| error.message) },
    )
}

#[tokio::test]
async fn turns_follow_one_another_and_whoever_waits_too_long_learns_for_whom() -> Result<()> {
    let first = Lock::take(&subject("turns", EDGE_PATIENCE)).await?;
    let _other = Lock::take(&subject("other turns", EDGE_PATIENCE)).await?;
    let refused = Lock::take(&subject("turns", Duration::from_millis(50))).await.map_err(|error| error.message);
    let expected = format!("another `stack` (process {}) has been working for 0 s", std::process::id());
    assert_eq!(refused.err(), Some(expected));
    let mut waiters = [waiter("turns"), waiter("turns")];
    for waiter in &mut waiters {
        assert!(timeout(Duration::from_millis(50), waiter).await.is_err(), "it has to wait");
    }
    drop(first);
    for waiter in waiters {
        let lock = timeout(Duration::from_secs(20), waiter).await;
        assert!(matches!(lock, Ok(Ok(Ok(lock))) if !lock.abandoned));
    }
    Ok(())
}

#[tokio::test]
async fn whoever_waits_learns_that_the_one_before_was_killed() -> Result<()> {
    let mut first = Lock::take(&subject("killed", EDGE_PATIENCE)).await?;
    let waiter = waiter("killed");
    // The kernel closes what a killed process has open, and that is all that happens.
    let Some(socket) = first.socket.take() else { return Err(CommandError::new("it is held")) };
    socket.set_nonblocking(true)?;
    while socket.accept().is_err() {
        tokio::task::yield_now().await;
    }
    drop(socket);
    let lock = timeout(Duration::from_secs(20), waiter).await;
    assert!(matches!(lock, Ok(Ok(Ok(lock))) if lock.abandoned));
    Ok(())
}

#[tokio::test]
async fn a_name_that_nobody_answers_for_is_not_waited_for_without_end() -> Result<()> {
    let subject = subject("mute", Duration::from_millis(50));
    // Bound, and deaf.
    let address = SocketAddrUnix::new_abstract_name(subject.name.as_bytes()).map_err(std::io::Error::from)?;
    let deaf = socket(AddressFamily::UNIX, SocketType::STREAM, None).map_err(std::io::Error::from)?;
    bind_socket(&deaf, &address).map_err(std::io::Error::from)?;
    let refused = Lock::take(&subject).await.map_err(|error| error.message);
    assert_eq!(refused.err(), Some("another `stack` has been working for 0 s".to_owned()));
    // It listens, but its queue is full.
    rustix::net::listen(&deaf, 0).map_err(std::io::Error::from)?;
    let _queue = [holder(&subject.name).await, holder(&subject.name).await];
    let refused = timeout(Duration::from_secs(20), Lock::take(&subject)).await;
    assert!(matches!(refused, Ok(Err(_))));
    Ok(())
}

#[tokio::test]
async fn locks_of_one_project_differ_by_what_they_are_for() -> Result<()> {
    let engine: Engine = memory::Memory::new();
    let project = format!("lock-test-{}", std::process::id());
    let watch = Lock::of_watch(&engine, &project).await?;
    // Watching keeps nobody from working on the project.
    let mut work = Lock::of_project(&engine, &project).await?;
    assert!(!work.abandoned);
    let _another = Lock::of_project(&engine, &format!("{project}-b")).await?;
    let refused = Lock::of_watch(&engine, &project).await.map_err(|error| error.message);
    let expected = format!(
        "cannot take exclusive lock for project \"{project}\": process with PID {} is still running",
        std::process::id()
    );
    assert_eq!(refused.err(), Some(expected));
    drop(watch);
    Lock::of_watch(&engine, &project).await?;
    // Whoever is killed takes no mark away.
    std::mem::forget(work.mark.take());
    drop(work);
    assert!(Lock::of_project(&engine, &project).await?.abandoned);
    assert!(!Lock::of_project(&engine, &project).await?.abandoned);
    Ok(())
}
