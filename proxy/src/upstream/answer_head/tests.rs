#![expect(clippy::unwrap_used, reason = "tests")]

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// What hyper would read of `pieces`, and the informational answers told.
async fn read_through(pieces: &[&str]) -> (String, Vec<(u16, usize)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (mut server, _) = listener.accept().await.unwrap();
    server.set_nodelay(true).unwrap();
    let awaited = Arc::new(Awaited::default());
    awaited.expect();
    let mut stream = AnswerStream::new(UpstreamStream::Plain(client), Arc::clone(&awaited));
    let pieces: Vec<String> = pieces.iter().map(|piece| (*piece).to_owned()).collect();
    let writing = tokio::spawn(async move {
        for piece in pieces {
            server.write_all(piece.as_bytes()).await.unwrap();
            tokio::task::yield_now().await;
        }
    });
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    writing.await.unwrap();
    let told = awaited.take().into_iter().map(|interim| (interim.status.as_u16(), interim.headers.len())).collect();
    (text, told)
}

#[tokio::test]
async fn an_ordinary_answer_is_left_as_it_is() {
    let answer = "HTTP/1.1 200 OK\r\nX-lower: 1\r\n\r\nHTTP/1.1 103 in the body\r\n\r\n";
    assert_eq!(read_through(&[answer]).await, (answer.to_owned(), vec![]));
    let (head, body) = answer.split_at(20);
    assert_eq!(read_through(&[head, body]).await.0, answer);
}

#[tokio::test]
async fn informational_answers_are_told_and_left_out() {
    let last = "HTTP/1.1 204 No Content\r\n\r\n";
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n";
    let (text, told) = read_through(&["HTTP/1.1 100 Continue\r\n\r\n", hints, last]).await;
    assert_eq!((text.as_str(), told), (last, vec![(100, 0), (103, 2)]));
    assert_eq!(read_through(&["HTTP/1.1 101 S\r\nUpgrade: x\r\n\r\nraw"]).await.1, vec![]);
}

#[tokio::test]
async fn what_servers_get_wrong_is_put_right() {
    for (sent, read) in [
        ("HTTP/1.1 200 OK\r\nX Y: 1\r\nX-Y : 2\r\nA: 3\r\n\r\nx", "HTTP/1.1 200 OK\r\nA: 3\r\n\r\nx"),
        ("HTTP/1.1 200 OK\r\nA: 1\r\n\t  folded\r\n\r\n", "HTTP/1.1 200 OK\r\nA: 1 folded\r\n\r\n"),
        ("HTTP/2.0 200 OK\nA: 1\n\nx", "HTTP/1.1 200 OK\r\nA: 1\r\n\r\nx"),
    ] {
        assert_eq!(read_through(&[sent]).await.0, read);
    }
    for nonsense in ["ICY 200 OK\r\n\r\n", "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 200 OK\r\n: 1\r\n\r\n", "HTT", ""] {
        assert_eq!(read_through(&[nonsense]).await.0, nonsense);
    }
}

#[test]
fn only_whole_final_heads_are_plain() {
    assert!(is_plain(b"HTTP/1.1 200 OK\r\nA: 1\r\n\r\n"));
    for other in [
        "HTTP/1.1 200 OK\r\nA: 1\r\n",
        "HTTP/1.1 100 C\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA B: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\n A: 1\r\n\r\n",
    ] {
        assert!(!is_plain(other.as_bytes()), "{other}");
    }
}
