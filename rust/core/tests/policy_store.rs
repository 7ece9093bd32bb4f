//! Laws of `[store]`: each form arrives whole, what a store cannot hold is refused, and no secret is read or repeated.

use std::time::Duration;

use crossfade_core::Policy;
use crossfade_core::policy::{Counting, Failure, OnFull, RedisStore, Scope, Server, SharedStore, Store};

/// A policy with this store and one limit.
fn with(store: &str, rate: &str, strategy: &str) -> Result<Policy, String> {
    with_limit(store, &format!("rate = '{rate}'\nstrategy = '{strategy}'"))
}

fn with_limit(store: &str, limit: &str) -> Result<Policy, String> {
    let text = format!(
        "version = 1\n{store}\n[limits.a]\nkey = ['client']\n{limit}\n\
         [[route]]\nname = 'r'\nmatch = 'POST /r'\nlimits = ['a']\n"
    );
    Policy::parse("f", &text).map_err(|errors| errors.to_string())
}

fn store(text: &str) -> Store {
    with(&format!("[store]\n{text}"), "1/second", "fixed-window").unwrap_or_else(|errors| panic!("{errors}")).store
}

#[track_caller]
fn refused(text: &str, message: &str) -> String {
    let said = with(&format!("[store]\n{text}"), "1/second", "fixed-window").expect_err(text);
    assert!(said.contains(message), "{text}\n{said}");
    said
}

#[test]
fn memory_is_what_holds_without_a_word() {
    let memory = Store::Memory { max_keys: 1_000_000 };
    assert_eq!(with("", "1/second", "fixed-window").expect("a policy").store, memory);
    assert_eq!(store("url = 'memory://'"), memory);
    assert_eq!(store("url = 'memory://?scope=worker'\nmax_keys = 7"), Store::Memory { max_keys: 7 });
    assert_eq!(memory.scope(), Scope::Worker);
}

#[test]
fn a_shared_table_says_its_scope() {
    let shared =
        SharedStore { name: "api-1".into(), max_keys: 1_000_000, ring_bytes: 64 << 20, on_full: OnFull::Share };
    assert_eq!(store("url = 'shm://api-1?scope=host'"), Store::Shared(shared.clone()));
    let said = store("url = 'shm://api-1?scope=host'\nmax_keys = 9\nring_bytes = '1MiB'\non_full = 'reject'");
    let expected = SharedStore { max_keys: 9, ring_bytes: 1 << 20, on_full: OnFull::Reject, ..shared };
    assert_eq!((said.scope(), said), (Scope::Host, Store::Shared(expected)));
    refused("url = 'shm://api'", "key \"url\" does not say its scope");
    refused("url = 'shm://api?scope=fleet'", "says scope=fleet, and shm:// counts for each host");
    refused("url = 'shm://api?on_full=admit'", "says \"on_full\"\n       only scope can be said here");
    for name in ["", "a/b", "ä", &"x".repeat(65)] {
        refused(&format!("url = 'shm://{name}?scope=host'"), "is no name of a shared table");
    }
}

#[test]
fn redis_is_reached_as_limits_reaches_it() {
    let server = Server { host: "redis".into(), port: 6379, database: 0, user: None };
    let redis = RedisStore {
        server: server.clone(),
        password_env: None,
        counting: Counting::Sync,
        timeout: Duration::from_millis(20),
        failure: Failure::Degrade,
        key_prefix: "LIMITS".into(),
        namespace: "LIMITER".into(),
        max_keys: 1_000_000,
    };
    for url in
        ["redis://redis", "redis://redis:6379/0", "redis://@redis/", "valkey://redis", "redis://redis?scope=fleet"]
    {
        assert_eq!(store(&format!("url = '{url}'")), Store::Redis(redis.clone()), "{url}");
    }
    let said = store(
        "url = 'redis://me@[::1]:7000/3'\npassword_env = 'REDIS_PASSWORD'\ncounting = 'lease'\ntimeout = '1s'\n\
         failure = 'closed'\nkey_prefix = 'L'\nnamespace = 'api'\nmax_keys = 5",
    );
    let server = Server { host: "::1".into(), port: 7000, database: 3, user: Some("me".into()) };
    assert_eq!(server.to_string(), "[::1]:7000/3");
    let expected = RedisStore {
        server,
        password_env: Some("REDIS_PASSWORD".into()),
        counting: Counting::Lease,
        timeout: Duration::from_secs(1),
        failure: Failure::Closed,
        key_prefix: "L".into(),
        namespace: "api".into(),
        max_keys: 5,
    };
    assert_eq!((said.scope(), said.is_the_controls(), said), (Scope::Fleet, false, Store::Redis(expected)));
    assert!(Store::Redis(redis).is_the_controls());
}

