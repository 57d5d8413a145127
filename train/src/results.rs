//! `results.csv`: a line an epoch, with the reference's column names.

use std::path::Path;

use ghostdet::{Error, ErrorKind, Result};

use crate::state::replace;

const HEADER: &str = "epoch,train/box_loss,train/obj_loss,train/cls_loss,metrics/precision,metrics/recall,\
metrics/mAP_0.5,metrics/mAP_0.5:0.95,x/lr,seconds";

/// One epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Mean box, objectness and class loss.
    pub losses: [f64; 3],
    /// Precision, recall, mAP50 and mAP50-95, if it was measured.
    pub metrics: Option<[f64; 4]>,
    /// Learning rate after the warm-up.
    pub rate: f64,
    /// What the epoch took.
    pub seconds: f64,
}

impl Row {
    /// What "best" goes by: a tenth mAP50, nine tenths mAP50-95.
    pub fn fitness(&self) -> f64 {
        self.metrics.map_or(0.0, |[_, _, map50, map]| 0.1 * map50 + 0.9 * map)
    }
}

/// The file's text.
pub fn text(rows: &[Row]) -> String {
    let mut text = format!("{HEADER}\n");
    for row in rows {
        text += &row.epoch.to_string();
        for loss in row.losses {
            text += &format!(",{loss:.6}");
        }
        match row.metrics {
            Some(metrics) => metrics.iter().for_each(|metric| text += &format!(",{metric:.5}")),
            None => text += ",,,,",
        }
        text += &format!(",{:.7},{:.1}\n", row.rate, row.seconds);
    }
    text
}

/// Writes the file as a whole.
pub fn write(path: &Path, rows: &[Row]) -> Result<()> {
    replace(path, text(rows).as_bytes())
}

/// Reads what [`write`] wrote; nothing if there is no file.
///
/// # Errors
/// A file that is something else, with the line.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    let Ok(text) = std::fs::read_to_string(path) else { return Ok(Vec::new()) };
    let mut rows = Vec::new();
    for (number, line) in text.lines().enumerate().skip(1) {
        let row = parse(line).ok_or_else(|| {
            Error::new(ErrorKind::Data, "not a line of results").at(format!("{}: line {}", path.display(), number + 1))
        })?;
        rows.push(row);
    }
    Ok(rows)
}

fn parse(line: &str) -> Option<Row> {
    let fields: Vec<&str> = line.split(',').collect();
    let [epoch, box_loss, obj, cls, precision, recall, map50, map, rate, seconds] = fields[..] else { return None };
    let number = |text: &str| text.parse::<f64>().ok();
    let metrics = match precision.is_empty() {
        true => None,
        false => Some([number(precision)?, number(recall)?, number(map50)?, number(map)?]),
    };
    Some(Row {
        epoch: epoch.parse().ok()?,
        losses: [number(box_loss)?, number(obj)?, number(cls)?],
        metrics,
        rate: number(rate)?,
        seconds: number(seconds)?,
    })
}
