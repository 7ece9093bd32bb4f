//! The file as tables with places: typed reading, and every complaint with its line and column.

use std::cell::{Cell, RefCell};
use std::fmt::Display;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::suggest::nearest;
use super::{Errors, PolicyError};

/// The most complaints of one file that are kept: a person reads the first few, and each costs a walk along its line.
const MAX_ERRORS: usize = 200;

/// The text of a policy file and what is wrong with it.
pub(super) struct File<'a> {
    text: &'a str,
    line_starts: Vec<usize>,
    found: RefCell<Vec<(usize, PolicyError)>>,
    left_out: Cell<usize>,
}

impl<'a> File<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let line_starts =
            std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect();
        Self { text, line_starts, found: RefCell::default(), left_out: Cell::new(0) }
    }

    /// Line from 1 of a byte offset.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= offset).max(1)
    }

    /// Records an error at a byte offset.
    pub(super) fn complain(&self, offset: usize, message: impl Into<String>, advice: impl Into<Option<String>>) {
        if self.found.borrow().len() >= MAX_ERRORS {
            self.left_out.set(self.left_out.get() + 1);
            return;
        }
        let line = self.line(offset);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let column = self.text.get(start..offset.min(self.text.len())).map_or(1, |before| before.chars().count() + 1);
        let error = PolicyError { line, column, message: message.into(), advice: advice.into() };
        self.found.borrow_mut().push((offset, error));
    }

    pub(super) fn is_clean(&self) -> bool {
        self.found.borrow().is_empty()
    }

    /// What was found, in the order of the file.
    pub(super) fn into_errors(self, name: &str) -> Errors {
        let mut found = self.found.into_inner();
        found.sort_by_key(|&(offset, _)| offset);
        let mut errors: Vec<_> = found.into_iter().map(|(_, error)| error).collect();
        errors.dedup();
        if let (left_out @ 1.., Some(last)) = (self.left_out.get(), errors.last()) {
            let message = format!("{left_out} more errors are not shown");
            errors.push(PolicyError { line: last.line, column: last.column, message, advice: None });
        }
        Errors { file: name.to_owned(), errors }
    }
}

/// One table of the file. Keys that nobody asked for are complained about by [`Section::finish`].
pub(super) struct Section<'a> {
    pub(super) file: &'a File<'a>,
    /// How messages name it: `route "api.write"`.
    pub(super) place: String,
    /// Byte offset where it begins.
    pub(super) at: usize,
    entries: Vec<Item<'a>>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    pub(super) fn new(file: &'a File<'a>, place: String, at: usize, table: &'a DeTable<'a>) -> Self {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(key, value)| Item { file, place: place.clone(), key: key.get_ref(), at: key.span().start, value })
            .collect();
        entries.sort_by_key(|item| item.at);
        Self { file, place, at, entries, asked: RefCell::default() }
    }

    /// The entry of a key that is known here.
    pub(super) fn get(&self, key: &'static str) -> Option<Item<'a>> {
        if !self.asked.borrow().contains(&key) {
            self.asked.borrow_mut().push(key);
        }
        self.entries.iter().find(|item| item.key == key).cloned()
    }

    /// The same for a key that has to be there.
    pub(super) fn require(&self, key: &'static str, advice: &str) -> Option<Item<'a>> {
        let item = self.get(key);
        if item.is_none() {
            self.complain(format_args!("key \"{key}\" is missing"), advice.to_owned());
        }
        item
    }

    /// All entries in the order of the file, for tables whose keys are names.
    pub(super) fn entries(&self) -> &[Item<'a>] {
        &self.entries
    }

    pub(super) fn complain(&self, what: impl Display, advice: impl Into<Option<String>>) {
        self.file.complain(self.at, format!("{}: {what}", self.place), advice);
    }

    /// Complains about every key that nobody asked for.
    pub(super) fn finish(self) {
        self.finish_advising(|_| None);
    }

    /// The same, with advice of its own for some keys.
    pub(super) fn finish_advising(self, advise: impl Fn(&Item<'a>) -> Option<String>) {
        let known = self.asked.into_inner();
        for item in self.entries.iter().filter(|item| !known.contains(&item.key)) {
            let advice = match nearest(item.key, &known) {
                Some(name) => format!("did you mean \"{name}\"?"),
                None => advise(item).unwrap_or_else(|| format!("keys here: {}", known.join(", "))),
            };
            let message = format!("{}: unknown key \"{}\"", item.place, item.key.escape_debug());
            item.file.complain(item.at, message, advice);
        }
    }
}

/// One key and its value.
#[derive(Clone)]
pub(super) struct Item<'a> {
    pub(super) file: &'a File<'a>,
    pub(super) place: String,
    pub(super) key: &'a str,
    /// Byte offset of the key, which is where complaints point.
    pub(super) at: usize,
    pub(super) value: &'a Spanned<DeValue<'a>>,
}

/// One text of a list, with its own place.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
}

