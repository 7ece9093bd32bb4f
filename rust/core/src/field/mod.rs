//! Rules for single values: text in, text out. What a rule does not change, it does not copy.

pub mod boolean;
mod civil;
pub mod codes;
pub mod date;
pub mod decimal;
mod digits;
pub mod email;
pub mod enumeration;
pub mod epoch;
pub mod integer;
pub mod ip;
pub mod language;
pub mod phone;
mod signature;
pub mod text;
pub mod timestamp;
pub mod url;
pub mod uuid;

/// What happens to a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Op {
    /// Nothing: the rule only says that the field is required or has a default.
    Nothing,
    /// Text steps in the order written.
    Text(text::Text),
    /// RFC 3339 instant to UTC.
    Timestamp(timestamp::Instant),
    /// Day, checked only.
    Date,
    /// UUID to lower case with hyphens.
    Uuid(uuid::Uuid),
    /// E-mail address: domain to lower case.
    Email(email::Email),
    /// Telephone number to E.164.
    Phone(phone::Phone),
    /// Integer, also from text.
    Integer(integer::Integer),
    /// Boolean, also from text.
    Boolean(boolean::Words),
    /// Decimal number of a fixed scale, on digit strings.
    Decimal(decimal::Decimal),
    /// One of a set of names, aliases replaced.
    Enum(enumeration::Enumeration),
    /// Country to alpha-2.
    Country(codes::Country),
    /// Currency to upper case.
    Currency(codes::Currency),
    /// Language tag to its usual case.
    Language(language::Language),
    /// IP address to one spelling.
    Ip(ip::Ip),
    /// IP network to one spelling.
    Cidr(ip::Cidr),
    /// Absolute URL to one spelling.
    Url(url::Url),
}

/// A JSON scalar as a rule sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// A string, decoded.
    String(&'a str),
    /// A number, as written.
    Number(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// `null`.
    Null,
}

/// What a rule says of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It stays as it is.
    Same,
    /// The new value is in the output buffer and is a string.
    String,
    /// The new value is in the output buffer and is a JSON literal: a number, `true` or `false`.
    Literal,
    /// It stays as it is although the operation had work to do: the code says why, e.g. `text.unassigned`. The caller
    /// leaves a remark.
    Kept(&'static str),
    /// The operation does not speak of values of this JSON type.
    WrongType,
    /// The operation cannot read it; the code is the operation's own, e.g. `invalid_email`.
    Invalid(&'static str),
    /// Outside the declared domain: the control must judge. The code is e.g. `timestamp.form`.
    Unsupported(&'static str),
}

impl Op {
    /// Whether the operation can give another value than it got.
    pub(crate) fn may_change(&self) -> bool {
        match self {
            Self::Nothing | Self::Date => false,
            Self::Text(text) => text.rewrites(),
            _ => true,
        }
    }

    /// Applies the operation to `value`; a new value is appended to `out`, which the caller has cleared.
    pub fn apply(&self, value: Scalar<'_>, out: &mut String) -> Answer {
        match self {
            Self::Nothing => Answer::Same,
            Self::Text(text) => text.apply(value, out),
            Self::Timestamp(instant) => instant.apply(value, out),
            Self::Date => date::apply(value),
            Self::Uuid(uuid) => uuid.apply(value, out),
            Self::Email(email) => email.apply(value, out),
            Self::Phone(phone) => phone.apply(value, out),
            Self::Integer(integer) => integer.apply(value, out),
            Self::Boolean(words) => words.apply(value, out),
            Self::Decimal(decimal) => decimal.apply(value, out),
            Self::Enum(enumeration) => enumeration.apply(value, out),
            Self::Country(country) => country.apply(value, out),
            Self::Currency(currency) => currency.apply(value, out),
            Self::Language(language) => language.apply(value, out),
            Self::Ip(ip) => ip.apply(value, out),
            Self::Cidr(cidr) => cidr.apply(value, out),
            Self::Url(url) => url.apply(value, out),
        }
    }
}
