//! A route's cutover flag, and the file that holds them all.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A route's cutover flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Stage {
    /// The control answers; the candidate does not run.
    #[default]
    Off,
    /// The control answers; the candidate runs too.
    Shadow,
    /// The candidate answers for this share of keys, in basis points (1 to 9,999); both always run.
    Canary(u16),
    /// The candidate answers; the control runs for sampled keys.
    Live,
}

impl Stage {
    /// The word without the share, as exchanges and metrics carry it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Shadow => "shadow",
            Self::Canary(_) => "canary",
            Self::Live => "live",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Canary(points) if points % 100 == 0 => write!(f, "canary {} %", points / 100),
            Self::Canary(points) => {
                let text = format!("{:.2}", f64::from(*points) / 100.0);
                write!(f, "canary {} %", text.trim_end_matches('0'))
            }
            other => f.write_str(other.word()),
        }
    }
}

impl FromStr for Stage {
    type Err = String;

    /// `off`, `shadow`, `live`, `canary:5`, `canary=0.5`, `canary 5 %`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no stage; use off, shadow, canary:PERCENT (0.01 to 99.99) or live");
        match text.trim() {
            "off" => Ok(Self::Off),
            "shadow" => Ok(Self::Shadow),
            "live" => Ok(Self::Live),
            other => {
                let rest = other.strip_prefix("canary").ok_or_else(wrong)?;
                let percent = rest.trim_matches([':', '=', ' ', '%', '(', ')']);
                let points = percent.parse::<f64>().map_err(|_| wrong())? * 100.0;
                let rounded = points.round();
                if (points - rounded).abs() > 1e-6 || !(1.0..=9_999.0).contains(&rounded) {
                    return Err(wrong());
                }
                Ok(Self::Canary(rounded as u16))
            }
        }
    }
}

impl Serialize for Stage {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Canary(points) => serializer.serialize_str(&format!("canary:{}", f64::from(*points) / 100.0)),
            other => serializer.serialize_str(other.word()),
        }
    }
}

impl<'de> Deserialize<'de> for Stage {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What a stage was proven for. A worker whose own differs runs the route at most in `shadow`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Subject {
    /// Digest of the build, `crossfade_seam::BUILD`.
    pub build: String,
    /// Digest of the route's policy.
    pub policy: String,
    /// Digest of the control; empty: whichever it is, as `stage set` has it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub control: String,
}

impl Subject {
    /// Whether a stage that was set for this subject holds for `other`, which names its control.
    pub fn covers(&self, other: &Self) -> bool {
        let control = self.control.is_empty() || self.control == other.control;
        control && self.build == other.build && self.policy == other.policy
    }
}

/// A fault that the seam injects into the candidate of one route, to show that nobody sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The candidate panics.
    Panic,
    /// The candidate answers `Unsupported`.
    Unsupported,
    /// The candidate is wrong in one field of one request in so many.
    Wrong(u32),
    /// The candidate takes so many times as long.
    Slow(u32),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic => f.write_str("panic"),
            Self::Unsupported => f.write_str("unsupported"),
            Self::Wrong(one_in) => write!(f, "wrong:{one_in}"),
            Self::Slow(times) => write!(f, "slow:{times}"),
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    /// `panic`, `unsupported`, `wrong:ONE_IN`, `slow:TIMES`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |digits: &str| digits.parse::<u32>().ok().filter(|&number| number > 0);
        let fault = match text {
            "panic" => Some(Self::Panic),
            "unsupported" => Some(Self::Unsupported),
            _ => match text.split_once(':') {
                Some(("wrong", one_in)) => number(one_in).map(Self::Wrong),
                Some(("slow", times)) => number(times).map(Self::Slow),
                _ => None,
            },
        };
        fault.ok_or_else(|| format!("{text:?} is no fault; use panic, unsupported, wrong:ONE_IN or slow:TIMES"))
    }
}

impl Serialize for Fault {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// One route's row of the stage file. What a newer release adds is skipped: a worker of an older one must follow to `off`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Row {
    /// The stage.
    pub stage: Stage,
    /// Salt of the canary's buckets; stays through a campaign.
    pub salt: String,
    /// What the stage was set for.
    pub subject: Subject,
    /// Who set it.
    pub who: String,
    /// Why.
    pub why: String,
    /// When, in microseconds since the epoch. It names this stay in the stage.
    pub at: u64,
    /// Kinds of outcome that somebody has accepted for this subject although too few were compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<String>,
    /// SHA-256 of the evidence that justified the stage, in hex; `None`: set without proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// Why the route was taken back by itself, if it was: a person has to set it on again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rolled_back: Option<String>,
    /// An injected fault, if one is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
}

/// The whole stage file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stages {
    /// Version of this shape.
    pub version: u32,
    /// Grows by one with every write.
    pub generation: u64,
    /// Rows by route name; a route without a row is `off`.
    pub routes: BTreeMap<String, Row>,
    /// Where the ledger ends.
    #[serde(default, skip_serializing_if = "Anchor::is_none")]
    pub ledger: Anchor,
}

/// What names the last line of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Anchor {
    /// Its number, from 1; 0: none is named.
    pub lines: u64,
    /// Its SHA-256, in hex.
    pub hash: String,
}

impl Anchor {
    fn is_none(&self) -> bool {
        self.lines == 0
    }
}

/// Version of [`Stages`] that this build writes and reads.
pub const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written is read back, for every stage.
    #[test]
    fn stages_round_trip() {
        for stage in [Stage::Off, Stage::Shadow, Stage::Canary(1), Stage::Canary(50), Stage::Canary(2_500), Stage::Live]
        {
            let text = serde_json::to_string(&stage).expect("a stage serialises");
            assert_eq!(serde_json::from_str::<Stage>(&text).expect(&text), stage);
            assert_eq!(stage.to_string().parse::<Stage>(), Ok(stage));
        }
    }

    /// A share of nothing, of everything, or finer than a basis point is no canary.
    #[test]
    fn shares_are_bounded() {
        for text in ["canary:0", "canary:100", "canary:0.001", "canary", "canary:x", "canary:-1", "canary:nan", "Live"]
        {
            assert!(text.parse::<Stage>().is_err(), "{text}");
        }
    }
}
