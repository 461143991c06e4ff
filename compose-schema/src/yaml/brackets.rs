//! Where lists and mappings in brackets end, for texts that the parser has refused.

/// What a character stands in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    /// Nothing: a value, a comment or a mark may begin.
    Nothing,
    Comment,
    Quotes(char),
    /// A plain scalar, which white space does not end.
    Plain,
    /// A tag, an anchor or an alias, which white space ends.
    Word,
}

/// The end of the list or mapping in brackets that starts here.
pub(super) fn end(text: &str, start: usize) -> Option<usize> {
    let mut characters = text.get(start..)?.char_indices().peekable();
    let (mut inside, mut before, mut depth) = (Inside::Nothing, ' ', 0_usize);
    while let Some((at, character)) = characters.next() {
        let next = characters.peek().map_or('\n', |&(_, next)| next);
        inside = match (inside, character) {
            (Inside::Comment, _) => {
                if is_break(character) {
                    Inside::Nothing
                } else {
                    inside
                }
            }
            (Inside::Quotes('"'), '\\') | (Inside::Quotes('\''), '\'') if character == '\\' || next == '\'' => {
                characters.next();
                inside
            }
            (Inside::Quotes(quote), _) => {
                if character == quote {
                    Inside::Nothing
                } else {
                    inside
                }
            }
            (_, '[' | '{') => {
                depth += 1;
                Inside::Nothing
            }
            (_, ']' | '}') => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(start + at + 1);
                }
                Inside::Nothing
            }
            (_, ',') | (Inside::Nothing, ':') => Inside::Nothing,
            (_, ':' | '?') if is_blank(next) || (character == ':' && is_mark(next)) => Inside::Nothing,
            (Inside::Nothing, '#') => Inside::Comment,
            (_, '#') if is_blank(before) => Inside::Comment,
            (Inside::Word, _) if is_blank(character) => Inside::Nothing,
            (Inside::Nothing, '"' | '\'') => Inside::Quotes(character),
            (Inside::Nothing, '&' | '*' | '!') => Inside::Word,
            (Inside::Nothing, _) if !is_blank(character) => Inside::Plain,
            _ => inside,
        };
        before = character;
    }
    None
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t') || is_break(character)
}

fn is_mark(character: char) -> bool {
    matches!(character, ',' | '[' | ']' | '{' | '}')
}
