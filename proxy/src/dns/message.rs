//! Messages: questions, updates and what servers answer (RFC 1035 section 4, RFC 2136 section 2).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::name::Name;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod properties;

/// Bytes of a message's head.
pub(crate) const HEAD: usize = 12;
/// Where in the head the number of additional records stands.
pub(crate) const ADDITIONAL: usize = 10;
/// Class of the internet, and those that updates use to say what is to be removed.
pub(crate) const IN: u16 = 1;
const NONE: u16 = 254;
/// An update, in a head's flags.
const UPDATE: u16 = 5 << 11;
/// A question may be passed on to other servers.
const RECURSION: u16 = 1 << 8;
/// It is an answer.
const ANSWER: u16 = 1 << 15;
/// It is cut off.
const TRUNCATED: u16 = 1 << 9;
/// More records than this are in no answer that is of use; nor questions.
const MOST: usize = 512;

/// Kinds of records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    A,
    Ns,
    Cname,
    Soa,
    Txt,
    Aaaa,
    Tsig,
    /// Any other.
    Other(u16),
}

impl Kind {
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Ns => 2,
            Self::Cname => 5,
            Self::Soa => 6,
            Self::Txt => 16,
            Self::Aaaa => 28,
            Self::Tsig => 250,
            Self::Other(number) => number,
        }
    }

    fn of(number: u16) -> Self {
        let known = [Self::A, Self::Ns, Self::Cname, Self::Soa, Self::Txt, Self::Aaaa, Self::Tsig];
        known.into_iter().find(|kind| kind.number() == number).unwrap_or(Self::Other(number))
    }
}

/// What an update does to one TXT record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It is added to those that are there, good for so many seconds.
    Add(u32),
    /// It is removed, and no other.
    Remove,
}

/// A question for records of one kind.
pub(crate) fn question(id: u16, name: &Name, kind: Kind, recursion: bool) -> Vec<u8> {
    let mut message = head(id, if recursion { RECURSION } else { 0 }, [1, 0, 0, 0]);
    push_asked(&mut message, name, kind);
    message
}

/// An update of one TXT record in `zone`.
pub(crate) fn update(id: u16, zone: &Name, name: &Name, text: &str, change: Change) -> Vec<u8> {
    let mut message = head(id, UPDATE, [1, 0, 1, 0]);
    push_asked(&mut message, zone, Kind::Soa);
    let (class, seconds) = match change {
        Change::Add(seconds) => (IN, seconds),
        Change::Remove => (NONE, 0),
    };
    message.extend_from_slice(name.wire());
    push(&mut message, &[Kind::Txt.number(), class]);
    message.extend_from_slice(&seconds.to_be_bytes());
    let strings = text.as_bytes().chunks(255);
    let length = text.len() + strings.len();
    push(&mut message, &[u16::try_from(length).unwrap_or(u16::MAX)]);
    for string in strings {
        message.push(u8::try_from(string.len()).unwrap_or(u8::MAX));
        message.extend_from_slice(string);
    }
    message
}

fn head(id: u16, flags: u16, counts: [u16; 4]) -> Vec<u8> {
    let mut message = Vec::with_capacity(256);
    push(&mut message, &[id, flags]);
    push(&mut message, &counts);
    message
}

fn push_asked(message: &mut Vec<u8>, name: &Name, kind: Kind) {
    message.extend_from_slice(name.wire());
    push(message, &[kind.number(), IN]);
}

pub(crate) fn push(message: &mut Vec<u8>, numbers: &[u16]) {
    numbers.iter().for_each(|number| message.extend_from_slice(&number.to_be_bytes()));
}

/// One record of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) name: Name,
    pub(crate) kind: Kind,
    pub(crate) class: u16,
    /// Where in the message it begins.
    pub(crate) start: usize,
    /// Where in the message its data lies.
    pub(crate) data: std::ops::Range<usize>,
}

/// An answer, or any other message that was received.
#[derive(Clone, Debug)]
pub(crate) struct Message<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) id: u16,
    flags: u16,
    /// What it is an answer to.
    pub(crate) asked: Option<(Name, Kind)>,
    /// Records that answer the question.
    pub(crate) answers: Vec<Record>,
    /// Records of the authority section, which are the changes of an update.
    pub(crate) authority: Vec<Record>,
    /// Records besides.
    pub(crate) additional: Vec<Record>,
}

