//! The default rule: Go's templates, as far as rules need them.
//!
//! Texts and `{{ … }}`: pipelines of functions, `if`, `else`, `range`, `with`, variables. Specification: Go's package
//! `text/template`; the functions are those of the library "sprig" that make names of names. Anything else is refused by
//! name.

mod evaluate;
mod functions;
mod parse;

use std::collections::BTreeMap;

/// What a template can name.
pub(super) struct Model<'a> {
    pub(super) name: &'a str,
    pub(super) container_name: &'a str,
    pub(super) labels: &'a BTreeMap<String, String>,
}

/// Letters and digits, everything between them one hyphen.
pub(super) fn normalize(text: &str) -> String {
    let parts: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty()).collect();
    parts.join("-")
}

/// Fills in a template; `Err` holds the reason.
pub(super) fn render(template: &str, model: &Model<'_>) -> Result<String, String> {
    let nodes = parse::parse(template).map_err(|reason| format!("the default rule: {reason}"))?;
    evaluate::evaluate(&nodes, model).map_err(|reason| format!("the default rule: {reason}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn rendered(template: &str) -> Result<String, String> {
        let labels = [("my.label", "vaLue"), ("other", "x")];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        render(template, &Model { name: "web-shop", container_name: "shop_web_1", labels: &labels })
    }

    #[test]
    fn what_templates_can() {
        for (template, text) in [
            ("Host(`{{ normalize .ContainerName }}`)", "Host(`shop-web-1`)"),
            ("{{ splitList \"-\" .Name | first }}.test", "web.test"),
            ("{{ range $k, $v := .Labels }}{{ if eq $k \"my.label\" }}{{ $v | lower }}{{ end }}{{ end }}", "value"),
            ("{{ index .Labels \"my.label\" }}{{ .Labels.other }}", "vaLuex"),
            ("{{ if .Labels.nope }}a{{ else if eq .Name \"x\" }}b{{ else }}c{{ end }}", "c"),
            ("a  {{- \"b\" -}}  c", "abc"),
            ("{{ default \"d\" (index .Labels \"nope\") }}", "d"),
            ("{{ with .Labels.other }}{{ . | upper }}{{ end }}", "X"),
            ("{{ $n := replace \"-\" \".\" .Name }}{{ $n }}", "web.shop"),
            ("{{ printf \"%s-%d\" (trimPrefix \"web-\" .Name) 3 }}", "shop-3"),
            ("{{ range splitList \"-\" .Name }}[{{ . }}]{{ end }}", "[web][shop]"),
            ("{{/* nothing */}}{{ if and (hasPrefix \"web\" .Name) (not .Labels.nope) }}y{{ end }}", "y"),
        ] {
            assert_eq!(rendered(template).as_deref(), Ok(text), "{template}");
        }
    }

    #[test]
    fn a_name_stays_within_its_quotes() {
        let template = "Host(`{{ normalize \"a`) || PathPrefix(`/\" }}.test`)";
        assert_eq!(rendered(template).as_deref(), Ok("Host(`a-PathPrefix.test`)"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(
            rendered("{{ frobnicate .Name }}").unwrap_err(),
            "the default rule: function `frobnicate` is not supported"
        );
        for bad in ["{{ .Name", "{{ end }}", "{{ if .Name }}", "{{ .Nope }}", "{{ $x }}", "{{ template \"x\" }}"] {
            assert!(rendered(bad).is_err(), "{bad}");
        }
    }
}