/// A Unix socket is written as `limits` writes it.
#[test]
fn redis_is_reached_by_a_socket() {
    let said = |url: &str| match store(&format!("url = '{url}'")) {
        Store::Redis(redis) => redis.server,
        other => panic!("{url} is {other}"),
    };
    let server = Server { host: "/run/redis.sock".into(), port: 0, database: 0, user: None };
    for url in [
        "redis+unix:///run/redis.sock",
        "valkey+unix://@/run/redis.sock?db=0",
        "redis+unix:///run/redis.sock?scope=fleet",
    ] {
        assert_eq!(said(url), server, "{url}");
    }
    let second = Server { database: 2, user: Some("me".into()), ..server };
    for query in ["db=2", "scope=fleet&db=2", "db=2&scope=fleet"] {
        assert_eq!(said(&format!("redis+unix://me@/run/redis.sock?{query}")), second, "{query}");
    }
    assert_eq!(store("url = 'redis+unix:///run/redis.sock?db=2'").to_string(), "redis+unix:///run/redis.sock?db=2");
    let long = "x".repeat(200);
    for path in ["", "/", "run/redis.sock", "host/run/redis.sock", "/a%20b", "/a?db=x", "/a?db=", &format!("/{long}")] {
        refused(&format!("url = 'redis+unix://{path}'"), "key \"url\" names no socket");
    }
    refused("url = 'redis+unix:///a?db=1&scope=host'", "says scope=host, and redis+unix:// counts for each fleet");
    refused("url = 'redis+unix:///a?decode_responses=1'", "says \"decode_responses\"");
}

#[test]
fn what_names_no_store_is_refused() {
    for (url, message) in [
        ("memory", "is no URL of a store"),
        ("memory://x", "says more than memory://"),
        ("memcached://x", "begins with memcached://, which is no store"),
        ("rediss://x", "begins with rediss://: TLS is not spoken"),
        ("redis://", "names no server"),
        ("redis://x:0", "names no server"),
        ("redis://x:65536", "names no server"),
        ("redis://x/one", "names no server"),
        ("redis://[::1", "names no server"),
        ("redis://[::1]6379", "names no server"),
        ("redis://a b", "names no server"),
        ("redis://x?scope=host", "says scope=host, and redis:// counts for each fleet"),
    ] {
        refused(&format!("url = '{url}'"), message);
    }
    for (keys, message) in [
        ("timeout = '0ms'", "which is no time to wait"),
        ("timeout = '6s'", "which is no time to wait"),
        ("timeout = 20", "key \"timeout\" is an integer"),
        ("failure = 'closd'", "did you mean \"closed\"?"),
        ("key_prefix = ''", "printable characters of ASCII"),
        ("namespace = 'a b'", "printable characters of ASCII"),
        ("password_env = 'a b'", "is no name of a variable of the environment"),
        ("password = 'x'", "unknown key \"password\""),
    ] {
        refused(&format!("url = 'redis://x'\n{keys}"), message);
    }
}

#[test]
fn a_password_is_refused_and_not_repeated() {
    for url in [
        "redis://:hunter2@x",
        "redis://me:hunter2@x:1/2",
        "redis://me:hun@ter2@x",
        "//:hunter2@x",
        "x://hunter2",
        "redis://x?password=hunter2",
        "redis+unix://:hunter2@/x",
        "redis+unix:///x?password=hunter2",
        "redis+unix:///x?db=1&password=hunter2",
        "redis+unix:///x?scope=fleet&password=hunter2",
    ] {
        let said = refused(&format!("url = '{url}'"), "key \"url\"");
        assert!(!said.contains("hun"), "{said}");
    }
}

#[test]
fn a_key_of_another_store_says_nothing() {
    let said = refused("on_full = 'share'", "f:3:1  [store]: key \"on_full\" says nothing for memory://");
    assert!(said.contains("only shm:// has it"), "{said}");
    refused("url = 'shm://x?scope=host'\ntimeout = '20ms'", "key \"timeout\" says nothing for shm://");
    refused("url = 'redis://x'\nring_bytes = 1", "key \"ring_bytes\" says nothing for redis://");
}

/// A slot of the shared table is one word: what does not fit it is refused with the most that does.
#[test]
fn what_a_slot_cannot_hold_is_refused() {
    let shared = "[store]\nurl = 'shm://x?scope=host'";
    for (strategy, most) in
        [("fixed-window", (1u64 << 42) - 2), ("moving-window", 4_096), ("sliding-window-counter", (1 << 32) - 2)]
    {
        assert!(with(shared, &format!("{most}/second"), strategy).is_ok(), "{strategy}");
        let said = with(shared, &format!("{}/second", most + 1), strategy).expect_err(strategy);
        let expected = format!("f:6:1  limit \"a\": key \"rate\" is \"{} per 1 second\"", most + 1);
        assert!(said.contains(&expected) && said.contains(&format!("up to {most} by {strategy}")), "{said}");
        assert!(with("", &format!("{}/second", most + 1), strategy).is_ok(), "memory holds it");
    }
}

/// A slot holds ends until 2106: the longest windows do not fit, nowhere else and by no other strategy.
#[test]
fn a_window_that_a_slot_cannot_hold_is_refused() {
    let shared = "[store]\nurl = 'shm://x?scope=host'";
    let (longest, longer) = ("1/2147483648 seconds", "1/2147483649 seconds");
    assert!(with(shared, longest, "fixed-window").is_ok());
    let said = with(shared, longer, "fixed-window").expect_err("too long");
    assert!(said.contains("f:6:1  limit \"a\": key \"rate\" is \"1 per 2147483649 second\""), "{said}");
    assert!(said.contains("shm:// counts windows up to 2147483648 seconds, 68 years, by fixed-window"), "{said}");
    for (store, strategy) in [(shared, "sliding-window-counter"), (shared, "moving-window"), ("", "fixed-window")] {
        assert!(with(store, longer, strategy).is_ok(), "{store} {strategy}");
    }
}