impl<'a> Message<'a> {
    /// Reads a message; none for what makes no sense. One that is cut off is read as far as it goes.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let number = |at: usize| short(bytes, at);
        let (id, flags) = (number(0)?, number(2)?);
        let (questions, mut at, mut asked) = (number(4)?, HEAD, None);
        if usize::from(questions) > MOST {
            return None;
        }
        for _ in 0..questions {
            let (name, taken) = Name::read(bytes, at)?;
            asked = Some((name, Kind::of(number(at + taken)?)));
            at += taken + 4;
        }
        let mut message =
            Self { bytes, id, flags, asked, answers: Vec::new(), authority: Vec::new(), additional: Vec::new() };
        let counts = [number(6)?, number(8)?, number(ADDITIONAL)?];
        if counts.iter().map(|count| usize::from(*count)).sum::<usize>() > MOST {
            return None;
        }
        for (section, count) in counts.into_iter().enumerate() {
            for _ in 0..count {
                let Some((record, end)) = record(bytes, at) else { return message.is_cut_off().then_some(message) };
                match section {
                    0 => message.answers.push(record),
                    1 => message.authority.push(record),
                    _ => message.additional.push(record),
                }
                at = end;
            }
        }
        Some(message)
    }

    /// Whether it is an answer to a message with this number.
    pub(crate) fn answers(&self, id: u16) -> bool {
        self.id == id && self.flags & ANSWER != 0
    }

    /// Whether there was no room for all of it.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.flags & TRUNCATED != 0
    }

    /// How it went (RFC 1035 section 4.1.1, RFC 2136 section 2.2).
    pub(crate) fn code(&self) -> u16 {
        self.flags & 0xf
    }

    /// The name that a record's data consists of (CNAME, NS).
    pub(crate) fn target(&self, record: &Record) -> Option<Name> {
        Name::read(self.bytes, record.data.start).map(|(name, _)| name)
    }

    /// The texts of TXT records of a name, the parts of each together.
    pub(crate) fn texts(&self, name: &Name) -> Vec<Vec<u8>> {
        let records =
            self.answers.iter().filter(|record| record.kind == Kind::Txt && record.class == IN && record.name == *name);
        records.filter_map(|record| self.text(record)).collect()
    }

    /// A TXT record's text, its parts together.
    pub(crate) fn text(&self, record: &Record) -> Option<Vec<u8>> {
        let (mut rest, mut text) = (self.bytes.get(record.data.clone())?, Vec::new());
        while let Some((length, after)) = rest.split_first() {
            let (part, after) = after.split_at_checked(usize::from(*length))?;
            text.extend_from_slice(part);
            rest = after;
        }
        Some(text)
    }

    /// The address that a record holds.
    pub(crate) fn address(&self, record: &Record) -> Option<IpAddr> {
        let data = self.bytes.get(record.data.clone())?;
        match record.kind {
            Kind::A => Some(Ipv4Addr::from(<[u8; 4]>::try_from(data).ok()?).into()),
            Kind::Aaaa => Some(Ipv6Addr::from(<[u8; 16]>::try_from(data).ok()?).into()),
            _ => None,
        }
    }
}

/// The number at a place of a message.
pub(crate) fn short(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

/// The record at a place, and where the next one begins.
fn record(bytes: &[u8], start: usize) -> Option<(Record, usize)> {
    let (name, taken) = Name::read(bytes, start)?;
    let at = start + taken;
    let (kind, class) = (Kind::of(short(bytes, at)?), short(bytes, at + 2)?);
    let data = at + 10..at + 10 + usize::from(short(bytes, at + 8)?);
    bytes.get(data.clone())?;
    let end = data.end;
    Some((Record { name, kind, class, start, data }, end))
}

/// What a code of an answer means, with its name (RFC 1035, RFC 2136, RFC 8945).
pub(crate) fn meaning(code: u16) -> String {
    let name = match code {
        0 => "NOERROR",
        1 => "FORMERR",
        2 => "SERVFAIL",
        3 => "NXDOMAIN",
        4 => "NOTIMP",
        5 => "REFUSED",
        6 => "YXDOMAIN",
        7 => "YXRRSET",
        8 => "NXRRSET",
        9 => "NOTAUTH",
        10 => "NOTZONE",
        16 => "BADSIG",
        17 => "BADKEY",
        18 => "BADTIME",
        22 => "BADTRUNC",
        other => return format!("code {other}"),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_update_reads_as_it_was_written() {
        let (zone, name) = (Name::parse("example").unwrap(), Name::parse("_acme-challenge.a.example").unwrap());
        let long = "x".repeat(300);
        let bytes = update(7, &zone, &name, &long, Change::Add(120));
        let read = Message::read(&bytes).unwrap();
        assert_eq!((read.id, read.code(), read.asked.clone()), (7, 0, Some((zone.clone(), Kind::Soa))));
        assert!(!read.answers(7), "it is no answer");
        let record = &read.authority[0];
        assert_eq!((&record.name, record.kind, record.class), (&name, Kind::Txt, IN));
        assert_eq!(read.text(record).unwrap(), long.as_bytes());
        let removal = update(7, &zone, &name, "v", Change::Remove);
        assert_eq!(Message::read(&removal).unwrap().authority[0].class, NONE);
    }

    #[test]
    fn an_answer_is_understood() {
        let name = Name::parse("a.example").unwrap();
        let mut bytes = question(1, &name, Kind::Txt, true);
        bytes[2] |= 0x80;
        bytes[7] = 2;
        bytes.extend_from_slice(
            b"\xc0\x0c\0\x10\0\x01\0\0\0\0\0\x06\x02ab\x02cd\xc0\x0c\0\x01\0\x01\0\0\0\0\0\x04\x7f\0\0\x01",
        );
        let read = Message::read(&bytes).unwrap();
        assert!(read.answers(1) && !read.answers(2) && !read.is_cut_off());
        assert_eq!(read.texts(&name), [b"abcd".to_vec()]);
        assert_eq!(read.address(&read.answers[1]), Some(Ipv4Addr::LOCALHOST.into()));
        assert!(Message::read(&bytes[..bytes.len() - 1]).is_none(), "a record that ends too early");
        bytes[2] |= 2;
        assert_eq!(Message::read(&bytes[..bytes.len() - 1]).unwrap().answers.len(), 1, "it says that it is cut off");
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            if let Some(message) = Message::read(&bytes) {
                for record in message.answers.iter().chain(&message.authority) {
                    let _ = (message.target(record), message.text(record), message.address(record));
                }
            }
        }
    }
}
