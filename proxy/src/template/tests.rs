#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

/// No functions but Go's own; one method.
struct Plain;

impl Functions for Plain {
    fn call(&self, _: &str, _: &[Value]) -> Option<Result<Value, String>> {
        None
    }

    fn method(&self, name: &str, args: &[Value]) -> Option<Result<Value, String>> {
        match (name, args) {
            ("Label", [Value::Text(name)]) => Some(Ok(Value::Text(format!("<{name}>")))),
            ("Label", _) => Some(Err("`.Label` takes a name".to_owned())),
            _ => None,
        }
    }
}

fn record(fields: &[(&str, Value)]) -> Value {
    Value::Record(fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn filled(template: &str) -> Result<String, (usize, String)> {
    let port = |number| record(&[("URL", "::".into()), ("Port", Value::Number(number))]);
    let root = record(&[
        ("Name", "web-1".into()),
        ("Code", Value::Number(3)),
        ("Ports", Value::List(vec![port(80), port(81)])),
    ]);
    let mut out = String::new();
    let mistake = |mistake: Mistake| (mistake.place.column, mistake.reason);
    Template::parse(template).map_err(mistake)?.fill(&root, &Plain, &mut out).map_err(mistake)?;
    Ok(out)
}

/// Each of these is what Docker Compose 2.40.3 makes of it.
#[test]
fn records_texts_and_methods() {
    for (template, text) in [
        ("{{.Ports}}", "[{:: 80} {:: 81}]"),
        ("{{printf \"%v %+v\" .Ports .Ports}}", "[{:: 80} {:: 81}] [{URL::: Port:80} {URL::: Port:81}]"),
        ("{{range $i, $p := .Ports}}{{if $i}},{{end}}{{$p.Port | printf \"%03d\"}}{{end}}", "080,081"),
        ("{{(index .Ports 1).Port}}{{len .Ports}}", "812"),
        ("{{.Label \"a.b\" | len}}{{range .Ports}}{{$.Label \"x\"}}{{end}}", "5<x><x>"),
        ("{{index .Name 0}}{{slice .Name 0 3}}{{slice .Ports 1}}", "119web[{:: 81}]"),
        ("{{println .Name nil 1}}", "web-1 <nil> 1\n"),
        ("{{.Name | }}", "web-1"),
        ("{{js \"a=<b>'\"}}", "a\\u003D\\u003Cb\\u003E\\'"),
        ("{{if and (eq .Name \"x\" \"web-1\") (ne .Code 1) (gt .Code 2)}}yes{{end}}", "yes"),
        ("{{with .Ports}}{{(index . 0).Port}}{{end}}", "80"),
    ] {
        assert_eq!(filled(template).as_deref(), Ok(text), "{template}");
    }
}

#[test]
fn numbers_and_quotes_are_gos() {
    for (template, text) in [
        ("{{-0x1f}} {{0b11}} {{017}} {{1_000}}", "-31 3 15 1000"),
        ("{{-0x8000000000000000}} {{-0777}}", "-9223372036854775808 -511"),
        ("{{printf \"%q\" \"\\x07\\x0b\\x1b\\u0085é\"}}", "\"\\a\\v\\x1b\\u0085é\""),
    ] {
        assert_eq!(filled(template).as_deref(), Ok(text), "{template}");
    }
    for wrong in ["{{0x-5}}", "{{-0x-8000000000000000}}", "{{0b+1}}", "{{\"\\x+1\"}}", "{{\"\\u12\"}}"] {
        assert!(filled(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_mistake_has_its_column_and_leaves_what_was_filled_in() {
    for (template, column, reason) in [
        ("ü {{.Name}} {{.Nope}}", 13, "there is no field `.Nope`"),
        ("{{range .Ports}}{{.Nope}}{{end}}", 17, "there is no field `.Nope`"),
        ("{{.Name.Foo}}", 1, "`.Foo`: a text has no fields"),
        ("{{.Name .Code}}", 1, "only functions take arguments"),
        ("{{.Label}}", 1, "`.Label` takes a name"),
        ("{{eq .Code \"3\"}}", 1, "`eq`: int and string are not compared"),
        ("{{index .Ports 2}}", 1, "`index`: 2 is outside of a list of 2"),
        ("{{slice .Ports 0 3}}", 1, "`slice`: outside of the 2 that there are"),
        ("a{{if .Name}}", 2, "`if` without `end`"),
        ("ab{{", 3, "`{{` without `}}`"),
    ] {
        assert_eq!(filled(template), Err((column, reason.to_owned())), "{template}");
    }
    let mut out = String::new();
    Template::parse("a{{1}}{{.Nope}}b").unwrap().fill(&record(&[]), &Plain, &mut out).unwrap_err();
    assert_eq!(out, "a1");
}

#[test]
fn calls_are_known_before_anything_is_filled_in() {
    let template = Template::parse("{{.A}}\n {{if eq (len .B) 1}}{{nope}}{{end}}").unwrap();
    let calls: Vec<(&str, usize, usize)> =
        template.calls().map(|(name, place)| (name, place.line, place.column)).collect();
    assert_eq!(calls, [("eq", 2, 2), ("len", 2, 2), ("nope", 2, 22)]);
}
