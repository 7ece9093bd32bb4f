//! One connection to the server: commands of many requests out in one write, answers in, all by a deadline.

use std::io;
use std::time::{Duration, Instant};

use crossfade_core::policy::RedisStore;
use redis::{
    Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, RedisConnectionInfo, RedisError,
    RedisResult, ServerErrorKind, Value, cmd, io::tcp::TcpSettings,
};

use super::request::{Request, What};

/// The strategies, and what is done with them, as one script: compiled by the server once.
const CHARGE: &str = concat!(
    include_str!("lua/fixed_window.lua"),
    include_str!("lua/moving_window.lua"),
    include_str!("lua/sliding_window.lua"),
    include_str!("lua/gcra.lua"),
    include_str!("lua/charge.lua"),
);

const HOSTS: &str = include_str!("lua/hosts.lua");

/// After so long a silence the server may have hung up; it is greeted before it is asked to count.
const SILENCE: Duration = Duration::from_secs(1);

/// An open connection, with the scripts at the other end.
pub(super) struct Connection {
    stream: redis::Connection,
    charge: String,
    hosts: String,
    last_used: Instant,
    slack: f64,
}

/// Where the server is, as the client library wants it.
pub(super) fn address(store: &RedisStore, password: Option<&str>) -> RedisResult<ConnectionInfo> {
    let server = &store.server;
    let place = if server.is_socket() {
        ConnectionAddr::Unix(server.host.as_ref().into())
    } else {
        ConnectionAddr::Tcp(server.host.to_string(), server.port)
    };
    let mut who = RedisConnectionInfo::default().set_db(i64::from(server.database));
    if let Some(user) = &server.user {
        who = who.set_username(user);
    }
    if let Some(password) = password {
        who = who.set_password(password);
    }
    // One write for many requests, and nothing to wait for.
    let tcp = TcpSettings::default().set_nodelay(true);
    Ok(place.into_connection_info()?.set_redis_settings(who).set_tcp_settings(tcp))
}

impl Connection {
    /// Connects, says who we are and brings the scripts, by `deadline`.
    pub(super) fn open(address: &ConnectionInfo, slack: Duration, deadline: Instant) -> RedisResult<Self> {
        let client = Client::open(address.clone())?;
        let stream = client.get_connection_with_timeout(left(deadline)?)?;
        let (charge, hosts) = (String::new(), String::new());
        let mut connection = Self { stream, charge, hosts, last_used: Instant::now(), slack: slack.as_secs_f64() };
        connection.load(deadline)?;
        Ok(connection)
    }

    /// Brings the scripts; the server names them.
    pub(super) fn load(&mut self, deadline: Instant) -> RedisResult<()> {
        let load = |script| cmd("SCRIPT").arg("LOAD").arg(script).clone();
        let answers = self.exchange(&[load(CHARGE), load(HOSTS)], deadline)?;
        for (name, answer) in [&mut self.charge, &mut self.hosts].into_iter().zip(answers) {
            *name = redis::from_redis_value(answer?)?;
        }
        Ok(())
    }

    /// Says hello where there was a silence: an error means that this connection is none.
    pub(super) fn greet(&mut self, deadline: Instant) -> RedisResult<()> {
        if self.last_used.elapsed() > SILENCE {
            self.exchange(&[cmd("PING")], deadline)?;
        }
        Ok(())
    }

    /// The command of a request.
    pub(super) fn command(&self, request: &Request) -> Cmd {
        if request.what == What::Reset {
            let mut command = cmd("DEL");
            for charge in &request.charges {
                command.arg(&charge.name).arg(charge.previous());
            }
            return command;
        }
        let mut command = cmd("EVALSHA");
        command.arg(&self.charge).arg(request.charges.len() * 2);
        for charge in &request.charges {
            command.arg(&charge.name).arg(charge.previous());
        }
        command.arg(request.what.name());
        for time in [request.now, request.at] {
            // As Python writes a float: the shortest text that is read as the same.
            command.arg(time.seconds().to_string()).arg(time.micros());
        }
        command.arg(self.slack);
        for charge in &request.charges {
            command.arg(&charge.arguments()[..]);
        }
        command
    }

    /// The command that says that `who` is there, and asks for how many are.
    pub(super) fn hosts(&self, key: &str, who: &str, seconds: u64, most: u64) -> Cmd {
        cmd("EVALSHA").arg(&self.hosts).arg(1).arg(key).arg(who).arg(seconds).arg(most).clone()
    }

    /// Writes all commands at once and reads as many answers. One may be an error of the server's; an error of the whole
    /// means that the connection is of no more use.
    pub(super) fn exchange(&mut self, commands: &[Cmd], deadline: Instant) -> RedisResult<Vec<RedisResult<Value>>> {
        let mut bytes = Vec::new();
        for command in commands {
            command.write_packed_command(&mut bytes);
        }
        self.stream.set_write_timeout(Some(left(deadline)?))?;
        self.stream.send_packed_command(&bytes)?;
        let mut answers = Vec::with_capacity(commands.len());
        for _ in commands {
            self.stream.set_read_timeout(Some(left(deadline)?))?;
            answers.push(match self.stream.recv_response() {
                Ok(value) => value.extract_error(),
                Err(error) if error.is_io_error() || error.kind() == ErrorKind::Parse => return Err(error),
                Err(error) => Err(error),
            });
        }
        self.last_used = Instant::now();
        Ok(answers)
    }
}

/// Whether the server has forgotten the script.
pub(super) fn is_forgotten(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}

/// What is left until then, for a socket: never zero, which would be for ever.
fn left(deadline: Instant) -> RedisResult<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::Error::from(io::ErrorKind::TimedOut).into()) } else { Ok(left) }
}
