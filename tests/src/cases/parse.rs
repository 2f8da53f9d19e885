//! Tokens as an expression, with every name known: a misspelt one is found here, whether or not it would ever be asked for.

use anyhow::{Context as _, bail, ensure};

use super::expression::{Comparison, Expression, Function, Keyword, Loop, Method, Query};
use super::outcome::Outcome;
use super::tokens::{Token, tokens};
use super::value::Value;

/// Words that are no names.
const KEYWORDS: [&str; 12] = ["False", "None", "True", "and", "else", "for", "if", "in", "is", "lambda", "not", "or"];

/// The expression of a line.
pub fn parse(line: &str) -> anyhow::Result<Expression> {
    let mut parser = Parser { tokens: tokens(line)?, next: 0 };
    let expression = parser.expression()?;
    ensure!(parser.next == parser.tokens.len(), "{} does not belong there", parser.shown());
    check_names(&expression, &mut Outcome::NAMES.to_vec())?;
    Ok(expression)
}

struct Parser {
    tokens: Vec<Token>,
    next: usize,
}

impl Parser {
    /// `a or b`, and what binds more closely.
    fn expression(&mut self) -> anyhow::Result<Expression> {
        let mut left = self.conjunction()?;
        while self.takes_word("or") {
            left = Expression::Or(Box::new(left), Box::new(self.conjunction()?));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> anyhow::Result<Expression> {
        let mut left = self.negation()?;
        while self.takes_word("and") {
            left = Expression::And(Box::new(left), Box::new(self.negation()?));
        }
        Ok(left)
    }

    fn negation(&mut self) -> anyhow::Result<Expression> {
        if self.takes_word("not") {
            return Ok(Expression::Not(Box::new(self.negation()?)));
        }
        self.comparison()
    }

    fn comparison(&mut self) -> anyhow::Result<Expression> {
        let first = self.operand()?;
        let mut others = Vec::new();
        while let Some(comparison) = self.comparison_sign()? {
            others.push((comparison, self.operand()?));
        }
        Ok(if others.is_empty() { first } else { Expression::Compare(Box::new(first), others) })
    }

    fn comparison_sign(&mut self) -> anyhow::Result<Option<Comparison>> {
        let sign = match self.peek() {
            Some(Token::Sign("==")) => Comparison::Equal,
            Some(Token::Sign("!=")) => Comparison::NotEqual,
            Some(Token::Sign("<")) => Comparison::Less,
            Some(Token::Sign("<=")) => Comparison::LessOrEqual,
            Some(Token::Sign(">")) => Comparison::Greater,
            Some(Token::Sign(">=")) => Comparison::GreaterOrEqual,
            Some(Token::Word(word)) if word == "in" => Comparison::In,
            Some(Token::Word(word)) if word == "not" => {
                self.next += 1;
                ensure!(self.takes_word("in"), "{} instead of `in` behind `not`", self.shown());
                return Ok(Some(Comparison::NotIn));
            }
            _ => return Ok(None),
        };
        self.next += 1;
        Ok(Some(sign))
    }

    /// A value with its calls of methods and indices.
    fn operand(&mut self) -> anyhow::Result<Expression> {
        let mut value = self.atom()?;
        loop {
            if self.takes(".") {
                let name = self.word()?;
                let method = Method::named(&name).with_context(|| format!("there is no method `{name}`"))?;
                self.expect("(")?;
                value = Expression::Method(Box::new(value), method, self.list(")")?);
            } else if self.takes("[") {
                let key = self.expression()?;
                self.expect("]")?;
                value = Expression::Index(Box::new(value), Box::new(key));
            } else {
                return Ok(value);
            }
        }
    }

    fn atom(&mut self) -> anyhow::Result<Expression> {
        let token = self.peek().cloned().context("the line ends too early")?;
        self.next += 1;
        Ok(match token {
            Token::Int(number) => Expression::Constant(Value::Int(number)),
            Token::Text(text) => Expression::Constant(Value::Text(text.into())),
            Token::Word(word) => match word.as_str() {
                "None" => Expression::Constant(Value::None),
                "True" => Expression::Constant(Value::Bool(true)),
                "False" => Expression::Constant(Value::Bool(false)),
                _ => {
                    self.next -= 1;
                    let name = self.word()?;
                    if self.takes("(") { self.call(&name)? } else { Expression::Name(name) }
                }
            },
            Token::Sign("-") => match self.peek() {
                Some(Token::Int(number)) => {
                    let number = -number;
                    self.next += 1;
                    Expression::Constant(Value::Int(number))
                }
                _ => bail!("{} instead of a number behind `-`", self.shown()),
            },
            Token::Sign("[") => Expression::List(self.list("]")?),
            Token::Sign("(") => self.parenthesis()?,
            Token::Sign("{") => self.brace()?,
            Token::Sign(sign) => {
                self.next -= 1;
                bail!("`{sign}` does not belong there")
            }
        })
    }

    /// Behind an opening parenthesis that calls nothing: a tuple, or an expression alone.
    fn parenthesis(&mut self) -> anyhow::Result<Expression> {
        if self.takes(")") {
            return Ok(Expression::Tuple(Vec::new()));
        }
        let first = self.expression()?;
        if self.takes(")") {
            return Ok(first);
        }
        self.expect(",")?;
        let mut values = vec![first];
        values.extend(self.list(")")?);
        Ok(Expression::Tuple(values))
    }

    /// Behind an opening brace: a dictionary, or a set.
    fn brace(&mut self) -> anyhow::Result<Expression> {
        if self.takes("}") {
            return Ok(Expression::Dict(Vec::new()));
        }
        let first = self.expression()?;
        if !self.takes(":") {
            let mut values = vec![first];
            if !self.takes("}") {
                self.expect(",")?;
                values.extend(self.list("}")?);
            }
            return Ok(Expression::Set(values));
        }
        let mut pairs = vec![(first, self.expression()?)];
        while !self.takes("}") {
            self.expect(",")?;
            if self.takes("}") {
                break;
            }
            let key = self.expression()?;
            self.expect(":")?;
            pairs.push((key, self.expression()?));
        }
        Ok(Expression::Dict(pairs))
    }

    /// Behind the opening parenthesis of a call.
    fn call(&mut self, name: &str) -> anyhow::Result<Expression> {
        if let Some(query) = Query::named(name) {
            return Ok(Expression::Query(query, self.keywords()?));
        }
        let function = Function::named(name).with_context(|| format!("there is no function `{name}`"))?;
        if self.takes(")") {
            return Ok(Expression::Call(function, Vec::new()));
        }
        let first = self.expression()?;
        if self.is_word("for") {
            let generator = Expression::Generator(Box::new(first), self.loops()?);
            self.expect(")")?;
            return Ok(Expression::Call(function, vec![generator]));
        }
        let mut arguments = vec![first];
        if !self.takes(")") {
            self.expect(",")?;
            arguments.extend(self.list(")")?);
        }
        Ok(Expression::Call(function, arguments))
    }

    fn keywords(&mut self) -> anyhow::Result<Vec<Keyword>> {
        let mut keywords = Vec::new();
        while !self.takes(")") {
            if self.takes("**") {
                keywords.push(Keyword::Many(self.expression()?));
            } else {
                let name = self.word()?;
                self.expect("=")?;
                keywords.push(Keyword::One(name, self.expression()?));
            }
            if !self.takes(",") {
                self.expect(")")?;
                break;
            }
        }
        Ok(keywords)
    }

    fn loops(&mut self) -> anyhow::Result<Vec<Loop>> {
        let mut loops = Vec::new();
        while self.takes_word("for") {
            let name = self.word()?;
            ensure!(self.takes_word("in"), "{} instead of `in` behind `for {name}`", self.shown());
            let source = self.expression()?;
            let mut conditions = Vec::new();
            while self.takes_word("if") {
                conditions.push(self.expression()?);
            }
            loops.push(Loop { name, source, conditions });
        }
        Ok(loops)
    }

    /// Values up to a closing sign, which may follow a comma.
    fn list(&mut self, end: &'static str) -> anyhow::Result<Vec<Expression>> {
        let mut values = Vec::new();
        while !self.takes(end) {
            values.push(self.expression()?);
            if !self.takes(",") {
                self.expect(end)?;
                break;
            }
        }
        Ok(values)
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next)
    }

    fn takes(&mut self, sign: &'static str) -> bool {
        let is_there = self.peek() == Some(&Token::Sign(sign));
        self.next += usize::from(is_there);
        is_there
    }

    fn expect(&mut self, sign: &'static str) -> anyhow::Result<()> {
        ensure!(self.takes(sign), "{} instead of `{sign}`", self.shown());
        Ok(())
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(next)) if next == word)
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_there = self.is_word(word);
        self.next += usize::from(is_there);
        is_there
    }

    /// A name.
    fn word(&mut self) -> anyhow::Result<String> {
        match self.peek() {
            Some(Token::Word(word)) if !KEYWORDS.contains(&word.as_str()) => {
                let word = word.clone();
                self.next += 1;
                Ok(word)
            }
            _ => bail!("{} instead of a name", self.shown()),
        }
    }

    /// What comes next, for messages.
    fn shown(&self) -> String {
        match self.peek() {
            None => "the line's end".to_owned(),
            Some(Token::Int(number)) => format!("`{number}`"),
            Some(Token::Sign(sign)) => format!("`{sign}`"),
            Some(Token::Text(text)) => format!("the string {text:?}"),
            Some(Token::Word(word)) => format!("`{word}`"),
        }
    }
}

