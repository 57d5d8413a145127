//! Curves and matrices as SVG, legible on light and dark ground.

mod chart;
mod confusion;
mod svg;

use ghostdet::detection::metrics::PrecisionRecall;

pub use chart::{Chart, Range, Series};
pub use confusion::confusion;

use crate::results::Row;
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

/// Losses, metrics and learning rates over the epochs. Metrics that were not measured are gaps.
pub fn training(title: &str, rows: &[Row]) -> String {
    type Value<'a> = &'a dyn Fn(&Row) -> Option<f64>;
    let chart = |title: &str, range: Range, columns: &[(&str, Value<'_>)]| {
        let series = |(name, value): &(&str, Value<'_>)| {
            let last = rows.iter().rev().find_map(value);
            let points = rows.iter().map(|row| (row.epoch as f64, value(row).unwrap_or(f64::NAN))).collect();
            let last = last.map_or(String::new(), |v| format!(" {}", chart::short(v)));
            Series { name: format!("{name}{last}"), points, quiet: false }
        };
        Chart {
            title: title.into(),
            x: "epoch".into(),
            y: String::new(),
            x_range: Range::Data,
            range,
            series: columns.iter().map(series).collect(),
        }
    };
    let loss = |i: usize| move |row: &Row| Some(row.losses[i]);
    let validation = |i: usize| move |row: &Row| row.validation.map(|losses| losses[i]);
    let metric = |i: usize| move |row: &Row| row.metrics.map(|metrics| metrics[i]);
    let panels = [
        chart(
            "Loss",
            Range::FromZero,
            &[
                ("box_loss", &loss(0)),
                ("obj_loss", &loss(1)),
                ("cls_loss", &loss(2)),
                ("val/box_loss", &validation(0)),
                ("val/obj_loss", &validation(1)),
                ("val/cls_loss", &validation(2)),
            ],
        ),
        chart(
            "Validation",
            Range::Unit,
            &[("precision", &metric(0)), ("recall", &metric(1)), ("mAP_0.5", &metric(2)), ("mAP_0.5:0.95", &metric(3))],
        ),
        chart("Learning rate", Range::FromZero, &[("lr", &|row| Some(row.rate))]),
    ];
    charts(title, &panels)
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
