//! Signatures of messages by a shared secret (RFC 8945).

use aws_lc_rs::hmac;

use super::message::{ADDITIONAL, Kind, Message, meaning, push, short};
use super::name::Name;

/// Class ANY, which signatures have.
const ANY: u16 = 255;
/// Seconds that clocks may differ by.
const FUDGE: u16 = 300;

/// A shared secret.
#[derive(Clone)]
pub(crate) struct Key {
    name: Name,
    algorithm: Name,
    secret: hmac::Key,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Key({} {})", self.name, self.algorithm)
    }
}

impl Key {
    /// A key by its name, the name of its algorithm (`hmac-sha256`, with or without a dot at the end) and the secret.
    ///
    /// # Errors
    /// A name that is none, an algorithm that is not known, with those that are.
    pub(crate) fn new(name: &str, algorithm: &str, secret: &[u8]) -> Result<Self, String> {
        let lower = algorithm.trim_end_matches('.').to_ascii_lowercase();
        let kind = match lower.as_str() {
            "hmac-sha1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            "hmac-sha224" => hmac::HMAC_SHA224,
            "hmac-sha256" => hmac::HMAC_SHA256,
            "hmac-sha384" => hmac::HMAC_SHA384,
            "hmac-sha512" => hmac::HMAC_SHA512,
            _ => {
                return Err(format!(
                    "TSIG algorithm `{algorithm}` is not supported; use `hmac-sha1`, `hmac-sha224`, `hmac-sha256`, `hmac-sha384` or `hmac-sha512`"
                ));
            }
        };
        let no_name = || format!("`{name}` is no name of a TSIG key");
        Ok(Self {
            name: Name::parse(name).ok_or_else(no_name)?,
            algorithm: Name::parse(&lower).ok_or_else(no_name)?,
            secret: hmac::Key::new(kind, secret),
        })
    }

    /// Signs a message at a time (seconds since 1970), as an answer to the message with the signature `asked`, if it is
    /// one; returns its own signature.
    pub(crate) fn sign(&self, message: &mut Vec<u8>, asked: Option<&[u8]>, time: u64) -> Vec<u8> {
        let id = short(message, 0).unwrap_or_default();
        let mac = self.mac(message, asked, time, FUDGE, 0, &[]);
        message.extend_from_slice(self.name.wire());
        push(message, &[Kind::Tsig.number(), ANY, 0, 0]);
        let length = self.algorithm.wire().len() + mac.len() + 16;
        push(message, &[u16::try_from(length).unwrap_or(u16::MAX)]);
        message.extend_from_slice(self.algorithm.wire());
        push_time(message, time);
        push(message, &[FUDGE, u16::try_from(mac.len()).unwrap_or(u16::MAX)]);
        message.extend_from_slice(&mac);
        push(message, &[id, 0, 0]);
        let count = short(message, ADDITIONAL).unwrap_or_default().wrapping_add(1).to_be_bytes();
        if let Some(place) = message.get_mut(ADDITIONAL..ADDITIONAL + 2) {
            place.copy_from_slice(&count);
        }
        mac
    }

    /// Verifies a message that was received at a time (seconds since 1970), as an answer to the message with the signature
    /// `asked`, if it is one; returns its signature.
    ///
    /// # Errors
    /// Why it is not to be believed.
    pub(crate) fn verify(&self, message: &Message<'_>, asked: Option<&[u8]>, time: u64) -> Result<Vec<u8>, String> {
        let bytes = message.bytes;
        let record = message.additional.last().filter(|record| record.kind == Kind::Tsig);
        let record = record.ok_or("it is not signed")?;
        let broken = "its signature is malformed";
        let data = bytes.get(..record.data.end).unwrap_or_default();
        let seconds = data.get(record.data.start.saturating_sub(6)..record.data.start.saturating_sub(2));
        if record.class != ANY || seconds != Some(&[0; 4]) {
            return Err(broken.to_owned());
        }
        let (algorithm, taken) = Name::read(data, record.data.start).ok_or(broken)?;
        let at = record.data.start + taken;
        let signed = data.get(at..at + 6).ok_or(broken)?;
        let signed = signed.iter().fold(0_u64, |time, byte| time << 8 | u64::from(*byte));
        let fudge = short(data, at + 6).ok_or(broken)?;
        let length = usize::from(short(data, at + 8).ok_or(broken)?);
        let mac = data.get(at + 10..at + 10 + length).ok_or(broken)?;
        let after = at + 10 + length;
        let error = short(data, after + 2).ok_or(broken)?;
        let other = data.get(after + 6..).ok_or(broken)?;
        if short(data, after + 4).map(usize::from) != Some(other.len()) {
            return Err(broken.to_owned());
        }
        if error != 0 {
            return Err(format!("the server says {}", meaning(error)));
        }
        if record.name != self.name || algorithm != self.algorithm {
            return Err("it is signed with another key".to_owned());
        }
        // As it was before it was signed.
        let mut unsigned = bytes.get(..record.start).ok_or(broken)?.to_vec();
        let count = short(&unsigned, ADDITIONAL).and_then(|count| count.checked_sub(1)).ok_or(broken)?;
        unsigned.get_mut(ADDITIONAL..ADDITIONAL + 2).ok_or(broken)?.copy_from_slice(&count.to_be_bytes());
        let id = data.get(after..after + 2).ok_or(broken)?;
        unsigned.get_mut(..2).ok_or(broken)?.copy_from_slice(id);
        let content = self.content(&unsigned, asked, signed, fudge, error, other);
        hmac::verify(&self.secret, &content, mac).map_err(|_| "its signature is wrong")?;
        if time.abs_diff(signed) > u64::from(fudge) {
            return Err("its clock and ours differ too much".to_owned());
        }
        Ok(mac.to_vec())
    }

