//! `digestAuth`: a name and a password that is not sent (RFC 7616 with MD5 and `qop=auth`, as its clients know it).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use http::Response;
use http::header::AUTHORIZATION;
use md5::{Digest as _, Md5};

use crate::config::dynamic;
use crate::http::body::Body;
use crate::http::exchange::Exchange;

use super::{Passed, lines, note, unauthorized};

/// How long a nonce may be used.
const VALID: Duration = Duration::from_mins(60);
/// Nonces that are in use at once; the oldest ends then.
const MOST_NONCES: usize = 4096;
/// Bytes of a nonce: when it was given out (milliseconds), randomness, and a sum that only this gateway can make of both.
const TIME: usize = 8;
const RANDOM: usize = 8;
const SUM: usize = 16;

/// Who may pass.
#[derive(Debug)]
pub(crate) struct DigestAuth {
    /// Sums by user and realm.
    users: HashMap<(String, String), String>,
    realm: String,
    opaque: String,
    passed: Passed,
    key: hmac::Key,
    /// What the time in nonces counts from.
    began: Instant,
    used: Mutex<Used>,
}

/// The nonces that users have shown with their passwords. What is only given out takes no place: anybody can ask for it.
#[derive(Debug, Default)]
struct Used {
    /// When each was given out, and the highest count that was used: a request cannot be repeated by who overheard it.
    counts: HashMap<[u8; TIME + RANDOM], (Duration, u64)>,
    /// Of those that were given out until then nothing is known any more.
    forgotten: Option<Duration>,
}

impl Used {
    fn take(&mut self, nonce: [u8; TIME + RANDOM], given: Duration, count: u64) -> bool {
        if let Some((_, used)) = self.counts.get_mut(&nonce) {
            let is_new = count > *used;
            *used = count.max(*used);
            return is_new;
        }
        if count == 0 || self.forgotten.is_some_and(|until| given <= until) {
            return false;
        }
        if self.counts.len() >= MOST_NONCES
            && let Some((oldest, since)) =
                self.counts.iter().map(|(name, (since, _))| (*name, *since)).min_by_key(|(_, since)| *since)
        {
            self.counts.remove(&oldest);
            self.forgotten = self.forgotten.max(Some(since));
        }
        self.counts.insert(nonce, (given, count));
        true
    }
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
        let key = hmac::Key::new(hmac::HMAC_SHA256, &random::<32>()?);
        let (opaque, passed) = (hex(&random::<16>()?), Passed::new(config)?);
        Ok(Self { users, realm, opaque, passed, key, began: Instant::now(), used: Mutex::default() })
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

    /// Uses a nonce, which must be of ours, not too old, and not have been used that often yet.
    fn takes(&self, nonce: &str, count: u64) -> bool {
        let Some((name, given)) = self.open(nonce) else { return false };
        let is_valid = self.began.elapsed().checked_sub(given).is_some_and(|age| age < VALID);
        is_valid && self.used.lock().unwrap_or_else(PoisonError::into_inner).take(name, given, count)
    }

    fn nonce(&self) -> Result<String, String> {
        let given = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let name = [given.to_be_bytes(), random::<RANDOM>()?].concat();
        let sum = hmac::sign(&self.key, &name);
        Ok(hex(&name) + &hex(sum.as_ref().get(..SUM).unwrap_or_default()))
    }

    /// What a nonce of ours is made of: what tells it from others, and when it was given out.
    fn open(&self, nonce: &str) -> Option<([u8; TIME + RANDOM], Duration)> {
        let (name, sum) = nonce.split_at_checked(2 * (TIME + RANDOM))?;
        let name: [u8; TIME + RANDOM] = from_hex(name)?;
        let (wanted, sum) = (hmac::sign(&self.key, &name), from_hex::<SUM>(sum)?);
        verify_slices_are_equal(wanted.as_ref().get(..SUM)?, &sum).ok()?;
        let given = name.first_chunk().map(|time| Duration::from_millis(u64::from_be_bytes(*time)))?;
        Some((name, given))
    }

    #[expect(clippy::unnecessary_wraps, reason = "the answer of a middleware")]
    fn challenge(&self, more: &str) -> Option<Response<Body>> {
        // Without randomness there is no nonce, and nobody passes.
        let nonce = self.nonce().unwrap_or_default();
        Some(unauthorized(&format!(
            "Digest realm=\"{}\", nonce=\"{nonce}\", opaque=\"{}\", algorithm=\"MD5\", qop=\"auth\"{more}",
            self.realm, self.opaque
        )))
    }
}

fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| "there is no randomness".to_owned())?;
    Ok(bytes)
}

fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
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
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn auth() -> DigestAuth {
        DigestAuth::new(&dynamic::Auth { users: vec!["u:traefik:0".to_owned()], ..dynamic::Auth::default() }).unwrap()
    }

    #[test]
    fn a_nonce_of_ours_counts_up() {
        let auth = auth();
        let nonce = auth.nonce().unwrap();
        let taken = |nonce: &str, counts: &[u64]| -> Vec<bool> {
            counts.iter().map(|count| auth.takes(nonce, *count)).collect()
        };
        assert_eq!(taken(&nonce, &[0, 1, 1, 3, 2, 4]), [false, true, false, true, false, true]);
        let changed = nonce.replacen('0', "1", 1);
        for foreign in [changed, "0".repeat(nonce.len()), String::new(), "é".repeat(40)] {
            assert_eq!(taken(&foreign, &[1]), [false], "{foreign}");
        }
        let other = self::auth();
        assert_eq!(other.open(&nonce), None, "of another gateway");
    }

    #[test]
    fn asking_for_nonces_ends_none_and_what_is_forgotten_is_not_taken_again() {
        let auth = auth();
        let first = auth.nonce().unwrap();
        assert!(auth.takes(&first, 1));
        for _ in 0..2 * MOST_NONCES {
            auth.nonce().unwrap();
        }
        assert!(auth.takes(&first, 2));
        assert_eq!(auth.used.lock().unwrap().counts.len(), 1);
        let mut used = Used::default();
        let name = |number: u64| [number.to_be_bytes(), [0; RANDOM]].concat().try_into().unwrap();
        let most = MOST_NONCES as u64;
        for number in 0..most + 10 {
            assert!(used.take(name(number), Duration::from_millis(number), 1));
        }
        assert_eq!(used.counts.len(), MOST_NONCES);
        assert!(!used.take(name(3), Duration::from_millis(3), 2), "its count is not known any more");
        assert!(used.take(name(most), Duration::from_millis(most), 2));
    }

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
