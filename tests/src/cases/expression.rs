//! What an expression is made of: the part of Python that checks need, and no more.

use super::value::Value;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expression {
    /// A number, a string, `None`, `True`, `False`.
    Constant(Value),
    /// What a name stands for.
    Name(String),
    /// `[a, b]`
    List(Vec<Expression>),
    /// `(a, b)`
    Tuple(Vec<Expression>),
    /// `{a, b}`
    Set(Vec<Expression>),
    /// `{"a": b}`
    Dict(Vec<(Expression, Expression)>),
    /// `f(a, b)`
    Call(Function, Vec<Expression>),
    /// `f(a=b, **{"c": d})`
    Query(Query, Vec<Keyword>),
    /// `value.method(a, b)`
    Method(Box<Expression>, Method, Vec<Expression>),
    /// `value[key]`
    Index(Box<Expression>, Box<Expression>),
    /// `a < b <= c`: the first operand, then each comparison with its right side.
    Compare(Box<Expression>, Vec<(Comparison, Expression)>),
    /// `not a`
    Not(Box<Expression>),
    /// `a and b`
    And(Box<Expression>, Box<Expression>),
    /// `a or b`
    Or(Box<Expression>, Box<Expression>),
    /// `item for x in source if condition`: only as the argument of a function that goes through it.
    Generator(Box<Expression>, Vec<Loop>),
}

/// One `for` of a generator expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Loop {
    /// The name that takes each item.
    pub name: String,
    /// Where the items come from.
    pub source: Expression,
    /// What must be true of an item.
    pub conditions: Vec<Expression>,
}

/// An argument of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Keyword {
    /// `name=value`
    One(String, Expression),
    /// `**value`: a dictionary of arguments.
    Many(Expression),
}

/// Python's own functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// `all`
    All,
    /// `any`
    Any,
    /// `len`
    Len,
    /// `set`
    Set,
    /// `sorted`
    Sorted,
    /// `str`
    Str,
    /// `sum`
    Sum,
}

impl Function {
    /// The function of a name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "all" => Self::All,
            "any" => Self::Any,
            "len" => Self::Len,
            "set" => Self::Set,
            "sorted" => Self::Sorted,
            "str" => Self::Str,
            "sum" => Self::Sum,
            _ => return None,
        })
    }
}

/// Questions to the outcome of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// `n`: how many events match.
    Events,
    /// `loud`: events that somebody should read.
    Loud,
    /// `r`: the records that match.
    Records,
}

impl Query {
    /// The question of a name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "loud" => Self::Loud,
            "n" => Self::Events,
            "r" => Self::Records,
            _ => return None,
        })
    }
}

/// Methods of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `endswith` of a string.
    EndsWith,
    /// `get` of a dictionary.
    Get,
    /// `isprintable` of a string.
    IsPrintable,
    /// `startswith` of a string.
    StartsWith,
}

impl Method {
    /// The method of a name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "endswith" => Self::EndsWith,
            "get" => Self::Get,
            "isprintable" => Self::IsPrintable,
            "startswith" => Self::StartsWith,
            _ => return None,
        })
    }
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `in`
    In,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `!=`
    NotEqual,
    /// `not in`
    NotIn,
}
