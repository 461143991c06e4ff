#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use http_body_util::BodyExt as _;
use prost::Message as _;

use super::*;

fn digest(value: &str) -> String {
    format!("sha256:{value}")
}

/// The messages of an answer.
async fn pieces(response: Response<Body>) -> Vec<ReadResponse> {
    let mut bytes = response.into_body().collect().await.unwrap().to_bytes();
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let length = usize::try_from(u32::from_be_bytes(bytes[1..5].try_into().unwrap())).unwrap();
        pieces.push(ReadResponse::decode(bytes.slice(5..5 + length)).unwrap());
        bytes = bytes.slice(5 + length..);
    }
    pieces
}

#[tokio::test]
async fn parts_are_read_piece_by_piece() {
    let folder = tempfile::tempdir().unwrap();
    let parts = folder.path().join("blobs/sha256");
    std::fs::create_dir_all(&parts).unwrap();
    let content: Vec<u8> = (0..PIECE + 1000).map(|at| u8::try_from(at % 251).unwrap()).collect();
    std::fs::write(parts.join("ab12"), &content).unwrap();
    let mut stores = Stores::default();
    stores.add(folder.path().to_str().unwrap());
    let name = format!("local:{}", folder.path().display());

    let info = stores.info(&name, InfoRequest { digest: digest("ab12") }).await.unwrap().info.unwrap();
    assert_eq!((info.digest, info.size), (digest("ab12"), i64::try_from(content.len()).unwrap()));

    let read = async |offset: i64, size: i64| {
        let response = stores.read(&name, ReadRequest { digest: digest("ab12"), offset, size }).await.unwrap();
        let mut found = Vec::new();
        for piece in pieces(response).await {
            assert_eq!(piece.offset, offset + i64::try_from(found.len()).unwrap());
            found.extend(piece.data);
        }
        found
    };
    assert!(read(0, 0).await == content);
    assert!(read(1000, 0).await == content[1000..]);
    assert!(read(7, 13).await == content[7..20]);

    let absent = stores.info(&name, InfoRequest { digest: digest("ff") }).await.unwrap_err();
    assert_eq!(absent.code, NOT_FOUND);
}

#[tokio::test]
async fn nothing_else_is_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret"), "s").unwrap();
    let mut stores = Stores::default();
    stores.add(folder.path().to_str().unwrap());
    let name = format!("local:{}", folder.path().display());
    for wrong in ["sha256:../../secret", "..:secret", "sha256:", ":ab", "ab", "", "sha256:a/b", "sha256:a:b"] {
        let refused = stores.read(&name, ReadRequest { digest: wrong.to_owned(), ..ReadRequest::default() }).await;
        assert_eq!(refused.unwrap_err().code, INVALID, "{wrong}");
    }
    let other = stores.info("local:/etc", InfoRequest { digest: digest("ab") }).await.unwrap_err();
    assert_eq!(other.message, "no cache `local:/etc` belongs to this build");
}
