// cargo run --release --example prefork
//! A web server with a master and workers, as nginx has them: requests in pools, and in one heap that all
//! processes share a cache of answers, a limiter, and counters. Any worker may be killed at any moment.

mod arguments;
mod batch;
mod cache;
mod clock;
mod connection;
mod counters;
mod desk;
mod generated;
mod histogram;
mod latency_chart;
mod limiter;
mod master;
mod media_type;
mod request;
mod service;
mod shard;
mod shared;
mod site;
mod status;
mod status_code;
mod status_page;
mod target;
mod text;
mod units;
mod worker;

use std::error::Error;
use std::process::ExitCode;

use arguments::{Settings, USAGE};
use master::Master;

fn main() -> ExitCode {
    let settings = match Settings::from_command_line() {
        Ok(Some(settings)) => settings,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("prefork: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match serve(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("prefork: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(settings: Settings) -> Result<(), Box<dyn Error>> {
    let mut master = Master::new(settings)?;
    println!("{}", master.address()?);
    Ok(master.run()?)
}
