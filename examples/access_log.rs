// cargo run --example access_log [FILE | -]
//! Sums up an access log: each line is taken apart in a scope, the sums stay in the pool.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::{cmp::Reverse, env, error::Error, fs::File, iter, process::ExitCode, str};

use aquifer::Pool;
use hashbrown::{DefaultHashBuilder, HashMap};

type Counts<'pool, Key> = HashMap<Key, u64, DefaultHashBuilder, &'pool Pool>;

fn main() -> ExitCode {
    let name = env::args_os().nth(1).unwrap_or_default();
    let input: io::Result<Box<dyn BufRead>> = match name.to_str() {
        Some("") => Ok(Box::new(io::Cursor::new(sample()))),
        Some("-") => Ok(Box::new(io::stdin().lock())),
        _ => match File::open(&name) {
            Ok(file) => Ok(Box::new(BufReader::new(file))),
            Err(error) => Err(io::Error::other(format!("cannot open {name:?}: {error}"))),
        },
    };
    match input.and_then(|input| sum_up(&Pool::new(), input, &mut io::stdout().lock())) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("access_log: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

fn sum_up(pool: &Pool, mut input: impl BufRead, output: &mut impl Write) -> io::Result<()> {
    let (mut statuses, mut paths) = (Counts::new_in(pool), Counts::new_in(pool));
    let (mut bytes, mut malformed, mut buffer) = (0_u64, 0, Vec::new());
    for number in 1.. {
        buffer.clear();
        if input.read_until(b'\n', &mut buffer)? == 0 {
            break;
        }
        let line = buffer.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let counted = pool.scope(|scope| {
            let (path, status, size) = parse(scope, line)?;
            match paths.get_mut(path) {
                Some(count) => *count += 1,
                None => _ = paths.insert(&*pool.alloc_slice_copy(path)?, 1),
            }
            *statuses.entry(status).or_insert(0_u64) += 1;
            bytes = bytes.saturating_add(size);
            Ok::<(), Box<dyn Error>>(())
        });
        if let Err(error) = counted {
            malformed += 1;
            if malformed <= 3 {
                writeln!(output, "line {number}: {error}: {}", line.escape_ascii())?;
            }
        }
    }
    writeln!(output, "{malformed} malformed lines, {bytes} bytes sent")?;
    let statuses = pool.alloc_slice_from_iter(statuses).map_err(io::Error::other)?;
    statuses.sort_unstable();
    statuses.iter().try_for_each(|(status, count)| writeln!(output, "{count:8} {status}"))?;
    let paths = paths.into_iter().map(|(path, count)| (Reverse(count), path));
    let paths = pool.alloc_slice_from_iter(paths).map_err(io::Error::other)?;
    paths.sort_unstable();
    for (Reverse(count), path) in paths.iter().take(10) {
        writeln!(output, "{count:8} {}", path.escape_ascii())?;
    }
    Ok(())
}

/// Takes the path, the status and the size off a line. The path is unescaped into the pool.
fn parse<'pool>(pool: &'pool Pool, line: &[u8]) -> Result<(&'pool [u8], u16, u64), Box<dyn Error>> {
    let start = line.windows(3).position(|bytes| bytes == b"] \"").ok_or("no request")?;
    let mut rest = line[start + 3..].iter();
    let request = &*pool.alloc_slice_from_iter(iter::from_fn(|| match rest.next()? {
        b'"' => None,
        b'\\' if matches!(rest.as_slice(), [b'"' | b'\\', ..]) => rest.next().copied(),
        byte => Some(*byte),
    }))?;
    let mut numbers = rest.as_slice().trim_ascii_start().split(|byte| *byte == b' ');
    let status = str::from_utf8(numbers.next().unwrap_or_default())?.parse()?;
    let size = match numbers.next().ok_or("no size")? {
        b"-" => 0,
        size => str::from_utf8(size)?.parse()?,
    };
    let path = request.split(|byte| b" ?".contains(byte)).nth(1).unwrap_or(request);
    Ok((path, status, size))
}

/// Makes a log of some hundred lines, not all of which are in order.
fn sample() -> Vec<u8> {
    let paths = ["/", "/style.css", "/news?page=2", r#"/say?\"hi\""#, "/search", "/logo.svg"];
    let mut log = b"a line of another program\n\n192.0.2.9 - - [] \"GET /\xff\" 304 -\n".to_vec();
    for n in 0..300 {
        let (path, status) = (paths[n * n % 11 % 6], [200, 404, 200, 301][n * n % 4]);
        let request = format!("[10/Oct/2025:13:55:{:02} +0000] \"GET {path} HTTP/1.1\"", n % 60);
        log.extend(format!("192.0.2.{n} - - {request} {status} {}\n", n * 37).bytes());
    }
    log
}
