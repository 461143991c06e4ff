#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use super::{TemplateErrorKind, Variable, Variables, substitute, variables};

#[derive(Default)]
struct Env {
    values: BTreeMap<&'static str, String>,
    missing: Vec<String>,
}

impl Variables for Env {
    fn get(&mut self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    fn unset(&mut self, name: &str, _: Range<usize>) {
        self.missing.push(name.to_owned());
    }
}

fn env() -> Env {
    Env { values: [("V", "val".to_owned()), ("E", String::new())].into(), ..Env::default() }
}

#[test]
fn operators() {
    for (text, expected) in [
        ("plain", "plain"),
        ("$V-x", "val-x"),
        ("${V}", "val"),
        ("$$V $${V}", "$V ${V}"),
        ("a$", "a$"),
        ("$5 $ $( $-", "$5 $ $( $-"),
        ("${V}}", "val}"),
        ("${U:-d}", "d"),
        ("${U-d}", "d"),
        ("${E:-d}", "d"),
        ("${E-d}", ""),
        ("${V:-d}", "val"),
        ("${V:+a}", "a"),
        ("${E:+a}", ""),
        ("${E+a}", "a"),
        ("${U+a}", ""),
        ("${V:?m}", "val"),
        ("${E?m}", ""),
        ("${U:-${V}}", "val"),
        ("${U:-${W:-x}}y", "xy"),
        ("${U:-{}}", "{}"),
        ("${V:-{}}", "val"),
        ("${V:-{a}}", "val"),
        ("${V:-{{.X}}}", "val}"),
        ("${V:-{a}", "val"),
        ("${V:-a{b}c}d}", "vald}"),
        ("${V:-}{a}", "val{a}"),
        ("${U:-{a} ${V}", "error"),
        ("${U:-a?b}", "a?b"),
        ("${U-a:-b}", "a:-b"),
        ("${U:-x}${W:-y}", "xy"),
        ("${U:-http://h:80/p?q=1}", "http://h:80/p?q=1"),
        ("${U:-$$}", "$"),
        ("é${V}é", "évalé"),
        ("${V:-a\n}", "error"),
        ("${}", "error"),
        ("${1a}", "error"),
        ("${V/a/b}", "error"),
        ("${V:x}", "error"),
        ("${!V}", "error"),
        ("${V", "error"),
        ("${ V }", "error"),
        ("${café}", "error"),
        ("${V:-${1}}", "error"),
    ] {
        let mut env = env();
        let found = substitute(text, &mut env).map_or("error".to_owned(), std::borrow::Cow::into_owned);
        assert_eq!(found, expected, "{text}");
        assert!(env.missing.is_empty(), "{text}");
    }
}

#[test]
fn unset_and_required_variables_are_told() {
    let mut env = env();
    assert_eq!(substitute("$U ${W} ${V:-$X} ${U:-$Y}", &mut env).unwrap(), "  val ");
    assert_eq!(env.missing, ["U", "W", "Y"]);
    let error = substitute("a ${E:?set $V}", &mut env).unwrap_err();
    assert_eq!(error.at, 2..14);
    assert_eq!(error.kind, TemplateErrorKind::Required { name: "E".to_owned(), message: "set val".to_owned() });
    assert!(matches!(substitute("${V:-${U:?inner}}", &mut env).unwrap_err().kind, TemplateErrorKind::Required { .. }));
    assert_eq!(substitute("x ${V^^} y", &mut env).unwrap_err().at, 2..8);
}

#[test]
fn hostile_texts_cost_little() {
    let started = Instant::now();
    let mut env = env();
    env.values.insert("BIG", "x".repeat(1 << 20));
    let deep = format!("{}x{}", "${U:-".repeat(5000), "}".repeat(5000));
    assert_eq!(substitute(&deep, &mut env).unwrap_err().kind, TemplateErrorKind::TooDeep);
    let bomb = "$BIG".repeat(5000);
    assert_eq!(substitute(&bomb, &mut env).unwrap_err().kind, TemplateErrorKind::TooLarge);
    assert!(substitute(&"${U:-x}".repeat(100_000), &mut env).is_ok());
    assert!(substitute(&"${U:-".repeat(100_000), &mut env).is_err());
    assert_eq!(variables(&"${U:-x}".repeat(100_000)).len(), 100_000);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
}

#[test]
fn what_is_no_variable_is_listed_without_a_name() {
    for (text, names) in [
        ("${} ${W}", vec!["", "W"]),
        ("${A:} $B ${C", vec!["", "B", ""]),
        ("${V^^}$1$", vec![""]),
        ("${V:-a${}b}", vec!["V", ""]),
    ] {
        let found: Vec<String> = variables(text).into_iter().map(|variable| variable.name).collect();
        assert_eq!(found, names, "{text}");
    }
}

#[test]
fn variables_are_listed() {
    let listed = |text: &str| -> Vec<String> {
        let form = |v: Variable| format!("{} {} {:?} {:?}", v.name, v.required, v.default, v.alternative);
        variables(text).into_iter().map(form).collect()
    };
    assert_eq!(
        listed("$A ${B:-x${C}} ${D:?m$M} ${E+y} $$F"),
        [r#"A false "" """#, r#"E false "" "y""#, r#"D true "" """#, r#"B false "x${C}" """#, r#"C false "" """#]
    );
    // Of two of a line, the first with a word counts; behind the last brace, the last.
    assert_eq!(listed("${A:-1}${A}${A:-2}").last().unwrap(), r#"A false "1" """#);
    assert_eq!(listed("${A:-1} $A").last().unwrap(), r#"A false "" """#);
    assert_eq!(listed("${A:-1}\n${A:-2}").last().unwrap(), r#"A false "2" """#);
}
