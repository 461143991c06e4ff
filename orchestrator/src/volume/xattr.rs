//! Extended attributes (xattr(7)) of files, capabilities and access control lists included, as pax records.
//!
//! They are written as libarchive's `LIBARCHIVE.xattr.NAME`, in base64, since values hold any bytes; those that star and
//! GNU tar write (`SCHILY.xattr.NAME`, as they are) are read too.

use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use rustix::fs::{XattrFlags, lgetxattr, llistxattr, lsetxattr};
use rustix::io::Errno;

const OURS: &str = "LIBARCHIVE.xattr.";
const PLAIN: &str = "SCHILY.xattr.";
/// Longest list of names and longest value that Linux has.
const LONGEST: usize = 64 * 1024;
/// With padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A name and a value.
pub(super) type Attribute = (Vec<u8>, Vec<u8>);

/// The attributes of a file; a file system without any has none.
pub(super) fn read(path: &Path) -> io::Result<Vec<Attribute>> {
    let mut buffer = vec![0; LONGEST];
    let length = match llistxattr(path, buffer.as_mut_slice()) {
        Ok(length) => length,
        Err(Errno::NOTSUP | Errno::PERM) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let names = buffer.get(..length).unwrap_or_default().to_vec();
    let mut found = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        match lgetxattr(path, name, buffer.as_mut_slice()) {
            Ok(length) => found.push((name.to_vec(), buffer.get(..length).unwrap_or_default().to_vec())),
            // Gone meanwhile, or not for us.
            Err(Errno::NODATA | Errno::NOTSUP | Errno::PERM | Errno::ACCESS) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// Sets attributes; those that the file system does not take are told.
pub(super) fn write(path: &Path, attributes: &[Attribute]) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, value) in attributes {
        if let Err(error) = lsetxattr(path, name.as_slice(), value, XattrFlags::empty()) {
            problems.push(format!("extended attribute {}: {error}", String::from_utf8_lossy(name)));
        }
    }
    problems
}

/// As a pax record.
pub(super) fn record((name, value): &Attribute) -> (String, Vec<u8>) {
    let mut key = OURS.to_owned();
    for byte in name {
        if byte.is_ascii_alphanumeric() || b"._-".contains(byte) {
            key.push(char::from(*byte));
        } else {
            key.push_str(&format!("%{byte:02X}"));
        }
    }
    (key, BASE64.encode(value).into_bytes())
}

/// From a pax record; none where it is about something else.
pub(super) fn of_record(key: &str, value: &[u8]) -> Option<Attribute> {
    if let Some(name) = key.strip_prefix(PLAIN) {
        return Some((name.as_bytes().to_vec(), value.to_vec()));
    }
    Some((unescape(key.strip_prefix(OURS)?), BASE64.decode(value).ok()?))
}

fn unescape(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = name.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let code = (*first == b'%').then(|| more.get(..2)).flatten().and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = more.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    bytes
}
