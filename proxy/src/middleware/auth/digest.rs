//! `digestAuth`: a name and a password that is not sent (RFC 7616 with MD5 and `qop=auth`, as its clients know it).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use http::Response;
use http::header::AUTHORIZATION;
use md5::{Digest as _, Md5};

use crate::config::dynamic;
use crate::http::body::Body;
use crate::http::exchange::Exchange;

use super::{Passed, lines, note, unauthorized};

/// How long a nonce may be used.
const VALID: Duration = Duration::from_mins(60);
/// Nonces that are known at once; the oldest are forgotten.
const MOST_NONCES: usize = 4096;

/// Who may pass.
#[derive(Debug)]
pub(crate) struct DigestAuth {
    /// Sums by user and realm.
    users: HashMap<(String, String), String>,
    realm: String,
    opaque: String,
    passed: Passed,
    nonces: Mutex<HashMap<String, Nonce>>,
}

#[derive(Debug)]
struct Nonce {
    since: Instant,
    /// The highest count that was used: a request cannot be repeated by who overheard it.
    count: u64,
}

impl DigestAuth {
    /// From the configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(config: &dynamic::Auth) -> Result<Self, String> {
        let mut users = HashMap::new();
        for line in lines(config)? {
            let mut parts = line.split(':');
            let (Some(user), Some(realm), Some(sum), None) = (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return Err("error parsing DigestUser: a line is `name:realm:hash`".to_owned());
            };
            users.insert((user.to_owned(), realm.to_owned()), sum.to_owned());
        }
        let realm = if config.realm.is_empty() { "traefik" } else { &config.realm }.to_owned();
        Ok(Self { users, realm, opaque: random()?, passed: Passed::new(config)?, nonces: Mutex::default() })
    }

    /// Lets a user pass, or asks for who they are.
    pub(crate) fn request(&self, exchange: &mut Exchange) -> Option<Response<Body>> {
        let Some(sent) = sent(exchange) else { return self.challenge("") };
        let user = sent.get("username").cloned().unwrap_or_default();
        note(exchange, &user);
        let Some((nonce, count)) = self.verify(exchange, &sent, &user) else { return self.challenge("") };
        if sent.get("opaque") != Some(&self.opaque) || !self.takes(nonce, count) {
            // Who knows the password need not be asked for it again (RFC 7616 section 3.3).
            return self.challenge(", stale=\"true\"");
        }
        self.passed.apply(exchange, &user);
        None
    }

    /// The nonce and its count, if who sent them knows the password.
    fn verify<'a>(&self, exchange: &Exchange, sent: &'a HashMap<String, String>, user: &str) -> Option<(&'a str, u64)> {
        let field = |name: &str| sent.get(name).map(String::as_str);
        let wanted = self.users.get(&(user.to_owned(), self.realm.clone()))?;
        if field("qop")? != "auth" || field("algorithm").is_some_and(|algorithm| !algorithm.eq_ignore_ascii_case("MD5"))
        {
            return None;
        }
        // The target that was answered for must be the one that is asked for.
        let uri = field("uri")?;
        let target = uri.split_once("://").and_then(|(_, rest)| rest.find('/').and_then(|at| rest.get(at..)));
        if target.unwrap_or(uri) != exchange.target.as_sent() {
            return None;
        }
        let (nonce, count) = (field("nonce")?, field("nc")?);
        let request = sum(&format!("{}:{uri}", exchange.parts.method));
        let answer = sum(&format!("{wanted}:{nonce}:{count}:{}:auth:{request}", field("cnonce")?));
        verify_slices_are_equal(answer.as_bytes(), field("response")?.as_bytes()).ok()?;
        Some((nonce, u64::from_str_radix(count, 16).ok()?))
    }

    /// Uses a nonce, which must be known and not have been used that often yet.
    fn takes(&self, nonce: &str, count: u64) -> bool {
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        let known = nonces.get_mut(nonce).filter(|known| known.since.elapsed() < VALID && count > known.count);
        known.map(|known| known.count = count).is_some()
    }

    #[expect(clippy::unnecessary_wraps, reason = "the answer of a middleware")]
    fn challenge(&self, more: &str) -> Option<Response<Body>> {
        // Without randomness there is no nonce, and nobody passes.
        let nonce = random().unwrap_or_default();
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        if nonces.len() >= MOST_NONCES
            && let Some(oldest) = nonces.iter().min_by_key(|(_, nonce)| nonce.since).map(|(name, _)| name.clone())
        {
            nonces.remove(&oldest);
        }
        if !nonce.is_empty() {
            nonces.insert(nonce.clone(), Nonce { since: Instant::now(), count: 0 });
        }
        Some(unauthorized(&format!(
            "Digest realm=\"{}\", nonce=\"{nonce}\", opaque=\"{}\", algorithm=\"MD5\", qop=\"auth\"{more}",
            self.realm, self.opaque
        )))
    }
}

fn random() -> Result<String, String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "there is no randomness".to_owned())?;
    Ok(hex(&bytes))
}

fn sum(text: &str) -> String {
    hex(&Md5::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The fields of a `Digest` header.
fn sent(exchange: &Exchange) -> Option<HashMap<String, String>> {
    let value = exchange.parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    value.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("Digest "))?;
    Some(fields(value.get(7..)?))
}

fn fields(text: &str) -> HashMap<String, String> {
    let mut found = HashMap::new();
    let mut rest = text.trim();
    while let Some((name, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let (value, tail) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        found.insert(name.trim().to_ascii_lowercase(), value.trim().to_owned());
        rest = tail.trim_start().trim_start_matches(',').trim_start();
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_header() {
        let found = fields("username=\"a, b\", qop=auth, nc=00000001,uri=\"/x?a=b\"");
        let get = |name: &str| found.get(name).map(String::as_str);
        assert_eq!(
            (get("username"), get("qop"), get("nc"), get("uri")),
            (Some("a, b"), Some("auth"), Some("00000001"), Some("/x?a=b"))
        );
    }

    #[test]
    fn sums() {
        // RFC 2617 section 3.5.
        assert_eq!(sum("Mufasa:testrealm@host.com:Circle Of Life"), "939e7578ed9e3c518a452acee763bce9");
    }
}
