//! Expressions over what a middleware knows: `NetworkErrorRatio() > 0.5 || LatencyAtQuantileMS(50.0) > 100`.
//!
//! Specification: Traefik v3 documentation, "CircuitBreaker: expression" and "Buffering: retryExpression"; the grammar is
//! the part of Go's that they use. As in Traefik whole numbers and fractions are of different types, and there is no `!`.

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    All(Vec<Self>),
    Any(Vec<Self>),
    Compare(Call, Operator, Value),
    Truth(Call),
}

/// A function with its arguments.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// As the documentation spells it.
    pub(crate) name: String,
    /// Numbers.
    pub(crate) args: Vec<f64>,
}

/// How two values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// What a function gives, or what stands in the text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Number(f64),
    Text(String),
    Flag(bool),
}

/// Of what type a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `100`
    Whole,
    /// `0.5`
    Fraction,
    /// `"GET"`
    Text,
    /// What holds or does not, without a comparison.
    Flag,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Whole => "a whole number",
            Self::Fraction => "a number with a fraction, such as 0.5",
            Self::Text => "a text",
            Self::Flag => "true or false",
        }
    }
}

/// What a function takes and gives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signature {
    /// Types of the arguments.
    pub(crate) takes: &'static [Kind],
    /// Type of the value.
    pub(crate) gives: Kind,
}

/// Parentheses inside each other, at most.
const DEEPEST: usize = 32;

impl Expression {
    /// Parses a text whose functions `known` describes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(text: &str, known: &dyn Fn(&str) -> Option<Signature>) -> Result<Self, String> {
        let mut parser = Parser { rest: text, known, depth: 0 };
        let parsed = parser.any()?;
        parser.skip();
        if parser.rest.is_empty() {
            Ok(parsed)
        } else {
            Err(format!("in the expression `{text}`: nothing is expected before `{}`", parser.rest))
        }
    }

    /// Whether it holds, where `ask` gives the values of functions.
    pub(crate) fn holds(&self, ask: &dyn Fn(&Call) -> Value) -> bool {
        match self {
            Self::All(terms) => terms.iter().all(|term| term.holds(ask)),
            Self::Any(terms) => terms.iter().any(|term| term.holds(ask)),
            Self::Truth(call) => ask(call) == Value::Flag(true),
            Self::Compare(call, operator, wanted) => compare(&ask(call), *operator, wanted),
        }
    }
}

fn compare(found: &Value, operator: Operator, wanted: &Value) -> bool {
    let order = match (found, wanted) {
        (Value::Number(a), Value::Number(b)) => a.partial_cmp(b),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Flag(a), Value::Flag(b)) => Some(a.cmp(b)),
        _ => None,
    };
    order.is_some_and(|order| match operator {
        Operator::Equal => order.is_eq(),
        Operator::Unequal => order.is_ne(),
        Operator::Less => order.is_lt(),
        Operator::LessOrEqual => order.is_le(),
        Operator::Greater => order.is_gt(),
        Operator::GreaterOrEqual => order.is_ge(),
    })
}

struct Parser<'a> {
    rest: &'a str,
    known: &'a dyn Fn(&str) -> Option<Signature>,
    depth: usize,
}

