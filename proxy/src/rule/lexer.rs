//! Tokens of a rule expression.
//!
//! A rule is read as a Go expression, so the tokens are those of the Go specification ("Lexical elements"), automatic semicolons included:
//! that is why a line of a rule may end in `&&` but not in `)`.

/// What a token is. Operators and keywords are told apart by their text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ident,
    Keyword,
    Int,
    Float,
    Imaginary,
    Char,
    String,
    Operator,
    /// A semicolon that a line end or the end of the text stands for.
    Newline,
    End,
}

/// A token and its place, in bytes of the rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a str,
    pub(super) offset: usize,
}

/// A mistake in the text and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    pub(super) offset: usize,
    pub(super) message: String,
}

impl Mistake {
    pub(super) fn new(offset: usize, message: impl Into<String>) -> Self {
        Self { offset, message: message.into() }
    }
}

const KEYWORDS: [&str; 25] = [
    "break",
    "case",
    "chan",
    "const",
    "continue",
    "default",
    "defer",
    "else",
    "fallthrough",
    "for",
    "func",
    "go",
    "goto",
    "if",
    "import",
    "interface",
    "map",
    "package",
    "range",
    "return",
    "select",
    "struct",
    "switch",
    "type",
    "var",
];

/// Longest first, so that the first that fits is the token.
const OPERATORS: [&str; 48] = [
    "<<=", ">>=", "&^=", "...", "&&", "||", "<-", "++", "--", "==", "!=", "<=", ">=", ":=", "+=", "-=", "*=", "/=",
    "%=", "&=", "|=", "^=", "<<", ">>", "&^", "+", "-", "*", "/", "%", "&", "|", "^", "<", ">", "=", "!", "(", ")",
    "[", "]", "{", "}", ",", ";", ".", ":", "~",
];

/// Reads tokens one after the other.
#[derive(Debug)]
pub(super) struct Lexer<'a> {
    text: &'a str,
    offset: usize,
    /// Whether a line end here would be a semicolon.
    ends_statement: bool,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, offset: 0, ends_statement: false }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    /// The next token; after the end, the end again.
    pub(super) fn next(&mut self) -> Result<Token<'a>, Mistake> {
        if self.offset == 0
            && let Some(at) = self.text.find('\0')
        {
            return Err(Mistake::new(at, "illegal character NUL"));
        }
        if let Some(newline) = self.skip_blanks()? {
            return Ok(newline);
        }
        let offset = self.offset;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            let kind = if self.ends_statement { Kind::Newline } else { Kind::End };
            self.ends_statement = false;
            return Ok(Token { kind, text: "EOF", offset });
        };
        let (kind, length) = if first.is_alphabetic() || first == '_' {
            let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let keyword = rest.get(..length).is_some_and(|word| KEYWORDS.contains(&word));
            (if keyword { Kind::Keyword } else { Kind::Ident }, length)
        } else if first.is_ascii_digit() || (first == '.' && rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit)) {
            number(rest)
        } else {
            match first {
                '`' => (Kind::String, raw_string(rest, offset)?),
                '"' => (Kind::String, quoted_string(rest, offset)?),
                '\'' => (Kind::Char, rune(rest, offset)?),
                _ => match OPERATORS.iter().find(|operator| rest.starts_with(**operator)) {
                    Some(operator) => (Kind::Operator, operator.len()),
                    None => return Err(Mistake::new(offset, illegal_character(first))),
                },
            }
        };
        self.offset += length;
        let text = rest.get(..length).unwrap_or_default();
        self.ends_statement = match kind {
            Kind::Operator => matches!(text, ")" | "]" | "}" | "++" | "--"),
            Kind::Keyword => matches!(text, "break" | "continue" | "fallthrough" | "return"),
            _ => true,
        };
        Ok(Token { kind, text, offset })
    }

    /// Skips white space and comments; a line end on the way may be a semicolon.
    fn skip_blanks(&mut self) -> Result<Option<Token<'a>>, Mistake> {
        loop {
            let rest = self.rest();
            let blanks = rest.len() - rest.trim_start_matches([' ', '\t', '\r']).len();
            let offset = self.offset + blanks;
            let rest = rest.get(blanks..).unwrap_or_default();
            self.offset = offset;
            if rest.starts_with('\n') {
                self.offset += 1;
                if self.take_newline() {
                    return Ok(Some(Token { kind: Kind::Newline, text: "\n", offset }));
                }
            } else if rest.starts_with("//") {
                self.offset += rest.find('\n').unwrap_or(rest.len());
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let Some(length) = comment.find("*/") else {
                    return Err(Mistake::new(offset, "comment not terminated"));
                };
                self.offset += length + 4;
                if comment.get(..length).is_some_and(|c| c.contains('\n')) && self.take_newline() {
                    return Ok(Some(Token { kind: Kind::Newline, text: "\n", offset }));
                }
            } else {
                return Ok(None);
            }
        }
    }

    const fn take_newline(&mut self) -> bool {
        let taken = self.ends_statement;
        self.ends_statement = false;
        taken
    }
}

