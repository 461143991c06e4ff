#![expect(clippy::unwrap_used, reason = "tests")]

use std::future::poll_fn;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadBuf};

use super::*;

#[tokio::test]
async fn what_is_held_goes_out_with_the_first_flush_that_is_one() {
    let (near, mut far) = tokio::io::duplex(1024);
    let (mut corked, hold) = Corked::new(near);
    hold.begin();
    corked.write_all(b"one ").await.unwrap();
    corked.flush().await.unwrap();
    corked.write_all(b"two").await.unwrap();
    corked.flush().await.unwrap();
    let mut read = [0; 16];
    let nothing = poll_fn(|cx| {
        let mut read = ReadBuf::new(&mut read);
        Poll::Ready(Pin::new(&mut far).poll_read(cx, &mut read).is_pending())
    });
    assert!(nothing.await);
    hold.end();
    corked.flush().await.unwrap();
    assert_eq!(far.read(&mut read).await.unwrap(), 7);
    assert_eq!(&read[..7], b"one two");
    assert_eq!(corked.held.capacity(), 0, "a connection that waits has no buffer");
}

#[tokio::test]
async fn more_than_there_is_room_for_is_written_in_order() {
    let (near, mut far) = tokio::io::duplex(1000);
    let (mut corked, hold) = Corked::new(near);
    hold.begin();
    let sent: Vec<u8> = (0..200_000_u32).flat_map(u32::to_be_bytes).collect();
    let sizes = [1, 9, 700, 16_384, ROOM - 1, ROOM, ROOM + 1, 100_000];
    let writing = async {
        let mut rest = &sent[..];
        for size in sizes.iter().cycle() {
            let (piece, others) = rest.split_at((*size).min(rest.len()));
            corked.write_all(piece).await.unwrap();
            corked.flush().await.unwrap();
            assert!(corked.held.len() <= ROOM);
            rest = others;
            if rest.is_empty() {
                break;
            }
        }
        // An end takes along what is held.
        corked.shutdown().await.unwrap();
    };
    let mut received = Vec::new();
    let (_, read) = tokio::join!(writing, far.read_to_end(&mut received));
    read.unwrap();
    assert!(received == sent);
}
