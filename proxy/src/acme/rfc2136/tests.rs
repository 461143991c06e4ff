//! Against a small authoritative name server, which verifies signatures.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, UdpSocket};

use super::*;
use crate::dns::message::{IN, push};
use crate::dns::tsig::Key;

/// What a server holds and does.
#[derive(Default)]
struct Zone {
    /// TXT records.
    records: Mutex<Vec<(Name, Vec<u8>)>>,
    /// Aliases.
    aliases: Vec<(&'static str, &'static str)>,
    /// What updates must be signed with.
    key: Option<Key>,
    /// Records are not shown so many times.
    hidden: Mutex<u32>,
    /// Answers to questions for TXT records have no room in a datagram.
    narrow: bool,
    /// Answers are signed with another key.
    lies: bool,
    /// Updates that were made.
    updates: Mutex<u32>,
}

/// A server of the zone `example`; its address as `RFC2136_NAMESERVER` takes it.
async fn serve(zone: Zone) -> (String, Arc<Zone>) {
    let zone = Arc::new(zone);
    let (socket, listener) = loop {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(listener) = TcpListener::bind(socket.local_addr().unwrap()).await {
            break (socket, listener);
        }
    };
    let address = socket.local_addr().unwrap().to_string();
    let own = Arc::clone(&zone);
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
            socket.send_to(&own.answer(&buffer[..length], true), peer).await.unwrap();
        }
    });
    let own = Arc::clone(&zone);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let length = stream.read_u16().await.unwrap();
            let mut asked = vec![0; usize::from(length)];
            stream.read_exact(&mut asked).await.unwrap();
            let answer = own.answer(&asked, false);
            stream.write_u16(u16::try_from(answer.len()).unwrap()).await.unwrap();
            stream.write_all(&answer).await.unwrap();
        }
    });
    (address, zone)
}

impl Zone {
    fn answer(&self, bytes: &[u8], is_datagram: bool) -> Vec<u8> {
        let asked = Message::read(bytes).unwrap();
        let (name, kind) = asked.asked.clone().unwrap();
        let is_update = bytes[2] & 0x78 == 0x28;
        let mut answer = asked.id.to_be_bytes().to_vec();
        let (code, mac) = if is_update { self.update(&asked) } else { (0, None) };
        answer.extend([0x84 | bytes[2] & 0x78, code, 0, 1, 0, 0, 0, 0, 0, 0]);
        answer.extend(name.wire());
        push(&mut answer, &[kind.number(), IN]);
        if let Some(mac) = mac {
            let key =
                if self.lies { Key::new("key", "hmac-sha256", b"forged").unwrap() } else { self.key.clone().unwrap() };
            key.sign(&mut answer, Some(&mac), u64::try_from(now()).unwrap());
        }
        if is_update {
            return answer;
        }
        let mut data: Vec<Vec<u8>> = Vec::new();
        match kind {
            Kind::Soa if name.to_string() == "example." => data.push([&[0, 0][..], &[0; 20]].concat()),
            Kind::Cname => {
                let shown = name.to_string();
                let found = self.aliases.iter().find(|(alias, _)| *alias == shown);
                data.extend(found.map(|(_, target)| Name::parse(target).unwrap().wire().to_vec()));
            }
            Kind::Txt if is_datagram && self.narrow => answer[2] |= 2,
            Kind::Txt => {
                let mut hidden = self.hidden.lock().unwrap();
                if *hidden > 0 {
                    *hidden -= 1;
                } else {
                    let records = self.records.lock().unwrap();
                    data.extend(records.iter().filter(|(owner, _)| *owner == name).map(|(_, text)| text.clone()));
                }
            }
            _ => {}
        }
        answer[7] = u8::try_from(data.len()).unwrap();
        for data in data {
            answer.extend(name.wire());
            push(&mut answer, &[kind.number(), IN, 0, 60, u16::try_from(data.len()).unwrap()]);
            answer.extend(data);
        }
        answer
    }

    /// The code of the answer, and the signature of the update where it was believed.
    fn update(&self, asked: &Message<'_>) -> (u8, Option<Vec<u8>>) {
        let time = u64::try_from(now()).unwrap();
        let mac = match self.key.as_ref().map(|key| key.verify(asked, None, time)) {
            Some(Err(_)) => return (9, None),
            Some(Ok(mac)) => Some(mac),
            None => None,
        };
        assert_eq!(asked.asked.as_ref().unwrap().0.to_string(), "example.", "the zone");
        *self.updates.lock().unwrap() += 1;
        for record in &asked.authority {
            let one = (record.name.clone(), asked.bytes[record.data.clone()].to_vec());
            let mut records = self.records.lock().unwrap();
            match record.class {
                IN => records.push(one),
                _ => records.retain(|there| *there != one),
            }
        }
        (0, mac)
    }

    fn names(&self) -> Vec<String> {
        self.records.lock().unwrap().iter().map(|(name, _)| name.to_string()).collect()
    }
}

fn challenge(server: &str) -> DnsChallenge {
    DnsChallenge { provider: "rfc2136".to_owned(), resolvers: vec![server.to_owned()], ..DnsChallenge::default() }
}

async fn record(server: &str, more: &[(&str, &str)], challenge: &DnsChallenge, value: &str) -> Result<Record, Failure> {
    let base = [("RFC2136_NAMESERVER", server), ("RFC2136_DNS_TIMEOUT", "5"), ("RFC2136_POLLING_INTERVAL", "1")];
    let all = base.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let proof = Proof {
        domain: "a.example".to_owned(),
        token: String::new(),
        key_authorization: String::new(),
        value: value.to_owned(),
    };
    Record::new(&all, challenge, &proof).await
}