impl<'a> Item<'a> {
    /// The value itself.
    pub(super) fn raw(&self) -> &'a DeValue<'a> {
        self.value.get_ref()
    }

    pub(super) fn line(&self) -> usize {
        self.file.line(self.at)
    }

    pub(super) fn complain(&self, what: impl Display, advice: impl Into<Option<String>>) {
        self.file.complain(self.at, format!("{}: key \"{}\" {what}", self.place, self.key.escape_debug()), advice);
    }

    fn wrong(&self, wanted: &str) {
        let article = if self.raw().type_str() == "integer" || self.raw().is_array() { "an" } else { "a" };
        self.complain(format_args!("is {article} {}", self.raw().type_str()), format!("write {wanted}"));
    }

    pub(super) fn text(&self) -> Option<&'a str> {
        let text = self.raw().as_str();
        if text.is_none() {
            self.wrong("a text in quotes");
        }
        text
    }

    /// A text that says something.
    pub(super) fn prose(&self) -> Option<&'a str> {
        let text = self.text()?.trim();
        if text.is_empty() {
            self.complain("is empty", "say something that helps the person who reads it later".to_owned());
            return None;
        }
        Some(text)
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        let value = self.raw().as_bool();
        if value.is_none() {
            self.wrong("true or false");
        }
        value
    }

    pub(super) fn whole(&self, least: u64, most: u64) -> Option<u64> {
        let range = || format!("write a whole number from {least} to {most}");
        let Some(integer) = self.raw().as_integer() else {
            self.wrong(&range()["write ".len()..]);
            return None;
        };
        let value = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let value = value.filter(|value| (least..=most).contains(value));
        if value.is_none() {
            self.complain(format_args!("is {integer}"), range());
        }
        value
    }

    /// A number, also one without a fraction.
    pub(super) fn number(&self) -> Option<f64> {
        let value = number(self.raw());
        if value.is_none() {
            self.wrong("a number");
        }
        value
    }

    /// A list of numbers.
    pub(super) fn numbers(&self) -> Option<Vec<f64>> {
        let list = self.raw().as_array().and_then(|list| list.iter().map(|item| number(item.get_ref())).collect());
        if list.is_none() {
            self.wrong("a list of numbers");
        }
        list
    }

    /// One of the named choices.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = choices.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let names: Vec<_> = choices.iter().map(|&(name, _)| name).collect();
            let advice = match nearest(text, &names) {
                Some(name) => format!("did you mean \"{name}\"?"),
                None => format!("use one of: {}", names.join(", ")),
            };
            self.complain(format_args!("is \"{}\", which is no choice", text.escape_debug()), advice);
        }
        found.map(|&(_, value)| value)
    }

    fn elements(&self, list: &'a DeArray<'a>) -> Option<Vec<Element<'a>>> {
        let texts: Vec<_> = list
            .iter()
            .filter_map(|item| item.get_ref().as_str().map(|text| Element { text, at: item.span().start }))
            .collect();
        if texts.len() != list.len() {
            self.complain("holds something that is no text", "write a list of texts in quotes".to_owned());
            return None;
        }
        Some(texts)
    }

    /// A list of texts.
    pub(super) fn texts(&self) -> Option<Vec<Element<'a>>> {
        let Some(list) = self.raw().as_array() else {
            self.wrong("a list of texts");
            return None;
        };
        self.elements(list)
    }

    /// One text or a list of texts.
    pub(super) fn text_or_texts(&self) -> Option<Vec<Element<'a>>> {
        match self.raw() {
            DeValue::String(text) => Some(vec![Element { text, at: self.value.span().start }]),
            DeValue::Array(list) => self.elements(list),
            _ => {
                self.wrong("a text or a list of texts");
                None
            }
        }
    }

    /// A table, named `place` in messages.
    pub(super) fn section(&self, place: String) -> Option<Section<'a>> {
        let Some(table) = self.raw().as_table() else {
            self.wrong("a table");
            return None;
        };
        Some(Section::new(self.file, place, self.at, table))
    }

    /// The tables of `[[key]]`.
    pub(super) fn tables(&self) -> Option<Vec<(usize, &'a DeTable<'a>)>> {
        let tables = self.raw().as_array().and_then(|list| {
            list.iter().map(|item| item.get_ref().as_table().map(|table| (item.span().start, table))).collect()
        });
        if tables.is_none() {
            self.complain("is no list of tables", format!("write [[{}]]", self.key));
        }
        tables
    }
}

fn number(value: &DeValue<'_>) -> Option<f64> {
    match value {
        DeValue::Float(float) => float.as_str().parse().ok(),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok(),
        _ => None,
    }
}
