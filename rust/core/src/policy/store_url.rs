//! The URL of a store: `memory://`, `shm://NAME?scope=host`, `redis://USER@HOST:PORT/DATABASE`,
//! `redis+unix://USER@/PATH?db=DATABASE`.

use super::file::Item;
use super::inherited::count;
use super::limits::check_name;
use super::store::Scope;

/// Where a Redis server is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Server {
    /// Name or address; an IPv6 address without its brackets. Of a Unix socket the path, which begins with `/`.
    pub host: Box<str>,
    /// Port; 0 of a Unix socket.
    pub port: u16,
    /// Number of the database.
    pub database: u32,
    /// User, where it is not the default one.
    pub user: Option<Box<str>>,
}

impl Server {
    /// Whether it is reached by a Unix socket.
    pub fn is_socket(&self) -> bool {
        self.host.starts_with('/')
    }
}

/// As `host:port/database`, or `/path?db=database`.
impl std::fmt::Display for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port, database, user: _ } = self;
        if self.is_socket() {
            return write!(f, "{host}?db={database}");
        }
        if host.contains(':') {
            write!(f, "[{host}]")?
        } else {
            f.write_str(host)?
        }
        write!(f, ":{port}/{database}")
    }
}

/// What a URL says.
pub(super) enum Url {
    Memory,
    Shared(Box<str>),
    Redis(Server),
}

/// The port of Redis where none is said.
const PORT: u16 = 6379;

/// Longest path of a socket: Linux has 108 bytes for it and the zero at its end, others fewer.
const LONGEST_PATH: usize = 103;

/// The forms that are known, for messages.
const FORMS: &str = "use \"memory://\", \"shm://NAME?scope=host\", \"redis://HOST:PORT/DATABASE\" or \
                     \"redis+unix:///PATH?db=DATABASE\"";

/// Reads a URL.
pub(super) fn read(item: &Item<'_>) -> Option<Url> {
    let text = item.text()?;
    let Some((scheme, rest)) = text.split_once("://") else {
        // What is no URL of ours may hold a secret: it is not repeated.
        item.complain("is no URL of a store", FORMS.to_owned());
        return None;
    };
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (database, query) = match scheme {
        "redis+unix" | "valkey+unix" => database_of(query),
        _ => (None, query),
    };
    let url = match scheme {
        "memory" if rest.is_empty() => Some(Url::Memory),
        "memory" => {
            item.complain("says more than memory://", "a worker's own memory has no name".to_owned());
            None
        }
        "shm" => {
            check_name(item, rest, "shared table");
            Some(Url::Shared(rest.into()))
        }
        "redis" | "valkey" => server(item, rest).map(Url::Redis),
        "redis+unix" | "valkey+unix" => socket(item, rest, database).map(Url::Redis),
        "rediss" | "valkeys" => {
            let advice = "put a TLS proxy such as stunnel on this host, and name that with redis://";
            item.complain(format_args!("begins with {scheme}://: TLS is not spoken"), advice.to_owned());
            None
        }
        _ => {
            item.complain(
                format_args!("begins with {}://, which is no store", scheme.escape_debug()),
                FORMS.to_owned(),
            );
            None
        }
    }?;
    let scope = match &url {
        Url::Memory => Scope::Worker,
        Url::Shared(_) => Scope::Host,
        Url::Redis(_) => Scope::Fleet,
    };
    scoped(item, scheme, scope, query).then_some(url)
}

/// Whether the scope that is said is the store's. One table for all workers admits less than a memory for each, so a
/// change to it must be written down.
fn scoped(item: &Item<'_>, scheme: &str, scope: Scope, query: Option<&str>) -> bool {
    match query.map(|query| (query, query.strip_prefix("scope=").filter(|said| !said.contains('&')))) {
        None if scope == Scope::Host => {
            let advice = "say that all workers of a host then count in one table: add ?scope=host";
            item.complain("does not say its scope", advice.to_owned());
            false
        }
        None => true,
        Some((_, Some(said))) if said == scope.name() => true,
        Some((_, Some(said))) => {
            let what = format!("says scope={}, and {scheme}:// counts for each {}", said.escape_debug(), scope.name());
            item.complain(what, format!("write scope={}, or use another store", scope.name()));
            false
        }
        Some((query, None)) => {
            // What follows may be a secret.
            let name = query.rsplit('&').next().and_then(|last| last.split('=').next()).unwrap_or_default();
            let known = if scheme.ends_with("+unix") { "db and scope" } else { "scope" };
            item.complain(format_args!("says \"{}\"", name.escape_debug()), format!("only {known} can be said here"));
            false
        }
    }
}

/// The database at the start or the end of a query, and the rest of the query.
fn database_of(query: Option<&str>) -> (Option<&str>, Option<&str>) {
    let Some(query) = query else { return (None, None) };
    if let Some(rest) = query.strip_prefix("db=") {
        return rest.split_once('&').map_or((Some(rest), None), |(database, rest)| (Some(database), Some(rest)));
    }
    query.rsplit_once("&db=").map_or((None, Some(query)), |(rest, database)| (Some(database), Some(rest)))
}

/// A user, unless a password goes with it.
fn user<'a>(item: &Item<'_>, text: &'a str) -> Option<&'a str> {
    if text.contains(':') {
        let advice = "take it out, and name the environment variable that has it: password_env = \"REDIS_PASSWORD\"";
        item.complain("holds a password, which does not belong in a file", advice.to_owned());
        return None;
    }
    Some(text)
}

/// As `limits` and its clients write it. They read `%` as the start of a character's number, which a path here never is.
fn socket(item: &Item<'_>, rest: &str, database: Option<&str>) -> Option<Server> {
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let name = user(item, authority.strip_suffix('@').unwrap_or(authority))?;
    let plain = |c: char| !c.is_control() && !"%#".contains(c);
    let database = database.map_or(Some(0), |text| u32::try_from(count(text)?).ok());
    match database {
        Some(database)
            if (authority.is_empty() || authority.ends_with('@'))
                && (2..=LONGEST_PATH).contains(&path.len())
                && path.chars().all(plain) =>
        {
            Some(Server {
                host: path.into(),
                port: 0,
                database,
                user: Some(name).filter(|u| !u.is_empty()).map(Box::from),
            })
        }
        _ => {
            let advice = format!(
                "write \"redis+unix:///PATH\" or \"redis+unix:///PATH?db=DATABASE\"; a path has at most {LONGEST_PATH} bytes, \
                 and no \"%\" or \"#\""
            );
            item.complain("names no socket", advice);
            None
        }
    }
}

fn server(item: &Item<'_>, rest: &str) -> Option<Server> {
    let (name, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    let name = user(item, name)?;
    let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (host, port) = match place.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, port)) => (host, Some(port.strip_prefix(':').unwrap_or("?"))),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let of_a_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte);
    let port = port.map_or(Some(PORT), |port| u16::try_from(count(port)?).ok().filter(|&port| port > 0));
    let database = if database.is_empty() { Some(0) } else { count(database).and_then(|n| u32::try_from(n).ok()) };
    match (port, database) {
        (Some(port), Some(database)) if !host.is_empty() && host.len() <= 253 && host.bytes().all(of_a_host) => {
            Some(Server {
                host: host.into(),
                port,
                database,
                user: Some(name).filter(|u| !u.is_empty()).map(Box::from),
            })
        }
        _ => {
            item.complain(
                "names no server",
                "write \"redis://HOST\", \"redis://HOST:PORT\" or \"redis://HOST:PORT/DATABASE\"".to_owned(),
            );
            None
        }
    }
}
