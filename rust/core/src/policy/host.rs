//! `[route.host]`: one spelling of the host, and which hosts may be asked for.

use super::file::{Element, Item, Section};
use super::{RuleId, RuleName};
use crate::head::host::{self, AllowedHosts};

/// The host of one route.
#[derive(Debug, Clone, PartialEq)]
pub struct HostPolicy {
    /// A `_` in a name is like a letter; else it is outside the grammar.
    pub keep_underscore: bool,
    /// Ports that are left out, as in the file.
    pub default_ports: Vec<u16>,
    /// A request without a host is refused with `missing_host`.
    pub required: bool,
    /// Hosts that may be asked for; `None`: any.
    pub allow: Option<AllowedHosts>,
    /// The rule "a host was written differently".
    pub rule: RuleId,
}

/// Most ports that are left out: each is compared with each host's.
const MAX_PORTS: usize = 16;

/// Most hosts that may be asked for: a file has its limits, and nobody reads a longer list.
const MAX_ALLOWED: usize = 1_000;

/// What was said of a host; what was not said is `None`.
#[derive(Debug, Clone, Default)]
pub(super) struct HostKeys {
    /// `host = false`.
    off: bool,
    keep_underscore: Option<bool>,
    default_ports: Option<Vec<u16>>,
    required: Option<bool>,
    allow: Option<AllowedHosts>,
}

impl HostKeys {
    pub(super) fn read(item: &Item<'_>) -> Option<Self> {
        match item.raw().as_bool() {
            Some(false) => return Some(Self { off: true, ..Self::default() }),
            Some(true) => {
                item.complain("is true", "write [route.host] for what is normalised, or false for nothing".to_owned());
                return None;
            }
            None => {}
        }
        let section = item.section(format!("{}, host", item.place))?;
        let keys = Self {
            off: false,
            keep_underscore: section
                .get("underscore")
                .and_then(|item| item.choice(&[("outside", false), ("keep", true)])),
            default_ports: section.get("default_ports").and_then(|item| ports(&item)),
            required: section.get("on_missing").and_then(|item| item.choice(&[("reject", true), ("keep", false)])),
            allow: section.get("allow").and_then(|item| allowed(&item)),
        };
        section.finish();
        Some(keys)
    }

    /// What holds where these are the defaults and `route` says more: key by key.
    pub(super) fn overridden_by(&self, route: Self) -> Self {
        Self {
            off: route.off,
            keep_underscore: route.keep_underscore.or(self.keep_underscore),
            default_ports: route.default_ports.or_else(|| self.default_ports.clone()),
            required: route.required.or(self.required),
            allow: route.allow.or_else(|| self.allow.clone()),
        }
    }

    /// The policy of the route in `section`; the name of its rule is appended to `rules`.
    pub(super) fn into_policy(self, section: &Section<'_>, rules: &mut Vec<RuleName>) -> Option<HostPolicy> {
        if self.off {
            return None;
        }
        let keep_underscore = self.keep_underscore.unwrap_or(false);
        if let Some(allow) = &self.allow
            && !keep_underscore
            && let Some(name) = allow.exact.iter().chain(&allow.below).find(|name| name.contains('_'))
        {
            section.complain(
                format_args!("host: allow \"{name}\" can match nothing: a host with a _ is outside"),
                "add underscore = \"keep\", or remove it".to_owned(),
            );
        }
        let rule = RuleId(u16::try_from(rules.len()).unwrap_or(u16::MAX));
        rules.push(RuleName { place: "host".into(), operation: "normalize".into() });
        Some(HostPolicy {
            keep_underscore,
            default_ports: self.default_ports.unwrap_or_else(|| vec![80, 443]),
            required: self.required.unwrap_or(true),
            allow: self.allow,
            rule,
        })
    }
}

fn ports(item: &Item<'_>) -> Option<Vec<u16>> {
    let Some(list) = item.raw().as_array() else {
        item.complain("is no list", "write a list of ports, for example [80, 443]".to_owned());
        return None;
    };
    let mut ports = Vec::new();
    for value in list.iter() {
        let number = value.get_ref().as_integer().filter(|number| number.radix() == 10);
        let port = number.and_then(|number| number.as_str().parse::<u16>().ok()).filter(|&port| port > 0);
        let Some(port) = port.filter(|port| !ports.contains(port)) else {
            let what = format!("{}: key \"default_ports\" holds something that is no port, or one twice", item.place);
            item.file.complain(value.span().start, what, "a port is a whole number from 1 to 65535".to_owned());
            return None;
        };
        ports.push(port);
    }
    if ports.len() > MAX_PORTS {
        item.complain(format_args!("has {} ports", ports.len()), format!("at most {MAX_PORTS} are compared"));
        return None;
    }
    Some(ports)
}

fn allowed(item: &Item<'_>) -> Option<AllowedHosts> {
    let texts = item.texts()?;
    if texts.is_empty() {
        item.complain("is empty, so that no host may be asked for", "name a host, or remove the key".to_owned());
        return None;
    }
    if texts.len() > MAX_ALLOWED {
        item.complain(format_args!("has {} hosts", texts.len()), format!("at most {MAX_ALLOWED} are compared"));
        return None;
    }
    let mut allowed = AllowedHosts::default();
    for &Element { text, at } in &texts {
        let complain = |what: String, advice: &str| {
            let message = format!("{}: allow \"{}\" {what}", item.place, text.escape_debug());
            item.file.complain(at, message, advice.to_owned());
        };
        let (name, below) = text.strip_prefix("*.").map_or((text, false), |name| (name, true));
        match normal_form(name) {
            Ok(normal) if normal != name => {
                let star = if below { "*." } else { "" };
                complain("is not in its normal form".to_owned(), &format!("write \"{star}{normal}\""));
            }
            Ok(_) if below && (name.starts_with('[') || is_ipv4(name)) => {
                complain("can match nothing".to_owned(), "an address has no names below it");
            }
            Ok(_) => {}
            Err(code) => complain(
                format!("can match nothing ({code})"),
                "write a host without a port, or *. and the end of its name",
            ),
        }
        let list = if below { &mut allowed.below } else { &mut allowed.exact };
        match list.binary_search_by(|known| (**known).cmp(name)) {
            Ok(_) => complain("stands twice".to_owned(), "name it once"),
            Err(place) => list.insert(place, name.into()),
        }
    }
    for &Element { text, at } in &texts {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let mut ends = name.match_indices('.').map(|(dot, _)| &name[dot + 1..]);
        let has = |end: &str| allowed.below.binary_search_by(|known| (**known).cmp(end)).is_ok();
        if let Some(end) = ends.find(|end| has(end)) {
            let message =
                format!("{}: allow \"{}\" is already covered by \"*.{end}\"", item.place, text.escape_debug());
            item.file.complain(at, message, "name it once".to_owned());
        }
    }
    Some(allowed)
}

fn is_ipv4(name: &str) -> bool {
    name.parse::<std::net::Ipv4Addr>().is_ok()
}

/// The normal form of a host without a port.
fn normal_form(name: &str) -> Result<String, &'static str> {
    let free =
        HostPolicy { keep_underscore: true, default_ports: Vec::new(), required: false, allow: None, rule: RuleId(0) };
    let mut out = Vec::new();
    let length = host::write(&free, name.as_bytes(), &mut |_| false, &mut out)?;
    if length < out.len() {
        return Err("it has a port");
    }
    String::from_utf8(out).map_err(|_| "host.character")
}
