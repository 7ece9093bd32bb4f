//! What several commands read: a policy, and the exchanges of a capture.

use std::fs;
use std::path::Path;

use crossfade_core::Policy;
use crossfade_exchange::Exchange;
use crossfade_shadow::capture;

/// The policy in a file.
///
/// # Errors
///
/// Every error, with its place.
pub fn policy(path: &Path) -> Result<Policy, String> {
    let file = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|error| format!("{file}: {error}"))?;
    Policy::parse(&file, &text).map_err(|errors| errors.to_string())
}

/// The exchanges of a capture, at least one, and what of it could not be read.
///
/// # Errors
///
/// There is no capture, or nothing in it.
pub fn exchanges(path: &Path) -> Result<(Vec<Exchange>, Vec<String>), String> {
    let mut directory = capture::open(path).map_err(|error| error.to_string())?;
    let mut exchanges = Vec::new();
    let mut losses = Vec::new();
    for exchange in directory.by_ref() {
        match exchange {
            Ok(exchange) => exchanges.push(exchange),
            Err(error) => losses.push(error.to_string()),
        }
    }
    let account = directory.recovery();
    if !account.is_complete() {
        losses.push(format!(
            "{} exchanges in {} damaged blocks, {} bytes skipped, {} files cut short (crossfade capture show has the account)",
            account.exchanges_lost,
            account.blocks_lost,
            account.bytes_skipped,
            account.torn_tails + account.cut_off,
        ));
    }
    if exchanges.is_empty() {
        return Err(format!("{} holds no exchange", path.display()));
    }
    Ok((exchanges, losses))
}
