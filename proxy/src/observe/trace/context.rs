//! Which trace a request belongs to (W3C Trace Context, "traceparent").

use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What a client says about the trace that it has begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    trace: [u8; 16],
    span: [u8; 8],
    sampled: bool,
    state: String,
}

/// The trace of a request, and the span of its entry point.
#[derive(Clone, Debug)]
pub(super) struct Context {
    pub(super) trace: [u8; 16],
    pub(super) span: [u8; 8],
    /// The client's span.
    pub(super) parent: Option<[u8; 8]>,
    /// What other tools say about the trace.
    pub(super) state: String,
    /// It is recorded.
    pub(super) sampled: bool,
}

impl Parent {
    /// From the headers of a request; none where they name no trace, or make no sense.
    pub(super) fn read(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(TRACEPARENT).iter();
        let text = all.next().filter(|_| all.next().is_none())?.to_str().ok()?.trim();
        let mut parts = text.split('-');
        let version = hex::<1>(parts.next()?)?[0];
        let (trace, span) = (hex(parts.next()?)?, hex(parts.next()?)?);
        let flags = hex::<1>(parts.next()?)?[0];
        // Later versions may have more to say; this one has not.
        let is_whole = version != 0xff && (version > 0 || parts.next().is_none());
        if !is_whole || trace == [0; 16] || span == [0; 8] {
            return None;
        }
        let state: Vec<&str> = headers.get_all(TRACESTATE).iter().filter_map(|value| value.to_str().ok()).collect();
        Some(Self { trace, span, sampled: flags & 1 != 0, state: state.join(",") })
    }
}

impl Context {
    /// Goes on with a trace, or begins one, which is recorded if its number is below `threshold`.
    pub(super) fn new(parent: Option<Parent>, threshold: u64) -> Self {
        let span = random();
        match parent {
            Some(parent) => Self {
                trace: parent.trace,
                span,
                parent: Some(parent.span),
                state: parent.state,
                sampled: parent.sampled,
            },
            None => {
                let trace: [u8; 16] = random();
                let [.., a, b, c, d, e, f, g, h] = trace;
                let sampled = threshold == u64::MAX || u64::from_be_bytes([a, b, c, d, e, f, g, h]) < threshold;
                Self { trace, span, parent: None, state: String::new(), sampled }
            }
        }
    }

    /// `traceparent` of a request whose span this is.
    pub(super) fn header(&self, span: [u8; 8]) -> HeaderValue {
        let mut text = String::with_capacity(55);
        text.push_str("00-");
        push_hex(&mut text, &self.trace);
        text.push('-');
        push_hex(&mut text, &span);
        text.push_str(if self.sampled { "-01" } else { "-00" });
        // Digits and dashes only.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// A number that nobody else has.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // Without randomness there are no traces to tell apart, which is no reason to fail; zeros mean nothing.
    if aws_lc_rs::rand::fill(&mut bytes).is_err() || bytes == [0; N] {
        bytes = [1; N];
    }
    bytes
}

fn push_hex(text: &mut String, bytes: &[u8]) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 0xf] {
            text.push(char::from_digit(u32::from(digit), 16).unwrap_or('0'));
        }
    }
}

/// Bytes in lower case hexadecimal digits, exactly so many.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(*pair.first()?)? << 4 | digit(*pair.last()?)?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn read(lines: &[&'static str]) -> Option<Parent> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(TRACEPARENT, HeaderValue::from_static(line));
        }
        Parent::read(&headers)
    }

    #[test]
    fn a_trace_goes_on() {
        let parent = read(&["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]).unwrap();
        let context = Context::new(Some(parent), 0);
        assert!(context.sampled && context.parent.is_some());
        let header = context.header([0xab; 8]);
        assert_eq!(header, "00-0af7651916cd43dd8448eb211c80319c-abababababababab-01");
        let parent = read(&["cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-more"]).unwrap();
        assert!(!Context::new(Some(parent), u64::MAX).sampled, "the client's decision stands");
        assert!(Context::new(None, u64::MAX).sampled && !Context::new(None, 0).sampled);
    }

    #[test]
    fn what_makes_no_sense_begins_a_new_trace() {
        const GOOD: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        for lines in [
            &[][..],
            &[""],
            &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"],
            &["00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x"],
            &["00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
            &["ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"],
            &["00-00000000000000000000000000000000-b7ad6b7169203331-01"],
            &["00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"],
            &[GOOD, GOOD],
        ] {
            assert_eq!(read(lines), None, "{lines:?}");
        }
    }
}
