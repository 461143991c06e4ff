#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::backend::ContainerSpec;
use crate::backend::memory::Memory;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nnode:x:1000:1001::/home/node:/bin/sh\n";
const GROUP: &str = "root:x:0:\nwww-data:x:33:\n";

fn packed(name: &str, text: &str) -> bytes::Bytes {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    tar.into_inner().unwrap().into()
}

#[tokio::test]
async fn names_are_looked_up_in_the_container() {
    let engine = Memory::new();
    engine.add_image_named("a");
    let spec = ContainerSpec { name: "app".into(), image: "a".into(), ..ContainerSpec::default() };
    let (id, _) = engine.create_container(&spec).await.unwrap();
    assert_eq!(of(&*engine, &id, "node").await.unwrap(), Owner::default(), "there are no lists");
    engine.put_archive(&id, "/etc/passwd", packed("passwd", PASSWD)).await.unwrap();
    engine.put_archive(&id, "/etc/group", packed("group", GROUP)).await.unwrap();
    let cases = [
        ("", (0, 0)),
        ("node", (1000, 1001)),
        ("1000", (1000, 1001)),
        ("1000:7", (1000, 7)),
        ("5:6", (5, 6)),
        ("5", (5, 0)),
        ("node:www-data", (1000, 33)),
        ("7:www-data", (7, 33)),
        ("nobody", (0, 0)),
    ];
    for (user, (uid, gid)) in cases {
        assert_eq!(of(&*engine, &id, user).await.unwrap(), Owner { uid, gid }, "{user}");
    }
}
