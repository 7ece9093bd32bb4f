//! How a limit counts: `strategy` and what goes with it.

use super::file::{Item, Section};
use super::store::{Scope, Store};
use crate::limit::adaptive::Adaptive;
use crate::limit::rate::Unit;
use crate::limit::{Rate, Strategy};

/// Most requests of a key in flight: each is a connection, and no service has more.
const MOST_IN_FLIGHT: u64 = 1_000_000;

/// Reads strategy and rate of a limit. Of requests in flight the rate is the amount alone.
pub(super) fn read(section: &Section<'_>, store: &Store) -> Option<(Rate, Strategy)> {
    let choices = [
        ("fixed-window", Strategy::FixedWindow),
        ("moving-window", Strategy::MovingWindow),
        ("sliding-window-counter", Strategy::SlidingWindowCounter),
        ("gcra", Strategy::Gcra { burst: 0 }),
        ("concurrent", Strategy::Concurrent { adaptive: None }),
    ];
    let advice = "use one of: fixed-window, moving-window, sliding-window-counter, gcra, concurrent";
    let item = section.require("strategy", advice);
    let strategy = item.as_ref().and_then(|item| item.choice(&choices));
    let (burst, most, adaptive) = (section.get("burst"), section.get("most"), section.get("adaptive"));
    let (Some(item), Some(strategy)) = (item, strategy) else {
        // A rate is read all the same, for its own errors.
        section.get("rate").and_then(|item| rate(&item));
        return None;
    };
    let only = |what: Option<Item<'_>>, advice: &str| {
        let Some(what) = what else { return Some(()) };
        let name = item.raw().as_str().unwrap_or_default();
        let message = format!("contradicts strategy = \"{name}\" on line {}", item.line());
        what.complain(message, advice.to_owned());
        None
    };
    if let Strategy::Concurrent { .. } = strategy {
        only(section.get("rate"), "requests in flight have no rate: remove it")?;
        only(burst, "only \"gcra\" has a burst: remove it")?;
        if store.scope() == Scope::Fleet {
            // Nobody there would learn that the process that holds a place is dead.
            let what = format!("is \"concurrent\", and the store is {}://", store.scheme());
            let advice =
                "requests in flight are counted on one host: use shm://, or memory:// for each worker by itself";
            item.complain(what, advice.to_owned());
            return None;
        }
        return concurrent(section, most, adaptive, store);
    }
    let rate = section.require("rate", "for example rate = \"60/minute\"").and_then(|item| rate(&item));
    only(most, "only \"concurrent\" has it: remove it")?;
    only(adaptive, "only \"concurrent\" adapts: remove it")?;
    let strategy = match (strategy, burst) {
        (Strategy::Gcra { .. }, None) => {
            let advice = "add how many may come at once: burst = 10";
            item.complain("is \"gcra\" and burst is missing", advice.to_owned());
            None
        }
        (Strategy::Gcra { .. }, Some(burst)) => burst.whole(1, u32::MAX.into()).map(|burst| Strategy::Gcra { burst }),
        (strategy, burst) => only(burst, "only \"gcra\" has a burst: remove it").map(|()| strategy),
    };
    let (rate, strategy) = rate.zip(strategy)?;
    if let Some(item) = section.get("rate")
        && let Some(advice) = too_large(&rate, &strategy, store)
    {
        item.complain(format_args!("is \"{rate}\""), advice);
    } else if let (Strategy::Gcra { burst }, Some(most)) = (strategy, store.most_burst(&rate))
        && burst > most
        && let Some(item) = section.get("burst")
    {
        let scheme = store.scheme();
        let advice =
            format!("{scheme}:// counts bursts up to {most} of this rate exactly: lower it, or change the rate");
        item.complain(format_args!("is {burst}, and the rate is \"{rate}\""), advice);
    }
    Some((rate, strategy))
}

fn concurrent(
    section: &Section<'_>,
    most: Option<Item<'_>>,
    adaptive: Option<Item<'_>>,
    store: &Store,
) -> Option<(Rate, Strategy)> {
    let adaptive = match adaptive {
        None => Some(None),
        Some(item) if store.scope() != Scope::Worker => {
            let advice =
                "a bound adapts to what one worker measures, and all have this one: remove it, or use memory://";
            item.complain(format_args!("is set, and the store is {}://", store.scheme()), advice.to_owned());
            None
        }
        Some(item) => {
            let choices = [Adaptive::Aimd, Adaptive::Gradient2].map(|adaptive| (adaptive.name(), adaptive));
            item.choice(&choices).map(Some)
        }
    };
    let Some(most) = most else {
        section
            .complain("is \"concurrent\" and most is missing", "add how many may be in flight: most = 10".to_owned());
        return None;
    };
    let amount = most.whole(1, MOST_IN_FLIGHT)?;
    Some((Rate { amount, multiples: 1, unit: Unit::Second }, Strategy::Concurrent { adaptive: adaptive? }))
}

fn rate(item: &Item<'_>) -> Option<Rate> {
    let text = item.text()?;
    match text.parse::<Rate>() {
        Ok(rate) => Some(rate),
        Err(why) => {
            item.complain(format_args!("is \"{}\"", text.escape_debug()), why.to_string());
            None
        }
    }
}

/// Why a rate cannot be counted: by its strategy at all, or in the store.
fn too_large(rate: &Rate, strategy: &Strategy, store: &Store) -> Option<String> {
    if let Err(why) = strategy.check(rate) {
        return Some(format!("{why} for this strategy, which keeps a stamp for each hit"));
    }
    let (scheme, strategy_name) = (store.scheme(), strategy.name());
    if let Some(most) = store.most(strategy).filter(|&most| rate.amount > most) {
        return Some(format!("{scheme}:// counts amounts up to {most} by {strategy_name}"));
    }
    let longest = store.longest(strategy).filter(|&longest| rate.window() > longest)?;
    Some(format!("{scheme}:// counts windows up to {longest} seconds, 68 years, by {strategy_name}"))
}
