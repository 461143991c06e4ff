//! An endpoint's socket, before, while and after another gateway reads from it.
//!
//! Which of the two a datagram is for tells the connection ID that it begins with (RFC 9000 section 5.2): those that an endpoint
//! gives out bear the mark of a key of its own, and what does not is the predecessor's, but for a client's first packets, which
//! bear an ID of the client's choice.

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BufMut as _};
use quinn::udp::{EcnCodepoint, RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, ConnectionIdGenerator, Runtime as _, TokioRuntime, UdpPoller};
use quinn_proto::{ConnectionId, HashedConnectionIdGenerator};

use crate::listen::succession::{Datagrams, Predecessor, Succession};

/// Flags of a packet's first byte (RFC 9000 section 17.2), and the types of long packets whose connection ID the client chose.
const LONG: u8 = 0x80;
const TYPE: u8 = 0x30;
const INITIAL: u8 = 0x00;
const ZERO_RTT: u8 = 0x10;
/// Bytes before the connection ID of a short packet, and before the length of that of a long one.
const SHORT_START: usize = 1;
const LONG_START: usize = 5;
/// Two addresses with their families, a port, and the congestion bits.
const ENVELOPE: usize = 2 * ADDRESS + 3;
const ADDRESS: usize = 17;

/// Names for connections, which are recognized by `key`.
pub(super) fn names(key: u64) -> Box<dyn ConnectionIdGenerator> {
    Box::new(HashedConnectionIdGenerator::from_key(key))
}

/// The socket of an endpoint whose connections have [`names`] by the same key.
pub(super) struct SharedSocket {
    own: Arc<dyn AsyncUdpSocket>,
    names: Box<dyn ConnectionIdGenerator>,
    predecessor: Option<Predecessor>,
    predecessor_ended: AtomicBool,
    succession: Arc<Succession>,
    /// What a successor passes back is read into it. Only one task reads; the lock is for the compiler.
    passed: Mutex<Vec<u8>>,
}

impl fmt::Debug for SharedSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedSocket").field("own", &self.own).finish_non_exhaustive()
    }
}

impl SharedSocket {
    pub(super) fn new(datagrams: Datagrams, key: u64) -> io::Result<Self> {
        let Datagrams { socket, predecessor, succession } = datagrams;
        Ok(Self {
            own: TokioRuntime.wrap_udp_socket(socket)?,
            names: names(key),
            predecessor,
            predecessor_ended: AtomicBool::new(false),
            succession,
            passed: Mutex::default(),
        })
    }

    /// Passes on what is the predecessor's, and leaves the rest in the buffer.
    fn sort(&self, buffer: &mut [u8], meta: &mut RecvMeta) {
        let Some(predecessor) = &self.predecessor else { return };
        // Several datagrams may come in one buffer, all but the last of one length.
        let (mut read, mut kept) = (0, 0);
        let mut message = Vec::new();
        while read < meta.len {
            let end = (read + meta.stride.max(1)).min(meta.len);
            let Some(datagram) = buffer.get(read..end) else { break };
            if !self.predecessor_ended.load(Relaxed) && is_foreign(datagram, &*self.names) {
                message.clear();
                seal(meta, datagram, &mut message);
                self.predecessor_ended.store(predecessor.pass(&message).is_err(), Relaxed);
            } else {
                buffer.copy_within(read..end, kept);
                kept += end - read;
            }
            read = end;
        }
        meta.len = kept;
    }
}

impl AsyncUdpSocket for SharedSocket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.own).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.own.try_send(transmit)
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut passed = self.passed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(length) = ready!(self.succession.poll_passed(cx, &mut passed)) {
            if let (Some(buffer), Some(meta)) = (buffers.first_mut(), metas.first_mut()) {
                // One that cannot be read is as good as lost.
                *meta = open(passed.get(..length).unwrap_or_default(), buffer).unwrap_or_default();
            }
            return Poll::Ready(Ok(1));
        }
        drop(passed);
        let count = ready!(self.own.poll_recv(cx, buffers, metas))?;
        if self.predecessor.is_some() && !self.predecessor_ended.load(Relaxed) {
            for (buffer, meta) in buffers.iter_mut().zip(metas.iter_mut()).take(count) {
                self.sort(buffer, meta);
            }
        }
        Poll::Ready(Ok(count))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.own.local_addr()
    }

    fn may_fragment(&self) -> bool {
        self.own.may_fragment()
    }

    fn max_transmit_segments(&self) -> usize {
        self.own.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.own.max_receive_segments()
    }
}

