//! From tokens to a tree of calls joined by `&&`, `||` and `!`.
//!
//! Grammar: Go expressions (Go specification, "Expressions"); whatever a rule cannot mean is refused with the words that Traefik uses.

use super::lexer::{Kind, Lexer, Mistake, Token, unquote};

/// How deep parentheses and `!` may nest: enough for any person, too little for the stack.
const MAX_DEPTH: usize = 200;

/// A tree of matchers.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Tree {
    /// All must match.
    All(Vec<Tree>),
    /// One must match.
    Any(Vec<Tree>),
    /// A matcher; `negated` turns its answer round.
    Call(Call),
}

/// A matcher's name and arguments.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) args: Vec<Vec<u8>>,
    pub(super) negated: bool,
    pub(super) offset: usize,
}

/// A Go expression, as far as a rule needs it.
#[derive(Debug)]
enum Ast {
    Logic { and: bool, terms: Vec<Ast> },
    Unary { operator: String, operand: Box<Ast> },
    Paren(Box<Ast>),
    Call { name: String, args: Vec<Ast>, offset: usize },
    Literal { kind: Kind, text: String, offset: usize },
    Name { text: String, offset: usize },
}

/// Parses a rule. `known` says whether a function of that name exists.
pub(super) fn parse(text: &str, known: &dyn Fn(&str) -> bool) -> Result<Tree, Mistake> {
    let mut parser =
        Parser { lexer: Lexer::new(text), token: Token { kind: Kind::End, text: "", offset: 0 }, depth: 0, calls: 0 };
    parser.advance()?;
    let ast = parser.binary(1)?;
    if parser.token.kind == Kind::Newline {
        parser.advance()?;
    }
    if parser.token.kind != Kind::End {
        return Err(parser.expected("'EOF'"));
    }
    resolve(&ast, false, known)
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    token: Token<'a>,
    depth: usize,
    /// Argument lists around the current token.
    calls: usize,
}

impl<'a> Parser<'a> {
    fn advance(&mut self) -> Result<Token<'a>, Mistake> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    fn expected(&self, what: &str) -> Mistake {
        let found = match self.token.kind {
            Kind::Newline => "newline".to_owned(),
            Kind::Operator | Kind::Keyword | Kind::End => format!("'{}'", self.token.text),
            _ => self.token.text.to_owned(),
        };
        Mistake::new(self.token.offset, format!("expected {what}, found {found}"))
    }

    fn at(&self, operator: &str) -> bool {
        self.token.kind == Kind::Operator && self.token.text == operator
    }

    fn binary(&mut self, lowest: u8) -> Result<Ast, Mistake> {
        let mut left = self.unary()?;
        loop {
            let precedence = if self.token.kind == Kind::Operator { precedence(self.token.text) } else { 0 };
            if precedence < lowest {
                return Ok(left);
            }
            let operator = self.advance()?;
            if precedence > 2 {
                let what = if self.calls > 0 { "*ast.BinaryExpr" } else { operator.text };
                return Err(Mistake::new(operator.offset, format!("{what} is not supported")));
            }
            let right = self.binary(precedence + 1)?;
            left = join(operator.text == "&&", left, right);
        }
    }

    fn unary(&mut self) -> Result<Ast, Mistake> {
        if self.token.kind == Kind::Operator
            && matches!(self.token.text, "!" | "+" | "-" | "^" | "&" | "~" | "<-" | "*")
        {
            let operator = self.advance()?;
            let operand = self.nested(operator.offset, Self::unary)?;
            return Ok(Ast::Unary { operator: operator.text.to_owned(), operand: Box::new(operand) });
        }
        let mut operand = self.operand()?;
        loop {
            let offset = self.token.offset;
            if self.at("(") {
                operand = self.call(operand)?;
            } else if self.at(".") {
                self.advance()?;
                if self.token.kind != Kind::Ident {
                    return Err(self.expected("selector or type assertion"));
                }
                let field = self.advance()?.text;
                let Ast::Name { text, .. } = &mut operand else {
                    return Err(Mistake::new(offset, "*ast.SelectorExpr is not supported"));
                };
                text.push('.');
                text.push_str(field);
            } else if self.at("[") {
                return Err(Mistake::new(offset, "*ast.IndexExpr is not supported"));
            } else if self.at("{") {
                return Err(Mistake::new(offset, "*ast.CompositeLit is not supported"));
            } else {
                return Ok(operand);
            }
        }
    }

    fn operand(&mut self) -> Result<Ast, Mistake> {
        match self.token.kind {
            Kind::Ident => {
                let name = self.advance()?;
                Ok(Ast::Name { text: name.text.to_owned(), offset: name.offset })
            }
            Kind::Int | Kind::Float | Kind::Imaginary | Kind::Char | Kind::String => {
                let literal = self.advance()?;
                Ok(Ast::Literal { kind: literal.kind, text: literal.text.to_owned(), offset: literal.offset })
            }
            Kind::Operator if self.token.text == "(" => {
                let offset = self.advance()?.offset;
                let inner = self.nested(offset, |parser| parser.binary(1))?;
                if !self.at(")") {
                    return Err(self.expected("')'"));
                }
                self.advance()?;
                Ok(Ast::Paren(Box::new(inner)))
            }
            Kind::Operator if self.token.text == "[" => {
                Err(Mistake::new(self.token.offset, "*ast.CompositeLit is not supported"))
            }
            _ => Err(self.expected("operand")),
        }
    }

    fn call(&mut self, function: Ast) -> Result<Ast, Mistake> {
        let Ast::Name { text: name, offset } = function else {
            return Err(Mistake::new(self.token.offset, format!("expected identifier, got: {}", go_type(&function))));
        };
        self.advance()?;
        self.calls += 1;
        let mut args = Vec::new();
        while !self.at(")") && self.token.kind != Kind::End {
            args.push(self.nested(offset, |parser| parser.binary(1))?);
            let spread = self.at("...");
            if spread {
                self.advance()?;
            }
            if self.at(",") {
                self.advance()?;
            } else if !self.at(")") {
                let line_end = if self.token.kind == Kind::Newline { " before newline" } else { "" };
                return Err(Mistake::new(self.token.offset, format!("missing ','{line_end} in argument list")));
            }
            if spread {
                break;
            }
        }
        if !self.at(")") {
            return Err(self.expected("')'"));
        }
        self.calls -= 1;
        self.advance()?;
        Ok(Ast::Call { name, args, offset })
    }

    fn nested(&mut self, offset: usize, parse: impl FnOnce(&mut Self) -> Result<Ast, Mistake>) -> Result<Ast, Mistake> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(Mistake::new(offset, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }
}