    fn mac(&self, message: &[u8], asked: Option<&[u8]>, time: u64, fudge: u16, error: u16, other: &[u8]) -> Vec<u8> {
        hmac::sign(&self.secret, &self.content(message, asked, time, fudge, error, other)).as_ref().to_vec()
    }

    /// What is signed (RFC 8945 section 4.3).
    fn content(
        &self,
        message: &[u8],
        asked: Option<&[u8]>,
        time: u64,
        fudge: u16,
        error: u16,
        other: &[u8],
    ) -> Vec<u8> {
        let length = |bytes: &[u8]| u16::try_from(bytes.len()).unwrap_or(u16::MAX);
        let mut content = Vec::with_capacity(message.len() + 256);
        if let Some(asked) = asked {
            push(&mut content, &[length(asked)]);
            content.extend_from_slice(asked);
        }
        content.extend_from_slice(message);
        content.extend_from_slice(self.name.wire());
        push(&mut content, &[ANY, 0, 0]);
        content.extend_from_slice(self.algorithm.wire());
        push_time(&mut content, time);
        push(&mut content, &[fudge, error, length(other)]);
        content.extend_from_slice(other);
        content
    }
}

/// A time has 48 bits.
fn push_time(message: &mut Vec<u8>, time: u64) {
    message.extend(time.to_be_bytes().into_iter().skip(2));
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

    use super::*;
    use crate::dns::message::{Change, question, update};

    fn update_message() -> Vec<u8> {
        let (zone, name) = (Name::parse("example").unwrap(), Name::parse("a.example").unwrap());
        update(0x1234, &zone, &name, "text", Change::Add(120))
    }

    #[test]
    fn what_is_signed_is_believed_and_nothing_else() {
        for algorithm in ["hmac-sha1", "hmac-sha224", "HMAC-SHA256.", "hmac-sha384", "hmac-sha512"] {
            let key = Key::new("key.example.", algorithm, b"secret").unwrap();
            let verify = |key: &Key, bytes: &[u8], time| key.verify(&Message::read(bytes).unwrap(), None, time);
            let mut message = update_message();
            let mac = key.sign(&mut message, None, 1_000_000);
            assert_eq!(verify(&key, &message, 1_000_299).unwrap(), mac);
            assert!(verify(&key, &message, 1_000_301).is_err(), "too late");
            let other = Key::new("key.example", algorithm, b"other").unwrap();
            assert_eq!(verify(&other, &message, 1_000_000).unwrap_err(), "its signature is wrong");
            let renamed = Key::new("key2.example", algorithm, b"secret").unwrap();
            assert_eq!(verify(&renamed, &message, 1_000_000).unwrap_err(), "it is signed with another key");
            let unsigned = update_message();
            assert_eq!(verify(&key, &unsigned, 1_000_000).unwrap_err(), "it is not signed");
            for at in 0..message.len() {
                let mut forged = message.clone();
                forged[at] ^= 1;
                // The number of a message may be another one on the way; the one that is signed counts.
                if let (Some(read), 2..) = (Message::read(&forged), at) {
                    assert!(key.verify(&read, None, 1_000_000).is_err(), "byte {at} of {algorithm}");
                }
            }
        }
        assert!(Key::new("k", "hmac-md5", b"").is_err());
    }

    #[test]
    fn an_answer_is_signed_with_the_signature_of_what_it_answers() {
        let key = Key::new("k", "hmac-sha256", b"secret").unwrap();
        let mut asked = update_message();
        let mac = key.sign(&mut asked, None, 1000);
        let mut answer = question(0x1234, &Name::parse("example").unwrap(), Kind::Soa, false);
        answer[2] |= 0x80;
        key.sign(&mut answer, Some(&mac), 1001);
        let read = Message::read(&answer).unwrap();
        assert!(key.verify(&read, Some(&mac), 1001).is_ok());
        assert!(key.verify(&read, None, 1001).is_err());
    }

    /// RFC 8945 section 4.3.
    #[test]
    fn the_signed_bytes_are_those_of_the_standard() {
        let key = Key::new("K.example", "hmac-sha256", b"secret").unwrap();
        let content = key.content(b"MSG", Some(b"mac"), 0x0102_0304_0506, 300, 0, b"");
        let expected = [
            &b"\0\x03mac"[..],
            b"MSG",
            b"\x01k\x07example\0",
            b"\0\xff\0\0\0\0",
            b"\x0bhmac-sha256\0",
            b"\x01\x02\x03\x04\x05\x06",
            b"\x01\x2c\0\0\0\0",
        ];
        assert_eq!(content, expected.concat());
    }
}
