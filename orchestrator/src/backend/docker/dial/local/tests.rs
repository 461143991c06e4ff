#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

fn pair() -> (Local, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    (Local::new(ours), theirs)
}

fn is_heard(local: &Local) -> bool {
    matches!(local.socket, Some(Socket::Heard(_)))
}

/// Reads crumbs until the socket is not listened to any more.
async fn slow_down(local: &mut Local, engine: &mut UnixStream) {
    let mut piece = [0; 16];
    for _ in 0..100_000 {
        if !is_heard(local) {
            return;
        }
        engine.write_all(b"crumb").await.unwrap();
        assert_eq!(local.read(&mut piece).await.unwrap(), 5);
    }
    panic!("it is still listened to");
}

// Time goes on only where everybody waits for it: what takes none has not paused.
#[tokio::test(start_paused = true)]
async fn crumbs_are_gathered() {
    let (mut local, mut engine) = pair();
    slow_down(&mut local, &mut engine).await;
    let writer = tokio::spawn(async move {
        for number in 0..20_000_u32 {
            engine.write_all(&number.to_be_bytes()).await.unwrap();
            if number % 100 == 0 {
                tokio::task::yield_now().await;
            }
        }
    });
    let (mut all, mut reads) = (Vec::new(), 0);
    let mut piece = vec![0; 64 * 1024];
    loop {
        let length = local.read(&mut piece).await.unwrap();
        if length == 0 {
            break;
        }
        reads += 1;
        all.extend_from_slice(&piece[..length]);
    }
    writer.await.unwrap();
    let expected: Vec<u8> = (0..20_000_u32).flat_map(u32::to_be_bytes).collect();
    assert_eq!(all, expected, "nothing is lost or out of order");
    assert!(reads < 2000, "{reads} reads of 20000 pieces");
}

#[tokio::test(start_paused = true)]
async fn it_is_listened_to_again_when_it_is_quiet_or_written_to() {
    let (mut local, mut engine) = pair();
    slow_down(&mut local, &mut engine).await;
    let mut piece = [0; 16];
    assert!(tokio::time::timeout(PAUSE * 20, local.read(&mut piece)).await.is_err());
    assert!(is_heard(&local), "nothing came for long");
    engine.write_all(b"more").await.unwrap();
    assert_eq!(local.read(&mut piece).await.unwrap(), 4);

    slow_down(&mut local, &mut engine).await;
    local.write_all(b"answer").await.unwrap();
    assert!(is_heard(&local));
    assert_eq!(engine.read(&mut piece).await.unwrap(), 6);
}

#[tokio::test(start_paused = true)]
async fn large_transfers_do_not_pause() {
    let (mut local, mut engine) = pair();
    slow_down(&mut local, &mut engine).await;
    let writer = tokio::spawn(async move {
        let piece = vec![7; 1024 * 1024];
        for _ in 0..64 {
            engine.write_all(&piece).await.unwrap();
        }
    });
    let started = Instant::now();
    let mut all = 0;
    let mut piece = vec![0; 256 * 1024];
    loop {
        match local.read(&mut piece).await.unwrap() {
            0 => break,
            length => all += length,
        }
    }
    writer.await.unwrap();
    assert_eq!(all, 64 * 1024 * 1024);
    // A pause for each 64 KiB would come to more than two seconds.
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn ends_and_slow_talk_are_as_they_were() {
    let (mut local, mut engine) = pair();
    let mut piece = [0; 16];
    for _ in 0..2 * MANY {
        engine.write_all(b"slow").await.unwrap();
        assert_eq!(local.read(&mut piece).await.unwrap(), 4);
        tokio::time::sleep(PAUSE * 2).await;
    }
    assert!(is_heard(&local), "pieces that do not follow each other are not gathered");
    slow_down(&mut local, &mut engine).await;
    drop(engine);
    assert_eq!(local.read(&mut piece).await.unwrap(), 0);
}
