//! The default rule: the part of Go's templates that fills in a name or a label.
//!
//! Known: `.Name`, `.ContainerName`, `index .Labels "key"`, and the functions `normalize`, `lower`, `upper`, `trim`, `default`, `replace`,
//! each also behind `|`. Anything else is refused by name.

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
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (action, tail) = after.split_once("}}").ok_or("the default rule has `{{` without `}}`")?;
        out.push_str(before);
        out.push_str(&pipeline(action.trim().trim_matches('-').trim(), model)?);
        rest = tail;
    }
    out.push_str(rest);
    Ok(out)
}

fn pipeline(action: &str, model: &Model<'_>) -> Result<String, String> {
    let mut value = None;
    for stage in action.split('|') {
        value = Some(call(&mut words(stage)?, value, model)?);
    }
    value.ok_or_else(|| "empty action in the default rule".to_owned())
}

/// Words, texts in quotes, and groups in parentheses, last first.
fn words(stage: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = stage.trim();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '`' => rest
                .get(1..)
                .and_then(|tail| tail.find(first))
                .map(|at| at + 2)
                .ok_or("text without end in the default rule")?,
            '(' => {
                let mut depth = 0_usize;
                let end = rest.find(|c| {
                    depth = match c {
                        '(' => depth + 1,
                        ')' => depth.saturating_sub(1),
                        _ => depth,
                    };
                    depth == 0
                });
                end.map(|at| at + 1).ok_or("`(` without `)` in the default rule")?
            }
            _ => rest.find([' ', '(']).unwrap_or(rest.len()),
        };
        words.push(rest.get(..length).unwrap_or_default().to_owned());
        rest = rest.get(length..).unwrap_or_default().trim_start();
    }
    words.reverse();
    Ok(words)
}

fn call(words: &mut Vec<String>, piped: Option<String>, model: &Model<'_>) -> Result<String, String> {
    let head = words.pop().ok_or("empty action in the default rule")?;
    if head == "index" {
        return match (words.pop().as_deref(), words.pop()) {
            (Some(".Labels"), Some(key)) => {
                let key = operand(&key, model)?;
                Ok(model.labels.get(&key).cloned().unwrap_or_default())
            }
            _ => Err("`index` in the default rule is known only for `.Labels`".to_owned()),
        };
    }
    if words.is_empty() && piped.is_none() && head.starts_with(['.', '"', '`', '(']) {
        return operand(&head, model);
    }
    let mut args = Vec::new();
    while let Some(word) = words.pop() {
        args.push(operand(&word, model)?);
    }
    args.extend(piped);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match (head.as_str(), args.as_slice()) {
        ("normalize", [text]) => Ok(normalize(text)),
        ("lower", [text]) => Ok(text.to_lowercase()),
        ("upper", [text]) => Ok(text.to_uppercase()),
        ("trim", [text]) => Ok(text.trim().to_owned()),
        ("default", [other, text]) => Ok((if text.is_empty() { other } else { text }).to_string()),
        ("replace", [old, new, text]) => Ok(text.replace(old, new)),
        _ => Err(format!("`{head}` in the default rule is not supported")),
    }
}

fn operand(word: &str, model: &Model<'_>) -> Result<String, String> {
    match word {
        ".Name" => Ok(model.name.to_owned()),
        ".ContainerName" => Ok(model.container_name.to_owned()),
        _ => {
            if let Some(inner) = word.strip_prefix('(').and_then(|word| word.strip_suffix(')')) {
                return pipeline(inner, model);
            }
            let text = ['"', '`'].iter().find_map(|quote| word.strip_prefix(*quote)?.strip_suffix(*quote));
            text.map(str::to_owned).ok_or_else(|| format!("`{word}` in the default rule is not supported"))
        }
    }
}
