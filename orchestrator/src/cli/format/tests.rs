#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::{Fields, Format};
use crate::backend::Labels;

fn printed(format: &str) -> Result<String, String> {
    let rows = [
        json!({"Name": "web-1", "State": "running", "ExitCode": 0, "Publishers": [{"URL": "::"}]}),
        json!({"Name": "a-long-name-1", "State": "exited", "ExitCode": 137, "Publishers": []}),
    ];
    let labels = Labels::from([("a.b".to_owned(), "\u{1b}x".to_owned())]);
    let fields: Vec<Fields<'_>> = rows.iter().map(|row| Fields { row, labels: Some(&labels) }).collect();
    match Format::parse(format).map_err(|error| error.message)? {
        Format::Template(template) => template.text(&fields, &[("Name", "CONTAINER")]).map_err(|error| error.message),
        other => Ok(format!("{other:?}")),
    }
}

#[test]
fn words_and_templates() {
    assert_eq!(printed(""), Ok("Table".to_owned()));
    assert_eq!(printed("table"), Ok("Table".to_owned()));
    assert_eq!(printed("json"), Ok("Json".to_owned()));
    let both = |one: &str, other: &str| Ok(format!("{one}\n{other}\n"));
    assert_eq!(printed("{{.Name}} {{ .ExitCode }}"), both("web-1 0", "a-long-name-1 137"));
    assert_eq!(printed(r"{{.Name}}\t{{upper .State}}!"), both("web-1\tRUNNING!", "a-long-name-1\tEXITED!"));
    assert_eq!(printed("{{json .State}}{{.State | upper | lower}}"), both("\"running\"running", "\"exited\"exited"));
    assert_eq!(printed("{{json .Publishers}}"), both("[{\"URL\":\"::\"}]", "[]"));
    let whole = printed("{{json .}}").unwrap();
    assert!(whole.starts_with("{\"ExitCode\":0,\"Name\":\"web-1\""), "{whole}");
    assert_eq!(printed(r#"{{.Label "a.b"}}"#), both("\\u{1b}x", "\\u{1b}x"), "no control character gets through");
    assert_eq!(
        printed(r"table {{.Name}}\t{{.State}}"),
        Ok("CONTAINER       STATE\nweb-1           running\na-long-name-1   exited\n".to_owned())
    );
}

#[test]
fn what_is_not_understood_is_refused_by_name() {
    let refused = |format: &str| printed(format).unwrap_err();
    assert_eq!(refused("yaml"), "`--format yaml` is not supported");
    assert_eq!(refused("{{.Nope}}"), "`--format` names `.Nope`, which is not there");
    assert_eq!(refused("x{{"), "a `{{` in `--format` has no `}}`");
    assert_eq!(refused("{{.Publishers}}"), "`--format` names what is not a single text or number");
    for action in ["range .Publishers", "if .Name", "- .Name", "title .Name", "Name", ".Name | split", "", ".A.B"] {
        assert_eq!(refused(&format!("{{{{{action}}}}}")), format!("`{{{{{action}}}}}` in `--format` is not supported"));
    }
}
