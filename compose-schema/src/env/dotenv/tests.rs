#![expect(clippy::unwrap_used, reason = "tests")]

use super::{EnvErrorKind, parse};
use crate::model::StringMap;

fn outer(name: &str) -> Option<String> {
    (name == "HOST").then(|| "host".to_owned())
}

fn read(text: &str) -> Result<StringMap, (usize, EnvErrorKind)> {
    let mut found = StringMap::new();
    parse(text, &outer, &mut found, &mut Vec::new()).map_err(|error| (error.at, error.kind))?;
    Ok(found)
}

/// The file as `NAME=value` pairs joined with `|`.
fn show(text: &str) -> String {
    read(text).unwrap().into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("|")
}

#[test]
fn the_dialect() {
    for (text, expected) in [
        ("A=1\nB=2\n", "A=1|B=2"),
        ("A: x y\nB:t", "A=x y|B=t"),
        ("export A=1\nexport\tB=2", "A=1|B=2"),
        ("A = s\n  B=i", "A=s|B=i"),
        ("# c\n\nA=1 # c\nB=1#2", "A=1|B=1#2"),
        ("A=\nB=\"\"\nC=''", "A=|B=|C="),
        ("A=t   \nB=\"k  \"", "A=t|B=k  "),
        ("HOST\nNONE\nA=1", "A=1|HOST=host"),
        ("export HOST", "HOST=host"),
        ("A=1\nA=2", "A=2"),
        ("A=a$$b\nB=\"a$$b\"\nC='a$$b'", "A=a$b|B=a$b|C=a$$b"),
        ("A=$HOST ${B:-d}\nC=$A", "A=host d|C=host d"),
        ("A=\"l1\nl2\"\nB=x", "A=l1\nl2|B=x"),
        ("A='t\\th'\nB='L\\'s'", "A=t\\th|B=L's"),
        (r#"A="\t\"\$x\\\0101\q""#, "A=\t\"$x\\A\\q"),
        ("A={\"k\": \"v\"}", "A={\"k\": \"v\"}"),
        ("A=x\"y z\"\nB=it's", "A=x\"y z\"|B=it's"),
        ("1A=1\nclé=v\na.b-c[0]=d", "1A=1|a.b-c[0]=d|clé=v"),
        ("=v", "=v"),
        ("A=1\r\nB=\"2\"\r\n", "A=1|B=2"),
        ("A=`date`\nB=$(date)", "A=`date`|B=$(date)"),
        ("A=\"q\"tail\nB=1", "A=q|B=1"),
        ("A=pa$5", "A=pa$5"),
    ] {
        assert_eq!(show(text), expected, "{text}");
    }
}

#[test]
fn mistakes_have_a_place_and_no_text() {
    for (text, expected) in [
        ("G=1\nBAD KEY=2", (7, EnvErrorKind::Space)),
        ("A!=1", (1, EnvErrorKind::Character)),
        ("A=\"x\nB=1", (2, EnvErrorKind::Unterminated)),
        ("A=1\nB=${1}", (4, EnvErrorKind::Template)),
        ("A=${U:?hidden}", (0, EnvErrorKind::Required("U".to_owned()))),
    ] {
        assert_eq!(read(text).unwrap_err(), expected, "{text}");
    }
}

#[test]
fn unset_variables_are_told() {
    let mut unset = Vec::new();
    parse("B=${A}-x\nA=1", &outer, &mut StringMap::new(), &mut unset).unwrap();
    assert_eq!(unset, [("A".to_owned(), 0)]);
}
