//! What `basicAuth` and `digestAuth` have in common: users, the refusal, and what the server learns of the user.

pub(super) mod basic;
pub(super) mod digest;
mod password;

use std::fs;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use crate::config::dynamic;
use crate::http::body::Body;
use crate::http::error_response::text;
use crate::http::exchange::Exchange;
use crate::upstream::call::Spelling;

/// Lines of users, from the configuration and from the file that it names.
///
/// # Errors
/// The file cannot be read.
fn lines(config: &dynamic::Auth) -> Result<Vec<String>, String> {
    let mut lines = config.users.clone();
    if !config.users_file.is_empty() {
        let text = fs::read_to_string(&config.users_file)
            .map_err(|error| format!("cannot read the users file `{}`: {error}", config.users_file))?;
        lines.extend(text.lines().map(str::to_owned));
    }
    let used = |line: &String| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    Ok(lines.into_iter().filter(used).map(|line| line.trim().to_owned()).collect())
}

/// What the server gets to see.
#[derive(Debug)]
struct Passed {
    remove: bool,
    field: Option<(HeaderName, Spelling)>,
}

impl Passed {
    fn new(config: &dynamic::Auth) -> Result<Self, String> {
        let field = match config.header_field.as_str() {
            "" => None,
            name => {
                let field =
                    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no header name"))?;
                Some((field, Spelling(name.into())))
            }
        };
        Ok(Self { remove: config.remove_header, field })
    }

    /// The user has shown who they are.
    fn apply(&self, exchange: &mut Exchange, user: &str) {
        let headers = &mut exchange.parts.headers;
        if self.remove {
            headers.remove(AUTHORIZATION);
        }
        if let Some((field, spelling)) = &self.field {
            // Applications that read `_` as `-` must not find another name there.
            let alike = |name: &&HeaderName| name.as_str().replace('_', "-") == field.as_str().replace('_', "-");
            let aliases: Vec<HeaderName> = headers.keys().filter(alike).cloned().collect();
            for alias in aliases {
                headers.remove(alias);
            }
            if let Ok(value) = HeaderValue::from_bytes(user.as_bytes()) {
                headers.insert(field, value);
                exchange.parts.extensions.insert(spelling.clone());
            }
        }
    }
}

/// Notes for the access log who asks, whether or not they are believed: bans by fail2ban depend on it.
fn note(exchange: &mut Exchange, user: &str) {
    if let Some(record) = &mut exchange.record {
        record.username = Some(user.to_owned());
    }
}

fn unauthorized(challenge: &str) -> Response<Body> {
    let mut response = text(StatusCode::UNAUTHORIZED, "401 Unauthorized\n");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    if let Ok(challenge) = HeaderValue::from_str(challenge) {
        headers.insert(WWW_AUTHENTICATE, challenge);
    }
    response
}