impl Parser<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn any(&mut self) -> Result<Expression, String> {
        let mut terms = vec![self.all()?];
        while self.take("||") {
            terms.push(self.all()?);
        }
        Ok(Expression::Any(terms))
    }

    fn all(&mut self) -> Result<Expression, String> {
        let mut terms = vec![self.term()?];
        while self.take("&&") {
            terms.push(self.term()?);
        }
        Ok(Expression::All(terms))
    }

    fn term(&mut self) -> Result<Expression, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the expression is nested too deeply".to_owned());
        }
        let term = if self.take("!") {
            Err("! is not supported".to_owned())
        } else if self.take("(") {
            let inner = self.any()?;
            if self.take(")") { Ok(inner) } else { Err("a `)` is missing in the expression".to_owned()) }
        } else {
            self.comparison()
        };
        self.depth -= 1;
        term
    }

    fn comparison(&mut self) -> Result<Expression, String> {
        let (call, gives) = self.call()?;
        let operators = [
            ("==", Operator::Equal),
            ("!=", Operator::Unequal),
            ("<=", Operator::LessOrEqual),
            (">=", Operator::GreaterOrEqual),
            ("<", Operator::Less),
            (">", Operator::Greater),
        ];
        let Some((token, operator)) = operators.into_iter().find(|(token, _)| self.take(token)) else {
            return match gives {
                Kind::Flag => Ok(Expression::Truth(call)),
                kind => Err(format!("`{}` gives {}: compare it", call.name, kind.name())),
            };
        };
        let (value, kind) = self.value()?;
        if kind != gives {
            return Err(format!("`{}` is compared with {}, not with {}", call.name, gives.name(), kind.name()));
        }
        if kind == Kind::Text && !matches!(operator, Operator::Equal | Operator::Unequal) {
            return Err(format!("texts are not compared by `{token}`"));
        }
        Ok(Expression::Compare(call, operator, value))
    }

    fn call(&mut self) -> Result<(Call, Kind), String> {
        self.skip();
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        let mut call = Call { name: name.to_owned(), args: Vec::new() };
        if name.is_empty() || !self.take("(") {
            return Err(format!("a function is expected in the expression before `{}`", self.rest));
        }
        let Some(signature) = (self.known)(name) else { return Err(format!("unsupported function: {name}")) };
        while !self.take(")") {
            let (value, kind) = self.value()?;
            match (value, signature.takes.get(call.args.len())) {
                (Value::Number(number), Some(wanted)) if *wanted == kind => call.args.push(number),
                (_, Some(wanted)) => return Err(format!("`{name}` takes {}, not {}", wanted.name(), kind.name())),
                (_, None) => return Err(format!("`{name}` has too many arguments")),
            }
            if !self.take(",") && !self.rest.trim_start().starts_with(')') {
                return Err(format!("a `)` is missing after `{name}(`"));
            }
        }
        if call.args.len() < signature.takes.len() {
            return Err(format!("`{name}` has too few arguments"));
        }
        Ok((call, signature.gives))
    }

    fn value(&mut self) -> Result<(Value, Kind), String> {
        self.skip();
        for quote in ['"', '`'] {
            if let Some(inner) = self.rest.strip_prefix(quote) {
                let (text, rest) = inner.split_once(quote).ok_or("a text in the expression does not end")?;
                self.rest = rest;
                return Ok((Value::Text(text.to_owned()), Kind::Text));
            }
        }
        let end = self.rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(self.rest.len());
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        let kind = if number.contains('.') { Kind::Fraction } else { Kind::Whole };
        let parsed = number.parse().map(|number| (Value::Number(number), kind));
        parsed.map_err(|_| format!("a number is expected in the expression before `{rest}`"))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn known(name: &str) -> Option<Signature> {
        let (takes, gives): (&[Kind], Kind) = match name {
            "Code" => (&[], Kind::Whole),
            "Ratio" => (&[Kind::Fraction, Kind::Fraction], Kind::Fraction),
            "Method" => (&[], Kind::Text),
            "Yes" => (&[], Kind::Flag),
            _ => return None,
        };
        Some(Signature { takes, gives })
    }

    fn holds(text: &str) -> bool {
        let ask = |call: &Call| match call.name.as_str() {
            "Code" => Value::Number(503.0),
            "Ratio" => Value::Number(call.args.iter().sum()),
            "Method" => Value::Text("GET".to_owned()),
            _ => Value::Flag(true),
        };
        Expression::parse(text, &known).unwrap().holds(&ask)
    }

    #[test]
    fn what_holds() {
        assert!(holds("Code() == 503 && Method() == \"GET\""));
        assert!(holds("Ratio(0.1, 0.2)>0.25 || Code() < 1"));
        assert!(holds("(Code() != 504) && Yes()"));
        assert!(!holds("Method() == `POST`"));
    }

    #[test]
    fn what_is_wrong() {
        for text in [
            "",
            "Code() >",
            "Code() = 1",
            "Nope() > 1",
            "(Code() > 1",
            "Code( > 1",
            "Code() > 1 2",
            "!Yes()",
            "Code()",
            "Yes() == `true`",
            "Code() > 1.0",
            "Code() > -1",
            "Code() == `503`",
            "Method() < `GET`",
            "Ratio(0.1) > 0.5",
            "Ratio(0.1, 0.2, 0.3) > 0.5",
            "Ratio(1, 2) > 0.5",
            "Ratio(0.1, 0.2) > 1",
        ] {
            assert!(Expression::parse(text, &known).is_err(), "{text}");
        }
        assert!(Expression::parse(&"(".repeat(1000), &known).is_err());
    }
}
