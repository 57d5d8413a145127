//! `ghostdet summary`.

use crate::device::DeviceParser;
use crate::options::{parse_side, print, read_config};
use crate::profile;
use ghostdet::Result;
use ghostdet::engine::Device;
use ghostdet::model::{Cost, summary};

/// Print a configuration's table: rows, parameters, GFLOPs
#[derive(clap::Args)]
#[command(after_help = "Examples:
  ghostdet summary yolov5s-ghost-backbone
  ghostdet summary configs/yolov5-ghost.yaml --nc 5 --fused
  ghostdet summary yolov5n --imgsz 320 --json
  ghostdet summary yolov5s-ghost --imgsz 320 --line-profile")]
pub struct Args {
    /// A YAML file or a built-in name (yolov5s, yolov5s-ghost, yolov5s-ghost-backbone; also n, m, l, x)
    config: String,
    /// Number of classes [default: the configuration's]
    #[arg(long, value_name = "N")]
    nc: Option<usize>,
    /// Side of the picture the operations are counted for
    #[arg(long, value_name = "N", default_value = "640", value_parser = parse_side)]
    imgsz: usize,
    /// Count with batch norm folded into the convolutions
    #[arg(long)]
    fused: bool,
    /// Also run it with random weights: milliseconds per row, the median of several runs
    #[arg(long)]
    line_profile: bool,
    /// Where --line-profile runs
    #[arg(long, value_parser = DeviceParser, default_value = "auto")]
    device: Device,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    pub fn run(&self) -> Result<bool> {
        let graph = read_config(&self.config)?.graph(self.nc)?;
        let profile = match self.line_profile {
            true => Some(profile::measure(&graph, self.imgsz, &self.device)?),
            false => None,
        };
        if self.json {
            let mut json = summary::json(&self.config, &graph, self.imgsz, self.fused);
            if let Some(profile) = &profile {
                json["profile"] = profile.json();
            }
            print(json)?;
            return Ok(true);
        }
        if !self.fused {
            print(summary::table(&graph))?;
        }
        print(summary::line(&self.config, &Cost::of(&graph, self.fused), self.imgsz))?;
        // The line above is the reference's, to the character; what it leaves out goes elsewhere.
        let state = if self.fused { "fused" } else { "not fused" };
        eprintln!("counted for nc={}, {1}x{1} pixels, {state}", graph.nc, self.imgsz);
        if let Some(profile) = &profile {
            print(profile.table(&graph))?;
        }
        Ok(true)
    }
}
