//! An authoritative DNS server that takes updates (RFC 2136), if they are signed with its key (RFC 8945): its own reading of
//! the standards, not that of the gateway.
//!
//! Every name leads to 127.0.0.1, and has the TXT records that updates have added.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;

/// Bytes of a message's head.
const HEAD: usize = 12;
const A: u16 = 1;
const SOA: u16 = 6;
const TXT: u16 = 16;
const TSIG: u16 = 250;
const ANY: u16 = 255;
const NOTAUTH: u8 = 9;

/// A running server; its thread ends with the process.
#[derive(Debug)]
pub struct NameServer {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Name and data.
    records: Vec<(Vec<u8>, Vec<u8>)>,
    taken: usize,
    refused: usize,
}

impl NameServer {
    /// Starts one for a zone (`d.test`), whose updates are signed by HMAC-SHA256 with this key.
    ///
    /// # Panics
    /// No port is free.
    #[must_use]
    pub fn start(zone: &str, key_name: &str, secret: &[u8]) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let port = socket.local_addr().expect("its own address").port();
        let state = Arc::new(Mutex::new(State::default()));
        let server = Server {
            zone: wire(zone),
            key_name: wire(key_name),
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            state: Arc::clone(&state),
        };
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
                if let Some(answer) = buffer.get(..length).and_then(|asked| server.answer(asked)) {
                    let _ = socket.send_to(&answer, peer);
                }
            }
        });
        Self { port, state }
    }

    /// Where it is, with its port.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Makes these the TXT records of a name, whatever was there before.
    pub fn set_txt(&self, name: &str, texts: &[&str]) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let owner = wire(name);
        state.records.retain(|(there, _)| *there != owner);
        // One string of a text record has the form of a label.
        state
            .records
            .extend(texts.iter().map(|text| (owner.clone(), wire(text).into_iter().take(text.len() + 1).collect())));
    }

    /// Updates that were made, updates that were refused, and records that are there now.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        (state.taken, state.refused, state.records.len())
    }
}

struct Server {
    zone: Vec<u8>,
    key_name: Vec<u8>,
    key: hmac::Key,
    state: Arc<Mutex<State>>,
}