/// In a script every number is a double: an amount or a burst that would be rounded is refused with the most that is not.
#[test]
fn what_a_script_would_round_is_refused() {
    let redis = "[store]\nurl = 'redis://x'";
    for strategy in ["fixed-window", "sliding-window-counter"] {
        assert!(with(redis, "9007199254740991/second", strategy).is_ok());
        let said = with(redis, "9007199254740992/second", strategy).expect_err(strategy);
        assert!(said.contains(&format!("redis:// counts amounts up to 9007199254740991 by {strategy}")), "{said}");
    }
    let gcra = |store: &str, rate: &str, burst: u64| {
        with_limit(store, &format!("rate = '{rate}'\nstrategy = 'gcra'\nburst = {burst}"))
    };
    assert!(
        gcra(redis, "4503599627370497/second", 1).expect_err("an amount").contains("up to 4503599627370496 by gcra")
    );
    for (rate, most) in [
        // Cells of a day each, for 142 years.
        ("1/day", 52_124),
        // A rest of 86,400,000,000 ticks.
        ("100000000000/day", 104_249),
        ("3/second", u64::from(u32::MAX)),
        ("100000000/second", u64::from(u32::MAX)),
    ] {
        assert!(gcra(redis, rate, most).is_ok(), "{rate}");
        if most < u32::MAX.into() {
            let said = gcra(redis, rate, most + 1).expect_err(rate);
            let place = format!("f:8:1  limit \"a\": key \"burst\" is {}, and the rate is \"", most + 1);
            let advice =
                format!("redis:// counts bursts up to {most} of this rate exactly: lower it, or change the rate");
            assert!(said.contains(&place) && said.contains(&advice), "{said}");
        }
        for store in ["", "[store]\nurl = 'shm://x?scope=host'"] {
            assert!(gcra(store, rate, most + 1).is_ok() == (most < u32::MAX.into()), "{store}");
        }
    }
}

/// The digest knows what decides: who counts together and how, not where the server is or how much it holds.
#[test]
fn the_digest_follows_what_the_store_decides() {
    let digest = |text: &str| {
        let policy = with(&format!("[store]\n{text}"), "1/second", "fixed-window").unwrap_or_else(|e| panic!("{e}"));
        policy.routes[0].digest.clone()
    };
    let (shared, redis) = ("url = 'shm://x?scope=host'\n", "url = 'redis://x'\n");
    let same = |base: &str, other: &str| assert_eq!(digest(base), digest(other), "{base} {other}");
    same("max_keys = 5", "url = 'memory://'");
    same(shared, "url = 'shm://y?scope=host'\nmax_keys = 5\nring_bytes = '1MiB'\non_full = 'share'");
    same(redis, "url = 'redis://me@y:1/2'\ntimeout = '1s'\npassword_env = 'P'");
    let mut all = vec![digest(""), digest(shared), digest(redis), digest(&format!("{shared}on_full = 'admit'"))];
    for keys in ["counting = 'lease'", "failure = 'open'", "key_prefix = 'L'", "namespace = 'L'"] {
        all.push(digest(&format!("{redis}{keys}")));
    }
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn requests_in_flight_are_counted_on_one_host() {
    let limit = "[limits.a]\nkey = ['client']\nstrategy = 'concurrent'\nmost = 3\n\
                 [[route]]\nname = 'r'\nmatch = 'GET /'\nlimits = ['a']\n";
    let parse = |url: &str| Policy::parse("f", &format!("version = 1\n[store]\nurl = '{url}'\n{limit}"));
    assert!(parse("memory://").is_ok() && parse("shm://x?scope=host").is_ok());
    let said = parse("redis://x").expect_err("counted nowhere").to_string();
    let expected = "f:6:1  limit \"a\": key \"strategy\" is \"concurrent\", and the store is redis://";
    assert!(said.contains(expected) && said.contains("use shm://"), "{said}");
}

#[test]
fn a_bound_adapts_in_one_worker() {
    let parse = |url: &str| {
        let limit = "[limits.a]\nkey = ['client']\nstrategy = 'concurrent'\nmost = 30\nadaptive = 'aimd'\n\
                     [[route]]\nname = 'r'\nmatch = 'GET /'\nlimits = ['a']\n";
        Policy::parse("f", &format!("version = 1\n[store]\nurl = '{url}'\n{limit}"))
    };
    assert!(parse("memory://").is_ok());
    let said = parse("shm://x?scope=host").expect_err("no bound of one worker").to_string();
    let expected = "f:8:1  limit \"a\": key \"adaptive\" is set, and the store is shm://";
    assert!(said.contains(expected) && said.contains("remove it, or use memory://"), "{said}");
}
