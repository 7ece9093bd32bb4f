//! The arguments of operations on what names something in the world: addresses, numbers, codes.

use super::file::{Element, Item, Section};
use super::operations::Read;
use super::values::{arguments, flag};
use crate::field::Op;
use crate::field::codes::{self, Country, Currency};
use crate::field::email::{self, Email};
use crate::field::ip::{Cidr, Ip, Mapped, Version};
use crate::field::language::Language;
use crate::field::phone::{METADATA, Phone, Region};
use crate::field::url::Url;
use crate::field::uuid::Uuid;

/// Most entries of a list: each is meant, and somebody reads it.
const MAX_LIST: usize = 1_000;

/// Operations by name.
pub(super) const READERS: &[(&str, Read)] = &[
    ("uuid", uuid),
    ("email", email),
    ("phone", phone),
    ("country", country),
    ("currency", currency),
    ("language", language),
    ("ip", ip),
    ("cidr", cidr),
    ("url", url),
];

fn uuid(item: &Item<'_>) -> Option<Op> {
    let section = arguments(item)?;
    let (braces, urn) = (flag(&section, "braces", false), flag(&section, "urn", false));
    section.finish();
    Some(Op::Uuid(Uuid { braces: braces?, urn: urn? }))
}

fn email(item: &Item<'_>) -> Option<Op> {
    let section = arguments(item)?;
    let lower = section.get("local").map_or(Some(false), |item| item.choice(&[("keep", false), ("lower", true)]));
    let domain = |text: &str| email::is_listable(text).then(|| text.into());
    let advice = "write a domain in lower case, as the rule accepts it: \"example.com\"";
    let strip_dots = list(&section, "strip_dots", domain, advice);
    let strip_tag = list(&section, "strip_tag", domain, advice);
    section.finish();
    Some(Op::Email(Email { lower_local: lower?, strip_dots, strip_tag }))
}

/// A sorted list whose texts `read` understands.
fn list<T: Ord>(section: &Section<'_>, key: &'static str, read: impl Fn(&str) -> Option<T>, advice: &str) -> Vec<T> {
    let Some(item) = section.get(key) else { return Vec::new() };
    let texts = item.texts().unwrap_or_default();
    if texts.len() > MAX_LIST {
        item.complain(format_args!("has {} entries", texts.len()), format!("at most {MAX_LIST} are read"));
        return Vec::new();
    }
    let mut known: Vec<T> = Vec::with_capacity(texts.len());
    for Element { text, at } in texts {
        let complain = |what: &str, advice: &str| {
            let message = format!("{}: \"{}\" in \"{key}\" {what}", item.place, text.escape_debug());
            item.file.complain(at, message, advice.to_owned());
        };
        let Some(value) = read(text) else {
            complain("cannot stand there", advice);
            continue;
        };
        match known.binary_search(&value) {
            Ok(_) => complain("repeats", "name each once"),
            Err(place) => known.insert(place, value),
        }
    }
    known
}

fn phone(item: &Item<'_>) -> Option<Op> {
    let section = arguments(item)?;
    let double_zero = section.get("double_zero");
    let zeros = double_zero.as_ref().map_or(Some(false), |item| item.boolean());
    let region_item = section.get("region");
    let region = region_item.as_ref().map_or(Some(None), |item| region(item).map(Some));
    if let (Some(double_zero), Some(region)) = (&double_zero, &region_item) {
        let what = format!("contradicts \"region\" on line {}", region.line());
        double_zero.complain(what, "a region knows what is dialled there: remove it".to_owned());
    }
    section.finish();
    Some(Op::Phone(match region? {
        Some(region) => Phone::Regional(region),
        None => Phone::International { double_zero: zeros? },
    }))
}

fn region(item: &Item<'_>) -> Option<Region> {
    let code = item.text()?;
    if METADATA.is_none() {
        let advice = "build with --features phone, or pip install 'crossfade[phone]'".to_owned();
        item.complain(format_args!("is \"{}\" and this build has no phone regions", code.escape_debug()), advice);
        return None;
    }
    let region = Region::named(code);
    if region.is_none() {
        let advice = "write an ISO 3166-1 alpha-2 code in capital letters: region = \"US\"".to_owned();
        item.complain(format_args!("is \"{}\", which is no region", code.escape_debug()), advice);
    }
    region
}

/// Capital letters as a code of their length.
fn capitals<const N: usize>(text: &str) -> Option<[u8; N]> {
    <[u8; N]>::try_from(text.as_bytes()).ok().filter(|code| code.iter().all(u8::is_ascii_uppercase))
}

fn country(item: &Item<'_>) -> Option<Op> {
    let section = arguments(item)?;
    let alpha3 = flag(&section, "alpha3", false);
    let new = |text: &str| capitals(text).filter(|code| !codes::is_country(*code));
    let also = list(&section, "also", new, "write two capital letters that ISO 3166-1 has not assigned: \"XK\"");
    section.finish();
    Some(Op::Country(Country { alpha3: alpha3?, also }))
}

fn currency(item: &Item<'_>) -> Option<Op> {
    let section = arguments(item)?;
    let new = |text: &str| capitals(text).filter(|code| !codes::is_currency(*code));
    let also = list(&section, "also", new, "write three capital letters that ISO 4217 does not list: \"HRK\"");
    section.finish();
    Some(Op::Currency(Currency { also }))
}

fn language(item: &Item<'_>) -> Option<Op> {
    let section = arguments(item)?;
    let underscore = flag(&section, "underscore", false);
    section.finish();
    Some(Op::Language(Language { underscore: underscore? }))
}

fn version(item: &Item<'_>) -> Option<Version> {
    match item.whole(4, 6)? {
        4 => Some(Version::V4),
        6 => Some(Version::V6),
        other => {
            item.complain(format_args!("is {other}"), "write 4 or 6".to_owned());
            None
        }
    }
}

fn ip(item: &Item<'_>) -> Option<Op> {
    let section = arguments(item)?;
    let version_item = section.get("version");
    let version = version_item.as_ref().map_or(Some(None), |item| version(item).map(Some));
    let mapped_item = section.get("mapped");
    let mapped = mapped_item.as_ref().map_or(Some(Mapped::default()), |item| {
        item.choice(&[("outside", Mapped::Outside), ("keep", Mapped::Keep), ("unmap", Mapped::Unmap)])
    });
    if let (Some(Some(version)), Some(mapped), Some(of), Some(item)) = (version, mapped, &version_item, &mapped_item) {
        let advice = match (version, mapped) {
            (Version::V4, Mapped::Outside | Mapped::Keep) => Some("a v4-mapped address is no IPv4 address: remove it"),
            (Version::V6, Mapped::Unmap) => Some("what is unmapped is no IPv6 address: keep one of them"),
            _ => None,
        };
        if let Some(advice) = advice {
            item.complain(format_args!("contradicts \"version\" on line {}", of.line()), advice.to_owned());
        }
    }
    section.finish();
    Some(Op::Ip(Ip { version: version?, mapped: mapped? }))
}

fn cidr(item: &Item<'_>) -> Option<Op> {
    let section = arguments(item)?;
    let version = section.get("version").map_or(Some(None), |item| version(&item).map(Some));
    section.finish();
    Some(Op::Cidr(Cidr { version: version? }))
}

fn url(item: &Item<'_>) -> Option<Op> {
    let section = arguments(item)?;
    let drop = section.get("fragment").map_or(Some(false), |item| item.choice(&[("keep", false), ("drop", true)]));
    section.finish();
    Some(Op::Url(Url { drop_fragment: drop? }))
}
