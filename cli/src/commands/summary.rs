//! `ghostdet summary`.

use crate::options::{parse_side, print, read_config};
use ghostdet::Result;
use ghostdet::model::{Cost, summary};

/// Print a configuration's table: rows, parameters, GFLOPs
#[derive(clap::Args)]
#[command(after_help = "Examples:
  ghostdet summary yolov5s-ghost-backbone
  ghostdet summary configs/yolov5-ghost.yaml --nc 5 --fused
  ghostdet summary yolov5n --imgsz 320 --json")]
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
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Args {
    pub fn run(&self) -> Result<bool> {
        let graph = read_config(&self.config)?.graph(self.nc)?;
        if self.json {
            print(summary::json(&self.config, &graph, self.imgsz, self.fused))?;
            return Ok(true);
        }
        if !self.fused {
            print(summary::table(&graph))?;
        }
        print(summary::line(&self.config, &Cost::of(&graph, self.fused), self.imgsz))?;
        let state = if self.fused { "fused" } else { "not fused" };
        print(format!("counted for nc={}, {1}x{1} pixels, {state}", graph.nc, self.imgsz))?;
        Ok(true)
    }
}
