#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proxy::template::Value;

use super::{Format, Listing, Row, record};
use crate::backend::Labels;

const RAW: &str = "name: {{.Name}}\nstate:{{pad .State 1 0}}";

fn printed(format: &str) -> Result<String, String> {
    let labels = Labels::from([("a.b".to_owned(), "\u{1b}x".to_owned())]);
    let port = |number| record([("URL", "::".into()), ("TargetPort", Value::Number(number))]);
    let row = |name: &str, state: &str, code: i64, ports: &[i64]| Row {
        fields: record([
            ("ExitCode", Value::Number(code)),
            ("Name", name.into()),
            ("Publishers", Value::List(ports.iter().map(|number| port(*number)).collect())),
            ("State", state.into()),
        ]),
        labels: Some(&labels),
    };
    let rows = vec![row("web-1", "running", 0, &[80, 81]), row("a-long-name-1", "<exited>", 137, &[])];
    let titles = &[("Name", "CONTAINER"), ("State", "STATE")];
    let format = Format::parse(format, Some(RAW)).map_err(|error| error.message)?;
    format.text(&Listing { columns: &["State", "Name"], titles, rows }).map_err(|error| error.message)
}

/// Each of these is what Docker Compose 2.40.3 makes of it.
#[test]
fn words_and_templates() {
    let both = |one: &str, other: &str| Ok(format!("{one}\n{other}\n"));
    let own = "STATE      CONTAINER\nrunning    web-1\n<exited>   a-long-name-1\n";
    assert_eq!(printed(""), Ok(own.to_owned()));
    assert_eq!(printed("table"), printed(""));
    let second = "{\"ExitCode\":137,\"Name\":\"a-long-name-1\",\"Publishers\":[],\"State\":\"\\u003cexited\\u003e\"}\n";
    assert!(printed("json").unwrap().ends_with(second), "{:?}", printed("json"));
    assert_eq!(printed("{{json .}}"), printed("json"));
    assert_eq!(printed("raw"), both("name: web-1\nstate: running", "name: a-long-name-1\nstate: <exited>"));
    for (format, one, other) in [
        ("{{.Name}} {{ .ExitCode }}", "web-1 0", "a-long-name-1 137"),
        (r"{{.Name}}\t{{upper .State}}!", "web-1\tRUNNING!", "a-long-name-1\t<EXITED>!"),
        ("{{json .State}}{{.State | upper | lower}}", "\"running\"running", "\"<exited>\"<exited>"),
        ("{{json .Publishers}}", "[{\"URL\":\"::\",\"TargetPort\":80},{\"URL\":\"::\",\"TargetPort\":81}]", "[]"),
        ("{{.Publishers}}", "[{:: 80} {:: 81}]", "[]"),
        ("{{range .Publishers}}{{.TargetPort}};{{end}}", "80;81;", ""),
        (r#"{{if eq .State "running"}}R{{else}}{{len .Publishers}}{{end}}"#, "R", "0"),
        (r#"{{printf "%-6s|" .Name}}{{println}}"#, "web-1 |\n", "a-long-name-1|\n"),
        (r#"{{join (split .Name "-") "+"}}"#, "web+1", "a+long+name+1"),
        (
            "{{title .Name}}{{truncate .Name 2}}|{{pad .Name 1 2}}|",
            "Web-1we| web-1  |",
            "A-Long-Name-1a-| a-long-name-1  |",
        ),
        (r#"{{.Label "a.b"}}"#, "\\u{1b}x", "\\u{1b}x"),
    ] {
        assert_eq!(printed(format), both(one, other), "{format}");
    }
}

#[test]
fn tables_of_templates() {
    let both = |head: &str, one: &str, other: &str| Ok(format!("{head}\n{one}\n{other}\n"));
    for (format, head, one, other) in [
        (
            r"table {{.Name}}\t{{upper .State}}",
            "CONTAINER       STATE",
            "web-1           RUNNING",
            "a-long-name-1   <EXITED>",
        ),
        (r#"table {{.Label "a.b-c"}}\t{{.Name}}"#, "b c       CONTAINER", "          web-1", "          a-long-name-1"),
        ("table {{.Publishers}}", "<no value>", "[{:: 80} {:: 81}]", "[]"),
        ("table {{range .Publishers}}{{.TargetPort}}{{end}}", "", "8081", ""),
        (r#"table {{if eq .State "running"}}R{{end}}"#, "", "R", ""),
        (r#"table{{join (split .Name "-") "+"}}"#, "CONTAINER", "web+1", "a+long+name+1"),
        (r"table {{.State}}\t{{json .Publishers | len}}", "STATE      ", "running    59", "<exited>   2"),
    ] {
        assert_eq!(printed(format), both(head, one, other), "{format}");
    }
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    for (format, message) in [
        ("yaml", "`--format yaml` is not supported"),
        ("{{.Name}} {{.Nope}}", "`{{.Nope}}` in `--format`: there is no field `.Nope`"),
        ("x{{", "`{{` in `--format`: `{{` without `}}`"),
        ("{{if .Name}}", "`{{if .Name}}` in `--format`: `if` without `end`"),
        ("{{.Name}}{{toJson .Name}}", "`{{toJson .Name}}` in `--format`: there is no function `toJson`"),
        ("{{.Label}}", "`{{.Label}}` in `--format`: `.Label` takes the name of a label: `.Label \"com.example\"`"),
        (
            "{{upper .ExitCode}}",
            "`{{upper .ExitCode}}` in `--format`: function `upper` is not supported, or not with these arguments (a number)",
        ),
        (
            "{{join .Name \",\"}}",
            "`{{join .Name \",\"}}` in `--format`: `join` takes a list of texts and what is put between them",
        ),
        ("{{eq .ExitCode \"0\"}}", "`{{eq .ExitCode \"0\"}}` in `--format`: `eq`: int and string are not compared"),
    ] {
        assert_eq!(printed(format), Err(message.to_owned()), "{format}");
    }
}
