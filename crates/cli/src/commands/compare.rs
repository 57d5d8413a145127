//! `ghostdet compare`.

use crate::options::{parse_side, print, read_config};
use ghostdet::model::summary;
use ghostdet::{Error, ErrorKind, Result};

/// Compare configurations: parameters and GFLOPs, reductions against the first
#[derive(clap::Args)]
#[command(after_help = "Examples:
  ghostdet compare
  ghostdet compare --nc 80 --json
  ghostdet compare yolov5n yolov5n-ghost my.yaml --imgsz 320 --fused")]
pub struct Args {
    /// YAML files or built-in names
    #[arg(default_values = ["yolov5s", "yolov5s-ghost", "yolov5s-ghost-backbone"])]
    configs: Vec<String>,
    /// Number of classes
    #[arg(long, value_name = "N", default_value = "5")]
    nc: usize,
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
        let mut models = Vec::new();
        for name in &self.configs {
            models.push((name, read_config(name)?.graph(Some(self.nc))?));
        }
        let comparison = summary::compare(&models, self.imgsz, self.fused);
        if self.json {
            let json = serde_json::to_string(&comparison)
                .map_err(|error| Error::new(ErrorKind::Numeric, error.to_string()))?;
            print(json)?;
        } else {
            print(comparison.to_string().trim_end())?;
        }
        Ok(true)
    }
}
