//! `results.csv`: a line an epoch, with the reference's column names.

use std::path::Path;

use ghostdet::{Error, ErrorKind, Result};

use crate::state::replace;

const HEADER: &str = "epoch,train/box_loss,train/obj_loss,train/cls_loss,metrics/precision,metrics/recall,\
metrics/mAP_0.5,metrics/mAP_0.5:0.95,val/box_loss,val/obj_loss,val/cls_loss,x/lr,seconds";

/// One epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Epoch, from 0.
    pub epoch: usize,
    /// Mean box, objectness and class loss.
    pub losses: [f64; 3],
    /// Precision, recall, mAP50 and mAP50-95, if it was measured.
    pub metrics: Option<[f64; 4]>,
    /// Mean box, objectness and class loss on the validation pictures, if they were measured.
    pub validation: Option<[f64; 3]>,
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
        match row.validation {
            Some(losses) => losses.iter().for_each(|loss| text += &format!(",{loss:.6}")),
            None => text += ",,,",
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
    // Tables from before losses were measured on the validation pictures have three columns less.
    let (before, validation, after) = match fields.len() {
        13 => (&fields[..8], Some(&fields[8..11]), &fields[11..]),
        10 => (&fields[..8], None, &fields[8..]),
        _ => return None,
    };
    let [rate, seconds] = after else { return None };
    Some(Row {
        epoch: before[0].parse().ok()?,
        losses: numbers(&before[1..4])?,
        metrics: filled(&before[4..])?,
        validation: validation.map_or(Some(None), filled)?,
        rate: rate.parse().ok()?,
        seconds: seconds.parse().ok()?,
    })
}

fn numbers<const N: usize>(fields: &[&str]) -> Option<[f64; N]> {
    let numbers: Option<Vec<f64>> = fields.iter().map(|field| field.parse().ok()).collect();
    numbers?.try_into().ok()
}

/// The numbers of fields that may be empty, all of them.
fn filled<const N: usize>(fields: &[&str]) -> Option<Option<[f64; N]>> {
    if fields[0].is_empty() { Some(None) } else { numbers(fields).map(Some) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_as_written() {
        let row = Row {
            epoch: 3,
            losses: [0.5, 0.25, 0.125],
            metrics: Some([0.5, 0.25, 0.125, 0.0625]),
            validation: Some([0.75, 0.5, 0.25]),
            rate: 0.01,
            seconds: 7.5,
        };
        let bare = Row { metrics: None, validation: None, ..row };
        for row in [row, bare] {
            let text = text(&[row]);
            assert_eq!(parse(text.lines().nth(1).unwrap()), Some(row));
        }
        let old = "3,0.5,0.25,0.125,0.5,0.25,0.125,0.0625,0.01,7.5";
        assert_eq!(parse(old), Some(Row { validation: None, ..row }));
        assert_eq!(parse("3,0.5,0.25"), None);
        assert_eq!(parse("3,x,0.25,0.125,0.5,0.25,0.125,0.0625,0.01,7.5"), None);
    }
}
