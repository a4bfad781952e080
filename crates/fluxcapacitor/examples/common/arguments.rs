//! The command line.

use std::str::FromStr;

use super::{Failure, wrong};

/// What was given on the command line, in its order: options and their values.
///
/// A usage text is the grammar: each of its lines that begins with `--` is an option, which wants a value if a word in
/// capitals follows.
#[derive(Debug)]
pub struct Arguments(Vec<(String, String)>);

impl Arguments {
    pub fn read(usage: &str, mut words: impl Iterator<Item = String>) -> Result<Self, Failure> {
        let mut given = Vec::new();
        while let Some(name) = words.next() {
            let mut lines = usage.lines().map(str::split_whitespace);
            let line = lines.find_map(|mut line| {
                (line.next() == Some(&name) && name.starts_with("--")).then_some(line)
            });
            let mut line = line.ok_or_else(|| wrong(format!("{name} is not an option")))?;
            let is_placeholder = |word: &str| word.bytes().all(|byte| byte.is_ascii_uppercase());
            let value = if line.next().is_some_and(is_placeholder) {
                words.next().ok_or_else(|| wrong(format!("{name} wants a value")))?
            } else {
                String::new()
            };
            given.push((name, value));
        }
        Ok(Self(given))
    }

    /// Whether an option was given.
    pub fn has(&self, name: &str) -> bool {
        self.all(name).next().is_some()
    }

    /// The values of an option that may be given several times.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.pairs().filter(move |(given, _)| *given == name).map(|(_, value)| value)
    }

    /// Every option with its value, in the order in which they were given.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The values of an option that has to be given `N` times.
    pub fn exactly<const N: usize>(&self, name: &str) -> Result<[&str; N], Failure> {
        let values: Vec<_> = self.all(name).collect();
        values.try_into().map_err(|values: Vec<_>| {
            wrong(match values.len() {
                0 => format!("{name} is missing"),
                times => format!("{name} is wanted {N} times, and given {times} times"),
            })
        })
    }

    /// The value of an option that has to be given once, as a `T`, which `what` is in words.
    pub fn parse<T: FromStr>(&self, name: &str, what: &str) -> Result<T, Failure> {
        let [value] = self.exactly(name)?;
        parse(name, value, what)
    }

    /// The values of an option that has to be given once at least, each as a `T`.
    pub fn parse_all<T: FromStr>(&self, name: &str, what: &str) -> Result<Vec<T>, Failure> {
        if !self.has(name) {
            return Err(wrong(format!("{name} is missing")));
        }
        self.all(name).map(|value| parse(name, value, what)).collect()
    }
}

fn parse<T: FromStr>(name: &str, value: &str, what: &str) -> Result<T, Failure> {
    value.parse().map_err(|_| wrong(format!("{name} wants {what}, not `{value}`")))
}