/// Whether every name stands for something; `known` are the names of the outcome and of the loops around.
fn check_names<'a>(expression: &'a Expression, known: &mut Vec<&'a str>) -> anyhow::Result<()> {
    match expression {
        Expression::Constant(_) => Ok(()),
        Expression::Name(name) => {
            ensure!(known.contains(&name.as_str()), "there is nothing called `{name}`");
            Ok(())
        }
        Expression::List(values)
        | Expression::Tuple(values)
        | Expression::Set(values)
        | Expression::Call(_, values) => values.iter().try_for_each(|value| check_names(value, known)),
        Expression::Dict(pairs) => pairs.iter().try_for_each(|(key, value)| {
            check_names(key, known)?;
            check_names(value, known)
        }),
        Expression::Query(_, keywords) => keywords.iter().try_for_each(|keyword| match keyword {
            Keyword::One(_, value) | Keyword::Many(value) => check_names(value, known),
        }),
        Expression::Method(value, _, arguments) => {
            check_names(value, known)?;
            arguments.iter().try_for_each(|argument| check_names(argument, known))
        }
        Expression::Index(left, right) | Expression::And(left, right) | Expression::Or(left, right) => {
            check_names(left, known)?;
            check_names(right, known)
        }
        Expression::Compare(first, others) => {
            check_names(first, known)?;
            others.iter().try_for_each(|(_, other)| check_names(other, known))
        }
        Expression::Not(value) => check_names(value, known),
        Expression::Generator(item, loops) => {
            let outside = known.len();
            for step in loops {
                check_names(&step.source, known)?;
                known.push(&step.name);
                step.conditions.iter().try_for_each(|condition| check_names(condition, known))?;
            }
            check_names(item, known)?;
            known.truncate(outside);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use super::*;

    /// Two spellings of one expression.
    fn check_same(line: &str, explicit: &str) {
        assert_eq!(parse(line).unwrap(), parse(explicit).unwrap(), "{line}");
    }

    fn check_refused(line: &str, reason: &str) {
        let error = format!("{:#}", parse(line).unwrap_err());
        assert!(error.contains(reason), "{line}: {error}");
    }

    #[test]
    fn operators_bind_as_in_python() {
        check_same("1 or 2 and not 3 == 4", "1 or (2 and (not (3 == 4)))");
        check_same("not 1 and 2", "(not 1) and 2");
        check_same("1 or 2 or 3", "(1 or 2) or 3");
        check_same("events[0].get('a') in (1,)", "((events[0]).get('a')) in (1,)");
        check_same("not not 1 not in []", "not (not (1 not in []))");
    }

    #[test]
    fn a_last_comma_changes_nothing_but_a_tuple() {
        check_same("[1, 2,]", "[1, 2]");
        check_same("{1,}", "{1}");
        check_same("{'a': 1,}", "{'a': 1}");
        check_same("n(kind='a',)", "n(kind='a')");
        assert_ne!(parse("(1,)").unwrap(), parse("(1)").unwrap());
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        check_refused("", "the line ends too early");
        check_refused("n() == ", "the line ends too early");
        check_refused("n(kind='a'", "the line's end instead of `)`");
        check_refused("n() 1", "`1` does not belong there");
        check_refused("n() == 1)", "`)` does not belong there");
        check_refused("n('a')", "the string \"a\" instead of a name");
        check_refused("1 if n() else 2", "`if` does not belong there");
        check_refused("n() is None", "`is` does not belong there");
        check_refused("lambda: 1", "`lambda` instead of a name");
        check_refused("1 not 2", "`2` instead of `in` behind `not`");
        check_refused("any(x for x of records)", "`of` instead of `in` behind `for x`");
        check_refused("n() = 1", "`=` does not belong there");
        check_refused("len(records, x for x in records)", "`for` instead of `)`");
        check_refused("(x for x in records)", "`for` instead of `,`");
        check_refused("1 + 1 == 2", "`+` is not understood");
    }

    #[test]
    fn every_name_must_be_known() {
        check_refused("m() == 0", "there is no function `m`");
        check_refused("n() == 0 or print(1)", "there is no function `print`");
        check_refused("out.upper()", "there is no method `upper`");
        check_refused("out.get", "the line's end instead of `(`");
        check_refused("n() == 0 or event", "there is nothing called `event`");
        check_refused("n", "there is nothing called `n`");
        check_refused("not any(y for x in records)", "there is nothing called `y`");
        check_refused("any(x for x in y for y in records)", "there is nothing called `y`");
        check_refused("any(x for x in records) or x", "there is nothing called `x`");
        parse("any(x and any(z == x for z in y) for x in records if x for y in x if y)").unwrap();
    }
}
