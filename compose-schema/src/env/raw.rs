//! Env files as `docker run --env-file` reads them: no quotes, no variables.

use super::dotenv::{EnvError, EnvErrorKind};
use crate::model::StringMap;

/// White space before names, and none inside them.
const BLANK: [char; 2] = [' ', '\t'];

/// Adds `NAME=value` lines to `into`, the value being everything after `=`. Names without a value take that of `outer`,
/// else are left out. Lines that start with `#` are comments.
pub(crate) fn parse(text: &str, outer: &dyn Fn(&str) -> Option<String>, into: &mut StringMap) -> Result<(), EnvError> {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let line = line.strip_suffix('\r').unwrap_or(line).trim_start_matches(BLANK);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (line, outer(line)),
        };
        let kind = if name.is_empty() {
            Some(EnvErrorKind::Nameless)
        } else if name.contains(BLANK) {
            Some(EnvErrorKind::Space)
        } else {
            None
        };
        if let Some(kind) = kind {
            return Err(EnvError { at: start, kind });
        }
        if let Some(value) = value {
            into.insert(name.to_owned(), value);
        }
    }
    Ok(())
}

/// The names that an env file of this form gives a value, in order, with the offset of each line.
pub(crate) fn names(text: &str) -> Vec<(&str, usize)> {
    let mut at = 0;
    let lines = text.split_inclusive('\n').map(|line| {
        at += line.len();
        (line.trim_start(), at - line.len())
    });
    lines
        .filter(|(line, _)| !line.starts_with('#'))
        .filter_map(|(line, start)| Some((line.split_once('=')?.0, start)))
        .collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn everything_after_the_sign_is_the_value() {
        let outer = |name: &str| (name == "HOST").then(|| "host".to_owned());
        let mut found = StringMap::new();
        parse("# c\nA=\"q\" # x \r\n  B=$A\nHOST\nNONE\nC=\n", &outer, &mut found).unwrap();
        let found: Vec<_> = found.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        assert_eq!(found, ["A=\"q\" # x ", "B=$A", "C=", "HOST=host"]);
        let error = |text: &str| parse(text, &outer, &mut StringMap::new()).unwrap_err();
        assert_eq!(error("A=1\n=x"), EnvError { at: 4, kind: EnvErrorKind::Nameless });
        assert_eq!(error("A B=1"), EnvError { at: 0, kind: EnvErrorKind::Space });
        assert_eq!(error("A=1\nA\tB=1"), EnvError { at: 4, kind: EnvErrorKind::Space });
        let mut odd = StringMap::new();
        parse("A\u{a0}B=1\r\n", &outer, &mut odd).unwrap();
        assert_eq!(odd.into_iter().next().unwrap(), ("A\u{a0}B".to_owned(), "1".to_owned()));
    }
}
