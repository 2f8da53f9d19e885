//! What an expression comes to. A generator's items are made one by one, so that `any` and `all` look no further than
//! Python does.

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::rc::Rc;

use anyhow::{Context as _, bail, ensure};

use super::expression::{Comparison, Expression, Function, Keyword, Loop, Method, Query};
use super::outcome::{Outcome, matching};
use super::value::{Value, is_printable};

/// The value of an expression for the outcome of a run.
pub fn evaluate(expression: &Expression, outcome: &Outcome) -> anyhow::Result<Value> {
    Scope { outcome, names: Vec::new() }.value(expression)
}

struct Scope<'a> {
    outcome: &'a Outcome,
    /// The names of the loops around, innermost last.
    names: Vec<(&'a str, Value)>,
}

impl<'a> Scope<'a> {
    fn value(&mut self, expression: &'a Expression) -> anyhow::Result<Value> {
        Ok(match expression {
            Expression::Constant(value) => value.clone(),
            Expression::Name(name) => {
                let of_loop = self.names.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
                let value = of_loop.or_else(|| self.outcome.named(name));
                value.with_context(|| format!("there is nothing called `{name}`"))?
            }
            Expression::List(values) => Value::List(self.values(values)?.into()),
            Expression::Tuple(values) => Value::Tuple(self.values(values)?.into()),
            Expression::Set(values) => Value::set(self.values(values)?)?,
            Expression::Dict(pairs) => self.dictionary(pairs)?,
            Expression::Call(function, arguments) => self.call(*function, arguments)?,
            Expression::Query(query, keywords) => self.query(*query, keywords)?,
            Expression::Method(value, method, arguments) => {
                let value = self.value(value)?;
                call_method(&value, *method, &self.values(arguments)?)?
            }
            Expression::Index(value, key) => {
                let value = self.value(value)?;
                item(&value, &self.value(key)?)?
            }
            Expression::Compare(first, others) => Value::Bool(self.compare(first, others)?),
            Expression::Not(value) => Value::Bool(!self.value(value)?.is_true()),
            Expression::And(left, right) => match self.value(left)? {
                value if value.is_true() => self.value(right)?,
                value => value,
            },
            Expression::Or(left, right) => match self.value(left)? {
                value if value.is_true() => value,
                _ => self.value(right)?,
            },
            Expression::Generator(..) => bail!("`for` is only understood in any, all, set, sorted and sum"),
        })
    }

    fn values(&mut self, expressions: &'a [Expression]) -> anyhow::Result<Vec<Value>> {
        expressions.iter().map(|expression| self.value(expression)).collect()
    }

    fn dictionary(&mut self, pairs: &'a [(Expression, Expression)]) -> anyhow::Result<Value> {
        let mut made: Vec<(Rc<str>, Value)> = Vec::new();
        for (key, value) in pairs {
            let Value::Text(key) = self.value(key)? else { bail!("a key that is no string is not understood") };
            ensure!(made.iter().all(|(name, _)| *name != key), "`{key}` is given twice");
            made.push((key, self.value(value)?));
        }
        Ok(Value::Dict(made.into()))
    }

