//! The command line of ghostdet.

mod commands;
mod device;
mod draw;
mod options;
mod patterns;
mod profile;
mod sources;
mod table;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// YOLOv5 with GhostNet's modules: count what a network costs, find objects in pictures, measure how well.
#[derive(Parser)]
#[command(
    name = "ghostdet",
    version,
    after_help = "Examples:
  ghostdet detect photo.jpg
  ghostdet detect photos/ --save-dir out
  ghostdet compare
  ghostdet summary yolov5s-ghost-backbone

Exit codes: 0 all done, 1 something failed (named on stderr), 2 wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Summary(commands::summary::Args),
    Compare(commands::compare::Args),
    Plan(commands::plan::Args),
    Detect(commands::detect::Args),
    Val(commands::val::Args),
    Convert(commands::convert::Args),
    Forward(commands::forward::Args),
    #[cfg(feature = "train")]
    Train(Box<commands::train::Args>),
    #[cfg(feature = "train")]
    Data(commands::data::Args),
    Completions(commands::completions::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Summary(args) => args.run(),
        Command::Compare(args) => args.run(),
        Command::Plan(args) => args.run(),
        Command::Detect(args) => args.run(),
        Command::Val(args) => args.run(),
        Command::Convert(args) => args.run(),
        Command::Forward(args) => args.run(),
        #[cfg(feature = "train")]
        Command::Train(args) => args.run(),
        #[cfg(feature = "train")]
        Command::Data(args) => args.run(),
        Command::Completions(args) => args.run::<Cli>(),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
