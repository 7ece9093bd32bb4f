//! What the log is to be told, of the store and of what was pinned, each thing once. Only who serves a request has a log at hand, so the next one tells.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// What was said, and what waits to be.
#[derive(Debug, Default)]
pub struct News {
    any: AtomicBool,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    trouble: Option<String>,
    waiting: Vec<String>,
}

impl News {
    /// Notes how the store at `url` is; what was noted before is no news.
    pub(crate) fn note(&self, trouble: Option<String>, url: &impl std::fmt::Display) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.trouble != trouble {
            told.waiting.push(trouble.clone().unwrap_or_else(|| format!("limits count in {url} from now on")));
            told.trouble = trouble;
            self.any.store(true, Ordering::Release);
        }
    }

    /// Notes one thing.
    pub fn tell(&self, line: String) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).waiting.push(line);
        self.any.store(true, Ordering::Release);
    }

    /// Whether anything waits; for the request path.
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// What waits, once.
    pub fn take(&self) -> Vec<String> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        self.any.store(false, Ordering::Release);
        std::mem::take(&mut told.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each trouble is told once, and its end; a store that was well from the start is no news.
    #[test]
    fn what_is_known_is_no_news() {
        let (news, url) = (News::default(), "shm://x");
        news.note(None, &url);
        assert!(!news.any() && news.take().is_empty());
        for trouble in [Some("a"), Some("a"), Some("b"), None, None] {
            news.note(trouble.map(str::to_owned), &url);
        }
        assert!(news.any());
        assert_eq!(news.take(), ["a", "b", "limits count in shm://x from now on"]);
        assert!(!news.any() && news.take().is_empty());
    }
}
