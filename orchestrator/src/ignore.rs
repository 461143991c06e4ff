//! Patterns of files, as `.dockerignore` has them: which files of a build context or of a watched folder are left out. The
//! rules are those of Docker's documentation ("Build context", ".dockerignore files"): patterns in order, the last that
//! matches decides, `!` takes a file back in, `**` stands for any number of folders, a folder that is left out takes its
//! files along. In brackets they are those of Go's `path.Match`.

/// The patterns of one file.
#[derive(Debug, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

/// A pattern that makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no pattern: a `[` needs its `]` with something in it, and `\\` something behind it")]
pub struct Broken(String);

#[derive(Debug)]
struct Pattern {
    text: String,
    tokens: Vec<Token>,
    keeps: bool,
}

#[derive(Debug, PartialEq)]
enum Token {
    Literal(char),
    /// `?`: one character but `/`.
    One,
    /// `*`: characters but `/`.
    Some,
    /// `**/`: any folders, or none.
    Folders,
    /// `**` at the end: anything.
    All,
    /// `[a-z]`, `[^a-z]`.
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Ignore {
    /// Reads the patterns. Lines that begin with `#` are comments.
    ///
    /// # Errors
    /// The first pattern that makes no sense.
    pub fn parse(text: &str) -> Result<Self, Broken> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        Self::of(text.lines().filter(|line| !line.starts_with('#')))
    }

    /// The same of patterns that are no lines of a file: nothing is a comment.
    ///
    /// # Errors
    /// As [`Ignore::parse`].
    pub fn of(patterns: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Self, Broken> {
        let patterns = patterns.into_iter().filter_map(|pattern| Pattern::parse(pattern.as_ref()).transpose());
        Ok(Self { patterns: patterns.collect::<Result<_, _>>()? })
    }

    /// Whether a path (with `/`, relative to the context) is left out, itself or with one of its parents.
    pub fn leaves_out(&self, path: &str) -> bool {
        let mut out = false;
        for pattern in &self.patterns {
            // Only a pattern that would change the answer is worth matching.
            if pattern.keeps == out && pattern.matches_with_parents(path) {
                out = !pattern.keeps;
            }
        }
        out
    }

    /// Whether something below a folder that is left out may be taken back in.
    pub fn may_keep_below(&self, folder: &str) -> bool {
        let prefix = format!("{folder}/");
        self.patterns.iter().any(|pattern| {
            pattern.keeps && (pattern.text.contains(['*', '?', '[']) || pattern.text.starts_with(&prefix))
        })
    }
}

impl Pattern {
    /// None of an empty line.
    fn parse(line: &str) -> Result<Option<Self>, Broken> {
        let line = line.trim();
        let (keeps, line) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest.trim()));
        let text = clean(line);
        if text.is_empty() {
            return Ok(None);
        }
        let tokens = tokens(&text).ok_or_else(|| Broken(line.to_owned()))?;
        Ok(Some(Self { tokens, text, keeps }))
    }

    fn matches_with_parents(&self, path: &str) -> bool {
        let parents = path.char_indices().filter(|(_, letter)| *letter == '/').filter_map(|(at, _)| path.get(..at));
        self.matches(path) || parents.into_iter().any(|parent| self.matches(parent))
    }

    /// Simulates the pattern on the text: the set of places in the pattern that the text so far may have reached.
    fn matches(&self, path: &str) -> bool {
        let text: Vec<char> = path.chars().collect();
        let mut reached = vec![false; self.tokens.len() + 1];
        self.reach(&mut reached, 0);
        for (at, letter) in text.iter().enumerate() {
            let mut next = vec![false; self.tokens.len() + 1];
            for (place, token) in self.tokens.iter().enumerate() {
                if !reached.get(place).copied().unwrap_or(false) {
                    continue;
                }
                match token {
                    Token::Literal(wanted) if wanted == letter => self.reach(&mut next, place + 1),
                    Token::One if *letter != '/' => self.reach(&mut next, place + 1),
                    Token::Some if *letter != '/' => self.reach(&mut next, place),
                    Token::All => self.reach(&mut next, place),
                    Token::Class { negated, ranges }
                        if *letter != '/'
                            && ranges.iter().any(|(from, to)| from <= letter && letter <= to) != *negated =>
                    {
                        self.reach(&mut next, place + 1);
                    }
                    Token::Folders => {
                        // Goes on inside the folders; behind a slash the rest may begin.
                        if let Some(slot) = next.get_mut(place) {
                            *slot = true;
                        }
                        if *letter == '/' && at > 0 {
                            self.reach(&mut next, place + 1);
                        }
                    }
                    _ => {}
                }
            }
            reached = next;
        }
        reached.last().copied().unwrap_or(false)
    }

    /// Marks a place, and those behind tokens that may match nothing. `**/` may do so only before its first letter.
    fn reach(&self, places: &mut [bool], place: usize) {
        let Some(slot) = places.get_mut(place) else { return };
        *slot = true;
        if matches!(self.tokens.get(place), Some(Token::Some | Token::All | Token::Folders)) {
            self.reach(places, place + 1);
        }
    }
}

/// Removes `.`, `..`, doubled and outer slashes.
fn clean(pattern: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in pattern.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

fn tokens(pattern: &str) -> Option<Vec<Token>> {
    let mut letters = pattern.chars().peekable();
    let mut tokens = Vec::new();
    while let Some(letter) = letters.next() {
        tokens.push(match letter {
            '*' if letters.next_if_eq(&'*').is_some() => {
                letters.next_if_eq(&'/');
                if letters.peek().is_none() { Token::All } else { Token::Folders }
            }
            '*' => Token::Some,
            '?' => Token::One,
            '\\' => Token::Literal(letters.next()?),
            '[' => class(&mut letters)?,
            other => Token::Literal(other),
        });
    }
    Some(tokens)
}

fn class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<Token> {
    let negated = letters.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        if !ranges.is_empty() && letters.next_if_eq(&']').is_some() {
            return Some(Token::Class { negated, ranges });
        }
        let from = of_class(letters)?;
        let to = if letters.next_if_eq(&'-').is_some() { of_class(letters)? } else { from };
        ranges.push((from, to));
    }
}

/// A character of a class: the signs that a class is made of only behind a `\`.
fn of_class(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match letters.next()? {
        '\\' => letters.next(),
        ']' | '-' => None,
        other => Some(other),
    }
}
