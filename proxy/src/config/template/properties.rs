//! What must hold of any text as a template.

use super::*;

/// A template, filled in: it ends, and what it gives has a bound.
pub(crate) fn template(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    // Does not ask others for names.
    if text.contains("getHostByName") {
        return;
    }
    let labels = [("a".to_owned(), Value::from("b")), ("traefik.port".to_owned(), Value::from("80"))];
    let fields = [
        ("Name".to_owned(), Value::from("web-1")),
        ("Labels".to_owned(), Value::Map(labels.into())),
        ("Ports".to_owned(), Value::List(vec![Value::Number(80), Value::Float(1.5), Value::Nothing])),
    ];
    let root = Value::Record(fields.into());
    let environment = [("HOME".to_owned(), "/root".to_owned())].into();
    for (split_is_go, labels_are_texts) in [(true, true), (false, false)] {
        let context = Context { root: root.clone(), environment: &environment, split_is_go, labels_are_texts };
        match render(text, &context) {
            Ok(filled) => assert!(filled.len() <= 128 << 20, "{} bytes", filled.len()),
            Err(mistake) => assert!(mistake.place.line >= 1 && mistake.place.column >= 1, "{mistake:?}"),
        }
    }
}
