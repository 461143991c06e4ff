//! Domain names as messages carry them (RFC 1035 section 3.1).

/// Most bytes of a name.
const LONGEST: usize = 255;
/// Most bytes of a label.
const LONGEST_LABEL: usize = 63;
/// Most places that the parts of one name lie at: it has no more labels.
const MOST_PLACES: usize = 128;

/// A name in lower case, as messages carry it, uncompressed: labels with their lengths, a zero at the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Name(Vec<u8>);

impl Name {
    /// From its text, with or without a dot at the end; none for what is no name. Labels are taken as they are: there
    /// are no escapes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut wire = Vec::with_capacity(text.len() + 2);
        for label in text.split('.').filter(|_| !text.is_empty()) {
            let length = u8::try_from(label.len()).ok().filter(|_| (1..=LONGEST_LABEL).contains(&label.len()))?;
            wire.push(length);
            wire.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        wire.push(0);
        (wire.len() <= LONGEST).then_some(Self(wire))
    }

    /// Reads one in a message, following compression (RFC 1035 section 4.1.4), and how many bytes it takes at `start`;
    /// none for what makes no sense.
    pub(crate) fn read(message: &[u8], start: usize) -> Option<(Self, usize)> {
        let (mut wire, mut at, mut taken, mut places) = (Vec::new(), start, None, 0);
        loop {
            let length = *message.get(at)?;
            match length {
                0 => {
                    wire.push(0);
                    let taken = taken.unwrap_or_else(|| at + 1 - start);
                    return (wire.len() <= LONGEST).then_some((Self(wire), taken));
                }
                1..=63 => {
                    let label = message.get(at + 1..at + 1 + usize::from(length))?;
                    wire.push(length);
                    wire.extend(label.iter().map(u8::to_ascii_lowercase));
                    at += 1 + usize::from(length);
                }
                0xc0.. => {
                    let target = usize::from(length & 0x3f) << 8 | usize::from(*message.get(at + 1)?);
                    taken.get_or_insert_with(|| at + 2 - start);
                    places += 1;
                    // Only ever backwards, so that it ends, and soon.
                    at = (target < at && places < MOST_PLACES).then_some(target)?;
                }
                64..=0xbf => return None,
            }
            if wire.len() > LONGEST {
                return None;
            }
        }
    }

    /// As messages carry it.
    pub(crate) fn wire(&self) -> &[u8] {
        &self.0
    }

    /// The name without its first label; none for the root.
    pub(crate) fn parent(&self) -> Option<Self> {
        let first = usize::from(*self.0.first().filter(|length| **length > 0)?);
        self.0.get(first + 1..).map(|rest| Self(rest.to_vec()))
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rest = self.0.as_slice();
        while let Some((length, after)) = rest.split_first().filter(|(length, _)| **length > 0) {
            let (label, after) = after.split_at_checked(usize::from(*length)).unwrap_or((after, &[]));
            write!(f, "{}.", label.escape_ascii())?;
            rest = after;
        }
        if self.0.len() == 1 { f.write_str(".") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn names_are_written_and_read() {
        let name = Name::parse("_Acme-Challenge.A.example").unwrap();
        assert_eq!(name.wire(), b"\x0f_acme-challenge\x01a\x07example\0");
        assert_eq!(name.to_string(), "_acme-challenge.a.example.");
        assert_eq!(name, Name::parse("_acme-challenge.a.example.").unwrap());
        assert_eq!(name.parent().unwrap().to_string(), "a.example.");
        let root = Name::parse(".").unwrap();
        assert_eq!((root.to_string().as_str(), root.parent()), (".", None));
        for wrong in ["a..b", ".a", &"a".repeat(64), &"a.".repeat(128)] {
            assert_eq!(Name::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn compression_ends() {
        let message = b"\x07example\0\x01a\xc0\x00\xc0\x09";
        assert_eq!(Name::read(message, 9).unwrap().0.to_string(), "a.example.");
        assert_eq!(Name::read(message, 9).unwrap().1, 4);
        assert_eq!(Name::read(message, 13).unwrap().0.to_string(), "a.example.");
        assert_eq!(Name::read(message, 13).unwrap().1, 2);
        let chain = b"\0\xc0\x00....\xc0\x01";
        assert_eq!(Name::read(chain, 7).map(|(name, taken)| (name.to_string(), taken)), Some((".".to_owned(), 2)));
        let hops: Vec<u8> =
            (0..1000_u16).flat_map(|hop| (0xc000 | (hop.saturating_sub(1) * 2)).to_be_bytes()).collect();
        assert_eq!(Name::read(&[b"\0\0", &hops[2..]].concat(), 1998), None, "from place to place");
        for wrong in [&b"\xc0\x00"[..], b"\x01a\xc0\x00", b"\x05ab", b"\x40a", b"\x80", b"\xc0", b""] {
            let start = wrong.len().min(2) / 2 * usize::from(wrong.len() == 4) * 2;
            assert_eq!(Name::read(wrong, start), None, "{wrong:?}");
        }
    }
}