/// Whether a datagram is for a connection that was not named by `names`.
fn is_foreign(datagram: &[u8], names: &dyn ConnectionIdGenerator) -> bool {
    let Some(&first) = datagram.first() else { return false };
    let ours = names.cid_len();
    let id = if first & LONG == 0 {
        datagram.get(SHORT_START..SHORT_START + ours)
    } else if matches!(first & TYPE, INITIAL | ZERO_RTT) {
        None
    } else {
        let length = datagram.get(LONG_START).map_or(0, |length| usize::from(*length));
        datagram.get(LONG_START + 1..LONG_START + 1 + length)
    };
    id.is_some_and(|id| id.len() == ours && names.validate(&ConnectionId::new(id)).is_err())
}

/// Writes a datagram and where it came from.
fn seal(meta: &RecvMeta, datagram: &[u8], into: &mut Vec<u8>) {
    into.put_u8(meta.ecn.map_or(0, |ecn| ecn as u8));
    into.put_u16(meta.addr.port());
    put_address(Some(meta.addr.ip()), into);
    put_address(meta.dst_ip, into);
    into.put_slice(datagram);
}

/// Reads what [`seal`] wrote; the datagram goes into `buffer`.
fn open(mut message: &[u8], buffer: &mut [u8]) -> Option<RecvMeta> {
    if message.len() < ENVELOPE {
        return None;
    }
    let ecn = EcnCodepoint::from_bits(message.get_u8());
    let port = message.get_u16();
    let addr = SocketAddr::new(get_address(&mut message)?, port);
    let dst_ip = get_address(&mut message);
    buffer.get_mut(..message.len())?.copy_from_slice(message);
    Some(RecvMeta { addr, len: message.len(), stride: message.len(), ecn, dst_ip })
}

fn put_address(address: Option<IpAddr>, into: &mut Vec<u8>) {
    let (family, bits) = match address {
        None => (0, 0),
        Some(IpAddr::V4(v4)) => (4, u128::from(v4.to_bits())),
        Some(IpAddr::V6(v6)) => (6, v6.to_bits()),
    };
    into.put_u8(family);
    into.put_u128(bits);
}

fn get_address(message: &mut &[u8]) -> Option<IpAddr> {
    let (family, bits) = (message.get_u8(), message.get_u128());
    match family {
        4 => u32::try_from(bits).ok().map(|bits| Ipv4Addr::from_bits(bits).into()),
        6 => Some(Ipv6Addr::from_bits(bits).into()),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_known_by_the_name_that_its_connection_was_given() {
        let mut ours = names(1);
        let theirs = names(2).generate_cid();
        let own = ours.generate_cid();
        let short = |id: &[u8]| [&[0x41], id, &[7; 20]].concat();
        let long =
            |first: u8, id: &[u8]| [&[first, 0, 0, 0, 1, u8::try_from(id.len()).unwrap()], id, &[7; 20]].concat();
        let cases: Vec<(Vec<u8>, bool)> = vec![
            (short(&own), false),
            (short(&theirs), true),
            // A handshake that goes on.
            (long(0xe0, &own), false),
            (long(0xe0, &theirs), true),
            // A client that begins, with an ID of any length, and what it says at once.
            (long(0xc0, &theirs), false),
            (long(0xd0, &theirs), false),
            // What no endpoint of ours can have named.
            (long(0xe0, &[1; 20]), false),
            (long(0xe0, &[]), false),
            (vec![0x41, 1, 2], false),
            (vec![0xe0, 0, 0, 0, 1], false),
            (vec![0xe0, 0, 0, 0, 1, 255, 1], false),
            (Vec::new(), false),
        ];
        for (datagram, foreign) in cases {
            assert_eq!(is_foreign(&datagram, &*ours), foreign, "{datagram:?}");
        }
    }

    #[test]
    fn what_is_passed_back_is_what_came() {
        for (from, to) in [
            ("192.0.2.1:443", Some("198.51.100.7")),
            ("[2001:db8::1]:65535", Some("::1")),
            ("[::ffff:1.2.3.4]:1", None),
        ] {
            let meta = RecvMeta {
                addr: from.parse().unwrap(),
                dst_ip: to.map(|to| to.parse().unwrap()),
                ecn: EcnCodepoint::from_bits(0b10),
                ..RecvMeta::default()
            };
            let (mut message, mut buffer) = (Vec::new(), [0; 32]);
            seal(&meta, b"a datagram", &mut message);
            let opened = open(&message, &mut buffer).unwrap();
            assert_eq!(
                (opened.addr, opened.dst_ip, opened.ecn, opened.len, opened.stride),
                (meta.addr, meta.dst_ip, meta.ecn, 10, 10)
            );
            assert_eq!(buffer.get(..10), Some(&b"a datagram"[..]));
            for cut in 0..ENVELOPE {
                assert!(open(message.get(..cut).unwrap(), &mut buffer).is_none());
            }
            assert!(open(&message, &mut [0; 9]).is_none());
        }
    }
}
