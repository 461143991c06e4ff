#![expect(clippy::unwrap_used, reason = "tests")]

use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use super::*;

/// What is read of a connection that begins with these pieces, and what is left of it.
async fn after(pieces: &[&[u8]]) -> (Result<Option<String>, String>, Vec<u8>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    client.set_nodelay(true).unwrap();
    let (mut stream, _) = listener.accept().await.unwrap();
    let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
    let writing = tokio::spawn(async move {
        for piece in pieces {
            client.write_all(&piece).await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    });
    let read = read(&mut stream).await;
    writing.await.unwrap();
    let mut left = Vec::new();
    stream.read_to_end(&mut left).await.unwrap();
    (read.map(|client| client.map(|client| client.to_string())).map_err(|error| error.to_string()), left)
}

#[tokio::test]
async fn headers_of_both_versions_whole_and_in_pieces() {
    let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 4711 443\r\nGET /";
    let client = Ok(Some("192.0.2.1:4711".to_owned()));
    assert_eq!(after(&[line]).await, (client.clone(), b"GET /".to_vec()));
    assert_eq!(
        after(&[b"PRO", b"XY TCP4 192.0.2.1 192.0.2.2 4711 443\r", b"\nGET /"]).await,
        (client.clone(), b"GET /".to_vec())
    );
    let binary =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0f\xc0\x00\x02\x01\xc0\x00\x02\x02\x12\x67\x01\xbb\x04\x00\x00GET /";
    assert_eq!(after(&[binary]).await, (client.clone(), b"GET /".to_vec()));
    let (first, second) = binary.split_at(14);
    assert_eq!(after(&[first, second]).await, (client, b"GET /".to_vec()));
    let six = b"PROXY TCP6 2001:db8::1 2001:db8::2 1 2\r\n";
    assert_eq!(after(&[six]).await, (Ok(Some("[2001:db8::1]:1".to_owned())), Vec::new()));
}

#[tokio::test]
async fn no_header_and_headers_that_name_nobody() {
    for (sent, left) in [
        (&b"GET / HTTP/1.1\r\n"[..], &b"GET / HTTP/1.1\r\n"[..]),
        (b"\x16\x03\x01", b"\x16\x03\x01"),
        (b"PROXY UNKNOWN\r\nx", b"x"),
        (b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00x", b"x"),
    ] {
        assert_eq!(after(&[sent]).await, (Ok(None), left.to_vec()));
    }
}

#[tokio::test]
async fn malformed_headers_are_errors() {
    let long = [b"PROXY ".as_slice(), &[b'x'; 200]].concat();
    for sent in [
        &b"PROXY TCP4 192.0.2.1 192.0.2.2 4711\r\n"[..],
        b"PROXY TCP4 2001:db8::1 192.0.2.2 1 2\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 99999 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x11\x11\x00\x00",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x04\x01\x02\x03\x04",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        &long,
    ] {
        assert!(after(&[sent]).await.0.is_err(), "{}", String::from_utf8_lossy(sent));
    }
}
