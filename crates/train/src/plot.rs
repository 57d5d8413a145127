//! Curves and matrices as SVG, legible on light and dark ground.

mod chart;
mod confusion;
mod svg;

use ghostdet::detection::metrics::PrecisionRecall;
use ghostdet::{Error, ErrorKind, Result};

pub use chart::{Chart, Range, Series};
pub use confusion::confusion;

use svg::Svg;

/// More classes than this are drawn without names.
const MOST_NAMED: usize = 10;

/// Several charts side by side under a title.
pub fn charts(title: &str, charts: &[Chart]) -> String {
    let (width, height) = (charts.len().max(1) as f64 * chart::WIDTH, chart::HEIGHT + 44.0);
    let mut svg = Svg::new(width, height, title);
    svg.text(24.0, 32.0, "ink title", title);
    for (i, chart) in charts.iter().enumerate() {
        chart.draw(&mut svg, i as f64 * chart::WIDTH, 44.0);
    }
    svg.finish()
}

/// Losses, metrics and learning rates over the epochs, from the text of a `results.csv`.
///
/// The first column is the epoch. Which chart a column belongs to, its name tells: `…loss…`, `metrics/…`, `…lr…`;
/// others are not drawn. Empty fields are gaps.
///
/// # Errors
/// A text without such columns, or a field that is no number: with its line.
pub fn training(title: &str, csv: &str) -> Result<String> {
    let bad = |line: usize, text: String| Error::new(ErrorKind::Data, text).at(format!("results: line {line}"));
    let mut lines = csv.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let header: Vec<&str> = lines.next().map_or("", |(_, line)| line).split(',').map(str::trim).collect();
    let mut columns: Vec<Vec<(f64, f64)>> = vec![Vec::new(); header.len()];
    for (i, line) in lines {
        let fields: Vec<&str> = line.split(',').map(str::trim).collect();
        if fields.len() != header.len() {
            return Err(bad(i + 1, format!("{} fields, but {} columns", fields.len(), header.len())));
        }
        let number = |field: &str| match field {
            "" => Ok(f64::NAN),
            _ => field.parse::<f64>().map_err(|_| bad(i + 1, format!("{field:?} is not a number"))),
        };
        let epoch = number(fields[0])?;
        for (column, field) in columns.iter_mut().zip(&fields) {
            column.push((epoch, number(field)?));
        }
    }
    type Belongs = fn(&str) -> bool;
    let kinds: [(&str, Belongs, Range); 3] = [
        ("Loss", |name| name.contains("loss"), Range::FromZero),
        ("Validation", |name| name.starts_with("metrics/"), Range::Unit),
        ("Learning rate", |name| name.contains("lr"), Range::FromZero),
    ];
    let mut panels = Vec::new();
    for (title, belongs, range) in kinds {
        let own = header.iter().zip(&columns).skip(1).filter(|(name, _)| belongs(name));
        let series: Vec<Series> = own
            .map(|(name, points)| {
                let last = points.iter().rev().map(|p| p.1).find(|v| v.is_finite());
                let short =
                    name.rsplit_once('/').filter(|(group, _)| *group != "val").map_or(*name, |(_, short)| short);
                let last = last.map_or(String::new(), |v| format!(" {}", chart::short(v)));
                Series { name: format!("{short}{last}"), points: points.clone(), quiet: false }
            })
            .collect();
        if !series.is_empty() {
            panels.push(Chart {
                title: title.into(),
                x: "epoch".into(),
                y: String::new(),
                x_range: Range::Data,
                range,
                series,
            });
        }
    }
    if panels.is_empty() {
        return Err(bad(1, "no column of losses, metrics or learning rates".to_owned()));
    }
    Ok(charts(title, &panels))
}

/// Precision over recall at an overlap of 0.5: every class, and their mean. The number after a name is the area under
/// its curve, the average precision.
pub fn precision_recall(title: &str, curves: &[PrecisionRecall], names: &[String]) -> String {
    let points = |precision: &[f64]| -> Vec<(f64, f64)> {
        let last = precision.len().saturating_sub(1).max(1) as f64;
        precision.iter().enumerate().map(|(i, p)| (i as f64 / last, *p)).collect()
    };
    let area = |precision: &[f64]| {
        let steps = precision.len().saturating_sub(1).max(1) as f64;
        precision.windows(2).map(|p| (p[0] + p[1]) / 2.0 / steps).sum::<f64>()
    };
    let few = curves.len() <= MOST_NAMED;
    let mut series: Vec<Series> = Vec::new();
    if let Some(first) = curves.first() {
        let mean: Vec<f64> = (0..first.precision.len())
            .map(|i| curves.iter().map(|c| c.precision[i]).sum::<f64>() / curves.len() as f64)
            .collect();
        let name = format!("all {} classes {:.3}", curves.len(), area(&mean));
        series.push(Series { name, points: points(&mean), quiet: false });
    }
    for curve in curves {
        let name = names.get(curve.class).cloned().unwrap_or_else(|| curve.class.to_string());
        let name = format!("{name} {:.3}", area(&curve.precision));
        series.push(Series { name, points: points(&curve.precision), quiet: !few });
    }
    let (x, y) = ("recall".into(), "precision".into());
    charts(title, &[Chart { title: String::new(), x, y, x_range: Range::Unit, range: Range::Unit, series }])
}
