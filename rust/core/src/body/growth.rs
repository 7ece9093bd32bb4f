//! How long a body can get: an upper bound from the policy alone.

use crate::field::Op;
use crate::policy::{FieldRule, FormPolicy, JsonPolicy, Profile, Route};

impl Route {
    /// The most bytes that a body of `len` bytes comes out with. It is safe, not tight: the bound on what comes in is
    /// `max_bytes`.
    pub fn most_body_bytes(&self, len: usize) -> usize {
        let json = self.json.as_ref().map_or(len, |policy| json(policy, len));
        let form = self.form.as_ref().map_or(len, |policy| form(policy, len));
        json.max(form)
    }
}

/// The most bytes that an operation gives for a value: so many for each byte of it, and so many beside.
#[derive(Debug, Clone, Copy)]
struct Growth {
    factor: usize,
    beside: usize,
}

impl Growth {
    fn of(op: &Op) -> Self {
        match op {
            Op::Nothing => Self { factor: 1, beside: 0 },
            Op::Enum(enumeration) => {
                let longest = enumeration.names().iter().map(|(_, canonical)| canonical.len()).max();
                Self { factor: 1, beside: longest.unwrap_or_default() }
            }
            // NFKC makes up to 11 bytes of one, folding 3. The other values are bounded texts.
            _ => Self { factor: 33, beside: 256 },
        }
    }

    fn and(self, other: Self) -> Self {
        Self { factor: self.factor.max(other.factor), beside: self.beside.max(other.beside) }
    }
}

/// Whatever becomes of the values and names in `len` bytes under `rules`, before it is written: at least each of them.
fn values(rules: &[FieldRule], len: usize, count: usize) -> usize {
    let growth = rules.iter().map(|rule| Growth::of(&rule.op)).fold(Growth { factor: 1, beside: 0 }, Growth::and);
    let renamed = rules.iter().filter_map(|rule| rule.rename.as_ref()).map(|new| new.len()).max().unwrap_or_default();
    len.saturating_mul(growth.factor).saturating_add(count.saturating_mul(growth.beside.saturating_add(renamed)))
}

/// What all defaults add in one place, with quotes and separators.
fn defaults(rules: &[FieldRule]) -> usize {
    let added = |rule: &FieldRule| {
        let name = rule.rename.as_ref().map_or(rule.name.len(), |new| new.len());
        rule.default.as_ref().map(|default| name + default.len() + 8)
    };
    rules.iter().filter_map(added).fold(0, usize::saturating_add)
}

fn json(policy: &JsonPolicy, len: usize) -> usize {
    if policy.output == Profile::Original {
        return len;
    }
    // The most bytes that a writer makes of one: an escape of one character, a space behind a comma, a number's zeros.
    let writer = match policy.output {
        Profile::Original | Profile::Compact | Profile::Sorted => 1,
        Profile::PythonUtf8 => 2,
        Profile::Python | Profile::Jcs => 6,
    };
    // A text that an operation gives may need an escape for each of its bytes.
    let escapes = if policy.fields.is_empty() { writer } else { 6 };
    // A value takes a byte and a separator, an object two bytes.
    let count = len / 2 + 1;
    values(&policy.fields, len, count)
        .saturating_add(count.saturating_mul(defaults(&policy.fields)))
        .saturating_mul(escapes)
}

fn form(policy: &FormPolicy, len: usize) -> usize {
    // A pair takes a byte and a separator, and gets its `=`.
    let count = len / 2 + 1;
    values(&policy.fields, len, count).saturating_add(defaults(&policy.fields)).saturating_mul(3).saturating_add(count)
}
