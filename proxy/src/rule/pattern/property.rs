//! `\pL`, `\p{Greek}`: characters by their category or script, by the names that Go knows.

use super::PatternError;

/// General categories. That of surrogates holds no character.
const CATEGORIES: [&str; 39] = [
    "C", "Cc", "Cf", "Cn", "Co", "Cs", "L", "Lc", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl",
    "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs", "Any",
];

/// Other names of categories, and what is none but stands beside them; as [`canonical`] writes them.
const ALIASES: [&str; 44] = [
    "Ascii",
    "Assigned",
    "Casedletter",
    "Closepunctuation",
    "Cntrl",
    "Combiningmark",
    "Connectorpunctuation",
    "Control",
    "Currencysymbol",
    "Dashpunctuation",
    "Decimalnumber",
    "Digit",
    "Enclosingmark",
    "Finalpunctuation",
    "Format",
    "Initialpunctuation",
    "Letter",
    "Letternumber",
    "Lineseparator",
    "Lowercaseletter",
    "Mark",
    "Mathsymbol",
    "Modifierletter",
    "Modifiersymbol",
    "Nonspacingmark",
    "Number",
    "Openpunctuation",
    "Other",
    "Otherletter",
    "Othernumber",
    "Otherpunctuation",
    "Othersymbol",
    "Paragraphseparator",
    "Privateuse",
    "Punct",
    "Punctuation",
    "Separator",
    "Spaceseparator",
    "Spacingmark",
    "Surrogate",
    "Symbol",
    "Titlecaseletter",
    "Unassigned",
    "Uppercaseletter",
];

/// Scripts of Unicode 15 with a name of one word: others Go does not find, since it looks for them without their `_`.
const SCRIPTS: &str = "Adlam Ahom Arabic Armenian Avestan Balinese Bamum Batak Bengali Bhaiksuki Bopomofo Brahmi Braille Buginese Buhid \
    Carian Chakma Cham Cherokee Chorasmian Common Coptic Cuneiform Cypriot Cyrillic Deseret Devanagari Dogra Duployan Elbasan Elymaic \
    Ethiopic Georgian Glagolitic Gothic Grantha Greek Gujarati Gurmukhi Han Hangul Hanunoo Hatran Hebrew Hiragana Inherited Javanese \
    Kaithi Kannada Katakana Kawi Kharoshthi Khmer Khojki Khudawadi Lao Latin Lepcha Limbu Lisu Lycian Lydian Mahajani Makasar Malayalam \
    Mandaic Manichaean Marchen Medefaidrin Miao Modi Mongolian Mro Multani Myanmar Nabataean Nandinagari Newa Nko Nushu Ogham Oriya \
    Osage Osmanya Palmyrene Phoenician Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham Sinhala Sogdian Soyombo Sundanese \
    Syriac Tagalog Tagbanwa Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Toto Ugaritic Vai Vithkuqi Wancho \
    Yezidi Yi";

/// Reads a property, as what is written inside of a class.
pub(super) fn read(rest: &str) -> Result<(String, &str), PatternError> {
    let body = rest.get(2..).unwrap_or_default();
    let (name, after) = match body.strip_prefix('{') {
        Some(inner) => inner.split_once('}').ok_or_else(|| unknown(rest))?,
        None => body.split_at(body.chars().next().map_or(0, char::len_utf8)),
    };
    let shown = rest.get(..rest.len() - after.len()).unwrap_or_default();
    let (name, turned) = name.strip_prefix('^').map_or((name, false), |name| (name, true));
    let letter = if rest.starts_with("\\P") == turned { 'p' } else { 'P' };
    let name = canonical(name);
    let items = match name.as_str() {
        "Cs" | "Surrogate" if letter == 'p' => r"[^\x00-\x{10FFFF}]".to_owned(),
        "Cs" | "Surrogate" => r"\x00-\x{10FFFF}".to_owned(),
        other if CATEGORIES.contains(&other) || ALIASES.contains(&other) => format!("\\{letter}{{{name}}}"),
        other if SCRIPTS.split_ascii_whitespace().any(|script| script == other) => {
            format!("\\{letter}{{script={name}}}")
        }
        _ => return Err(unknown(shown)),
    };
    Ok((items, after))
}

fn unknown(shown: &str) -> PatternError {
    PatternError::new("invalid character class range", shown)
}

/// A name as Go looks for it: without spaces, `_` and `-`, the first letter large and the others small.
fn canonical(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars().filter(|c| !matches!(c, ' ' | '_' | '-')) {
        out.push(if out.is_empty() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() });
    }
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use super::{ALIASES, CATEGORIES, SCRIPTS};
    use crate::rule::pattern::compile;

    #[test]
    fn every_name_is_known_to_the_crate() {
        for name in CATEGORIES.iter().chain(&ALIASES).copied().chain(SCRIPTS.split_ascii_whitespace()) {
            for pattern in [format!("\\p{{{name}}}"), format!("[\\P{{{name}}}]")] {
                compile(&pattern).unwrap();
            }
        }
    }
}
