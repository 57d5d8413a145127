//! `ghostdet forward`.

use crate::options::{Network, print, read, write};
use ghostdet::detection::{RawMap, decode};
use ghostdet::{Error, ErrorKind, Result};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::path::PathBuf;

/// Run the network on a tensor and write tensors, for checking from outside
#[derive(clap::Args)]
#[command(
    after_help = "Input: one fp32 tensor (1, 3, H, W), RGB from 0 to 1. Output: raw.L (1, anchors, H, W, nc + 5), \
the logits of each level; decoded (1, N, nc + 5); with --rows also row.N (1, C, H, W).

Examples:
  ghostdet forward --input x.safetensors --output y.safetensors
  ghostdet forward --weights best.pt --input x.safetensors --output y.safetensors --rows all"
)]
pub struct Args {
    #[command(flatten)]
    network: Network,
    /// The input
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// The file to write
    #[arg(long, value_name = "FILE")]
    output: PathBuf,
    /// Rows to write too: `all`, or numbers like 0,9,17
    #[arg(long, value_name = "ROWS")]
    rows: Option<String>,
}

type Named = (String, Vec<usize>, Vec<u8>);

impl Args {
    pub fn run(&self) -> Result<bool> {
        let detector = self.network.load()?;
        let (graph, engine) = (detector.graph(), detector.engine());
        let wanted = self.wanted(graph.rows.len())?;
        let (pixels, size) = self.pixels().map_err(|error| error.at(self.input.display()))?;
        let stride = graph.max_stride();
        if size.iter().any(|side| *side == 0 || *side > 4096 || side % stride != 0) {
            let text = format!("{}x{} pixels: sides must be multiples of {stride}, at most 4096", size[1], size[0]);
            return Err(Error::new(ErrorKind::Argument, text).at(self.input.display()));
        }
        let (rows, maps) = match wanted.is_empty() {
            true => (Vec::new(), engine.forward(&pixels, size)?),
            false => engine.forward_rows(&pixels, size)?,
        };
        let mut tensors: Vec<Named> = Vec::new();
        for (index, row) in rows.iter().enumerate().filter(|(index, _)| wanted.contains(index)) {
            if let Some(row) = row {
                let shape = std::iter::once(1).chain(row.shape.iter().copied()).collect();
                tensors.push((format!("row.{index}"), shape, bytes(&row.data)));
            }
        }
        let (anchors, values) = (graph.anchors_per_level(), graph.nc + 5);
        for (level, map) in maps.iter().enumerate() {
            let shape = vec![1, anchors, map.height, map.width, values];
            tensors.push((format!("raw.{level}"), shape, bytes(&anchors_first(map, anchors, values))));
        }
        let decoded = decode(&maps, &graph.strides, &graph.anchors, graph.nc)?;
        tensors.push(("decoded".into(), vec![1, decoded.len(), values], bytes(&decoded.rows)));
        let fail = |error: safetensors::SafeTensorError| Error::new(ErrorKind::Io, error.to_string());
        let mut views = Vec::new();
        for (name, shape, data) in &tensors {
            views.push((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), data).map_err(fail)?));
        }
        write(&self.output, &safetensors::serialize(views, None).map_err(fail)?)?;
        print(format!("{}: {} tensors", self.output.display(), tensors.len()))?;
        Ok(true)
    }

    fn wanted(&self, count: usize) -> Result<Vec<usize>> {
        let one = |text: &str| match text.trim().parse::<usize>() {
            Ok(row) if row < count => Ok(row),
            _ => {
                let message = format!("{text:?} is not a row; they are 0 to {}, or all", count.saturating_sub(1));
                Err(Error::new(ErrorKind::Argument, message).at("--rows"))
            }
        };
        match self.rows.as_deref() {
            None => Ok(Vec::new()),
            Some("all") => Ok((0..count).collect()),
            Some(list) => list.split(',').map(one).collect(),
        }
    }

    /// The input, channels last.
    fn pixels(&self) -> Result<(Vec<f32>, [usize; 2])> {
        let bad = |text: String| Error::new(ErrorKind::Argument, text);
        let file = read(&self.input)?;
        let tensors = SafeTensors::deserialize(&file).map_err(|error| bad(format!("no safetensors file: {error}")))?;
        let list = tensors.tensors();
        let [(_, view)] = list.as_slice() else {
            return Err(bad(format!("holds {} tensors, one is needed", list.len())));
        };
        let (height, width) = match *view.shape() {
            [1, 3, height, width] | [3, height, width] if view.dtype() == Dtype::F32 => (height, width),
            _ => {
                let text = format!("{:?} {:?} instead of fp32 (1, 3, H, W)", view.dtype(), view.shape());
                return Err(bad(text));
            }
        };
        let (data, plane) = (view.data(), height * width);
        let value = |index: usize| match data.get(index * 4..index * 4 + 4) {
            Some(&[a, b, c, d]) => f32::from_le_bytes([a, b, c, d]),
            _ => f32::NAN,
        };
        let pixels: Vec<f32> = (0..plane).flat_map(|i| (0..3).map(move |c| c * plane + i)).map(value).collect();
        if pixels.iter().any(|value| !value.is_finite()) {
            return Err(bad("holds values that are not numbers".into()));
        }
        Ok((pixels, [height, width]))
    }
}

fn anchors_first(map: &RawMap, anchors: usize, values: usize) -> Vec<f32> {
    let cells = map.height * map.width;
    let at = |anchor: usize, cell: usize| &map.data[(cell * anchors + anchor) * values..][..values];
    (0..anchors).flat_map(|anchor| (0..cells).flat_map(move |cell| at(anchor, cell))).copied().collect()
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
