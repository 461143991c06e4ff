//! The time as it stands in `Date` headers (RFC 9110 section 5.6.7), formatted once a second.

use std::cell::RefCell;
use std::time::SystemTime;

use http::HeaderValue;
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;

thread_local! {
    static LAST: RefCell<(u64, HeaderValue)> = const { RefCell::new((0, HeaderValue::from_static(""))) };
}

/// The time now.
pub(super) fn now() -> HeaderValue {
    let second = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    LAST.with_borrow_mut(|(last, text)| {
        if *last != second {
            *last = second;
            *text = format(second);
        }
        text.clone()
    })
}

fn format(second: u64) -> HeaderValue {
    let time = i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok()).unwrap_or_default();
    let text = DateTimePrinter::new().timestamp_to_rfc9110_string(&time);
    text.ok().and_then(|text| HeaderValue::try_from(text).ok()).unwrap_or_else(|| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    #[test]
    fn as_http_writes_it() {
        assert_eq!(super::format(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert!(super::now().to_str().is_ok_and(|text| text.ends_with(" GMT")));
    }
}
