//! Which control worker runs which exchanges.

use super::prepare::Capture;

/// Bytes of a body that weigh as much as one exchange.
const BYTES_PER_WEIGHT: u64 = 2048;

/// Exchanges of one home for one control worker, in the order of time.
#[derive(Debug, PartialEq, Eq)]
pub struct Lane {
    /// The home: a worker counts in one memory, so it serves one home only.
    pub home: u32,
    /// Positions in the capture.
    pub exchanges: Vec<u32>,
    weight: u64,
}

/// Spreads the exchanges that `called` chooses over lanes, so that no component is split. With `serial` every home is
/// one lane. The heaviest lane comes first.
pub fn lanes(capture: &Capture, workers: usize, serial: bool, called: impl Fn(usize) -> bool) -> Vec<Lane> {
    let mut components: Vec<Component> = Vec::new();
    let mut of_component = std::collections::HashMap::new();
    for (index, exchange) in capture.exchanges.iter().enumerate().filter(|(index, _)| called(*index)) {
        let slot = *of_component.entry((exchange.home, exchange.component)).or_insert_with(|| {
            components.push(Component { home: exchange.home, weight: 0, exchanges: Vec::new() });
            components.len() - 1
        });
        components[slot].exchanges.push(index as u32);
        components[slot].weight += 1 + exchange.exchange.request.body_bytes / BYTES_PER_WEIGHT;
    }
    let total: u64 = components.iter().map(|component| component.weight).sum();
    let mut homes: std::collections::BTreeMap<u32, Vec<Component>> = std::collections::BTreeMap::new();
    for component in components {
        homes.entry(component.home).or_default().push(component);
    }
    let mut lanes = Vec::new();
    for (home, mut components) in homes {
        let weight: u64 = components.iter().map(|component| component.weight).sum();
        let share = (workers as u64 * weight).div_ceil(total.max(1)) as usize;
        let count = if serial { 1 } else { share.clamp(1, components.len()) };
        let mut of_home: Vec<Lane> = (0..count).map(|_| Lane { home, exchanges: Vec::new(), weight: 0 }).collect();
        // Heaviest first to the lightest lane; ties by position, so that the plan is the same every time.
        components.sort_by_key(|component| (std::cmp::Reverse(component.weight), component.exchanges[0]));
        for component in components {
            if let Some(lane) = of_home.iter_mut().min_by_key(|lane| lane.weight) {
                lane.weight += component.weight;
                lane.exchanges.extend(component.exchanges);
            }
        }
        lanes.extend(of_home);
    }
    for lane in &mut lanes {
        lane.exchanges.sort_unstable();
    }
    lanes.sort_by_key(|lane| std::cmp::Reverse(lane.weight));
    lanes
}

struct Component {
    home: u32,
    weight: u64,
    exchanges: Vec<u32>,
}
