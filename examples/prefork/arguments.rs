//! What the command line says.
#![forbid(unsafe_code)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;

use lexopt::prelude::*;

use crate::clock::SECOND;
use crate::counters::MAX_WORKERS;
use crate::limiter::Limit;

pub(crate) const USAGE: &str = "\
usage: prefork [OPTIONS]

  --listen ADDR      where to listen                     [127.0.0.1:0: any free port]
  --root DIR         serve these files                   [a small site of its own]
  --workers N        how many processes answer           [one for each core]
  --rate N[/s]       requests a second for each client   [1000/s]
  --burst N          how many more for a moment          [as the rate]
  --no-limit         as many as a client likes
  --heap MIB         memory that the workers share       [32]
  --connections N    the most for each worker            [1024]
  --idle SECONDS     how long a connection may be idle   [15]
  --help             show this

SIGHUP looks at the directory anew and exchanges the workers, SIGTERM and Ctrl-C end it gently.";

/// What is the same for all workers.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) listen: SocketAddr,
    pub(crate) root: Option<PathBuf>,
    pub(crate) workers: usize,
    /// None: as many requests as a client likes.
    pub(crate) limit: Option<Limit>,
    pub(crate) heap_bytes: usize,
    pub(crate) connections: usize,
    /// In nanoseconds.
    pub(crate) idle: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            root: None,
            workers: thread::available_parallelism().map_or(1, usize::from).min(MAX_WORKERS / 2),
            limit: None,
            heap_bytes: 32 << 20,
            connections: 1024,
            idle: 15 * SECOND,
        }
    }
}

impl Settings {
    /// Reads the command line; none if it asks for help.
    pub(crate) fn from_command_line() -> Result<Option<Self>, lexopt::Error> {
        let mut settings = Self::default();
        let (mut rate, mut burst, mut is_limited) = (1000, None, true);
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("listen") => settings.listen = parser.value()?.parse()?,
                Long("root") => settings.root = Some(parser.value()?.into()),
                Long("workers") => settings.workers = within(&mut parser, 1, MAX_WORKERS / 2)?,
                Long("rate") => rate = parser.value()?.parse_with(per_second)?,
                Long("burst") => burst = Some(parser.value()?.parse()?),
                Long("no-limit") => is_limited = false,
                Long("heap") => settings.heap_bytes = within(&mut parser, 1, 4096)? << 20,
                Long("connections") => settings.connections = within(&mut parser, 1, 1 << 20)?,
                Long("idle") => settings.idle = within(&mut parser, 1, 86_400)? as u64 * SECOND,
                Short('h') | Long("help") => return Ok(None),
                _ => return Err(argument.unexpected()),
            }
        }
        settings.limit = is_limited.then(|| Limit::new(rate, burst.unwrap_or(rate)));
        Ok(Some(settings))
    }
}

fn within(parser: &mut lexopt::Parser, least: usize, most: usize) -> Result<usize, lexopt::Error> {
    parser.value()?.parse_with(|text| match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("not a number from {least} to {most}")),
    })
}

/// Reads `50` or `50/s`.
fn per_second(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix("/s").unwrap_or(text).parse().ok();
    number.filter(|&rate| rate > 0).ok_or_else(|| "not a number of requests a second".into())
}
