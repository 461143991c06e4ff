//! What must hold of any message.

use super::*;

/// A message: whatever it says of itself, there is no more in it than its bytes.
pub(crate) fn dns(input: &[u8]) {
    let Some(message) = Message::read(input) else { return };
    let all = || message.answers.iter().chain(&message.authority).chain(&message.additional);
    assert!(all().count() <= MOST);
    for record in all() {
        assert!(record.start < record.data.start && record.data.end <= input.len(), "{record:?}");
        assert!(record.name.wire().len() <= 255 && !record.name.to_string().is_empty(), "{record:?}");
        let _ = (message.target(record), message.address(record), message.texts(&record.name));
        if let Some(text) = message.text(record) {
            assert!(text.len() <= record.data.len(), "{record:?}");
        }
    }
}
