//! `results.csv`: a line an epoch, with the reference's column names.

use std::path::Path;

use ghostdet::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};

use crate::state::replace;

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
    /// Seconds the epoch took.
    pub seconds: f64,
}

impl Row {
    /// What "best" goes by: a tenth mAP50, nine tenths mAP50-95.
    pub fn fitness(&self) -> f64 {
        self.metrics.map_or(0.0, |[_, _, map50, map]| 0.1 * map50 + 0.9 * map)
    }
}

/// A line of the file. The losses on the validation pictures are missing in older files.
#[derive(Serialize, Deserialize)]
struct Record {
    epoch: usize,
    #[serde(rename = "train/box_loss")]
    box_loss: f64,
    #[serde(rename = "train/obj_loss")]
    obj_loss: f64,
    #[serde(rename = "train/cls_loss")]
    cls_loss: f64,
    #[serde(rename = "metrics/precision")]
    precision: Option<f64>,
    #[serde(rename = "metrics/recall")]
    recall: Option<f64>,
    #[serde(rename = "metrics/mAP_0.5")]
    map50: Option<f64>,
    #[serde(rename = "metrics/mAP_0.5:0.95")]
    map: Option<f64>,
    #[serde(rename = "val/box_loss", default)]
    val_box_loss: Option<f64>,
    #[serde(rename = "val/obj_loss", default)]
    val_obj_loss: Option<f64>,
    #[serde(rename = "val/cls_loss", default)]
    val_cls_loss: Option<f64>,
    #[serde(rename = "x/lr")]
    rate: f64,
    seconds: f64,
}

impl From<&Row> for Record {
    fn from(row: &Row) -> Self {
        let round = |value: f64| (value * 1e7).round() / 1e7;
        let [box_loss, obj_loss, cls_loss] = row.losses.map(round);
        let metric = |i: usize| row.metrics.map(|metrics| round(metrics[i]));
        let validation = |i: usize| row.validation.map(|losses| round(losses[i]));
        Self {
            epoch: row.epoch,
            box_loss,
            obj_loss,
            cls_loss,
            precision: metric(0),
            recall: metric(1),
            map50: metric(2),
            map: metric(3),
            val_box_loss: validation(0),
            val_obj_loss: validation(1),
            val_cls_loss: validation(2),
            rate: round(row.rate),
            seconds: (row.seconds * 10.0).round() / 10.0,
        }
    }
}

impl From<Record> for Row {
    fn from(record: Record) -> Self {
        let Record { precision, recall, map50, map, val_box_loss, val_obj_loss, val_cls_loss, .. } = record;
        let metrics = (|| Some([precision?, recall?, map50?, map?]))();
        let validation = (|| Some([val_box_loss?, val_obj_loss?, val_cls_loss?]))();
        Self {
            epoch: record.epoch,
            losses: [record.box_loss, record.obj_loss, record.cls_loss],
            metrics,
            validation,
            rate: record.rate,
            seconds: record.seconds,
        }
    }
}

/// Writes the file as a whole.
///
/// # Errors
/// The folder can't be written to: the old file stays.
pub fn write(path: &Path, rows: &[Row]) -> Result<()> {
    let wrong = |error: String| Error::new(ErrorKind::Io, error).at(path.display());
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.serialize(Record::from(row)).map_err(|error| wrong(error.to_string()))?;
    }
    let text = writer.into_inner().map_err(|error| wrong(error.to_string()))?;
    replace(path, &text)
}

/// Reads what [`write()`] wrote; nothing if there is no file.
///
/// # Errors
/// A file that is something else, with the line.
pub fn read(path: &Path) -> Result<Vec<Row>> {
    let Ok(text) = std::fs::read(path) else { return Ok(Vec::new()) };
    let wrong = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        Error::new(ErrorKind::Data, "not a line of results").at(format!("{}: line {line}", path.display()))
    };
    csv::Reader::from_reader(&text[..]).into_deserialize::<Record>().map(|row| Ok(row.map_err(wrong)?.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_as_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.csv");
        let row = Row {
            epoch: 3,
            losses: [0.5, 0.25, 0.125],
            metrics: Some([0.5, 0.25, 0.125, 0.0625]),
            validation: Some([0.75, 0.5, 0.25]),
            rate: 0.01,
            seconds: 7.5,
        };
        let rows = [row, Row { metrics: None, validation: None, ..row }];
        write(&path, &rows).unwrap();
        assert_eq!(read(&path).unwrap(), rows);
        let header = "epoch,train/box_loss,train/obj_loss,train/cls_loss,metrics/precision,metrics/recall,\
                      metrics/mAP_0.5,metrics/mAP_0.5:0.95,x/lr,seconds\n";
        std::fs::write(&path, format!("{header}3,0.5,0.25,0.125,0.5,0.25,0.125,0.0625,0.01,7.5\n")).unwrap();
        assert_eq!(read(&path).unwrap(), [Row { validation: None, ..row }]);
        for line in ["3,0.5,0.25", "3,x,0.25,0.125,0.5,0.25,0.125,0.0625,0.01,7.5"] {
            std::fs::write(&path, format!("{header}{line}\n")).unwrap();
            assert!(read(&path).unwrap_err().to_string().contains("line 2"));
        }
        assert_eq!(read(&folder.path().join("none.csv")).unwrap(), []);
    }
}