fn illegal_character(c: char) -> String {
    if c.is_control() {
        format!("illegal character U+{:04X}", u32::from(c))
    } else {
        format!("illegal character U+{:04X} '{c}'", u32::from(c))
    }
}

/// Numbers are tokens only so that they can be refused; their inner form does not matter.
fn number(rest: &str) -> (Kind, usize) {
    let hex = rest.starts_with("0x") || rest.starts_with("0X");
    let mut last = ' ';
    let length = rest
        .find(|c: char| {
            let signed =
                matches!(c, '+' | '-') && matches!(last, 'p' | 'P' | 'e' | 'E') && (!hex || matches!(last, 'p' | 'P'));
            last = c;
            !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || signed)
        })
        .unwrap_or(rest.len());
    let text = rest.get(..length).unwrap_or_default();
    let kind = if text.ends_with('i') {
        Kind::Imaginary
    } else if text.contains('.') || (!hex && text.contains(['e', 'E'])) || (hex && text.contains(['p', 'P'])) {
        Kind::Float
    } else {
        Kind::Int
    };
    (kind, length)
}

fn raw_string(rest: &str, offset: usize) -> Result<usize, Mistake> {
    let body = rest.get(1..).unwrap_or_default();
    body.find('`').map(|end| end + 2).ok_or_else(|| Mistake::new(offset, "raw string literal not terminated"))
}

fn quoted_string(rest: &str, offset: usize) -> Result<usize, Mistake> {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Ok(at + 1),
            '\n' => break,
            '\\' => {
                let length =
                    escape(rest.get(at + 1..).unwrap_or_default(), '"').map_err(|m| m.moved(offset + at + 1))?.1;
                while chars.next_if(|(next, _)| *next < at + 1 + length).is_some() {}
            }
            _ => {}
        }
    }
    Err(Mistake::new(offset, "string literal not terminated"))
}

fn rune(rest: &str, offset: usize) -> Result<usize, Mistake> {
    let mut count = 0;
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' if count == 1 => return Ok(at + 1),
            '\'' => return Err(Mistake::new(offset, "illegal rune literal")),
            '\n' => break,
            '\\' => {
                let length =
                    escape(rest.get(at + 1..).unwrap_or_default(), '\'').map_err(|m| m.moved(offset + at + 1))?.1;
                while chars.next_if(|(next, _)| *next < at + 1 + length).is_some() {}
            }
            _ => {}
        }
        count += 1;
    }
    Err(Mistake::new(offset, "rune literal not terminated"))
}

impl Mistake {
    fn moved(self, by: usize) -> Self {
        Self { offset: self.offset + by, ..self }
    }
}

/// What an escape stands for: a byte (`\x41`, `\101`) or a character.
enum Escaped {
    Byte(u8),
    Char(char),
}

/// Reads what follows a backslash: its meaning and its length in bytes.
fn escape(text: &str, quote: char) -> Result<(Escaped, usize), Mistake> {
    let Some(first) = text.chars().next() else {
        return Err(Mistake::new(0, "escape sequence not terminated"));
    };
    let simple = match first {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' => '\\',
        c if c == quote => c,
        '0'..='7' => return numeric(text, 0, 3, 8),
        'x' => return numeric(text, 1, 2, 16),
        'u' => return numeric(text, 1, 4, 16),
        'U' => return numeric(text, 1, 8, 16),
        _ => return Err(Mistake::new(0, "unknown escape sequence")),
    };
    Ok((Escaped::Char(simple), 1))
}

fn numeric(text: &str, from: usize, digits: usize, radix: u32) -> Result<(Escaped, usize), Mistake> {
    let mut value = 0_u32;
    let mut chars = text.char_indices().skip(from);
    for _ in 0..digits {
        let Some((at, c)) = chars.next() else {
            return Err(Mistake::new(0, "escape sequence not terminated"));
        };
        let Some(digit) = c.to_digit(radix) else {
            return Err(Mistake::new(at, format!("{} in escape sequence", illegal_character(c))));
        };
        value = value.wrapping_mul(radix).wrapping_add(digit);
    }
    let invalid = || Mistake::new(0, "escape sequence is invalid Unicode code point");
    let escaped = if digits <= 3 {
        Escaped::Byte(u8::try_from(value).map_err(|_| invalid())?)
    } else {
        Escaped::Char(char::from_u32(value).ok_or_else(invalid)?)
    };
    Ok((escaped, from + digits))
}

/// The bytes that a string token stands for. Only for tokens that the lexer has accepted.
pub(super) fn unquote(token: &str) -> Vec<u8> {
    let body = token.get(1..token.len().saturating_sub(1)).unwrap_or_default();
    if token.starts_with('`') {
        return body.bytes().filter(|byte| *byte != b'\r').collect();
    }
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        let (before, after) = rest.split_at(at);
        out.extend_from_slice(before.as_bytes());
        let Ok((escaped, length)) = escape(after.get(1..).unwrap_or_default(), '"') else {
            break;
        };
        match escaped {
            Escaped::Byte(byte) => out.push(byte),
            Escaped::Char(c) => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        rest = after.get(1 + length..).unwrap_or_default();
    }
    out.extend_from_slice(rest.as_bytes());
    out
}