    /// A chain of comparisons: each operand is looked at once, and none behind the first that does not hold.
    fn compare(&mut self, first: &'a Expression, others: &'a [(Comparison, Expression)]) -> anyhow::Result<bool> {
        let mut left = self.value(first)?;
        for (comparison, right) in others {
            let right = self.value(right)?;
            if !holds(&left, *comparison, &right)? {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }

    fn call(&mut self, function: Function, arguments: &'a [Expression]) -> anyhow::Result<Value> {
        let [argument] = arguments else {
            // `set()` and `str()` are Python, but no check needs them.
            bail!("{function:?} takes one argument, not {}", arguments.len());
        };
        Ok(match function {
            Function::Len => Value::Int(self.value(argument)?.length()? as i128),
            Function::Str => Value::Text(self.value(argument)?.text()?.into()),
            Function::Any | Function::All => {
                // The value that decides.
                let decisive = function == Function::Any;
                let mut answer = !decisive;
                self.each(argument, &mut |item| {
                    if item.is_true() != decisive {
                        return Ok(ControlFlow::Continue(()));
                    }
                    answer = decisive;
                    Ok(ControlFlow::Break(()))
                })?;
                Value::Bool(answer)
            }
            Function::Set => Value::set(self.collect(argument)?)?,
            Function::Sorted => Value::List(sorted(self.collect(argument)?)?.into()),
            Function::Sum => {
                let mut sum = 0;
                for item in self.collect(argument)? {
                    sum += item.int().with_context(|| format!("a {} cannot be added up", item.kind()))?;
                }
                Value::Int(sum)
            }
        })
    }

    fn query(&mut self, query: Query, keywords: &'a [Keyword]) -> anyhow::Result<Value> {
        let mut wanted: Vec<(String, Value)> = Vec::new();
        for keyword in keywords {
            match keyword {
                Keyword::One(name, value) => wanted.push((name.clone(), self.value(value)?)),
                Keyword::Many(value) => match self.value(value)? {
                    Value::Dict(pairs) => {
                        wanted.extend(pairs.iter().map(|(name, value)| (name.to_string(), value.clone())));
                    }
                    value => bail!("a {} behind `**`", value.kind()),
                },
            }
        }
        let mut names: Vec<&String> = wanted.iter().map(|(name, _)| name).collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            bail!("`{}` is given twice", twice[0]);
        }
        Ok(match query {
            Query::Events => Value::Int(matching(&self.outcome.events, &wanted)?.len() as i128),
            Query::Records => Value::List(matching(&self.outcome.records, &wanted)?.into()),
            Query::Loud if wanted.is_empty() => Value::List(self.outcome.loud()?.into()),
            Query::Loud => bail!("`loud` takes no arguments"),
        })
    }

    fn collect(&mut self, source: &'a Expression) -> anyhow::Result<Vec<Value>> {
        let mut items = Vec::new();
        self.each(source, &mut |item| {
            items.push(item);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(items)
    }

    /// Gives each item of a generator or of a value, until `visit` has enough.
    fn each(&mut self, source: &'a Expression, visit: &mut Visit<'_>) -> anyhow::Result<()> {
        if let Expression::Generator(item, loops) = source {
            self.step(item, loops, visit).map(|_| ())?;
        } else {
            for item in self.value(source)?.items()? {
                if visit(item)?.is_break() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Goes through the first of the loops, and through the others for each of its items.
    fn step(
        &mut self,
        item: &'a Expression,
        loops: &'a [Loop],
        visit: &mut Visit<'_>,
    ) -> anyhow::Result<ControlFlow<()>> {
        let Some((first, others)) = loops.split_first() else { return visit(self.value(item)?) };
        for value in self.value(&first.source)?.items()? {
            self.names.push((&first.name, value));
            let flow = match self.all_true(&first.conditions) {
                Ok(true) => self.step(item, others, visit),
                Ok(false) => Ok(ControlFlow::Continue(())),
                Err(error) => Err(error),
            };
            self.names.pop();
            if flow?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn all_true(&mut self, conditions: &'a [Expression]) -> anyhow::Result<bool> {
        for condition in conditions {
            if !self.value(condition)?.is_true() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What is done with each item.
type Visit<'v> = dyn FnMut(Value) -> anyhow::Result<ControlFlow<()>> + 'v;

fn holds(left: &Value, comparison: Comparison, right: &Value) -> anyhow::Result<bool> {
    let order = || left.compare(right);
    Ok(match comparison {
        Comparison::Equal => left == right,
        Comparison::NotEqual => left != right,
        Comparison::Less => order()? == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(order()?, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => order()? == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(order()?, Some(Ordering::Greater | Ordering::Equal)),
        Comparison::In => right.contains(left)?,
        Comparison::NotIn => !right.contains(left)?,
    })
}

/// `value[key]`
fn item(value: &Value, key: &Value) -> anyhow::Result<Value> {
    let found = match (value, key) {
        (Value::Dict(_), Value::Text(name)) => value.field(name).cloned(),
        (Value::List(values) | Value::Tuple(values), Value::Int(number)) => {
            let at = if *number < 0 { values.len() as i128 + number } else { *number };
            usize::try_from(at).ok().and_then(|at| values.get(at).cloned())
        }
        _ => bail!("a {} cannot be asked for a {}", value.kind(), key.kind()),
    };
    found.with_context(|| format!("nothing is at [{}]", key.text().unwrap_or_default()))
}

fn call_method(value: &Value, method: Method, arguments: &[Value]) -> anyhow::Result<Value> {
    Ok(match (method, value, arguments) {
        (Method::Get, Value::Dict(_), [Value::Text(key)]) => value.field(key).cloned().unwrap_or(Value::None),
        (Method::Get, Value::Dict(_), [Value::Text(key), other]) => value.field(key).unwrap_or(other).clone(),
        (Method::IsPrintable, Value::Text(text), []) => Value::Bool(text.chars().all(is_printable)),
        (Method::StartsWith, Value::Text(text), [Value::Text(start)]) => Value::Bool(text.starts_with(&**start)),
        (Method::EndsWith, Value::Text(text), [Value::Text(end)]) => Value::Bool(text.ends_with(&**end)),
        _ => {
            let given: Vec<&str> = arguments.iter().map(Value::kind).collect();
            bail!("a {} has no {method:?} ({})", value.kind(), given.join(", "))
        }
    })
}

/// In order, least first.
fn sorted(mut values: Vec<Value>) -> anyhow::Result<Vec<Value>> {
    let are_texts = values.iter().all(|value| matches!(value, Value::Text(_)));
    ensure!(
        are_texts || values.iter().all(|value| value.int().is_some()),
        "only strings or whole numbers can be sorted"
    );
    values.sort_by(|a, b| a.compare(b).ok().flatten().unwrap_or(Ordering::Equal));
    Ok(values)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

    use serde_json::json;

    use super::super::parse::parse;
    use super::*;

    fn outcome() -> Outcome {
        let values = |json: serde_json::Value| json.as_array().unwrap().iter().map(Value::from).collect();
        Outcome {
            events: values(json!([
                {"kind": "new-host", "severity": "notice", "ip": "10.0.0.1", "mac": "a", "details": {"role": "router"}},
                {"kind": "new-host", "severity": "info", "ip": "10.0.0.2", "mac": "b"},
                {"kind": "ip-conflict", "severity": "alert", "ip": null, "mac": "b"},
                {"kind": "sensor-loss", "severity": "warning"},
            ])),
            records: values(json!([
                {"ip": "10.0.0.1", "host": 1, "names": [{"name": "one"}, {"name": "two"}], "switch": {"port": "g1"}},
                {"ip": "10.0.0.2", "host": 1, "names": [], "switch": null},
            ])),
            out: "one line\n".to_owned(),
            code: Some(0),
        }
    }

    /// An expression and another that has the same value.
    fn check(line: &str, expected: &str) {
        let value = |line| evaluate(&parse(line).unwrap(), &outcome()).unwrap();
        assert_eq!(value(line), value(expected), "{line}");
    }

    fn check_refused(line: &str, reason: &str) {
        let error = format!("{:#}", evaluate(&parse(line).unwrap(), &outcome()).unwrap_err());
        assert!(error.contains(reason), "{line}: {error}");
    }

    #[test]
    fn events_are_counted() {
        check("n()", "4");
        check("n(kind='new-host')", "2");
        check("n(kind=['new-host', 'ip-conflict'], mac='b')", "2");
        check("n(kind=('new-host',), ip={'10.0.0.1', '10.0.0.9'})", "1");
        check("n(least='notice')", "3");
        check("n(severity='alert', least='alert')", "1");
        check("n(**{'details.role': 'router'})", "1");
        check("n(kind='new-host', **{'details.role': None})", "1");
        check("n(ip=None)", "2");
        check("len(loud())", "2");
        check_refused("n(least='loud')", "there is no severity loud");
        check_refused("n(kind='a', **{'kind': 'b'})", "`kind` is given twice");
        check_refused("n(**[])", "a list behind `**`");
        check_refused("loud(ip='a')", "`loud` takes no arguments");
    }

    #[test]
    fn records_are_found() {
        check("len(r(host=1))", "2");
        check("r(ip='10.0.0.2')", "[records[1]]");
        check("r(**{'switch.port': 'g1'})[0]['ip']", "'10.0.0.1'");
        check("r(ip='10.0.0.3')", "[]");
    }

    #[test]
    fn the_run_itself_is_seen() {
        check("'line' in out and 'lines' not in out", "True");
        check("code", "0");
        check("len(events)", "4");
    }

    #[test]
    fn loops_go_through_items() {
        check("sorted(x['name'] for y in records for x in y['names'])", "['one', 'two']");
        check("sum(1 for y in records for x in y['names'] if x['name'] != 'two')", "1");
        check("sum(x['host'] == 1 for x in records)", "2");
        check("len(set(x['host'] for x in records))", "1");
        check("any(x for x in [0, None, '', [], (), False])", "False");
        check("all(x for x in [1, 'a', [0], (0,), True])", "True");
        check("any(x == y for x in [1, 2] for y in [3, 2])", "True");
        check("any(any(x for x in [x]) and x == 1 for x in [1])", "True");
        check("sorted(x for x in 'cab')", "['a', 'b', 'c']");
        check("any([]) or all([])", "True");
    }

    #[test]
    fn nothing_is_looked_at_behind_the_answer() {
        check("any(x['mac'] == 'a' for x in events)", "True");
        check_refused("any(x['mac'] == 'c' for x in events)", "nothing is at [mac]");
        check("n() == 4 or records['a']", "True");
        check("n() == 3 and records['a']", "False");
        check("1 < 0 < records['a']", "False");
    }

    #[test]
    fn values_are_as_in_python() {
        check("None or 'a'", "'a'");
        check("'' and 'a'", "''");
        check("1 == True and 0 == False and None != 0", "True");
        check("'1' == 1 or [1] == (1,)", "False");
        check("{'a', 'b'} == set(['b', 'a', 'b'])", "True");
        check("set(['a']) <= {'a', 'b'} and not {'a', 'c'} <= {'a', 'b'} and not {'a'} < {'a'}", "True");
        check("not {'a', 'c'} >= {'a', 'b'}", "True");
        check("(1, 'b') < (1, 'c') and [1] < [1, 0]", "True");
        check("1 < 2 <= 2 != 3 > -1", "True");
        check("{'a': 1, 'b': 2} == {'b': 2, 'a': 1} and 'a' in {'a': 1}", "True");
        check("[1, 2][-1]", "2");
        check("len('Büro')", "4");
        check("str(records[1])", r#""{'ip': '10.0.0.2', 'host': 1, 'names': [], 'switch': None}""#);
        check("str(None)", "'None'");
    }

    #[test]
    fn methods_are_as_in_python() {
        check("records[1].get('switch') or {}", "{}");
        check("records[1].get('none', 7)", "7");
        check("records[1].get('switch', 7)", "None");
        check("'abc'.startswith('ab') and not 'abc'.startswith('bc') and 'abc'.endswith('bc')", "True");
        check("'Bü 1'.isprintable() and ''.isprintable() and not 'a\\n'.isprintable()", "True");
    }

    #[test]
    fn what_python_refuses_is_refused() {
        check_refused("records[1]['switch'].get('port')", "a None has no Get");
        check_refused("'a' in None", "whether a string is in a None");
        check_refused("1 in 'a'", "a number cannot be in a string");
        check_refused("'a' < 1", "a string and a number have no order");
        check_refused("len(1)", "a number has no length");
        check_refused("len(x for x in records)", "`for` is only understood in");
        check_refused("len()", "Len takes one argument, not 0");
        check_refused("any(x for x in code)", "a number has no items");
        check_refused("set([[]])", "a list cannot be in a set");
        check_refused("records[2]", "nothing is at [2]");
        check_refused("records['a']", "a list cannot be asked for a string");
        check_refused("sum(['a'])", "a string cannot be added up");
        check_refused("sorted([1, 'a'])", "only strings or whole numbers");
        check_refused("{'a': 1, 'a': 2}", "`a` is given twice");
    }
}
