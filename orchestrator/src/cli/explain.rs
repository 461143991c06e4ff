//! `stack explain`

mod hints;
mod print;
mod url;

use std::process::ExitCode;

use compose_schema::codes::{self, Explanation};
use compose_schema::suggest;

use super::Context;
use crate::error::{CommandError, Result};
use crate::ui::output;

/// Width of what is printed, in characters.
const WIDTH: usize = 80;

/// Explain how the gateway answers a URL, or the code of a message
///
/// Without either, all codes are listed.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// URL, or code in the brackets of a message
    #[arg(value_name = "URL|CODE")]
    subject: Option<String>,
    #[command(flatten)]
    options: url::Options,
}

/// Prints the explanation of a request or of a code, or the list of all codes.
///
/// # Errors
/// A code that does not exist; a URL that makes no sense, a gateway that cannot be asked.
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    if let Some(url) = args.subject.as_ref().filter(|subject| url::is_url(subject)) {
        return url::run(context, url, &args.options);
    }
    let text = match &args.subject {
        Some(code) => explain(code)?,
        None => list(),
    };
    output::stdout(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn explain(typed: &str) -> Result<String> {
    // As it stands in the message: `error[E0104]`.
    let code = typed.trim_start_matches("error").trim_start_matches("warning").trim_matches(['[', ']', ':', ' ']);
    match codes::explain(code) {
        Some(Explanation { code, title, text }) => Ok(format!("{}: {title}\n\n{}\n", code.0, wrapped(text, WIDTH))),
        None => {
            let error = CommandError::new(format!("there is no code `{typed}`"));
            Err(match suggest::nearest(&code.to_ascii_uppercase(), codes::all().map(|found| found.code.0)) {
                Some(near) => error.hint(format!("`{near}` is one; `stack explain` lists all codes")),
                None => error.hint("`stack explain` lists all codes"),
            })
        }
    }
}

fn list() -> String {
    let mut all: Vec<&Explanation> = codes::all().collect();
    all.sort_by_key(|explanation| explanation.code);
    all.iter().fold(String::new(), |list, found| list + found.code.0 + "  " + found.title + "\n")
}

/// Breaks a text into lines of at most `width` characters where words allow it.
fn wrapped(text: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push('\n');
            used = 0;
        } else if used > 0 {
            lines.push(' ');
            used += 1;
        }
        lines.push_str(word);
        used += length;
    }
    lines
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_code_is_explained_however_it_is_typed() {
        let expected = explain("E0104").unwrap();
        assert!(expected.starts_with("E0104: a key is given twice\n\n"), "{expected}");
        assert!(expected.lines().all(|line| line.chars().count() <= WIDTH), "{expected}");
        assert_eq!(explain("e0104").unwrap(), expected);
        assert_eq!(explain("error[E0104]:").unwrap(), expected);
    }

    #[test]
    fn an_unknown_code_names_a_near_one() {
        let error = explain("E0199").unwrap_err();
        assert!(error.hints.iter().any(|hint| hint.contains("E010")), "{error:?}");
    }

    #[test]
    fn all_codes_are_listed_in_order() {
        let listed = list();
        let codes: Vec<&str> = listed.lines().map(|line| &line[..5]).collect();
        assert!(codes.is_sorted() && codes.len() == codes::all().count());
    }
}