impl Server {
    /// What is answered; nothing to what makes no sense.
    fn answer(&self, asked: &[u8]) -> Option<Vec<u8>> {
        let (name, at) = name(asked, HEAD)?;
        let kind = short(asked, at)?;
        let question = asked.get(HEAD..at + 4)?;
        let is_update = asked.get(2)? & 0x78 == 0x28;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut records, mut code, mut mac) = (Vec::new(), 0, None);
        if is_update {
            mac = self.signature(asked);
            match self.update(asked, at + 4, &mut state).filter(|()| mac.is_some()) {
                Some(()) => state.taken += 1,
                None => {
                    state.refused += 1;
                    code = NOTAUTH;
                }
            }
        } else {
            match kind {
                A => records.push(vec![127, 0, 0, 1]),
                SOA if name == self.zone => records.push([&[0, 0][..], &[0; 20]].concat()),
                TXT => {
                    let own = state.records.iter().filter(|(owner, _)| *owner == name);
                    records.extend(own.map(|(_, data)| data.clone()));
                }
                _ => {}
            }
        }
        let mut answer = asked.get(..2)?.to_vec();
        answer.extend([0x84 | asked.get(2)? & 0x79, code, 0, 1]);
        answer.extend(u16::try_from(records.len()).ok()?.to_be_bytes());
        answer.extend([0; 4]);
        answer.extend(question);
        for data in records {
            answer.extend(&name);
            for number in [kind, 1, 0, 1, u16::try_from(data.len()).ok()?] {
                answer.extend(number.to_be_bytes());
            }
            answer.extend(data);
        }
        if let Some(mac) = mac.filter(|_| code == 0) {
            self.sign(&mut answer, &mac);
        }
        Some(answer)
    }

    /// Makes the changes of an update, whose records begin at a place. Nothing but TXT records is taken.
    fn update(&self, message: &[u8], mut at: usize, state: &mut State) -> Option<()> {
        if self.signature(message).is_none() || name(message, HEAD)?.0 != self.zone || short(message, 6)? != 0 {
            return None;
        }
        for _ in 0..short(message, 8)? {
            let (owner, after) = name(message, at)?;
            let (kind, class) = (short(message, after)?, short(message, after + 2)?);
            let end = after + 10 + usize::from(short(message, after + 8)?);
            let data = message.get(after + 10..end)?.to_vec();
            if kind != TXT || !owner.ends_with(&self.zone) {
                return None;
            }
            match class {
                1 => state.records.push((owner, data)),
                254 => state.records.retain(|record| *record != (owner.clone(), data.clone())),
                _ => return None,
            }
            at = end;
        }
        Some(())
    }

    /// The signature of a message, if it is the one that belongs there.
    fn signature(&self, message: &[u8]) -> Option<Vec<u8>> {
        // It is the only additional record, and the last bytes of the message.
        let mut at = name(message, HEAD)?.1 + 4;
        for _ in 0..short(message, 6)? + short(message, 8)? {
            let after = name(message, at)?.1;
            at = after + 10 + usize::from(short(message, after + 8)?);
        }
        let (owner, after) = name(message, at).filter(|_| short(message, 10) == Some(1))?;
        let (algorithm, fields) = name(message, after + 10)?;
        let mac = message.get(fields + 10..fields + 10 + usize::from(short(message, fields + 8)?))?;
        let is_ours = short(message, after)? == TSIG && owner == self.key_name && algorithm == wire("hmac-sha256");
        let signed = message.get(fields..fields + 6)?.iter().fold(0, |time, byte| time << 8 | u64::from(*byte));
        if !is_ours || signed.abs_diff(now()) > u64::from(short(message, fields + 6)?) {
            return None;
        }
        let mut unsigned = message.get(..at)?.to_vec();
        unsigned.get_mut(10..12)?.copy_from_slice(&[0, 0]);
        let content = self.content(&unsigned, message.get(fields..fields + 8)?);
        hmac::verify(&self.key, &content, mac).ok()?;
        Some(mac.to_vec())
    }

    /// Signs the answer to a message with a signature.
    fn sign(&self, answer: &mut Vec<u8>, asked: &[u8]) {
        let mut time = now().to_be_bytes().get(2..).unwrap_or_default().to_vec();
        time.extend([1, 44]);
        let length = u16::try_from(asked.len()).unwrap_or_default().to_be_bytes();
        let content = [&length[..], asked, &self.content(answer, &time)].concat();
        let mac = hmac::sign(&self.key, &content);
        let id = answer.get(..2).unwrap_or_default().to_vec();
        let data = [&wire("hmac-sha256")[..], &time, &[0, 32], mac.as_ref(), &id, &[0; 4]].concat();
        answer.extend(&self.key_name);
        for number in [TSIG, ANY, 0, 0, u16::try_from(data.len()).unwrap_or_default()] {
            answer.extend(number.to_be_bytes());
        }
        answer.extend(data);
        if let Some(count) = answer.get_mut(11) {
            *count = 1;
        }
    }

    /// The message and what of its signature is signed with it; `time` and leeway as they stand there.
    fn content(&self, message: &[u8], time: &[u8]) -> Vec<u8> {
        [message, &self.key_name, &[0, 255, 0, 0, 0, 0], &wire("hmac-sha256"), time, &[0; 4]].concat()
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A name as messages carry it.
fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut wire: Vec<u8> = labels
        .flat_map(|label| std::iter::once(u8::try_from(label.len()).unwrap_or_default()).chain(label.bytes()))
        .collect();
    wire.push(0);
    wire
}

/// The name at a place of a message, in lower case, and what comes after it. Nobody compresses what is sent here.
fn name(message: &[u8], start: usize) -> Option<(Vec<u8>, usize)> {
    let mut at = start;
    while let length @ 1..64 = *message.get(at)? {
        at += 1 + usize::from(length);
    }
    (*message.get(at)? == 0).then_some(())?;
    Some((message.get(start..=at)?.to_ascii_lowercase(), at + 1))
}

fn short(message: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]))
}
