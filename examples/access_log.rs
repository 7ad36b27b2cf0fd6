// cargo run --example access_log [FILE]   (or /dev/stdin)
//! Sums up an access log: each line is taken apart in a scope, the sums stay in the pool.
use allocator_api2::vec::Vec;
use aquifer::Pool;
use hashbrown::HashMap;
use std::io::{self, BufRead, BufReader, Write};
use std::{cmp::Reverse, env, fs::File, process, str};

fn main() {
    let input: Box<dyn BufRead> = match env::args().nth(1).as_deref() {
        None => Box::new(io::Cursor::new(sample())),
        Some(name) => Box::new(BufReader::new(File::open(name).unwrap_or_else(|e| fail(&e)))),
    };
    sum_up(&Pool::new(), input, &mut io::stdout().lock()).unwrap_or_else(|error| fail(&error));
}

fn fail(error: &io::Error) -> ! {
    eprintln!("access_log: {error}");
    process::exit(1)
}

fn sum_up(pool: &Pool, input: impl BufRead, output: &mut impl Write) -> io::Result<()> {
    let (mut statuses, mut paths) = (HashMap::new_in(pool), HashMap::new_in(pool));
    let (mut bytes, mut malformed) = (0_u64, 0);
    for line in input.split(b'\n') {
        let line = line?;
        let counted = pool.scope(|scope| {
            let fields = fields(scope, str::from_utf8(&line).ok()?); // gone after this line
            let path = fields.get(4)?.split(' ').nth(1)?;
            let status: u16 = fields.get(5)?.parse().ok()?;
            bytes += fields.get(6).map(|size| size.replace('-', "0"))?.parse::<u64>().ok()?;
            match paths.get_mut(path) {
                Some(count) => *count += 1,
                None => _ = paths.insert(&*pool.alloc_str(path).ok()?, 1),
            }
            *statuses.entry(status).or_insert(0) += 1;
            Some(())
        });
        if counted.is_none() {
            malformed += 1;
            writeln!(output, "malformed: {}", line.escape_ascii())?;
        }
    }
    writeln!(output, "{malformed} malformed lines, {bytes} bytes")?;
    statuses.iter().try_for_each(|(status, count)| writeln!(output, "{count:8} {status}"))?;
    let paths = paths.into_iter().map(|(path, count)| (Reverse(count), path));
    let busiest = pool.alloc_slice_from_iter(paths).map_err(io::Error::other)?;
    busiest.sort_unstable();
    busiest.iter().take(10).try_for_each(|(count, path)| writeln!(output, "{:8} {path}", count.0))
}

fn fields<'line, 'pool>(pool: &'pool Pool, mut line: &'line str) -> Vec<&'line str, &'pool Pool> {
    let mut fields = Vec::new_in(pool);
    while let Some(first) = line.chars().next() {
        let close = "[\"".find(first).map_or(' ', |at| [']', '"'][at]);
        let rest = &line[usize::from(close != ' ')..];
        let end = rest.match_indices(close).find(|(at, _)| !rest[..*at].ends_with('\\'));
        let end = end.map_or(rest.len(), |(at, _)| at);
        fields.push(&rest[..end]);
        line = rest.get(end + 1..).unwrap_or_default().trim_start();
    }
    fields
}

fn sample() -> String {
    let requests = ["GET / HTTP/1.1\" 200", "GET /a?b HTTP/1.1\" 404", "GET /?\\\"hi\\\" \" 201"];
    let start = "192.0.2.7 - - [10/Oct/2026:13:55:36 +0000] \"";
    let lines = (0..300).map(|n| format!("{start}{} {n}\n", requests[n * n % 7 % 3]));
    lines.chain(["192.0.2.9 - - [10/Oct".into()]).collect()
}
