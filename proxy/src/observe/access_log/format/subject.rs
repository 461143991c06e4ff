//! Whom a certificate is for, as Go writes names (RFC 2253, with what it has of its own).

use std::fmt::Write as _;

use x509_parser::prelude::{FromDer, X509Certificate};

/// The parts that have names, in Go's order.
const PARTS: [(&str, &str); 9] = [
    ("2.5.4.5", "SERIALNUMBER"),
    ("2.5.4.3", "CN"),
    ("2.5.4.11", "OU"),
    ("2.5.4.10", "O"),
    ("2.5.4.17", "POSTALCODE"),
    ("2.5.4.9", "STREET"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.6", "C"),
];

/// The subject of a certificate; `None` for what is none.
pub(super) fn of(certificate: &[u8]) -> Option<String> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let all: Vec<(String, &str)> = parsed
        .subject()
        .iter_attributes()
        .filter_map(|attribute| Some((attribute.attr_type().to_id_string(), attribute.as_str().ok()?)))
        .collect();
    let mut parts = Vec::new();
    for (oid, name) in PARTS {
        let mut values: Vec<&str> = all.iter().filter(|(found, _)| found == oid).map(|(_, value)| *value).collect();
        if matches!(name, "CN" | "SERIALNUMBER") {
            // Of these Go knows one, the last.
            values.drain(..values.len().saturating_sub(1));
        }
        let values: Vec<String> = values.into_iter().map(|value| format!("{name}={}", escaped(value))).collect();
        if !values.is_empty() {
            parts.push(values.join("+"));
        }
    }
    let others = all.iter().rev().filter(|(found, _)| PARTS.iter().all(|(oid, _)| found != oid));
    parts.extend(others.map(|(oid, value)| format!("{oid}=#{}", encoded(value))));
    Some(parts.join(","))
}

fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for (at, c) in value.char_indices() {
        let escapes = match c {
            ',' | '+' | '"' | '\\' | '<' | '>' | ';' => true,
            ' ' => at == 0 || at + 1 == value.len(),
            '#' => at == 0,
            _ => false,
        };
        if escapes {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// DER of a string, in hexadecimal digits.
fn encoded(value: &str) -> String {
    const PRINTABLE: u8 = 0x13;
    const UTF8: u8 = 0x0c;
    let printable = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&byte));
    let length = value.len().to_be_bytes();
    let length: Vec<u8> = length.into_iter().skip_while(|byte| *byte == 0).collect();
    let mut der = vec![if printable { PRINTABLE } else { UTF8 }];
    match (value.len(), u8::try_from(length.len())) {
        (128.., Ok(bytes)) => {
            der.push(0x80 | bytes);
            der.extend(length);
        }
        // A length of zero has no digits left.
        _ => der.push(length.first().copied().unwrap_or(0)),
    }
    der.extend_from_slice(value.as_bytes());
    der.iter().fold(String::new(), |mut out, byte| {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    #[test]
    fn a_subject_is_written_as_by_go() {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in [
            (DnType::CountryName, "FR"),
            (DnType::StateOrProvinceName, "Some State, \"x\""),
            (DnType::OrganizationName, "#Org "),
            (DnType::CommonName, "client one"),
            (DnType::CustomDnType(vec![2, 5, 4, 5]), "1234"),
            (DnType::CustomDnType(vec![0, 9, 2342, 19_200_300, 100, 1, 25]), "org"),
            (DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]), "a@b"),
        ] {
            params.distinguished_name.push(kind, value);
        }
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        assert_eq!(
            of(certificate.der()).unwrap(),
            "SERIALNUMBER=1234,CN=client one,O=\\#Org\\ ,ST=Some State\\, \\\"x\\\",C=FR,\
             1.2.840.113549.1.9.1=#0c03614062,0.9.2342.19200300.100.1.25=#13036f7267"
        );
        assert_eq!(of(b"none"), None);
    }

    #[test]
    fn long_values_have_long_lengths() {
        assert_eq!(encoded(""), "1300");
        assert!(encoded(&"a".repeat(127)).starts_with("137f61"));
        assert!(encoded(&"a".repeat(200)).starts_with("1381c861"));
        assert!(encoded(&"a".repeat(300)).starts_with("1382012c61"));
    }
}