fn precedence(operator: &str) -> u8 {
    match operator {
        "||" => 1,
        "&&" => 2,
        "==" | "!=" | "<" | "<=" | ">" | ">=" => 3,
        "+" | "-" | "|" | "^" => 4,
        "*" | "/" | "%" | "<<" | ">>" | "&" | "&^" => 5,
        _ => 0,
    }
}

/// Joins two terms; chains of one operator become one flat list, so that a long rule does not mean deep recursion.
fn join(and: bool, left: Ast, right: Ast) -> Ast {
    match left {
        Ast::Logic { and: same, mut terms } if same == and => {
            terms.push(right);
            Ast::Logic { and, terms }
        }
        left => Ast::Logic { and, terms: vec![left, right] },
    }
}

/// Gives the tree its meaning; `negated` has been pushed down from above (De Morgan).
fn resolve(ast: &Ast, negated: bool, known: &dyn Fn(&str) -> bool) -> Result<Tree, Mistake> {
    match ast {
        Ast::Logic { and, terms } => {
            let trees = terms.iter().map(|term| resolve(term, negated, known)).collect::<Result<_, _>>()?;
            Ok(if *and == negated { Tree::Any(trees) } else { Tree::All(trees) })
        }
        Ast::Paren(inner) => resolve(inner, negated, known),
        Ast::Unary { operator, operand } if operator == "!" => resolve(operand, !negated, known),
        Ast::Unary { operator, operand } => Err(Mistake::new(place(operand), format!("{operator} is not supported"))),
        Ast::Call { name, args, offset } => {
            if !known(name) {
                return Err(Mistake::new(*offset, format!("unsupported function: {name}")));
            }
            let args = args.iter().map(|arg| argument(arg, known)).collect::<Result<_, _>>()?;
            Ok(Tree::Call(Call { name: name.clone(), args, negated, offset: *offset }))
        }
        Ast::Name { text, offset } => Err(Mistake::new(*offset, format!("{text} is not defined"))),
        Ast::Literal { offset, text, .. } => Err(Mistake::new(*offset, format!("{text} is not a matcher"))),
    }
}

fn argument(ast: &Ast, known: &dyn Fn(&str) -> bool) -> Result<Vec<u8>, Mistake> {
    let wrong_type =
        |go_type: &str| Err(Mistake::new(place(ast), format!("reflect: cannot use {go_type} as type string in Call")));
    match ast {
        Ast::Literal { kind: Kind::String, text, .. } => Ok(unquote(text)),
        Ast::Literal { kind: Kind::Int, .. } => wrong_type("int"),
        Ast::Literal { kind: Kind::Float, .. } => wrong_type("float64"),
        Ast::Literal { .. } => Err(Mistake::new(place(ast), "only string, int and float literals are supported")),
        Ast::Call { .. } => {
            resolve(ast, false, known)?;
            wrong_type("rules.TreeBuilder")
        }
        Ast::Name { text, offset } => Err(Mistake::new(*offset, format!("{text} is not defined"))),
        other => Err(Mistake::new(place(other), format!("{} is not supported", go_type(other)))),
    }
}

const fn go_type(ast: &Ast) -> &'static str {
    match ast {
        Ast::Logic { .. } => "*ast.BinaryExpr",
        Ast::Unary { .. } => "*ast.UnaryExpr",
        Ast::Paren(_) => "*ast.ParenExpr",
        Ast::Call { .. } => "*ast.CallExpr",
        Ast::Literal { .. } => "*ast.BasicLit",
        Ast::Name { .. } => "*ast.Ident",
    }
}

fn place(ast: &Ast) -> usize {
    match ast {
        Ast::Logic { terms, .. } => terms.first().map_or(0, place),
        Ast::Unary { operand, .. } | Ast::Paren(operand) => place(operand),
        Ast::Call { offset, .. } | Ast::Literal { offset, .. } | Ast::Name { offset, .. } => *offset,
    }
}
