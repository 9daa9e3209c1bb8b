//! From the text of a formula to a tree. Precedence climbing (Richards 1979), bounded in depth.

use core::ops::Range;

use super::{BadFormula, function::Function};
use crate::StreamName;

/// The longest formula, in bytes, and the deepest nesting.
const BYTES_MAX: usize = 1_000;
const DEPTH_MAX: usize = 50;

/// A part of a formula, and where in the text it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) what: What,
    pub(super) span: Range<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum What {
    Number(f64),
    /// The number of a stream in the list of streams.
    Stream(usize),
    Negative(Box<Node>),
    Binary(Operator, Box<[Node; 2]>),
    Call(&'static Function, Vec<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Plus,
    Minus,
    Times,
    Over,
    Power,
}

/// The tree of `text`, and the streams in it in the order in which they first come.
pub(super) fn parse(text: &str) -> Result<(Node, Vec<StreamName>), BadFormula> {
    if text.len() > BYTES_MAX {
        let message = format!("this is longer than {BYTES_MAX} bytes");
        return Err(BadFormula::at(0..text.len(), message, "split it into several metrics"));
    }
    let mut parser = Parser { text, at: 0, depth: 0, streams: Vec::new() };
    let node = parser.sum()?;
    match parser.peek() {
        None => Ok((node, parser.streams)),
        Some(c) => Err(parser.unexpected(c)),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    streams: Vec<StreamName>,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next character that is not blank; `at` then stands before it.
    fn peek(&mut self) -> Option<char> {
        let blank = self.rest().len() - self.rest().trim_start().len();
        self.at += blank;
        self.rest().chars().next()
    }

    fn takes(&mut self, c: char) -> bool {
        let is_next = self.peek() == Some(c);
        if is_next {
            self.at += c.len_utf8();
        }
        is_next
    }

    /// The longest run from here of characters that `are` so.
    fn run(&mut self, are: impl Fn(char) -> bool) -> &str {
        let length = self.rest().find(|c| !are(c)).unwrap_or(self.rest().len());
        let start = self.at;
        self.at += length;
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn unexpected(&self, c: char) -> BadFormula {
        let mend =
            "a formula has numbers, streams (device.sensor), + - * / ^, parentheses and functions";
        let span = self.at..self.at + c.len_utf8();
        BadFormula::at(span, format!("`{}` cannot stand here", c.escape_debug()), mend)
    }

    fn sum(&mut self) -> Result<Node, BadFormula> {
        let operators = [('+', Operator::Plus), ('-', Operator::Minus)];
        self.left_to_right(&operators, Self::product)
    }

    fn product(&mut self) -> Result<Node, BadFormula> {
        let operators = [('*', Operator::Times), ('/', Operator::Over)];
        self.left_to_right(&operators, Self::signed)
    }

    fn left_to_right(
        &mut self,
        operators: &[(char, Operator)],
        operand: fn(&mut Self) -> Result<Node, BadFormula>,
    ) -> Result<Node, BadFormula> {
        let mut left = operand(self)?;
        loop {
            let next = self.peek();
            let Some(&(_, operator)) = operators.iter().find(|(c, _)| Some(*c) == next) else {
                return Ok(left);
            };
            self.at += 1;
            left = binary(operator, left, operand(self)?);
        }
    }

    /// A sign binds less than a power: `-2 ^ 2` is -4.
    fn signed(&mut self) -> Result<Node, BadFormula> {
        self.deeper(|parser| {
            let _ = parser.peek();
            let start = parser.at;
            if parser.takes('-') {
                let node = parser.signed()?;
                let span = start..node.span.end;
                return Ok(Node { what: What::Negative(Box::new(node)), span });
            }
            let base = parser.atom()?;
            // To the right first: `2 ^ 3 ^ 2` is 2 ^ 9, and `2 ^ -1` a half.
            if parser.takes('^') {
                return Ok(binary(Operator::Power, base, parser.signed()?));
            }
            Ok(base)
        })
    }

    fn deeper(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<Node, BadFormula>,
    ) -> Result<Node, BadFormula> {
        if self.depth == DEPTH_MAX {
            let message = format!("this is nested more than {DEPTH_MAX} deep");
            let span = self.at..self.text.len();
            return Err(BadFormula::at(span, message, "split it into several metrics"));
        }
        self.depth += 1;
        let node = parse(self);
        self.depth -= 1;
        node
    }

    fn atom(&mut self) -> Result<Node, BadFormula> {
        match self.peek() {
            Some('(') => {
                self.at += 1;
                let node = self.sum()?;
                self.closed()?;
                Ok(node)
            }
            Some(c) if c.is_ascii_digit() || c == '.' => self.number(),
            Some(c) if c.is_ascii_alphabetic() => self.name(),
            Some(c) => Err(self.unexpected(c)),
            None => {
                let mend = "write a number, a stream or a function here";
                Err(BadFormula::at(self.at..self.at, "something is missing at the end", mend))
            }
        }
    }

    fn closed(&mut self) -> Result<(), BadFormula> {
        if self.takes(')') {
            return Ok(());
        }
        let span = self.at..self.at + self.rest().chars().next().map_or(0, char::len_utf8);
        Err(BadFormula::at(span, "a parenthesis is not closed", "write `)` here"))
    }

    /// Digits, a point, an exponent: what Rust reads as a number.
    fn number(&mut self) -> Result<Node, BadFormula> {
        let start = self.at;
        self.run(|c| c.is_ascii_digit() || c == '.');
        let mantissa = self.at;
        if self.run(|c| matches!(c, 'e' | 'E')).len() == 1 {
            let signs = self.run(|c| matches!(c, '+' | '-')).len();
            if signs > 1 || self.run(|c| c.is_ascii_digit()).is_empty() {
                self.at = mantissa;
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => {
                Ok(Node { what: What::Number(number), span: start..self.at })
            }
            _ => {
                let message = format!("`{text}` is no number");
                Err(BadFormula::at(start..self.at, message, "write it like 0.5 or 1.2e-3"))
            }
        }
    }

    fn name(&mut self) -> Result<Node, BadFormula> {
        let start = self.at;
        let name = self.run(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.').to_owned();
        let span = start..self.at;
        if let Ok(stream) = StreamName::parse(&name) {
            let known = self.streams.iter().position(|other| *other == stream);
            let number = known.unwrap_or(self.streams.len());
            if known.is_none() {
                self.streams.push(stream);
            }
            return Ok(Node { what: What::Stream(number), span });
        }
        if name == "pi" {
            return Ok(Node { what: What::Number(core::f64::consts::PI), span });
        }
        let function = Function::find(&name).ok_or_else(|| no_such(&name, span.clone()))?;
        self.call(function, span)
    }

    fn call(
        &mut self,
        function: &'static Function,
        name: Range<usize>,
    ) -> Result<Node, BadFormula> {
        let mut arguments = Vec::new();
        let has_list = self.takes('(');
        while has_list && (arguments.is_empty() || self.takes(',')) {
            arguments.push(self.sum()?);
        }
        if has_list {
            self.closed()?;
        }
        let span = name.start..self.at;
        if arguments.len() == function.arguments {
            return Ok(Node { what: What::Call(function, arguments), span });
        }
        let message = format!("`{}` has {} arguments", function.name, arguments.len());
        Err(BadFormula::at(span, message, format!("write {}", function.usage())))
    }
}

fn binary(operator: Operator, left: Node, right: Node) -> Node {
    let span = left.span.start..right.span.end;
    Node { what: What::Binary(operator, Box::new([left, right])), span }
}

fn no_such(name: &str, span: Range<usize>) -> BadFormula {
    let functions: Vec<_> = Function::ALL.iter().map(Function::usage).collect();
    let message = format!("`{name}` is neither a stream nor a function");
    let mend = format!(
        "streams are written device.sensor or derived.metric; the functions are {}, and there is pi",
        functions.join(", ")
    );
    BadFormula::at(span, message, mend)
}