const SIGNED: [(&str, &str); 3] =
    [("RFC2136_TSIG_KEY", "key"), ("RFC2136_TSIG_ALGORITHM", "hmac-sha256."), ("RFC2136_TSIG_SECRET", "c2VjcmV0")];

fn key() -> Option<Key> {
    Some(Key::new("key", "hmac-sha256", b"secret").unwrap())
}

#[tokio::test]
async fn records_stand_beside_each_other_and_each_is_removed_alone() {
    let (server, zone) = serve(Zone { key: key(), hidden: Mutex::new(1), narrow: true, ..Zone::default() }).await;
    let first = record(&server, &SIGNED, &challenge(&server), "one").await.unwrap();
    let other = record(&server, &SIGNED, &challenge(&server), "two").await.unwrap();
    first.present().await.unwrap();
    other.present().await.unwrap();
    assert_eq!(zone.names(), ["_acme-challenge.a.example.", "_acme-challenge.a.example."]);
    first.cleanup().await.unwrap();
    assert_eq!(zone.records.lock().unwrap()[0].1, b"\x03two");
    other.cleanup().await.unwrap();
    assert!(zone.names().is_empty());
    assert_eq!(*zone.updates.lock().unwrap(), 4);
}

#[tokio::test]
async fn an_update_that_is_not_signed_as_the_server_wants_is_refused() {
    let (server, zone) = serve(Zone { key: key(), ..Zone::default() }).await;
    let unsigned = record(&server, &[], &challenge(&server), "one").await.unwrap();
    let failure = unsigned.present().await.unwrap_err();
    assert!(failure.reason.ends_with("failed: NOTAUTH"), "{}", failure.reason);
    let wrong = [SIGNED[0], SIGNED[1], ("RFC2136_TSIG_SECRET", "b3RoZXI=")];
    let wrong = record(&server, &wrong, &challenge(&server), "one").await.unwrap();
    let failure = wrong.present().await.unwrap_err();
    assert!(failure.reason.contains("NOTAUTH, and its answer is not to be believed"), "{}", failure.reason);
    assert_eq!(*zone.updates.lock().unwrap(), 0);
}

#[tokio::test]
async fn an_answer_that_is_not_signed_with_the_key_is_not_believed() {
    let (server, _) = serve(Zone { key: key(), lies: true, ..Zone::default() }).await;
    let record = record(&server, &SIGNED, &challenge(&server), "one").await.unwrap();
    let failure = record.present().await.unwrap_err();
    assert!(failure.reason.ends_with("its signature is wrong"), "{}", failure.reason);
}

#[tokio::test]
async fn aliases_are_followed_into_the_zone() {
    let aliases = vec![("_acme-challenge.a.example.", "x.example."), ("x.example.", "proofs.example.")];
    let (server, zone) = serve(Zone { aliases: aliases.clone(), ..Zone::default() }).await;
    record(&server, &[], &challenge(&server), "one").await.unwrap().present().await.unwrap();
    assert_eq!(zone.names(), ["proofs.example."]);
    let (server, zone) = serve(Zone { aliases, ..Zone::default() }).await;
    let as_written = [("LEGO_DISABLE_CNAME_SUPPORT", "true")];
    record(&server, &as_written, &challenge(&server), "one").await.unwrap().present().await.unwrap();
    assert_eq!(zone.names(), ["_acme-challenge.a.example."]);
}

#[tokio::test]
async fn what_is_not_seen_in_time_is_told() {
    let (server, _) = serve(Zone { hidden: Mutex::new(u32::MAX), ..Zone::default() }).await;
    let soon = [("RFC2136_PROPAGATION_TIMEOUT", "1")];
    let mut options = challenge(&server);
    let failure = record(&server, &soon, &options, "one").await.unwrap().present().await.unwrap_err();
    let expected =
        format!("the TXT record of `_acme-challenge.a.example.` was not seen for 1 s at `{server}`: no TXT record");
    assert_eq!(failure.reason, expected);
    // Nobody is asked.
    options.propagation.disable_checks = true;
    record(&server, &soon, &options, "one").await.unwrap().present().await.unwrap();
    options.propagation.disable_checks = false;
    options.propagation.disable_ans_checks = true;
    record(&server, &soon, &options, "one").await.unwrap().present().await.unwrap();
    // Only the resolvers are.
    options.propagation.require_all_rns = true;
    let failure = record(&server, &soon, &options, "one").await.unwrap().present().await.unwrap_err();
    assert_eq!(failure.reason, expected);
}

#[tokio::test]
async fn a_server_without_a_zone_for_the_name_is_named() {
    let (server, _) = serve(Zone::default()).await;
    let all = [("RFC2136_NAMESERVER".to_owned(), server.clone())].into();
    let proof = Proof {
        domain: "a.test".to_owned(),
        token: String::new(),
        key_authorization: String::new(),
        value: String::new(),
    };
    let failure = Record::new(&all, &challenge(&server), &proof).await.unwrap_err();
    let expected = format!("the name server `{server}` has no zone for `_acme-challenge.a.test.` (it says NOERROR)");
    assert_eq!(failure.reason, expected);
    assert!(Record::new(&BTreeMap::new(), &challenge(&server), &proof).await.is_err());
}
