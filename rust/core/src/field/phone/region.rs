//! Numbers as dialled in a region, by a port of libphonenumber.
//!
//! Its tables are made once in a process, when the first policy that names a region is compiled. Parsing allocates, and a
//! regular expression that is met for the first time is compiled.

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberUtil};

use super::super::Answer;
use super::{FORM, INVALID};

/// Version of the numbering plans in this build. The crate does not tell it, so its version is pinned.
pub const METADATA: Option<&str> = Some("9.0.42");

/// Longest text that libphonenumber reads.
const LONGEST: usize = 250;

/// A region whose numbering plan is in this build.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    region: rlibphonenumber::Region,
    code: Box<str>,
    /// Whether the service's own library has other metadata.
    is_off: bool,
}

impl Region {
    /// The region of an ISO 3166-1 alpha-2 code in upper case, if its numbering plan is known.
    pub fn named(code: &str) -> Option<Self> {
        let region = rlibphonenumber::Region::from_code(code).ok()?;
        let is_known = PHONE_NUMBER_UTIL.get_supported_regions().any(|known| known == region);
        if !is_known || !code.bytes().all(|b| b.is_ascii_uppercase()) {
            return None;
        }
        Some(Self { region, code: code.into(), is_off: false })
    }

    /// Its alpha-2 code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Whether [`switch_off`](Self::switch_off) was called.
    pub fn is_off(&self) -> bool {
        self.is_off
    }

    /// From now on every text is outside, `phone.metadata`.
    pub fn switch_off(&mut self) {
        self.is_off = true;
    }

    pub(super) fn read(&self, text: &str, out: &mut String) -> Answer {
        if self.is_off {
            return Answer::Unsupported("phone.metadata");
        }
        if !text.is_ascii() || text.len() > LONGEST {
            return FORM;
        }
        let util: &PhoneNumberUtil = &PHONE_NUMBER_UTIL;
        let Ok(number) = util.parse(text, Some(self.region)) else { return INVALID };
        if number.extension.as_ref().is_some_and(|extension| !extension.is_empty()) {
            return FORM;
        }
        if !util.is_valid_number(&number) {
            return INVALID;
        }
        let written = util.format(&number, PhoneNumberFormat::E164);
        if written == text {
            return Answer::Same;
        }
        // A result that would be read as another number the next time is none.
        match util.parse(&written, Some(self.region)) {
            Ok(again) if again == number => {
                out.push_str(&written);
                Answer::String
            }
            _ => FORM,
        }
    }
}
