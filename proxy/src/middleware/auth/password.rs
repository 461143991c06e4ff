//! Passwords against the hashes that `htpasswd` makes.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

/// The alphabet of `crypt`.
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Whether a password fits a hash: bcrypt, `{SHA}`, `$apr1$` or `$1$`. A hash of another kind fits nothing. Bcrypt takes
/// long on purpose.
pub(super) fn fits(password: &[u8], hash: &str) -> bool {
    let equal = |made: &[u8], wanted: &[u8]| verify_slices_are_equal(made, wanted).is_ok();
    if let Some(sum) = hash.strip_prefix("{SHA}") {
        return equal(STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, password)).as_bytes(), sum.as_bytes());
    }
    if ["$2a$", "$2b$", "$2x$", "$2y$"].iter().any(|start| hash.starts_with(start)) {
        return bcrypt::verify(password, hash).unwrap_or(false);
    }
    for magic in ["$apr1$", "$1$"] {
        if let Some((salt, sum)) = hash.strip_prefix(magic).and_then(|rest| rest.split_once('$')) {
            return equal(md5_crypt(password, salt.as_bytes(), magic.as_bytes()).as_bytes(), sum.as_bytes());
        }
    }
    false
}

/// MD5-crypt (Poul-Henning Kamp's, FreeBSD libcrypt) with the magic text of its variant; the sum without magic and salt.
fn md5_crypt(password: &[u8], salt: &[u8], magic: &[u8]) -> String {
    let salt = salt.get(..8).unwrap_or(salt);
    let mut inner = Md5::new();
    for part in [password, salt, password] {
        inner.update(part);
    }
    let inner = inner.finalize();
    let mut outer = Md5::new();
    for part in [password, magic, salt] {
        outer.update(part);
    }
    for (at, _) in password.iter().enumerate().step_by(16) {
        outer.update(inner.get(..(password.len() - at).min(16)).unwrap_or_default());
    }
    let mut length = password.len();
    while length > 0 {
        if length & 1 == 1 {
            outer.update([0]);
        } else {
            outer.update(password.get(..1).unwrap_or_default());
        }
        length >>= 1;
    }
    let mut sum = outer.finalize();
    for round in 0..1000 {
        let mut hasher = Md5::new();
        let odd = round % 2 == 1;
        hasher.update(if odd { password } else { &sum[..] });
        if round % 3 != 0 {
            hasher.update(salt);
        }
        if round % 7 != 0 {
            hasher.update(password);
        }
        hasher.update(if odd { &sum[..] } else { password });
        sum = hasher.finalize();
    }
    let byte = |at: usize| u32::from(sum.get(at).copied().unwrap_or_default());
    let mut out = String::with_capacity(22);
    for [a, b, c] in [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] {
        write(&mut out, byte(a) << 16 | byte(b) << 8 | byte(c), 4);
    }
    write(&mut out, byte(11), 2);
    out
}

fn write(out: &mut String, mut bits: u32, characters: usize) {
    for _ in 0..characters {
        let at = usize::try_from(bits & 63).unwrap_or_default();
        out.extend(ALPHABET.get(at).map(|c| char::from(*c)));
        bits >>= 6;
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn every_kind_of_hash() {
        for hash in [
            "$2b$04$yqF1TaMQxQgA8XnhEmR6aOfg6dy3gH9K2WyMo4fiwvMy7da.RrwXK",
            "$apr1$Zx9kQ1aB$PixuNYt3CyXg1rFUzuDJb0",
            "{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=",
            "$1$abcdefgh$9qMkHazuSy1Q8myEum7yb/",
        ] {
            assert!(fits(b"open sesame", hash), "{hash}");
            assert!(!fits(b"open sesam", hash), "{hash}");
        }
        assert!(!fits(b"open sesame", "open sesame"));
        assert!(!fits(b"", ""));
    }
}
