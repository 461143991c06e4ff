//! Asking one server: over UDP, and over TCP where the answer has no room.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::message::{Kind, Message, question};
use super::name::Name;

/// Port of DNS.
pub(crate) const PORT: u16 = 53;
/// A datagram may be lost: it is sent again after this time.
const AGAIN: Duration = Duration::from_secs(2);
/// The largest message.
const LARGEST: usize = 65_535;

/// The answer to a message, in time.
///
/// # Errors
/// The server cannot be reached, or says nothing in time.
pub(crate) async fn exchange(server: SocketAddr, message: &[u8], limit: Duration) -> io::Result<Vec<u8>> {
    let late = || io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", limit.as_secs_f32()));
    let answer = async {
        let answer = over_udp(server, message).await?;
        match Message::read(&answer) {
            Some(read) if read.is_cut_off() => over_tcp(server, message).await,
            _ => Ok(answer),
        }
    };
    tokio::time::timeout(limit, answer).await.map_err(|_| late())?
}

/// The answer to a question.
///
/// # Errors
/// As [`exchange`]; an answer that makes no sense.
pub(crate) async fn ask(
    server: SocketAddr,
    name: &Name,
    kind: Kind,
    recursion: bool,
    limit: Duration,
) -> io::Result<Vec<u8>> {
    exchange(server, &question(random_id(), name, kind, recursion), limit).await
}

/// A number that nobody else can know (RFC 5452 section 9.2).
pub(crate) fn random_id() -> u16 {
    let mut bytes = [0_u8; 2];
    // Without randomness there is still that of the port.
    let _ = aws_lc_rs::rand::fill(&mut bytes);
    u16::from_be_bytes(bytes)
}

async fn over_udp(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    let mut buffer = vec![0; LARGEST];
    loop {
        socket.send(message).await?;
        let answer = async {
            loop {
                let length = socket.recv(&mut buffer).await?;
                let answer = buffer.get(..length).unwrap_or_default();
                if is_answer(message, answer) {
                    return io::Result::Ok(answer.to_vec());
                }
            }
        };
        if let Ok(answer) = tokio::time::timeout(AGAIN, answer).await {
            return answer;
        }
    }
}

async fn over_tcp(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let length = u16::try_from(message.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    stream.write_all(&[&length.to_be_bytes(), message].concat()).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    if is_answer(message, &answer) { Ok(answer) } else { Err(io::Error::from(io::ErrorKind::InvalidData)) }
}

/// Whether one message answers the other: nobody else knows number and question.
fn is_answer(asked: &[u8], answer: &[u8]) -> bool {
    let (Some(asked), Some(answer)) = (Message::read(asked), Message::read(answer)) else { return false };
    answer.answers(asked.id) && (answer.asked == asked.asked || answer.asked.is_none())
}
